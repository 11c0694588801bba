"""How providers are called: no detours, nothing kept, nothing taken from the environment."""

import gzip
from collections.abc import AsyncIterator, Iterator

import pytest

from lingpai.social import Unreachable
from lingpai.social.http import LARGEST, Http
from lingpai_testing.server import Call, Emulator, Response


@pytest.fixture
def server() -> Iterator[Emulator]:
    with Emulator() as emulator:
        emulator.route("GET", "/ask", lambda _call: Response('{"a":1}'))
        yield emulator


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    made = Http(5)
    yield made
    await made.close()


async def test_a_get_carries_its_query_and_a_post_its_form(server: Emulator, http: Http) -> None:
    server.route("POST", "/ask", lambda _call: Response("ok"))
    odd = {"a": "1 &=+%/艾", "b": ""}
    assert (await http.get(f"{server.base_url}/ask", odd, repeat=False)).body == b'{"a":1}'
    assert (await http.post(f"{server.base_url}/ask", odd, repeat=False)).body == b"ok"
    assert [(dict(call.query), dict(call.form)) for call in server.calls] == [(odd, {}), ({}, odd)]


async def test_no_redirect_is_followed(server: Emulator, http: Http) -> None:
    server.route("GET", "/moved", lambda _call: Response.redirect("/ask"))
    with pytest.raises(Unreachable, match="HTTP 302"):
        await http.get(f"{server.base_url}/moved", {}, repeat=True)
    assert {call.path for call in server.calls} == {"/moved"}


async def test_no_cookie_is_kept(server: Emulator, http: Http) -> None:
    server.route("GET", "/ask", lambda _call: Response("{}", headers={"Set-Cookie": "session=ada; Path=/"}))
    for _ in range(2):
        await http.get(f"{server.base_url}/ask", {}, repeat=False)
    assert [call.headers.get("cookie") for call in server.calls] == [None, None]
    assert not http._client.cookies.jar


async def test_the_environment_names_no_proxy(server: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    http = Http(5)
    assert (await http.get(f"{server.base_url}/ask", {}, repeat=False)).status == 200
    await http.close()


async def test_an_answer_is_never_unpacked(server: Emulator, http: Http) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    server.route("GET", "/ask", lambda _call: Response(bomb.decode("latin-1").encode("latin-1"), headers={"Content-Encoding": "gzip"}))
    assert (await http.get(f"{server.base_url}/ask", {}, repeat=False)).body == bomb
    assert server.calls[0].headers["accept-encoding"] == "identity"


async def test_an_answer_may_be_as_large_as_the_limit_and_no_larger(server: Emulator, http: Http) -> None:
    server.route("GET", "/ask", lambda call: Response("x" * int(call.query["size"])))
    assert len((await http.get(f"{server.base_url}/ask", {"size": str(LARGEST)}, repeat=False)).body) == LARGEST
    with pytest.raises(Unreachable, match="too large"):
        await http.get(f"{server.base_url}/ask", {"size": str(LARGEST + 1)}, repeat=False)


async def test_a_provider_that_hangs_holds_up_no_other_call(server: Emulator) -> None:
    http = Http(0.2)
    server.faults.next(path="/ask", slow=60)
    with pytest.raises(Unreachable):
        await http.get(f"{server.base_url}/ask", {}, repeat=True)
    assert (await http.get(f"{server.base_url}/ask", {}, repeat=False)).status == 200
    await http.close()


@pytest.mark.parametrize("status", [200, 201, 400, 401, 403])
async def test_statuses_under_which_providers_speak_are_heard(server: Emulator, http: Http, status: int) -> None:
    def say(_call: Call) -> Response:
        return Response("{}", status)

    server.route("GET", "/ask", say)
    assert (await http.get(f"{server.base_url}/ask", {}, repeat=False)).status == status


@pytest.mark.parametrize("url", ["ftp://example.com/", "http://", "http://[", "/ask", "http://127.0.0.1:1/" + "a" * 70_000])
async def test_whatever_is_wrong_with_a_url_is_not_told_with_it(http: Http, url: str) -> None:
    with pytest.raises(Unreachable) as caught:
        await http.get(url, {"secret": "canary"}, repeat=False)
    assert str(caught.value).isidentifier()  # the kind of error alone: the library's own words are not ours to vouch for
    assert caught.value.__context__ is None
