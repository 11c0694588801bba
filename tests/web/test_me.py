"""One's own space: who gets in, what it shows, and what a profile says."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from lingpai.core import rules
from lingpai.core.masked import half_shown
from lingpai.core.words import TEXTS
from lingpai.flows import invites as invite_flow
from lingpai.settings import Invites
from lingpai.store import accounts
from lingpai.web.dialects.mailcode.settings import MailcodeSettings
from web.owners import HTML, SIDE, Owner, born, elsewhere, owner
from web.people import ADA
from web.speakers import Maillink
from web.town import Town

EN = TEXTS["en"]
BOB = "bob@example.com"
PAGES = (
    "/me",
    "/me/profile",
    "/me/security",
    "/me/password",
    "/me/email",
    "/me/phone",
    "/me/name",
    "/me/questions",
    "/me/devices",
    "/me/history",
    "/me/link",
    "/me/safety",
)
MORE = ("/me/safety", "/me/invites", "/me/data", "/me/delete", "/me/confirm", "/me/unlink?provider=qq")


@pytest.fixture
def database_kind() -> str:
    """No page here depends on the database."""
    return "sqlite"


@pytest.fixture
async def ada(town: Town) -> Owner:
    return await owner(town)


@pytest.mark.parametrize("path", [*PAGES, *MORE, "/me/data.json"])
async def test_nobody_sees_a_page_of_one_s_own_who_is_not_logged_in(town: Town, path: str) -> None:
    stranger = Owner(town, town.browser())
    reply = await stranger.get(path)
    where = urlsplit(reply.headers["location"])
    assert (reply.status_code, where.path) == (303, "/login")
    assert parse_qs(where.query)["next"][0].startswith("/me")


async def test_a_program_that_is_not_logged_in_gets_no_redirect(town: Town) -> None:
    reply = await town.browser().get("/me", headers={"Accept": "application/json"})
    assert (reply.status_code, reply.json()["error"]) == (401, "not-logged-in")


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_kept_nowhere_and_loads_nothing_from_elsewhere(ada: Owner, path: str) -> None:
    reply = await ada.get(path)
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    assert reply.headers["referrer-policy"] == "strict-origin"
    loaded = re.findall(r'<(?:img|script|link|iframe)[^>]* (?:src|href)="([^"]*)"', reply.text)
    assert loaded
    assert all(address.startswith(("/static/", "data:")) for address in loaded)


@pytest.mark.parametrize(
    "path", ["/page/me", "/page/me/profile", "/page/me/password", "/page/me/email", "/page/me/devices", "/page/me/delete"]
)
async def test_another_site_sends_no_form_of_ours(ada: Owner, path: str) -> None:
    reply = await ada.browser.post(path, data={"x": "y"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert reply.status_code == 403


async def test_the_first_page_says_who_one_is_and_leads_to_everything(ada: Owner) -> None:
    page = await ada.see("/me")
    assert half_shown(ADA) in page
    ways = ["/me/name", "/me/phone", "/me/email", "/me/password", "/me/security?reveal=yes"]
    safety = ["/me/questions", "/me/devices", "/me/history", "/me/link"]
    data, others = ["/me/profile", "/me/data.json", "/me/delete"], ["/me/invites"]
    missing = ["/me/phone"]
    assert [link for link in page.links if link not in SIDE] == [*missing, *ways, *safety, *data, *others]
    assert "Logged in on 1 device" in page
    await elsewhere(ada.town)
    assert "Logged in on 2 devices" in await ada.see("/me")


async def test_what_is_still_open_is_said_once_at_the_top_until_it_is_done(ada: Owner) -> None:
    page = await ada.see("/me")
    assert page.text.count(EN["pages.me.open.phone"]) == 1
    assert page.text.index(EN["pages.me.open.phone"]) < page.text.index(EN["pages.me.security.title"] + " Username")
    assert EN["pages.me.open.email"] not in page
    assert EN["pages.me.open.phone"] not in await ada.see("/me/security")
    _, account = await ada.who()
    async with ada.services.store.begin() as tx:
        phone = rules.phone("13800138000")
        assert await accounts.add_identifier(tx, account_id=account.id, realm="main", address=phone, proved_at=None)
    page = await ada.see("/me")
    assert EN["pages.me.open.phone"] not in page
    assert EN["pages.me.open.unproved"] in page
    page = await ada.submit(await ada.see("/me/phone"), "/page/me/phone", phone="13800138000")
    await ada.submit(page, "/page/me/phone", code=await ada.code("+8613800138000"))
    assert EN["pages.me.open.title"] not in await ada.see("/me")


async def test_a_picture_of_a_third_party_is_not_fetched(ada: Owner) -> None:
    _, account = await ada.who()
    async with ada.services.store.begin() as tx:
        await accounts.picture(tx, account_id=account.id, avatar="https://pictures.example/ada.png")
    html = (await ada.get("/me")).text
    assert "pictures.example" not in html
    assert re.search(r'class="initial" aria-hidden="true">A<', html)


async def test_a_nickname_and_a_language_are_saved_and_spoken(ada: Owner) -> None:
    page = await ada.see("/me/profile")
    assert page.form("/page/me/profile").fields["language"] == "zh-Hans"
    saved = await ada.send("/page/me/profile", nickname=" Ada L. ", language="en")
    assert (saved.status_code, saved.headers["location"]) == (303, "/me/profile?done=saved")
    assert "lingpai_language=en;" in saved.headers["set-cookie"]
    _, account = await ada.who()
    assert (account.nickname, account.locale) == ("Ada L.", "en")
    assert EN["pages.me.done.saved"] in await ada.see("/me/profile?done=saved")
    assert "Ada L." in await ada.see("/me")
    same = await ada.send("/page/me/profile", nickname="Ada", language="en")
    assert "set-cookie" not in same.headers, "what the person chose at the foot of a page stays"
    await ada.send("/page/me/profile", nickname="", language="zh-Hans")
    assert (await ada.who())[1].nickname == ""
    assert "个人资料" in await ada.see("/me/profile")


async def test_a_bad_nickname_is_told_at_its_field_and_stays(ada: Owner) -> None:
    reply = await ada.send("/page/me/profile", nickname="x" * 33, language="en")
    assert reply.status_code == 422
    assert 'id="nickname-error"' in reply.text
    assert "x" * 33 in reply.text


async def test_a_link_says_nothing_in_our_name_that_we_have_not_written(ada: Owner) -> None:
    for made_up in ("Your account is lost", "", "no-such-thing", "saved.x"):
        assert 'class="success"' not in (await ada.browser.get("/me", params={"done": made_up})).text


# An address that is not proved


@pytest.fixture
async def eve(town: Town) -> Owner:
    """Registered through hiyouth, which lets her in before the proof."""
    browser = town.browser()
    await browser.post(
        "/api/Register", data={"type": "member", "option": "email", "account": "eve@example.com", "pwd": "correct horse battery"}
    )
    await browser.post(
        "/api/Login", data={"type": "member", "option": "email", "account": "eve@example.com", "pwd": "correct horse battery"}
    )
    town.clock.advance(minutes=2)
    return Owner(town, browser)


async def test_who_has_not_proved_the_address_sees_that_and_nothing_else(eve: Owner) -> None:
    page = await eve.see("/me")
    assert EN["pages.me.unproved.title"] in page
    assert [link for link in page.links if link.startswith("/me")] == []
    for path in (*PAGES[1:], *MORE, "/me/data.json"):
        assert (await eve.get(path)).headers["location"] == "/me"
    for path in ("profile", "password", "email", "devices", "delete", "invites", "questions", "login-link"):
        assert (await eve.send(f"/page/me/{path}", sure="yes", nickname="x", language="en")).headers["location"] == "/me"
    assert (await eve.who())[1].nickname == ""


async def test_the_proof_can_be_sent_again_and_opens_everything(eve: Owner) -> None:
    before = len(await eve.town.mails("eve@example.com"))
    sent = await eve.submit(await eve.see("/me"), "/page/me")
    assert EN["pages.me.done.proof-sent"] in sent
    mails = await eve.town.mails("eve@example.com")
    assert len(mails) == before + 1
    again = await eve.send("/page/me")
    assert again.status_code == 422
    assert "60 seconds" in again.text
    link = next(word for word in mails[-1]["text"].split() if word.startswith("http") and "activate" in word)
    opened = await eve.get(link.removeprefix("http://127.0.0.1:8000"))
    assert opened.headers["location"] == "/page/activate/done"
    assert (await eve.who())[1].restricted is False
    assert "/me/security" in (await eve.see("/me")).links


# Realms


async def test_somebody_of_the_other_realm_is_at_home_here_too(town: Town) -> None:
    boss = await born(town, email=BOB, realm="boss")
    page = await boss.see("/me")
    assert half_shown(BOB) in page
    assert "/me/link" not in page.links, "mailcode serves the other realm"
    assert (await boss.get("/me/link")).headers["location"] == "/me"
    assert (await boss.send("/page/me/login-link", stay="day")).headers["location"] == "/me"
    assert (await boss.get("/me/security")).status_code == 200


# Invites


@pytest.mark.parametrize("changes", [{"invites": Invites(initial=2)}])
async def test_an_invite_is_made_shown_and_lets_somebody_in(ada: Owner) -> None:
    page = await ada.see("/me/invites")
    assert "Invites left: 2" in page
    page = await ada.submit(page, "/page/me/invites")
    assert EN["pages.me.done.invited"] in page
    assert "Invites left: 1" in page
    _, account = await ada.who()
    code = (await invite_flow.given(ada.services, account)).items[0].code
    assert f"http://127.0.0.1:8000/register?invite={code}" in page.reply.text
    assert EN["pages.me.invites.state.open"] in page
    newcomer = Maillink(ada.town)
    assert (await newcomer.say("/register", email=BOB, password="correct horse battery", invite=code)).yes
    page = await ada.see("/me/invites")
    assert EN["pages.me.invites.state.used"] in page
    assert "register?invite" not in page.reply.text
    page = await ada.submit(page, "/page/me/invites")
    assert "/page/me/invites" not in [form.action for form in page.forms]
    assert (await ada.send("/page/me/invites")).headers["location"] == "/me/invites"
    assert len((await invite_flow.given(ada.services, account)).items) == 2


@pytest.mark.parametrize("changes", [{"invites": Invites(initial=2)}])
async def test_nobody_sees_what_others_have_given(ada: Owner) -> None:
    bob = await owner(ada.town, BOB)
    await bob.send("/page/me/invites")
    code = (await invite_flow.given(bob.services, (await bob.who())[1])).items[0].code
    assert code in await bob.see("/me/invites")
    assert code not in (await ada.see("/me/invites")).reply.text


async def test_both_languages_are_spoken(ada: Owner) -> None:
    ada.browser.headers.update(HTML | {"Accept-Language": "zh-CN"})
    page = await ada.see("/me/security")
    assert page.heading == "登录方式"
    assert "上次修改：刚刚" in page


@pytest.mark.parametrize("changes", [{"mailcode": MailcodeSettings(realm="robots")}])
async def test_a_dialect_s_own_realm_is_found_too(town: Town) -> None:
    robot = await born(town, email=BOB, realm="robots")
    page = await robot.see("/me")
    assert half_shown(BOB) in page
    assert "/me/link" in page.links
    assert half_shown(BOB) in await robot.see("/logout")
