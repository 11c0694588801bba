"""What pages say after a proof: to the browser that registered, to any other, a second time, and once a session has ended."""

from urllib.parse import parse_qs, urlsplit

import pytest

from lingpai.core import words
from lingpai.core.masked import half_shown
from lingpai.settings import Pages
from lingpai.web.dialects.maillink import MaillinkSettings
from web.owners import HTML, Owner, Seen, elsewhere, owner
from web.people import ADA, GOOD
from web.speakers import Hiyouth
from web.town import Browser, Town

EN = words.TEXTS["en"]
BOB, OTHER = "bob@example.com", "a staple of another kind"
FAR = "203.0.113.77"
SHOP, PLAIN = "https://shop.example.com", "https://plain.example.com"


@pytest.fixture
def database_kind() -> str:
    """What pages say does not depend on the database."""
    return "sqlite"


def visitor(town: Town, ip: str = "198.51.100.7") -> Owner:
    return Owner(town, town.browser(ip))


async def registers(reader: Owner, email: str = ADA, query: str = "") -> Seen:
    return await reader.submit(await reader.see(f"/register{query}"), "/page/register", email=email, password=GOOD)


async def link(reader: Owner, part: str = "/page/activate", to: str = ADA) -> str:
    """The newest mailed link, as a path."""
    for mail in reversed(await reader.town.mails(to)):
        for word in mail["text"].split():
            if part in word and word.startswith(reader.town.url):
                return str(word.removeprefix(reader.town.url))
    raise AssertionError(f"no link with {part} was mailed to {to}")


async def is_inside(reader: Owner) -> bool:
    return (await reader.get("/me")).status_code == 200


# Activation


async def test_the_browser_that_registered_goes_on_logged_in_and_a_reload_says_it_again(town: Town) -> None:
    ada = visitor(town)
    await registers(ada, query="?next=/me/data")
    opened = await ada.get(await link(ada))
    assert opened.headers["location"] == "/page/activate/done?next=%2Fme%2Fdata", "and nothing secret is in its address"
    for _ in range(2):
        page = await ada.see(opened.headers["location"])
        assert (page.heading, "/me/data" in page.links) == (EN["pages.active.fresh.title"], True)
    assert await is_inside(ada)
    assert (await ada.see(await link(ada))).heading == EN["pages.active.fresh.title"], "the link once more"
    assert (await ada.see("/register")).heading == (await ada.see("/login")).heading == EN["pages.signed_in.title"], "the other tab"


@pytest.mark.parametrize("changes", [{"maillink": MaillinkSettings(activation="confirm")}])
async def test_where_a_click_is_asked_for_the_click_logs_in(town: Town) -> None:
    ada = visitor(town)
    await registers(ada)
    page = await ada.see(await link(ada))
    assert not await is_inside(ada)
    assert (await ada.submit(page, "/page/activate")).heading == EN["pages.active.fresh.title"]
    assert await is_inside(ada)


async def test_what_only_looks_at_the_link_logs_nobody_in(town: Town) -> None:
    ada = visitor(town)
    await registers(ada)
    path = await link(ada)
    for method, more in (("HEAD", {}), ("GET", {"Sec-Purpose": "prefetch"})):
        reply = await ada.browser.request(method, path, headers=more)
        assert (reply.status_code, "lingpai_session" in reply.headers.get("set-cookie", "")) == (200, False)
    assert (await ada.get(path)).status_code == 303


async def test_any_other_browser_is_led_to_the_login_with_the_address_filled_in(town: Town) -> None:
    ada, far = visitor(town), visitor(town, FAR)
    await registers(ada)
    page = await far.see(await link(ada))
    assert page.heading == EN["pages.active.fresh.title"]
    assert not await is_inside(far)
    login = await far.see(page.link("/login?"))
    assert login.form("/page/login/code").fields["account"] == ADA
    assert (await far.see(await link(ada))).heading == EN["pages.active.already.title"]


async def test_a_link_makes_nobody_somebody_else(town: Town) -> None:
    """Bob is logged in where Ada has registered: he stays, and is told how she gets in."""
    bob = await owner(town, BOB)
    assert (await bob.see("/register")).heading == EN["pages.signed_in.title"]
    await registers(bob, query="?switch=yes")
    page = await bob.see(await link(bob))
    assert words.text("pages.proofs.other", "en", who=half_shown(BOB)) in page
    assert (await bob.who())[1].email == BOB
    login = await bob.see(f"{page.link('switch=yes')}&way=password")
    await bob.submit(login, "/page/login", password=GOOD)
    assert (await bob.who())[1].email == ADA


async def test_another_sites_form_has_no_browser_register(town: Town) -> None:
    """Else that site's own mailbox would get a link that logs its visitor into an account of the site's (contract, 11.16)."""
    eve = town.browser()
    foreign = HTML | {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    for path, fields in (("/page/register", {"email": ADA, "password": GOOD, "way": "link"}), ("/page/forgot", {"account": ADA})):
        reply = await eve.post(path, data=fields, headers=foreign)
        assert (reply.status_code, "set-cookie" in reply.headers) == (403, False)
    assert await town.mails() == []


async def test_hiyouths_link_logs_in_the_browser_that_registered_too(town: Town) -> None:
    ada, far = visitor(town), visitor(town, FAR)
    await registers(ada, query="?type=boss")
    town.clock.advance(seconds=61)
    asked = await Hiyouth(town, ada.browser, role="boss").browser.post("/api/EmailVer", json={"option": "resend", "emailname": ADA})
    assert asked.json()["code"] == 1
    path = await link(ada, "/api/EmailVer")
    assert EN["pages.to_login"] in await far.see(path)
    page = await ada.see(path)
    assert (page.heading, "/me" in page.links) == (EN["pages.verified.already_boss"], True)
    assert await is_inside(ada)


async def test_the_first_password_is_set_once_and_whoever_sends_the_form_again_is_told(town: Town) -> None:
    ada = visitor(town)
    await registers(visitor(town, FAR))
    town.clock.advance(seconds=61)
    other = await ada.submit(await ada.see("/register"), "/page/register", email=ADA, password=OTHER)
    assert other.status == 200
    asks = await ada.see(await link(ada))
    done = await ada.submit(asks, "/page/activate/password", password=OTHER)
    assert done.heading == EN["pages.active.fresh.title"]
    assert not await is_inside(ada), "its password is no registration's (contract, 8.11)"
    again = await ada.submit(asks, "/page/activate/password", password=OTHER)
    assert words.text("pages.proofs.password_set", "en", email=ADA) in again
    assert again.link("/login?")


# A reset


@pytest.mark.parametrize("by", ["code", "link"])
async def test_a_reset_that_logs_in_says_so_at_an_address_of_its_own(town: Town, by: str) -> None:
    await owner(town)
    reader = visitor(town, FAR)
    asked = await reader.submit(await reader.see("/forgot"), "/page/forgot", account=ADA, by=by)
    if by == "code":
        form, action = await reader.submit(asked, "/page/forgot/code", code=await reader.code(ADA)), "/page/forgot/password"
    else:
        form, action = await reader.see(await link(reader, "/page/reset")), "/page/reset"
    page = await reader.submit(form, action, password=OTHER)
    assert (page.heading, page.reply.url.path) == (EN["pages.reset_done.title"], "/page/reset/done")
    assert words.text("pages.reset_done.inside", "en", who=ADA) in await reader.see("/page/reset/done"), "a reload"
    if by == "link":
        again = await reader.see(await link(reader, "/page/reset"))
        assert again.heading == EN["pages.bad_link.title"]
        assert words.text("pages.signed_in.button", "en", who=half_shown(ADA)) in again


async def test_nobody_is_told_of_a_reset_that_was_none(town: Town) -> None:
    ada = await owner(town)
    town.clock.advance(seconds=61)
    there = await elsewhere(town)
    assert (await there.get("/page/reset/done")).headers["location"] == "/me"
    assert (await ada.get("/page/reset/done")).headers["location"] == "/me"
    assert (await visitor(town, "203.0.113.9").get("/page/reset/done")).headers["location"] == "/login?next=/me"
    assert (await visitor(town, "203.0.113.9").get("/page/activate/done")).headers["location"] == "/login?next=/me"


# A session that has ended

ENDED = EN["pages.proofs.ended"]


async def ended_by(town: Town, what: str) -> Owner:
    ada = await owner(town)
    town.clock.advance(minutes=1)
    there = await elsewhere(town)
    if what == "the other device":
        await there.send("/page/me/devices")
    elif what == "a new password":
        await there.send("/page/me/password", old_password=GOOD, password=OTHER)
    elif what == "its time":
        town.clock.advance(days=2)
    else:
        # As a browser does, which lets a cookie go with its time.
        town.clock.advance(days=2)
        ada.browser.cookies.delete("lingpai_session")
    return ada


@pytest.mark.parametrize("what", ["the other device", "a new password", "its time", "its cookie's time"])
@pytest.mark.parametrize("way", ["code", "password"])
async def test_the_login_says_that_a_session_has_ended_and_leads_back(town: Town, what: str, way: str) -> None:
    ada = await ended_by(town, what)
    page = await ada.see("/me/profile")
    assert (page.heading, ENDED in page) == (EN["pages.login.title"], True)
    assert parse_qs(page.reply.url.query.decode())["next"] == ["/me/profile"]
    assert ENDED in await ada.see(f"{page.reply.url.path}?{page.reply.url.query.decode()}&way={way}"), "a reload, and the other way in"


@pytest.mark.parametrize("what", ["the other device", "its cookie's time"])
async def test_a_form_that_is_sent_too_late_leads_to_the_login_and_back_to_its_page(town: Town, what: str) -> None:
    ada = await ended_by(town, what)
    for path, back in (
        ("/page/me/profile", "/me/profile"),
        ("/page/me/devices", "/me/devices"),
        ("/page/me/delete", "/me/delete"),
        ("/page/me/login-link", "/me/link"),
        ("/page/me/link", "/me/security"),
        ("/page/me/unlink", "/me/security"),
        ("/page/me", "/me"),
    ):
        where = urlsplit((await ada.send(path, provider="qq", sure="yes", stay="day")).headers["location"])
        assert (where.path, parse_qs(where.query)["next"]) == ("/login", [back])


async def test_who_has_never_been_here_or_has_left_is_not_told_so(town: Town) -> None:
    assert ENDED not in await visitor(town).see("/me")
    assert ENDED not in await visitor(town).see("/login?ended=yes"), "by a link of somebody's"
    ada = await owner(town)
    await ada.send("/page/logout")
    assert ENDED not in await ada.see("/login")
    assert ENDED not in await (await owner(town, BOB)).see("/login?switch=yes")


async def test_what_is_said_of_an_ended_session_tells_nobody_who_has_an_account(town: Town) -> None:
    """A cookie of one's own invention reads as one that has ended, and so does that of an account that is locked, or gone."""
    ada, eve = await ended_by(town, "a new password"), visitor(town)
    pages = []
    for browser, token in ((ada.browser, ""), (eve.browser, "x" * 43), (eve.browser, "nonsense")):
        if token:
            browser.cookies.set("lingpai_session", token, domain="127.0.0.1")
        pages.append(await said(browser))
    assert pages[0] == pages[1] == pages[2]
    assert ENDED in pages[0]


async def said(browser: Browser) -> str:
    return Seen(await browser.get("/login?next=/me")).text


# Another account, and a code that another tab has used


async def test_who_wants_to_be_somebody_else_gets_there_by_a_code_too(town: Town) -> None:
    await owner(town, BOB)
    ada = await owner(town)
    page = await ada.see((await ada.see("/login")).link("switch=yes"))
    asked = await ada.submit(page, "/page/login/code", account=BOB)
    assert asked.heading == EN["pages.by_code.code_title"]
    await ada.submit(asked, "/page/login/enter", code=await ada.code(BOB))
    assert (await ada.who())[1].email == BOB


async def test_a_code_that_another_tab_has_used_leads_on(town: Town) -> None:
    await owner(town)
    ada = visitor(town, FAR)
    asked = await ada.submit(await ada.see("/login?next=/me/data"), "/page/login/code", account=ADA)
    code = await ada.code(ADA)
    await ada.submit(asked, "/page/login/enter", code=code)
    page = await ada.submit(asked, "/page/login/enter", code=code)
    assert (page.heading, "/me/data" in page.links) == (EN["pages.signed_in.title"], True)
    assert (await visitor(town, "203.0.113.5").submit(asked, "/page/login/enter", code=code)).status == 422, "nobody else"


# The way home, and on

HOME = "https://www.example.com/app"


@pytest.mark.parametrize("changes", [{"pages": Pages(home=HOME)}])
async def test_the_logo_and_the_end_of_each_story_lead_home(town: Town) -> None:
    ada = await owner(town)
    for path in ("/login", "/me", "/me/profile", "/register", "/forgot", "/page/activate/done"):
        assert HOME in (await ada.see(path)).links, path
    back = words.text("pages.proofs.home", "en", product="Lingpai")
    assert back in await ada.see("/login")
    await ada.send("/page/logout")
    page = await ada.see("/logout")
    assert (back in page, page.links.count(HOME)) == (True, 2)


async def test_where_nobody_says_where_home_is_nothing_leads_there(town: Town) -> None:
    page = await visitor(town).see("/logout")
    assert EN["pages.proofs.home"].split("{")[0] not in page


@pytest.mark.parametrize("changes", [{"pages": Pages(next=(f"{SHOP}=Corner <Shop>", PLAIN))}])
async def test_pages_call_the_application_by_its_name_where_it_has_one(town: Town) -> None:
    reader = visitor(town)
    for to, name in (
        (f"{SHOP}/cart", "Corner <Shop>"),
        (f"{PLAIN}/", "Lingpai"),
        ("/me/data", "Lingpai"),
        (f"{SHOP}.evil.example/", "Lingpai"),
    ):
        page = await reader.see(f"/login?next={to}")
        assert words.text("pages.lead.login", "en", product=name) in page
    ada = await owner(town)
    assert words.text("pages.proofs.leads", "en", app="Corner <Shop>") in await ada.see(f"/login?next={SHOP}/cart")
    page = await ada.see(f"/page/activate/done?next={SHOP}/cart")
    assert words.text("pages.proofs.onward", "en", app="Corner <Shop>") in page
    assert f"{SHOP}/cart" in page.links
    policy = page.reply.headers["content-security-policy"]
    assert f"form-action 'self' {SHOP} {PLAIN};" in policy, "of which no name is part"
    assert not any("evil" in link for link in (await ada.see(f"/page/activate/done?next={SHOP}.evil.example/")).links)
