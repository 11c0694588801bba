"""The ways between pages: every one arrives, carries what the next one needs, and can be gone again by reload or Back."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from lingpai.core.model import Account, Links
from lingpai.settings import Limits, Pages, Rate, Realm
from lingpai.store import accounts
from lingpai.web.dialects.hiyouth.settings import HiyouthSettings
from lingpai.web.pages.shared.links import NEXT_LENGTH, links
from web.friends import Friends
from web.owners import Owner, born
from web.people import ADA, GOOD, member
from web.reading import Page, Reader
from web.speakers import Mailcode
from web.town import Town

APP = "https://app.example.com"
CODES = Pages(register=("link", "code", "phone"))
NEW = "another horse battery"
LAST = Rate(1, 3_600)


@pytest.fixture
def database_kind() -> str:
    """What pages do does not depend on the database."""
    return "sqlite"


async def account(town: Town, realm: str = "main", key: str = ADA) -> Account:
    found = await accounts.find(town.house.services.store, realm, "email", key)
    assert found
    return found


async def boss(town: Town) -> Reader:
    """An employer who has just registered by link, and is active."""
    reader = Reader(town)
    await reader.open("/register?type=boss")
    await reader.send("/page/register", email=ADA, password=GOOD)
    await reader.follow(ADA)
    return reader


def queries(page: Page, path: str) -> list[dict[str, str]]:
    """The queries of the page's links to a path."""
    found = [urlsplit(link) for link in page.links if urlsplit(link).path == path]
    return [{name: values[0] for name, values in parse_qs(each.query).items()} for each in found]


# Where a form's answer may lead


@pytest.mark.parametrize("changes", [{"pages": Pages(next=(APP, "http://127.0.0.1:9000"))}])
async def test_a_form_may_lead_to_the_places_that_next_may(town: Town) -> None:
    page = await Reader(town).open("/login")
    policy = dict(rule.split(" ", 1) for rule in page.reply.headers["content-security-policy"].split("; "))
    assert policy["form-action"] == f"'self' {APP} http://127.0.0.1:9000"
    assert policy["default-src"] == "'none'"


async def test_an_employer_registers_by_link_and_logs_in(town: Town) -> None:
    reader = await boss(town)
    assert "/page/activate?type=boss&email=" in (await town.mails(ADA))[-1]["text"]
    assert (await account(town, "boss")).email_proved_at
    assert reader.where == "/page/activate/done?type=boss"
    assert queries(reader.page, "/forgot") == [{"type": "boss"}], "of whom is told in part, and in no link whole"
    await reader.open(reader.page.link("/me"))
    assert reader.where == "/me"
    await reader.open("/logout")
    await reader.open((await reader.send("/page/logout")).link("/login?"))
    await reader.send("/page/login", account=ADA, password=GOOD)
    assert reader.where == "/me"


async def test_an_employer_who_waits_is_mailed_another_link_of_the_same_realm(town: Town) -> None:
    reader = Reader(town)
    await reader.open("/register?type=boss")
    await reader.send("/page/register", email=ADA, password=GOOD)
    town.clock.advance(minutes=2)
    await reader.send("/page/activate/again")
    assert len(await town.mails(ADA)) == 2, "by the page that says it was sent"
    town.clock.advance(hours=1)
    await reader.open("/login?type=boss")
    await reader.send("/page/login", account=ADA, password=GOOD)
    await reader.send("/page/activate/again")
    assert len(await town.mails(ADA)) == 3, "by the login that has to wait"
    town.clock.advance(minutes=2)
    await reader.open(f"/page/activate?type=boss&email={ADA}&vcode=wrong")
    await reader.send("/page/activate/again")
    assert len(await town.mails(ADA)) == 4, "by the page of a link that does not work"
    await reader.follow(ADA)
    assert (await account(town, "boss")).email_proved_at


async def test_an_employer_resets_the_password_by_link(town: Town) -> None:
    reader = await boss(town)
    await reader.open("/forgot?type=boss")
    await reader.post("/page/forgot", account=ADA, by="link", type="boss")
    await reader.follow(ADA)
    page = await reader.send("/page/reset", password=NEW)
    await reader.open(page.link("/me"))
    assert reader.where == "/me", "logged in (contract, 10.13)"
    assert "/forgot?type=boss&email=" in (await town.mails(ADA))[-1]["text"], "was it not you?"


async def test_an_employers_way_out_and_back_leads_to_their_own_login(town: Town) -> None:
    reader = await boss(town)
    page = await reader.open("/me/password")
    assert queries(page, "/forgot") == [{"type": "boss", "account": ADA}]
    town.clock.advance(minutes=11)
    page = await reader.open("/me/confirm?next=/me/delete")
    assert queries(page, "/forgot") == [{"type": "boss"}]
    await reader.open("/logout")
    page = await reader.send("/page/logout")
    assert queries(page, "/login") == [{"type": "boss"}]


async def test_an_employer_who_keeps_the_account_is_led_to_their_own_login(town: Town) -> None:
    reader = await boss(town)
    await reader.open("/me/delete")
    await reader.send("/page/me/delete", sure="yes")
    await reader.open("/login?type=boss")
    await reader.send("/page/login", account=ADA, password=GOOD)
    page = await reader.send("/page/keep")
    assert (queries(page, "/login"), queries(page, "/forgot")) == ([{"type": "boss"}], [{"type": "boss"}])


async def test_an_employers_session_that_is_over_leads_to_their_own_login(town: Town) -> None:
    reader = await boss(town)
    await reader.open("/me")
    town.clock.advance(days=2)
    assert (await reader.browser.get("/me/data")).headers["location"] == "/login?type=boss&next=/me/data"
    await member(town)
    await reader.open("/login")
    await reader.send("/page/login", account=ADA, password=GOOD)
    await reader.open("/me")
    town.clock.advance(days=2)
    assert (await reader.browser.get("/me/data")).headers["location"] == "/login?next=/me/data"


@pytest.mark.parametrize("changes", [{"hiyouth": HiyouthSettings(), "realms": {"boss": Realm(("en=Employers", "zh-Hans=老板账号"))}}])
async def test_each_login_leads_to_the_realms_that_have_a_name_for_people(town: Town) -> None:
    reader = Reader(town)
    page = await reader.open("/login?next=/me/data")
    assert {"type": "boss", "next": "/me/data"} in queries(page, "/login")
    assert "老板账号" in (await reader.browser.get("/login", headers={"Accept-Language": "zh-CN"})).text
    assert "老板账号" in (await reader.browser.get("/login", headers={"Accept-Language": "zh-TW"})).text, (
        "of the languages with a name the nearest"
    )
    assert "Employers" in (await reader.browser.get("/login", headers={"Accept-Language": "en"})).text
    page = await reader.open("/login?type=boss&next=/me/data")
    assert queries(page, "/login") == [{"next": "/me/data"}]


@pytest.mark.parametrize("changes", [{"hiyouth": HiyouthSettings()}])
async def test_a_realm_that_the_operator_has_not_named_for_people_is_led_to_by_no_login(town: Town) -> None:
    page = await Reader(town).open("/login")
    assert queries(page, "/login") == []
    assert "老板" not in page.text
    assert (await Reader(town).browser.get("/login?type=boss")).status_code == 200, "it is served all the same"


@pytest.mark.parametrize("changes", [{"hiyouth": HiyouthSettings(enabled=False)}, {"hiyouth": HiyouthSettings(boss_realm="main")}])
async def test_where_there_is_one_kind_no_link_speaks_of_another(town: Town) -> None:
    assert queries(await Reader(town).open("/login"), "/login") == []


def test_an_address_with_a_query_takes_one_more_field() -> None:
    mailed = Links(activate="https://a/?type=boss", reset="https://b/?type=boss", forgot="https://c/?type=boss")
    assert mailed.activation("a@b.cc", "t") == "https://a/?type=boss&email=a%40b.cc&vcode=t"
    assert mailed.recovery("a@b.cc", "t") == "https://b/?type=boss&email=a%40b.cc&vcode=t"
    assert mailed.help("a@b.cc") == "https://c/?type=boss&email=a%40b.cc"


# next=, and the account that is filled in


async def test_who_registers_by_link_arrives_where_they_wanted_to_be(town: Town) -> None:
    reader = Reader(town)
    await reader.open("/register?next=/me/data")
    page = await reader.send("/page/register", email=ADA, password=GOOD)
    assert {"next": "/me/data", "account": ADA} in queries(page, "/login")
    page = await reader.follow(ADA)
    await reader.open(page.link("/me/data"))
    assert reader.where == "/me/data"


async def test_no_link_is_mailed_with_a_next_of_somebody_else_or_a_long_one(town: Town) -> None:
    assert "next=" not in links(town.house.services.settings, "main", to="/" + "a" * NEXT_LENGTH).activate
    assert "next=" in links(town.house.services.settings, "main", to="/" + "a" * (NEXT_LENGTH - 1)).activate
    reader = Reader(town)
    await reader.open("/register?next=https://evil.example/")
    await reader.send("/page/register", email=ADA, password=GOOD)
    assert "evil" not in (await town.mails(ADA))[-1]["text"]
    link = await town.link(ADA, "/page/activate")
    opened = f"/page/activate?email={ADA}&vcode={link['vcode']}&next=https://evil.example/"
    page = await Reader(town).open(opened)
    assert queries(page, "/login") == [{"account": ADA}]
    page = await reader.open(opened)
    assert (reader.where, "/me" in page.links, "evil" in page.reply.text) == ("/page/activate/done", True, False)


# Back from a deletion by the provider


async def from_qq(town: Town, friends: Friends, who: str = "open") -> Page:
    friends.tells.add("one")
    town.house.services.providers["qq"] = friends  # type: ignore[index]  # a dictionary
    reader = Reader(town)
    asked = (await reader.browser.get("/connect/qq")).headers["location"]
    state = parse_qs(urlsplit(asked).query)["state"][0]
    reply = await reader.browser.get("/connect/qq/callback", params={"state": state, "code": friends.code(who)})
    reader.page = Page(reply)
    if reply.headers.get("location", "").startswith("/page/keep"):
        reader.page = await reader.open(reply.headers["location"])
    offered = reader.page
    if offered.status == 200:
        await reader.send("/page/keep")
    return offered


async def test_whom_a_provider_vouches_for_can_take_the_deletion_back(town: Town) -> None:
    friends = Friends("qq")
    await from_qq(town, friends, "somebody else")
    ada = await born(town)
    page = await ada.see("/me/delete")
    assert "no way back" not in page
    left = await ada.submit(page, "/page/me/delete", sure="yes")
    assert "third-party account" in left
    offered = await from_qq(town, friends)
    assert offered.form("/page/keep").fields["token"]
    assert "lingpai_session" not in offered.reply.cookies
    assert (await from_qq(town, friends)).reply.status_code == 303, "it stays, and the provider logs in again"


async def test_without_a_provider_there_is_no_such_way(town: Town) -> None:
    ada = await born(town)
    assert not town.house.services.providers
    assert "no way back" in await ada.see("/me/delete")


async def reloads(reader: Reader, to: str, mails: int) -> Page:
    """The page by GET, as a reload and Back have it: the same, and nothing was sent."""
    assert reader.page.reply.request.method == "GET"
    page = await reader.open(reader.where)
    assert len(await reader.town.mails(to)) == mails
    return page


async def test_a_reload_after_registering_sends_nothing(town: Town) -> None:
    reader = Reader(town)
    await reader.open("/register?next=/me/data")
    await reader.send("/page/register", email=ADA, password=GOOD)
    assert GOOD not in reader.where
    page = await reloads(reader, ADA, 1)
    assert ADA in page.text
    assert page.form("/page/activate/again").fields == {"next": "/me/data", "email": ADA, "captcha_id": "", "captcha_kind": ""}


@pytest.mark.parametrize("changes", [{"pages": CODES}])
async def test_a_reload_of_the_page_for_a_code_sends_nothing(town: Town) -> None:
    reader = Reader(town)
    await reader.open("/register?way=code&next=/me/data&invite=friend")
    await reader.send("/page/register/code", account=ADA)
    page = await reloads(reader, ADA, 1)
    fields = page.form("/page/register/enter").fields
    assert (fields["account"], fields["next"], fields["invite"]) == (ADA, "/me/data", "friend")
    await reader.send("/page/register/enter", code=await reader.code(ADA))
    await reloads(reader, ADA, 1)
    await reader.send("/page/register/finish", password=GOOD, invite="")
    assert reader.where == "/me/data"


@pytest.mark.parametrize("by", ["code", "link"])
async def test_a_reload_after_asking_for_a_reset_sends_nothing(town: Town, by: str) -> None:
    await member(town)
    before = len(await town.mails(ADA))
    reader = Reader(town)
    await reader.open("/forgot")
    await reader.post("/page/forgot", account=ADA, by=by)
    page = await reloads(reader, ADA, before + 1)
    assert ADA in page.text
    assert ADA in page.form("/page/forgot/code" if by == "code" else "/page/forgot").fields.values()


async def test_a_page_for_a_code_says_nothing_that_it_does_not_know(town: Town) -> None:
    """What stands in the address is anybody's to write."""
    reader = Reader(town)
    assert (await reader.open("/forgot?account=@&by=code&again=1")).status == 422
    for told in ("", "x", "9" * 400, "-5", "１２"):
        assert (await reader.open(f"/forgot?account={ADA}&by=code&again={told}")).status in (200, 400)
    page = await reader.open(f"/forgot?account={ADA}&by=code&again=999999999999999&early=yes")
    assert "86400" in page.reply.text


# A secret that the script has taken out of the address


BARE = tuple(f"{path}?email={ADA}" for path in ("/page/activate", "/page/reset", "/activate_account"))


@pytest.mark.parametrize("path", [*BARE, "/api/EmailVer?option=ver", "/page/keep"])
async def test_a_reload_without_the_secret_asks_to_open_the_mail_again(town: Town, path: str) -> None:
    for language, words in (
        ("en", "link in the email again"),
        ("zh-Hans", "请重新打开邮件中的链接"),
        ("zh-Hant", "請重新開啟郵件中的連結"),
    ):
        page = await Reader(town, language).open(path)
        assert words in page.text
        assert "expired" not in page.text


async def test_a_link_that_is_wrong_is_still_told_so(town: Town) -> None:
    page = await Reader(town).open(f"/page/activate?email={ADA}&vcode=wrong")
    assert "expired" in page.text


async def test_a_one_time_link_leads_on_so_that_a_reload_is_no_bad_link(town: Town) -> None:
    ada = Mailcode(town)
    await ada.register(ADA, GOOD)
    await ada.log_in(ADA, GOOD)
    token = (await ada.say("/user/authorization-new", Expiry=600)).reply.json()["Url"].partition("=")[2]
    reader = Reader(town)
    await reader.open(f"/login?authorization={token}")
    await reader.send("/page/authorization")
    assert (reader.page.status, reader.where) == (303, "/me")


@pytest.mark.parametrize("changes", [{"limits": Limits(login_client=LAST)}])
async def test_a_limited_login_keeps_its_form(town: Town) -> None:
    reader = Reader(town)
    await reader.open("/login?next=/me/data")
    await reader.send("/page/login", account=ADA, password=GOOD)
    page = await reader.send("/page/login", account=ADA, password=GOOD)
    stays(page, "/page/login", account=ADA, next="/me/data")
    assert {"account": ADA, "next": "/me/data"} in queries(page, "/forgot")


def stays(page: Page, action: str, **kept: str) -> None:
    """The form still stands there, with how long to wait."""
    assert page.status == 429
    assert int(page.reply.headers["retry-after"]) > 0
    assert re.search(r"[0-9]+ (seconds|minutes)", page.text)
    fields = page.form(action).fields
    assert {name: fields[name] for name in kept} == kept
    assert fields.get("password") in (GOOD, None), "nothing is wrong with it"


@pytest.mark.parametrize("changes", [{"limits": Limits(message_client=LAST, register_client=LAST), "pages": CODES}])
async def test_limited_forms_that_send_keep_what_was_typed(town: Town) -> None:
    reader = Reader(town)
    for number in (1, 2):
        await reader.open("/forgot?next=/me/data")
        await reader.send("/page/forgot", account=f"ada{number}@example.com")
    stays(reader.page, "/page/forgot", account="ada2@example.com", next="/me/data")
    await reader.open("/register?way=link&next=/me/data")
    page = await reader.send("/page/register", email=ADA, password=GOOD)
    stays(page, "/page/register", email=ADA, next="/me/data")
    await reader.open("/register?way=code&next=/me/data")
    page = await reader.send("/page/register/code", account=ADA)
    stays(page, "/page/register/code", account=ADA, next="/me/data")


@pytest.mark.parametrize("changes", [{"limits": Limits(check_client=LAST), "pages": CODES}])
@pytest.mark.parametrize("what", ["register", "forgot"])
async def test_limited_codes_keep_their_form(town: Town, what: str) -> None:
    reader = Reader(town)
    action = await asked_for_a_code(reader, what)
    await reader.send(action, code="000000")
    page = await reader.send(action, code="000000")
    stays(page, action, next="/me/data")


async def asked_for_a_code(reader: Reader, what: str) -> str:
    if what == "register":
        await reader.open("/register?way=code&next=/me/data")
        await reader.send("/page/register/code", account=ADA)
        return "/page/register/enter"
    await reader.open("/forgot?next=/me/data")
    await reader.send("/page/forgot", account=ADA)
    return "/page/forgot/code"


@pytest.mark.parametrize("changes", [{"pages": CODES}])
@pytest.mark.parametrize("what", ["register", "forgot"])
async def test_an_error_brings_no_resend_forward(town: Town, what: str) -> None:
    reader = Reader(town)
    action = await asked_for_a_code(reader, what)
    town.clock.advance(seconds=20)
    page = await reader.send(action, code="000000")
    assert page.status == 422
    assert 'data-wait="40"' in page.reply.text
    town.clock.advance(seconds=41)
    page = await reader.send(action, code="000000")
    assert 'data-wait="0"' in page.reply.text


async def test_nor_does_one_in_ones_own_space(town: Town) -> None:
    reader = await boss(town)
    ada = Owner(town, reader.browser)
    page = await ada.submit(await ada.see("/me/email"), "/page/me/email", email="bob@example.com")
    town.clock.advance(seconds=20)
    page = await ada.submit(page, "/page/me/email", code="000000")
    assert page.status == 422
    assert 'data-wait="40"' in page.reply.text
