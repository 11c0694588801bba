"""The pages of somebody who logs in, and out."""

import base64
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from fakes import FakeChance, FakeClock
from lingpai.assembly import build
from lingpai.core import rules
from lingpai.core.errors import NotLoggedIn
from lingpai.core.masked import half_shown
from lingpai.core.model import Account, RequestContext
from lingpai.flows import register, sessions
from lingpai.settings import CaptchaSettings, Limits, MailSettings, Rate
from lingpai.settings.logins import Sessions
from lingpai.store import accounts
from lingpai.web.dialects.hiyouth.settings import HiyouthSettings
from lingpai.web.dialects.mailcode.settings import MailcodeSettings
from web.people import ADA, GOOD, member
from web.reading import LANGUAGES, Page, Reader
from web.speakers import Mailcode as Native
from web.speakers import Maillink
from web.town import Town, settings_for

WRONG = "not the password"
HERE = RequestContext(client="198.51.100.7", ip="198.51.100.7")


@pytest.fixture
def database_kind() -> str:
    """What pages do does not depend on the database."""
    return "sqlite"


@pytest.fixture
async def ada(town: Town) -> Reader:
    """Somebody who has an account, before an open login page."""
    await member(town)
    reader = Reader(town)
    await reader.open("/login?way=password")
    return reader


async def account(town: Town) -> Account:
    found = await accounts.find(town.house.services.store, "main", "email", ADA)
    assert found
    return found


async def test_nobody_stays_logged_in_for_longer_who_has_not_ticked_the_box(ada: Reader) -> None:
    assert "checked" not in ada.page.reply.text
    await ada.send("/page/login", account=ADA, password=GOOD)
    ada.town.clock.advance(hours=24)
    assert await who(ada) is None


@pytest.mark.parametrize("changes", [{}, {"sessions": Sessions(remember_days=3)}], ids=["30 days", "3 days"])
async def test_who_ticks_the_box_stays_logged_in_for_so_many_days_and_the_browser_keeps_the_cookie_as_long(
    ada: Reader, changes: dict[str, Any]
) -> None:
    days = 3 if changes else 30
    fields = {**ada.page.form("/page/login").fields, "account": ADA, "password": GOOD, "remember": "yes"}
    reply = await ada.browser.post("/page/login", data=fields, headers={"Sec-Fetch-Site": "same-origin"})
    (cookie,) = [line for line in reply.headers.get_list("set-cookie") if line.startswith("lingpai_session=")]
    assert f"Max-Age={days * 86_400};" in cookie
    ada.town.clock.advance(days=days, seconds=-1)
    assert await who(ada) == ADA
    ada.town.clock.advance(seconds=1)
    assert await who(ada) is None


async def test_the_box_stays_ticked_when_something_else_was_wrong_and_when_the_picture_is_drawn_anew(ada: Reader) -> None:
    for _ in range(3):
        await ada.send("/page/login", account=ADA, password=WRONG, remember="yes")
        assert re.search(r'name="remember" value="yes" checked', ada.page.reply.text)
    page = await ada.send("/page/login", show="picture")
    assert re.search(r'name="remember" value="yes" checked', page.reply.text)


async def who(reader: Reader, realm: str = "main") -> str | None:
    """Whose session the browser has."""
    origin = RequestContext(client="x", ip="x", session=reader.browser.cookies.get("lingpai_session", ""))
    try:
        return (await sessions.current(reader.town.house.services, origin.within(realm))).account.email
    except NotLoggedIn:
        return None


async def fail(reader: Reader, times: int = 2) -> Page:
    """Wrong passwords in a row."""
    for _ in range(times):
        await reader.send("/page/login", account=ADA, password=WRONG)
    return reader.page


# Logging in


@pytest.mark.parametrize(("language", "heading"), [("zh-Hans", "登录"), ("zh-Hant", "登入"), ("en", "Log in")])
async def test_a_person_logs_in_and_comes_to_their_own_space(town: Town, language: str, heading: str) -> None:
    await member(town)
    reader = Reader(town, language)
    page = await reader.open("/login")
    assert (page.language, page.heading) == (language, heading)
    await reader.send("/page/login", account=ADA, password=GOOD)
    assert reader.where == "/me"
    assert await who(reader) == ADA


@pytest.mark.parametrize("typed", ["lady_ada", " Lady_Ada ", "ada@EXAMPLE.com", "13800138000", "+86 138 0013 8000"])
async def test_name_mail_and_phone_are_typed_into_one_field(town: Town, typed: str) -> None:
    await member(town)
    one = await account(town)
    async with town.house.services.store.begin() as tx:
        for address in (rules.account_name("lady_ada"), rules.phone("13800138000")):
            assert await accounts.add_identifier(tx, account_id=one.id, realm="main", address=address, proved_at=1)
    reader = Reader(town)
    await reader.open("/login")
    await reader.send("/page/login", account=typed, password=GOOD)
    assert await who(reader) == ADA


async def test_nobody_learns_whether_an_account_is_there(ada: Reader) -> None:
    """Nor from a spelling that no account can have: it is simply wrong."""
    said = set()
    for typed in (ADA, "bob@example.com", "bob", "bob bob", "@", "13800138000", "+1", "x" * 300):
        page = await ada.send("/page/login", account=typed, password=WRONG)
        assert page.status == 422
        said.add(
            page.reply.text.replace(typed, "…")
            .replace("138 0013 8000", "…")
            .replace(typed.replace("@", "%40").replace(" ", "+").replace("+1", "%2B1"), "…")
        )
        await ada.open("/login")
    assert len(said) == 1


async def test_what_was_typed_stays_but_for_a_password_that_was_judged_and_is_wrong(ada: Reader) -> None:
    page = await ada.send("/page/login", account=ADA, password=WRONG)
    form = page.form("/page/login")
    assert (form.fields["account"], form.fields["password"]) == (ADA, "")
    assert WRONG not in page.reply.text
    assert form.kinds["account"]["autocomplete"] == "username"
    assert form.kinds["password"]["autocomplete"] == "current-password"


async def test_a_password_that_was_not_judged_stays(ada: Reader) -> None:
    """An account is missing; a picture is asked for that nobody had been shown, then another one; then its answer is wrong."""
    missing = await ada.send("/page/login", account="", password=GOOD)
    assert (set(missing.errors), missing.form("/page/login").fields["password"]) == ({"account"}, GOOD)
    assert missing.reply.headers["cache-control"] == "no-store"
    for _ in range(2):
        await ada.post("/page/login", account=ADA, password=WRONG)
    ada.browser.answers = False
    shown = await ada.post("/page/login", account=ADA, password=GOOD)
    assert (shown.status, shown.form("/page/login").fields["password"]) == (200, GOOD)
    redraw = next(form for form in shown.forms if form.id == "redraw")
    another = await ada.post(redraw.action, **redraw.fields, show="picture")
    assert another.form("/page/login").fields["password"] == GOOD
    misread = await ada.send("/page/login", captcha="no such characters")
    assert (set(misread.errors), misread.form("/page/login").fields["password"]) == ({"captcha"}, GOOD)
    judged = await ada.send("/page/login", password=WRONG, captcha=await ada.solve())
    assert WRONG not in judged.reply.text


async def test_no_address_fills_a_password_in_and_none_is_cut(ada: Reader) -> None:
    for page in (await ada.open(f"/login?way=password&password={GOOD}"), await ada.open(f"/register?way=link&password={GOOD}")):
        assert GOOD not in page.reply.text.replace(GOOD.replace(" ", "+"), "").replace(GOOD.replace(" ", "%20"), "")
    long = await ada.post("/page/login", account="", password="x" * 321)
    assert "x" * 320 not in long.reply.text


async def test_an_empty_field_is_told_beside_it(ada: Reader) -> None:
    assert set((await ada.send("/page/login", account=ADA, password="")).errors) == {"password"}
    assert set((await ada.send("/page/login", account="", password=GOOD)).errors) == {"account"}


async def test_who_is_logged_in_may_go_on_or_be_somebody_else(ada: Reader) -> None:
    await ada.send("/page/login", account=ADA, password=GOOD)
    page = await ada.open("/login?next=/me/security")
    assert half_shown(ADA) in page.text
    assert page.link("/me") == "/me/security"
    page = await ada.open(page.link("switch"))
    assert page.form("/page/login/code").fields["next"] == "/me/security"


@pytest.mark.parametrize("changes", [{"hiyouth": HiyouthSettings()}])
async def test_employers_have_their_own_accounts(town: Town) -> None:
    await member(town)
    reader = Reader(town)
    await reader.open("/login?type=boss")
    await reader.send("/page/login", account=ADA, password=GOOD)
    assert await who(reader) is None
    form = register.Application(rules.account_name("boss_ada"), GOOD)
    await register.by_name(town.house.services, HERE.within("boss"), form)
    await reader.send("/page/login", account="boss_ada", password=GOOD)
    assert reader.where == "/me"
    assert await who(reader) is None
    assert await who(reader, "boss") is None
    origin = RequestContext(client="x", ip="x", session=reader.browser.cookies["lingpai_session"])
    assert (await sessions.current(town.house.services, origin.within("boss"))).account.name == "boss_ada"
    assert "boss_ada" in (await reader.open("/login")).text


# Where one goes


async def test_the_way_onward_is_kept_through_mistakes_and_captchas(ada: Reader) -> None:
    await ada.open("/login?next=/me/security%3Ftab%3D1")
    page = await fail(ada, 3)
    assert "captcha_id" in page.form("/page/login").fields
    await ada.send("/page/login", account=ADA, password=GOOD, captcha=await ada.solve())
    assert ada.where == "/me/security?tab=1"


@pytest.mark.parametrize("evil", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/me\r\nX: y"])
async def test_nobody_is_sent_elsewhere_in_our_name(ada: Reader, evil: str) -> None:
    await ada.post("/page/login", account=ADA, password=GOOD, next=evil)
    assert ada.where == "/me"
    assert await who(ada) == ADA
    page = await Reader(ada.town).open("/login?next=" + evil.replace("\r", "%0d").replace("\n", "%0a"))
    assert "evil" not in page.reply.text
    assert "alert(" not in page.reply.text


# The captcha


async def test_after_two_failures_a_login_takes_a_captcha(ada: Reader) -> None:
    ada.browser.answers = False
    page = await ada.send("/page/login", account=ADA, password=WRONG)
    assert not page.form("/page/login").fields["captcha_id"], "one failure is a slip"
    page = await ada.send("/page/login", account=ADA, password=WRONG)
    picture = page.sources["img"]
    assert base64.b64decode(picture.removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")
    page = await ada.send("/page/login", account=ADA, password=GOOD)
    assert set(page.errors) == {"captcha"}
    assert await who(ada) is None
    page = await ada.send("/page/login", account=ADA, password=GOOD, captcha="????")
    assert set(page.errors) == {"captcha"}
    assert page.sources["img"] != picture
    await ada.send("/page/login", account=ADA, password=GOOD, captcha=await ada.solve())
    assert await who(ada) == ADA


async def test_a_captcha_serves_only_the_browser_it_was_drawn_for(ada: Reader) -> None:
    page = await fail(ada)
    fields = {**page.form("/page/login").fields, "account": ADA, "password": GOOD, "captcha": await ada.solve()}
    eve = Reader(ada.town, ip="203.0.113.9")
    await eve.post("/page/login", **fields)
    assert await who(eve) is None


async def test_a_captcha_of_another_dialect_does_not_serve(ada: Reader) -> None:
    solved = await Native(ada.town).captcha()
    await fail(ada)
    await ada.post("/page/login", account=ADA, password=GOOD, captcha_id=solved["Id"], captcha=solved["Value"])
    assert await who(ada) is None


async def test_another_picture_keeps_what_was_typed_and_tries_nothing(ada: Reader) -> None:
    page = await fail(ada)
    before = page.sources["img"]
    redraw = next(form for form in page.forms if form.id == "redraw")
    page = await ada.post(redraw.action, **redraw.fields, show="picture")
    assert page.status == 200
    assert page.sources["img"] != before
    assert page.form("/page/login").fields["account"] == ADA


async def test_who_does_not_see_can_listen(ada: Reader) -> None:
    page = await fail(ada)
    redraw = next(form for form in page.forms if form.id == "redraw")
    page = await ada.post(redraw.action, **redraw.fields, show="spoken")
    assert "img" not in page.sources
    assert base64.b64decode(page.sources["audio"].removeprefix("data:audio/wav;base64,")).startswith(b"RIFF")
    page = await ada.send("/page/login", account=ADA, password=WRONG, captcha="000000")
    assert "audio" in page.sources, "who listens goes on listening"
    await ada.send("/page/login", account=ADA, password=GOOD, captcha=await ada.solve())
    assert await who(ada) == ADA


async def test_a_script_gets_another_picture_for_the_open_page(ada: Reader) -> None:
    await fail(ada)
    said = (await ada.browser.get("/page/captcha", params={"kind": "picture"})).json()
    assert said["source"].startswith("data:image/png;base64,")
    answer = await ada.town.house.services.captchas.peek(said["id"])
    await ada.post("/page/login", account=ADA, password=GOOD, captcha_id=said["id"], captcha=answer or "")
    assert await who(ada) == ADA


@pytest.mark.parametrize(("changes", "offered"), [({}, True), ({"captcha": CaptchaSettings(pow=False)}, False)])
async def test_the_browser_may_work_unless_the_setting_says_otherwise(ada: Reader, offered: bool) -> None:
    page = await ada.open("/login?way=password")
    assert ("data-work=" in page.reply.text) is offered
    reply = await ada.browser.get("/page/captcha", params={"kind": "work"})
    assert reply.status_code == (200 if offered else 400)
    assert ("parameters" in reply.text) is offered


# An address that waits


async def test_a_waiting_address_is_told_after_a_right_password_and_mailed_again(town: Town) -> None:
    await Maillink(town).register(ADA, GOOD)
    town.clock.advance(minutes=2)
    reader = Reader(town)
    await reader.open("/login")
    assert ADA not in (await reader.send("/page/login", account="bob@example.com", password=GOOD)).text
    page = await reader.send("/page/login", account=ADA, password=GOOD)
    assert "isn't activated" in page.text
    before = len(await town.mails(ADA))
    await reader.send("/page/activate/again")
    assert len(await town.mails(ADA)) == before + 1
    assert "activated" in (await reader.follow(ADA)).text


# An account that waits for its deletion


@pytest.fixture
async def leaving(ada: Reader) -> Reader:
    clock, store = ada.town.clock, ada.town.house.services.store
    async with store.begin() as tx:
        closing = await account(ada.town)
        assert await accounts.close(tx, account_id=closing.id, at=clock.now(), deletes_at=clock.now() + 7 * 86_400_000)
    return ada


async def test_the_owner_is_told_when_the_account_goes_and_can_keep_it(leaving: Reader) -> None:
    page = await leaving.send("/page/login", account=ADA, password=GOOD)
    assert "2026-09-28" in page.text
    assert await who(leaving) is None
    token = page.form("/page/keep").fields["token"]
    page = await leaving.send("/page/keep")
    assert ADA in page.text
    await leaving.open(page.link("/login"))
    await leaving.send("/page/login", account=ADA, password=GOOD)
    assert await who(leaving) == ADA
    page = await leaving.post("/page/keep", token=token)
    assert page.heading == "This account isn't being deleted"


async def test_the_mailed_link_only_asks(leaving: Reader) -> None:
    page = await leaving.send("/page/login", account=ADA, password=GOOD)
    page = await leaving.open("/page/keep?token=" + page.form("/page/keep").fields["token"])
    assert (await account(leaving.town)).deletes_at
    await leaving.send("/page/keep")
    assert (await account(leaving.town)).deletes_at is None


async def test_a_wrong_password_learns_nothing_of_it_and_other_doors_neither(leaving: Reader) -> None:
    page = await leaving.send("/page/login", account=ADA, password=WRONG)
    assert "delet" not in page.text
    link, native = Maillink(leaving.town), Native(leaving.town)
    right, wrong = await link.log_in(ADA, GOOD), await link.log_in(ADA, WRONG)
    assert (right.yes, right.reply.content) == (False, wrong.reply.content)
    assert not (await native.log_in(ADA, GOOD)).yes


async def test_the_owners_right_password_ends_a_row_of_failures(leaving: Reader) -> None:
    await fail(leaving)
    await leaving.send("/page/login", account=ADA, password=GOOD, captcha=await leaving.solve())
    await leaving.open("/login")
    page = await leaving.send("/page/login", account=ADA, password=WRONG)
    assert not page.form("/page/login").fields["captcha_id"]


async def test_past_its_end_nobody_can_keep_it(leaving: Reader) -> None:
    page = await leaving.send("/page/login", account=ADA, password=GOOD)
    token = page.form("/page/keep").fields["token"]
    leaving.town.clock.advance(days=7)
    await leaving.open("/login")
    page = await leaving.send("/page/login", account=ADA, password=GOOD)
    assert "delet" not in page.text
    await leaving.post("/page/keep", token=token)
    assert (await account(leaving.town)).deletes_at


# The one-time link stands at the same path


async def test_a_one_time_link_asks_first_and_a_program_gets_json(town: Town) -> None:
    ada = Native(town)
    await ada.register(ADA, GOOD)
    await ada.log_in(ADA, GOOD)
    said = (await ada.say("/user/authorization-new", Expiry=600)).reply.json()
    token = said["Url"].partition("=")[2]
    reader = Reader(town)
    assert ADA in (await reader.open(f"/login?authorization={token}")).text
    await reader.send("/page/authorization")
    assert await who(reader) == ADA
    refused = (await town.browser().get("/login", params={"authorization": token})).json()
    assert refused["Result"] == 2


@pytest.mark.parametrize(
    "changes", [{}, {"mailcode": MailcodeSettings(enabled=False)}, {"mailcode": MailcodeSettings(hosts=("other.example",))}]
)
async def test_without_a_link_everybody_gets_the_page(town: Town) -> None:
    reply = await town.browser().get("/login")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (await town.browser().put("/login")).headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("changes", [{"limits": Limits(check_client=Rate(1, 60))}])
async def test_at_a_page_a_person_is_refused_in_a_page_and_a_program_in_its_envelope(town: Town) -> None:
    reader, program = Reader(town), town.browser()
    await reader.open("/login?authorization=wrong")
    page = await reader.open("/login?authorization=wrong")
    assert (page.status, page.language) == (429, "en")
    reply = await program.get("/login", params={"authorization": "wrong"})
    assert (reply.status_code, reply.json()["Result"]) == (429, 2)


# Other sites, planted cookies, frames


@pytest.mark.parametrize("path", ["/page/login", "/page/register", "/page/register/finish", "/page/forgot", "/page/keep", "/page/logout"])
async def test_another_site_does_nothing_in_somebodys_browser(ada: Reader, path: str) -> None:
    await ada.send("/page/login", account=ADA, password=GOOD)
    before = dict(ada.browser.cookies)
    fields = {"account": ADA, "email": ADA, "password": GOOD, "token": "x", "code": "123456"}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}):
        reply = await ada.browser.post(path, data=fields, headers=headers)
        assert reply.status_code == 403
        assert "set-cookie" not in reply.headers
    assert dict(ada.browser.cookies) == before
    assert await who(ada) == ADA


@pytest.mark.parametrize("path", ["/page/login", "/page/register/finish"])
async def test_another_site_logs_nobody_in_who_has_no_cookie_yet(ada: Reader, path: str) -> None:
    fields = {"account": ADA, "password": GOOD, "email": ADA, "code": "123456"}
    reply = await ada.town.browser().post(path, data=fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert reply.status_code == 403
    assert "set-cookie" not in reply.headers


async def test_a_planted_session_is_not_the_one_that_logs_in(ada: Reader) -> None:
    eve = Maillink(ada.town, ada.town.browser("203.0.113.9"))
    await eve.register("eve@example.com", GOOD)
    await eve.prove("eve@example.com")
    await eve.log_in("eve@example.com", GOOD)
    planted = eve.browser.cookies["lingpai_session"]
    ada.browser.cookies.set("lingpai_session", planted, domain="127.0.0.1", path="/")
    await ada.open("/login?switch=yes&way=password")
    await ada.send("/page/login", account=ADA, password=GOOD)
    own = re.findall("lingpai_session=([^;]+)", ada.page.reply.headers["set-cookie"])
    assert own
    assert own != [planted]
    assert await eve.who() is None, "the planted one has ended"


async def test_a_planted_visit_does_not_outlive_the_login(ada: Reader) -> None:
    planted = "P" * 43
    ada.browser.cookies.set("lingpai_visit", planted, domain="127.0.0.1", path="/")
    await ada.send("/page/login", account=ADA, password=GOOD)
    assert "lingpai_visit=;" in ", ".join(ada.page.reply.headers.get_list("set-cookie"))


@pytest.mark.parametrize("path", ["/login", "/register", "/forgot", "/logout", "/page/keep", "/page/activate", "/page/reset"])
async def test_no_page_is_framed_cached_or_told_about(town: Town, path: str) -> None:
    headers = (await Reader(town).open(path)).reply.headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "strict-origin")


# Out, and in between


async def test_a_link_logs_nobody_out_but_the_button_does(ada: Reader) -> None:
    await ada.send("/page/login", account=ADA, password=GOOD)
    page = await ada.open("/logout")
    assert half_shown(ADA) in page.text
    assert await who(ada) == ADA
    page = await ada.send("/page/logout")
    assert page.heading == "You're logged out"
    assert await who(ada) is None
    assert "lingpai_session" not in ada.browser.cookies


async def test_the_front_leads_in_or_to_ones_own_space(
    tmp_path: Path, database_url: str, clock: FakeClock, chance: FakeChance, ada: Reader
) -> None:
    await ada.send("/page/login", account=ADA, password=GOOD)
    settings = replace(settings_for(tmp_path, database_url), dev=False, mail=MailSettings(smtp_url="smtp://127.0.0.1:9"))
    earnest = Town(await build(settings, clock, chance), clock)
    reader = Reader(earnest)
    assert (await reader.open("/")).form("/page/login/code")
    reader.browser.cookies = ada.browser.cookies
    await reader.open("/")
    assert reader.where == "/me"
    await earnest.house.close()


async def test_password_managers_find_where_a_password_is_changed(ada: Reader) -> None:
    await ada.open("/.well-known/change-password")
    assert ada.where == "/me/password"


async def test_the_front_stands_for_itself_alone(town: Town) -> None:
    assert (await Reader(town).open("/nowhere")).status == 404


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_switch_of_languages_leads_back_to_the_page(town: Town, language: str) -> None:
    reader = Reader(town, language)
    await reader.open("/login?way=password&next=/me/data")
    for other in LANGUAGES:
        page = await reader.post("/page/language", **reader.page.form("/page/language").fields, language=other)
        assert page.language == other
        assert page.form("/page/login").fields["next"] == "/me/data"
