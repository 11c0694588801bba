"""Other sites, CORS, cookies, and who the client is (contract, rules 6, 11 and 14)."""

from typing import Any

import pytest

from frontdoor import URL, Cap, app, ask
from lingpai.web.request.client_ip import ClientIps
from lingpai.web.request.cookies import read

OURS, FRIEND, EVIL = URL, "https://app.example.com", "https://evil.example"


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "none"}, True),
        ({"sec_fetch_site": "same-origin", "origin": "null"}, True),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "Same-Origin"}, False),
        ({"sec_fetch_site": ["same-origin", "cross-site"]}, False),
        ({"sec_fetch_site": "cross-site", "origin": OURS}, False),
        ({"sec_fetch_site": "cross-site", "origin": FRIEND}, True),
        ({"origin": OURS}, True),
        ({"origin": FRIEND}, True),
        ({"origin": "null"}, False),
        ({"origin": EVIL}, False),
        ({"origin": f"{OURS}.evil.example"}, False),
        ({"origin": "http://id.example.com"}, False),
        ({"origin": [FRIEND, EVIL]}, False),
        ({"referer": EVIL}, True),
    ],
)
async def test_another_site_can_neither_log_in_nor_use_a_cookie(headers: dict[str, str | list[str]], passes: bool) -> None:
    served = app(allowed_origins=(FRIEND,))
    login = await ask(served, "POST", "/enter", **headers)
    used = await ask(served, "POST", "/leave", cookie="lingpai_session=known", **headers)
    for answer in (login, used):
        assert (answer.status, answer.json()["code"]) == (200, 200 if passes else 0)
        assert bool(answer.all("set-cookie")) == passes


async def test_a_call_from_another_site_without_a_cookie_that_sets_none_passes() -> None:
    answer = await ask(app(), "POST", "/write", b'{"title":"abc"}', sec_fetch_site="cross-site", origin=EVIL)
    assert answer.json()["code"] == 200


async def test_what_changes_nothing_passes_from_anywhere() -> None:
    answer = await ask(app(), "GET", "/look?title=abc", cookie="lingpai_session=known", sec_fetch_site="cross-site")
    assert answer.json()["code"] == 200


async def test_a_page_refuses_another_site_with_403() -> None:
    answer = await ask(app(), "POST", "/page/login", b"title=abc", cookie="a=b", sec_fetch_site="cross-site", accept="text/html")
    assert (answer.status, answer["content-type"]) == (403, "text/html; charset=utf-8")


async def test_a_login_that_does_not_say_so_fails() -> None:
    answer = await ask(app(), "POST", "/forgetful")
    assert (answer.status, answer.all("set-cookie")) == (500, [])


async def test_an_origin_of_a_dialects_own_host_is_ours() -> None:
    from frontdoor import mount

    served = app(mounts=(mount(hosts=("notes.example.com",)),))
    headers = {"host": "notes.example.com", "origin": "https://notes.example.com"}
    assert (await ask(served, "POST", "/enter", **headers)).json()["code"] == 200
    assert (await ask(served, "POST", "/enter", host="notes.example.com", origin=EVIL)).json()["code"] == 0


async def test_an_allowed_origin_gets_a_preflight_and_credentials() -> None:
    served = app(allowed_origins=(FRIEND,))
    answer = await ask(served, "OPTIONS", "/write", origin=FRIEND, access_control_request_method="POST")
    assert (answer.status, answer.body, answer.all("content-length")) == (204, b"", [])
    assert answer["access-control-allow-origin"] == FRIEND
    assert answer["access-control-allow-credentials"] == "true"
    assert answer["access-control-allow-methods"] == "POST"
    assert answer["vary"] == "Origin"
    answer = await ask(served, "POST", "/write", b'{"title":"abc"}', origin=FRIEND)
    assert (answer["access-control-allow-origin"], answer["vary"]) == (FRIEND, "Origin")


@pytest.mark.parametrize("origin", [EVIL, OURS, "null", f"{FRIEND}.evil.example", f"{FRIEND}, {EVIL}"])
async def test_no_other_origin_gets_cors(origin: str) -> None:
    served = app(allowed_origins=(FRIEND,))
    preflight = await ask(served, "OPTIONS", "/write", origin=origin, access_control_request_method="POST")
    assert (preflight.status, preflight["allow"]) == (405, "POST")
    for answer in (preflight, await ask(served, "GET", "/who", origin=origin)):
        assert not [name for name, _ in answer.lines if name.startswith("access-control-")]
        assert answer["vary"] == "Origin"


async def test_an_app_s_own_origin_passes_and_gets_cors_where_it_is_listed() -> None:
    app_s = "capacitor://localhost"
    listed = await ask(app(allowed_origins=(app_s,)), "POST", "/enter", origin=app_s, sec_fetch_site="cross-site")
    assert (listed.json()["code"], listed["access-control-allow-origin"]) == (200, app_s)
    assert (await ask(app(), "POST", "/enter", origin=app_s)).json()["code"] == 0


async def test_without_allowed_origins_there_is_no_cors_at_all() -> None:
    answer = await ask(app(), "GET", "/who", origin=FRIEND)
    assert not [name for name, _ in answer.lines if name.startswith("access-control-") or name == "vary"]


async def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites() -> None:
    session, device = (await ask(app(), "POST", "/enter")).all("set-cookie")
    assert session == "__Host-lingpai_session=token-1; Max-Age=86400; Path=/; HttpOnly; SameSite=Lax; Secure"
    assert device.startswith("lingpai_device=")
    assert device.endswith("; Max-Age=31536000; Path=/; HttpOnly; SameSite=Lax; Secure")


async def test_the_cookie_follows_the_settings() -> None:
    from lingpai.settings.logins import Sessions

    served = app(public_url="http://127.0.0.1:8000", cookie_same_site="none", sessions=Sessions(hours=2))
    session, _ = (await ask(served, "POST", "/enter")).all("set-cookie")
    assert session == "lingpai_session=token-1; Max-Age=7200; Path=/; HttpOnly; SameSite=None"


async def test_logging_out_clears_the_cookie() -> None:
    answer = await ask(app(), "POST", "/leave")
    assert answer["set-cookie"] == "__Host-lingpai_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure"


async def test_a_browser_is_known_again_by_its_signed_cookie_alone() -> None:
    served = app()
    _, device = (await ask(served, "POST", "/enter")).all("set-cookie")
    value = device.partition(";")[0]
    assert (await ask(served, "POST", "/leave", cookie=value)).json()["said"] == ["7_8"]
    assert (await ask(served, "POST", "/leave", cookie=value[:-2] + "xx")).json()["said"] == []


async def test_two_session_cookies_are_none() -> None:
    assert (await ask(app(), "GET", "/who", cookie="__Host-lingpai_session=known")).json()["code"] == 200
    assert (await ask(app(), "GET", "/who", cookie="a=1; __Host-lingpai_session=known; __Host-lingpai_session=planted")).json()[
        "code"
    ] == -1
    assert (await ask(app(), "GET", "/who", cookie=["__Host-lingpai_session=planted", "__Host-lingpai_session=known"])).json()["code"] == -1


async def test_over_https_a_session_without_the_prefix_is_nobodys_and_does_not_disturb() -> None:
    async def who(cookie: str, **settings: Any) -> int:
        return int((await ask(app(**settings), "GET", "/who", cookie=cookie)).json()["code"])

    assert await who("lingpai_session=known") == -1
    assert await who("lingpai_session=planted; __Host-lingpai_session=known") == 200
    assert await who("__Host-lingpai_session=known", public_url="http://127.0.0.1:8000") == -1
    assert await who("lingpai_session=known", public_url="http://127.0.0.1:8000") == 200


def test_a_cookie_that_is_too_long_is_empty() -> None:
    assert read(b"a=1; b=" + b"x" * 2_000) == {"a": "1", "b": ""}


@pytest.mark.parametrize(
    ("peer", "forwarded", "client", "ip"),
    [
        ("192.0.2.1", "", "192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "", "10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, 10.0.0.2", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3", "10.0.0.3"),
        ("10.0.0.1", "198.51.100.7:4711", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "[2001:db8:1:2:3::4]:4711", "2001:db8:1:2::/64", "2001:db8:1:2:3::4"),
        ("10.0.0.1", "2001:db8:1:2:ffff::4", "2001:db8:1:2::/64", "2001:db8:1:2:ffff::4"),
        ("10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7", "198.51.100.7"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "unknown", "10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7, <script>", "10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7, ", "10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7, 1", "10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "", "2001:db8::/64", "2001:db8::1"),
        ("fe80::1%eth0", "", "fe80::/64", "fe80::1"),
        ("", "198.51.100.7", "", ""),
    ],
)
def test_the_client_is_the_right_most_hop_that_is_no_trusted_proxy(peer: str, forwarded: str, client: str, ip: str) -> None:
    assert ClientIps(("10.0.0.0/8",)).find(peer, forwarded) == (client, ip)


@pytest.mark.parametrize(
    ("peer", "client"),
    [
        ("64:ff9b::c633:6407", "198.51.100.7"),
        ("64:ff9b::198.51.100.8", "198.51.100.8"),
        ("64:ff9b:1::c633:6407", "198.51.100.7"),
        ("64:ff9b:1:abcd:12:3456:c633:6407", "198.51.100.7"),
        ("::198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2002:c633:6407::1", "198.51.100.7"),
        ("2002:c633:6407:ffff:1:2:3:4", "198.51.100.7"),
        # What lies beside those networks is IPv6 like any other, and so are the two addresses that stand for no IPv4 one.
        ("64:ff9b:0:0:0:1:c633:6407", "64:ff9b::/64"),
        ("64:ff9b:2::c633:6407", "64:ff9b:2::/64"),
        ("::1:c633:6407", "::/64"),
        ("2003:c633:6407::1", "2003:c633:6407::/64"),
        ("::1", "::/64"),
        ("::", "::/64"),
    ],
)
def test_an_address_that_embeds_an_ipv4_one_counts_as_that(peer: str, client: str) -> None:
    """Vectors by hand from RFC 6052 (2.4), 8215, 4291 (2.5.5) and 3056 (2): behind one translator stands everybody."""
    assert ClientIps(()).find(peer)[0] == client
    assert ClientIps(("10.0.0.0/8",)).find("10.0.0.1", peer)[0] == client


def test_an_embedded_address_of_a_trusted_proxy_is_not_trusted_for_it() -> None:
    assert ClientIps(("10.0.0.0/8",)).find("64:ff9b::10.0.0.1", "198.51.100.7") == ("10.0.0.1", "64:ff9b::a00:1")


def test_nothing_is_believed_where_no_proxy_is_trusted() -> None:
    assert ClientIps(()).find("127.0.0.1", "198.51.100.7") == ("127.0.0.1", "127.0.0.1")


async def test_many_lines_of_x_forwarded_for_are_one_in_their_order() -> None:
    served = app(trusted_proxies=("10.0.0.0/8",))
    answer = await ask(
        served,
        "GET",
        "/who",
        peer="10.0.0.1",
        cookie="__Host-lingpai_session=known",
        x_forwarded_for=["203.0.113.9", "198.51.100.7, 10.0.0.9"],
    )
    assert answer.json()["said"] == ["198.51.100.7", "198.51.100.7"]


async def test_the_coarse_cap_counts_what_changes_something_for_each_client() -> None:
    cap = Cap(2)
    served = app(cap)
    for number in range(3):
        answer = await ask(served, "POST", "/write", b"title=abc", x_forwarded_for=f"203.0.113.{number}")
    assert (answer.status, answer.json()["why"]) == (429, "limited")
    assert 17 <= int(answer["retry-after"]) <= 19
    assert (await ask(served, "GET", "/look?title=abc")).json()["code"] == 200
    assert (await ask(served, "POST", "/write", b"title=abc", peer="192.0.2.2")).status == 200
    assert cap.spent == {("client", "192.0.2.1"): 3, ("client", "192.0.2.2"): 1}


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_purpose": "prefetch;prerender"},
        {"sec_purpose": "Prefetch"},
        {"purpose": "preview"},
        {"x_purpose": "preview"},
        {"x_moz": "prefetch"},
    ],
)
async def test_looking_ahead_spends_and_changes_nothing(headers: dict[str, str]) -> None:
    cap = Cap()
    served = app(cap)
    assert (await ask(served, "GET", "/look?title=abc", **headers)).json()["said"]["spends"] is False
    assert (await ask(served, "POST", "/enter", **headers)).json()["why"] == "prefetch"
    assert cap.spent == {}
    assert (await ask(served, "GET", "/look?title=abc", sec_purpose="navigate")).json()["said"]["spends"] is True
