"""mailcode, row by row: what each call takes, what it says, and in which order it looks."""

import asyncio
import base64
from dataclasses import dataclass
from typing import Any

import altcha
import pytest

from lingpai.flows import invites
from lingpai.settings import CaptchaSettings, Invites, Realm, RealmInvites
from lingpai.web.dialects.mailcode.settings import MailcodeSettings
from web.people import ADA, GOOD
from web.speakers import Mailcode, Maillink
from web.town import Town

OTHER = "quite another one"


@pytest.fixture
def database_kind() -> str:
    """What is said does not depend on the database; the stories run on both."""
    return "sqlite"


@pytest.fixture
def ada(town: Town) -> Mailcode:
    return Mailcode(town)


async def member(town: Town, email: str = ADA) -> Mailcode:
    person = Mailcode(town)
    assert (await person.register(email, GOOD)).yes
    return person


async def logged_in(town: Town, expiry: int = 86_400) -> Mailcode:
    person = await member(town)
    assert (await person.log_in(ADA, GOOD, expiry)).yes
    return person


@dataclass(frozen=True)
class Size:
    width: Any
    height: Any


# Captcha


@pytest.mark.parametrize("size", [Size(220, 80), Size(80, 30), Size(280, 280)])
async def test_a_captcha_is_a_png_of_exactly_the_size_that_was_asked_for(ada: Mailcode, size: Size) -> None:
    said = (await ada.ask("/public/captcha", width=size.width, height=size.height)).reply.json()
    assert said.keys() == {"Result", "Id", "HashId", "Picture"}
    assert said["Id"] == said["HashId"]
    png = base64.b64decode(said["Picture"], validate=True)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(png[16:20]), int.from_bytes(png[20:24])) == (size.width, size.height)


@pytest.mark.parametrize("size", [Size(79, 80), Size(281, 80), Size(220, 29), Size(220, 281), Size("x", 80), Size("8e1", 80)])
async def test_a_size_out_of_range_is_refused(ada: Mailcode, size: Size) -> None:
    assert not (await ada.ask("/public/captcha", width=size.width, height=size.height)).yes


@pytest.mark.parametrize("changes", [{"mailcode": MailcodeSettings(picture="data-uri")}])
async def test_the_picture_can_come_as_a_data_uri_whose_first_22_characters_a_client_cuts(ada: Mailcode) -> None:
    picture = (await ada.ask("/public/captcha")).reply.json()["Picture"]
    assert picture[:22] == "data:image/png;base64,"
    assert base64.b64decode(picture[22:]).startswith(b"\x89PNG")


async def test_a_captcha_is_spent_by_any_try(ada: Mailcode) -> None:
    captcha = await ada.captcha()
    wrong = await ada.say("/account/mail-register", Email=ADA, Captcha={**captcha, "Value": "no"})
    right = await ada.say("/account/mail-register", Email=ADA, Captcha=captcha)
    assert not wrong.yes
    assert not right.yes
    assert wrong.text == right.text
    assert await ada.town.mails(ADA) == []


async def test_a_captcha_is_told_apart_from_a_password_and_looked_at_first(town: Town) -> None:
    ada = await member(town)
    for email, password in ((ADA, GOOD), (ADA, OTHER), ("nobody@example.com", OTHER)):
        answer = await ada.say("/account/login", Email=email, Password=password, Expiry=60, Captcha={"Id": "x" * 22, "Value": "y"})
        assert not answer.yes
        assert "图形验证码" in answer.text
    password = await ada.log_in(ADA, OTHER)
    assert "图形" not in password.text
    assert password.reply.json()["Captcha"] is True


async def test_case_makes_no_difference_and_hash_id_stands_for_id(ada: Mailcode) -> None:
    captcha = await ada.captcha()
    swapped = {"HashId": captcha["Id"], "Value": captcha["Value"].lower()}
    assert (await ada.say("/account/mail-register", Account=ADA, Captcha=swapped)).yes


async def test_a_form_brings_the_captcha_in_pieces(ada: Mailcode) -> None:
    captcha = await ada.captcha()
    fields = {"Email": ADA, "Captcha.Id": captcha["Id"], "Captcha[Value]": captcha["Value"]}
    assert (await ada.browser.post("/account/mail-register", data=fields)).json() == {"Result": 1}


# Codes


async def test_the_seeds_own_envelope_and_nothing_more(ada: Mailcode) -> None:
    asked = await ada.say("/account/mail-register", Email=ADA, Captcha=await ada.captcha())
    assert asked.reply.json() == {"Result": 1}
    registered = await ada.say("/account/register", Email=ADA, Password=GOOD, Verification=await ada.code(ADA))
    assert registered.reply.json() == {"Result": 1}
    logged = await ada.log_in(ADA, GOOD)
    assert logged.reply.json().keys() == {"Result", "Jwt"}


async def test_messages_come_in_the_language_of_the_field_and_in_english_without_one(ada: Mailcode) -> None:
    for language, word in (("zh-CN", "验证码"), ("zh-Hans", "验证码"), ("en", "picture"), ("fr", "picture"), (None, "picture")):
        fields = {"Email": ADA, "Captcha": {"Id": "x" * 22, "Value": "y"}} | ({"Language": language} if language else {})
        reply = await ada.browser.post("/account/mail-register", json=fields, headers={"Accept-Language": "zh"})
        assert reply.json()["Result"] == 2
        assert word in reply.json()["Message"]


async def test_a_wrong_code_costs_one_of_five_tries(ada: Mailcode) -> None:
    await ada.say("/account/mail-register", Email=ADA, Captcha=await ada.captcha())
    code = await ada.code(ADA)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    for number in range(5):
        other = ada.another(f"203.0.113.{number}")
        assert not (await other.say("/account/register", Email=ADA, Password=GOOD, Verification=wrong)).yes
    assert not (await ada.say("/account/register", Email=ADA, Password=GOOD, Verification=code)).yes


async def test_a_code_may_come_as_a_number_without_its_zeros(ada: Mailcode) -> None:
    for number in range(40):
        email = f"person{number}@example.com"
        await ada.another(f"203.0.113.{number}").say("/account/mail-register", Email=email, Captcha=await ada.another().captcha())
        code = await ada.code(email)
        if code.startswith("0"):
            assert (await ada.say("/account/register", Email=email, Password=GOOD, Verification=int(code))).yes
            return
    raise AssertionError("no code began with a zero")


async def test_a_weak_password_spends_no_code(ada: Mailcode) -> None:
    await ada.say("/account/mail-register", Email=ADA, Captcha=await ada.captcha())
    code = await ada.code(ADA)
    assert not (await ada.say("/account/register", Email=ADA, Password="password1", Verification=code)).yes
    assert (await ada.say("/account/register", Email=ADA, Password=GOOD, Verification=code)).yes
    assert not (await ada.say("/account/register", Email=ADA, Password=GOOD, Verification=code)).yes


async def test_a_taken_address_is_answered_as_a_free_one_and_its_owner_told(town: Town) -> None:
    ada = await member(town)
    town.clock.advance(minutes=2)
    before = await town.mails(ADA)
    free = await ada.another().say("/account/mail-register", Email="nobody@example.com", Captcha=await ada.captcha())
    taken = await ada.another().say("/account/mail-register", Email=ADA, Captcha=await ada.captcha())
    assert taken.reply.content == free.reply.content
    (notice,) = (await town.mails(ADA))[len(before) :]
    assert "203.0.113.9" in notice["text"]


async def test_a_code_takes_an_account_from_who_never_proved_the_address(town: Town) -> None:
    stranger = Maillink(town, town.browser("203.0.113.77"))
    await stranger.register(ADA, "the stranger's own password", phone="13800138000")
    link = await town.link(ADA, "/activate_account")
    ada = await member(town)
    assert (await ada.log_in(ADA, GOOD)).yes
    assert not (await stranger.log_in(ADA, "the stranger's own password")).yes
    assert "链接无效" in (await stranger.browser.get("/activate_account", params=link)).text


async def test_a_reset_code_is_looked_at_without_being_spent_and_works_once(town: Town) -> None:
    ada = await member(town)
    await ada.forget(ADA)
    code = await ada.code(ADA, r"^[2-9a-z]{8}$")
    for _ in range(2):
        assert (await ada.ask("/account/verification-password", verification=code.upper(), language="zh")).text == "验证码有效"
    assert not (await ada.ask("/account/verification-password", verification="zzzzzzzz")).yes
    assert (await ada.reset(ADA, OTHER)).yes
    assert not (await ada.ask("/account/verification-password", verification=code)).yes
    assert not (await ada.reset(ADA, "a third one entirely")).yes
    assert (await ada.log_in(ADA, OTHER)).yes


async def test_reset_codes_cannot_be_swept(town: Town) -> None:
    """One who has 1,000 live codes to hit gets ten looks a minute, each with a chance of 1,000 in 31^8."""
    ada = await member(town)
    await ada.forget(ADA)
    sweeper = ada.another("198.51.100.99")
    answers = [await sweeper.ask("/account/verification-password", verification=f"{number:08}") for number in range(11)]
    assert [answer.reply.status_code for answer in answers] == [200] * 10 + [429]
    assert 10 * 60 * 24 * 1_000 / 31**8 < 1 / 50_000, "a day of one client's looks, with 1,000 codes always live"


async def test_a_code_of_the_one_purpose_is_worth_nothing_for_the_other(town: Town) -> None:
    ada = await member(town)
    await ada.forget(ADA)
    code = await ada.code(ADA, r"^[2-9a-z]{8}$")
    assert not (await ada.say("/account/register", Email=ADA, Password=OTHER, Verification=code)).yes
    await ada.say("/account/mail-register", Email="bob@example.com", Captcha=await ada.captcha())
    other = await ada.code("bob@example.com")
    assert not (await ada.say("/account/password-new", Email="bob@example.com", Password=OTHER, Verification=other)).yes


# JWT


@pytest.mark.parametrize(
    ("expiry", "fits"),
    [(4, False), (5, True), (2_592_000, True), (2_592_001, False), ("60", False), (60.0, False), (True, False), (None, False)],
)
async def test_a_jwt_lives_5_seconds_to_30_days_and_must_be_asked_for(town: Town, expiry: Any, fits: bool) -> None:
    ada = await member(town)
    answer = await ada.say("/account/login", Email=ADA, Password=GOOD, Expiry=expiry, Captcha=await ada.captcha())
    assert answer.yes is fits


async def test_a_form_says_the_lifetime_in_digits(town: Town) -> None:
    ada = await member(town)
    captcha = await ada.captcha()
    fields = {"Email": ADA, "Password": GOOD, "Expiry": "60", "Captcha.Id": captcha["Id"], "Captcha.Value": captcha["Value"]}
    assert (await ada.browser.post("/account/login", data=fields)).json()["Result"] == 1


@pytest.mark.parametrize("changes", [{"mailcode": MailcodeSettings(default_expiry=90)}])
async def test_a_default_stands_in_for_a_client_that_sends_no_lifetime(town: Town) -> None:
    ada = await member(town)
    ada.jwt = (await ada.say("/account/login", Email=ADA, Password=GOOD, Captcha=await ada.captcha())).reply.json()["Jwt"]
    assert await ada.who()
    town.clock.advance(seconds=91)
    assert await ada.who() is None


async def test_a_jwt_dies_with_its_time_a_logout_and_a_reset(town: Town) -> None:
    ada = await logged_in(town, 600)
    other = ada.another()
    other.jwt = ada.jwt
    await ada.log_out()
    assert await other.who() is None
    await ada.log_in(ADA, GOOD, 600)
    await ada.forget(ADA)
    await ada.reset(ADA, OTHER)
    assert await ada.who() is None
    await ada.log_in(ADA, OTHER, 600)
    assert await ada.who()
    town.clock.advance(seconds=601)
    assert await ada.who() is None


async def test_a_storm_of_looks_in_the_last_tenth_brings_one_jwt_and_the_old_ones_logout_ends_it(town: Town) -> None:
    ada = await logged_in(town, 600)
    town.clock.advance(seconds=545)
    looks = await asyncio.gather(*(ada.ask("/user/my") for _ in range(64)))
    assert all(look.yes for look in looks)
    (fresh,) = [jwt for look in looks if (jwt := look.reply.json().get("Jwt"))]
    later = ada.another()
    later.jwt = fresh
    assert await later.who()
    assert (await ada.log_out()).yes
    assert (await later.who(), await ada.who()) == (None, None)


async def test_a_jwt_is_taken_from_a_cookie_too(town: Town) -> None:
    ada = await logged_in(town)
    ada.browser.cookies.set("Jwt", ada.jwt, domain="127.0.0.1")
    ada.jwt = ""
    assert await ada.who()
    foreign = await ada.browser.post("/user/logout", headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
    assert foreign.json()["Result"] == 2
    assert await ada.who(), "another site cannot use the cookie"


async def test_a_fresh_jwt_comes_along_in_the_last_tenth_and_the_old_one_lives_on(town: Town) -> None:
    ada = await logged_in(town, 1_000)
    town.clock.advance(seconds=899)
    assert "Jwt" not in (await ada.ask("/user/my")).reply.json()
    town.clock.advance(seconds=2)
    fresh = (await ada.ask("/user/my")).reply.json()["Jwt"]
    assert await ada.who()
    town.clock.advance(seconds=100)
    assert await ada.who() is None
    ada.jwt = fresh
    assert await ada.who()


async def test_without_a_live_jwt_every_user_call_is_refused(ada: Mailcode) -> None:
    for path in ("/user/language-edit", "/user/authorization-new", "/user/invite-new", "/user/logout"):
        assert (await ada.say(path, Expiry=60)).reply.json()["Result"] == 2
    for path in ("/user/my", "/user/invite-list"):
        assert (await ada.ask(path)).reply.json()["Result"] == 2


async def test_the_language_is_switched_for_the_account_and_its_jwt(town: Town) -> None:
    ada = await logged_in(town)
    said = (await ada.say("/user/language-edit", Language="en")).reply.json()
    ada.jwt = said["Jwt"]
    assert (await ada.ask("/user/my")).reply.json()["Language"] == "en"
    payload = ada.jwt.split(".")[1]
    assert b'"locale":"en"' in base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))


@pytest.mark.parametrize("changes", [{"mailcode": MailcodeSettings(login_captcha="after_failures")}])
async def test_a_captcha_can_be_asked_for_after_failures_only(town: Town) -> None:
    ada = await member(town)

    async def plain(email: str, password: str) -> dict[str, Any]:
        return dict((await ada.say("/account/login", Email=email, Password=password, Expiry=60)).reply.json())

    for email in (ADA, "nobody@example.com"):
        assert [(await plain(email, OTHER)).get("Captcha") for _ in range(2)] == [False, True]
        assert "图形验证码" in (await plain(email, OTHER))["Message"]
    assert (await ada.log_in(ADA, GOOD)).yes
    assert (await plain(ADA, GOOD))["Result"] == 1


NO_CAPTCHA = {"Id": "x" * 22, "Value": "y"}
SPOILED: list[dict[str, Any]] = [
    {"Email": ADA, "Password": OTHER, "Expiry": 1},
    {"Email": ADA, "Password": OTHER},
    {"Email": ADA, "Expiry": 60, "Captcha": {"Id": "x" * 22}},
    {"Email": ADA},
]
"""Logins that fail before any password is judged."""
NOBODY: list[dict[str, Any]] = [{"Email": "nobody", "Password": OTHER, "Expiry": 60}, {"Password": OTHER, "Expiry": 60}, {}]


async def told(ada: Mailcode, fields: dict[str, Any]) -> bool | None:
    said: dict[str, Any] = (await ada.say("/account/login", **fields)).reply.json()
    assert said["Result"] == 2
    return said.get("Captcha")


@pytest.mark.parametrize(("changes", "demanded"), [({"mailcode": MailcodeSettings(login_captcha="never")}, False), ({}, True)])
async def test_every_failed_login_says_whether_the_next_one_takes_a_captcha(town: Town, demanded: bool) -> None:
    """Contract, M24: also one that fails by its captcha, or whose fields cannot be read."""
    ada = await member(town)
    wrong = {"Password": OTHER, "Expiry": 60}
    tries = [{"Email": ADA, **wrong}, {"Email": ADA, **wrong, "Captcha": NO_CAPTCHA}, {"Email": "nobody@example.com", **wrong}]
    for fields in [*tries, *SPOILED, *NOBODY]:
        assert await told(ada, fields) is demanded, fields
    twice = await ada.browser.post("/account/login", content=b'{"Email":"a@example.com","Email":"b@example.com"}')
    assert twice.json()["Captcha"] is demanded


@pytest.mark.parametrize("changes", [{"mailcode": MailcodeSettings(login_captcha="after_failures")}])
async def test_where_failures_ask_for_a_captcha_every_failed_login_says_so(town: Town) -> None:
    ada = await member(town)
    assert [await told(ada, fields) for fields in [*SPOILED, *NOBODY]] == [False] * 7
    wrong = {"Email": ADA, "Password": OTHER, "Expiry": 60}
    assert [await told(ada, wrong) for _ in range(2)] == [False, True]
    for fields in [*SPOILED, wrong, {**wrong, "Captcha": NO_CAPTCHA}]:
        assert await told(ada, fields) is True, fields
    assert [await told(ada, fields) for fields in NOBODY] == [False] * 3


async def test_a_login_past_its_limit_says_so_too(town: Town) -> None:
    ada = await member(town)
    answers = [(await ada.say("/account/login", Email=ADA, Password=OTHER, Expiry=60)).reply for _ in range(12)]
    assert [reply.status_code for reply in answers][-1] == 429
    assert all(reply.json()["Captcha"] is True for reply in answers)


async def test_a_registration_without_a_language_is_refused_and_spends_nothing(ada: Mailcode) -> None:
    """The seed's table has it (contract, M18)."""
    await ada.say("/account/mail-register", Email=ADA, Captcha=await ada.captcha())
    fields = {"Email": ADA, "Password": GOOD, "Verification": await ada.code(ADA)}
    bare = await ada.browser.post("/account/register", json=fields)
    assert bare.json()["Result"] == 2
    assert "Language" in bare.json()["Message"]
    assert (await ada.browser.post("/account/register", json={**fields, "Language": "en"})).json() == {"Result": 1}


# One-time authorisation


async def link(ada: Mailcode, expiry: int = 600) -> str:
    said = (await ada.say("/user/authorization-new", Expiry=expiry)).reply.json()
    assert said["Expiry"] == 300
    assert said["Url"].startswith("http://127.0.0.1:8000/login?authorization=")
    return str(said["Url"].partition("=")[2])


@pytest.mark.parametrize("path", ["/account/login", "/login"])
async def test_a_pasted_link_logs_a_native_client_in_once(town: Town, path: str) -> None:
    ada = await logged_in(town)
    token = await link(ada, 60)
    client = ada.another()
    assert (await client.browser.head(path, params={"authorization": token})).content == b""
    await client.browser.get(path, params={"authorization": token}, headers={"Sec-Purpose": "prefetch"})
    client.jwt = (await client.ask(path, authorization=token)).reply.json()["Jwt"]
    assert (await client.who() or {})["email"] == ADA
    assert not (await ada.another().ask(path, authorization=token)).yes
    town.clock.advance(seconds=61)
    assert await client.who() is None, "the lifetime that was chosen when the link was made"


async def test_a_link_is_over_after_5_minutes_and_with_a_new_password(town: Town) -> None:
    ada = await logged_in(town)
    late, changed = await link(ada), await link(ada)
    await ada.forget(ADA)
    await ada.reset(ADA, OTHER)
    assert not (await ada.another().ask("/account/login", authorization=changed)).yes
    town.clock.advance(minutes=5)
    assert not (await ada.another().ask("/account/login", authorization=late)).yes


async def test_of_a_hundred_racing_redeems_one_gets_a_jwt(town: Town) -> None:
    ada = await logged_in(town)
    token = await link(ada)
    racers = [ada.another(f"203.0.113.{number}") for number in range(100)]
    answers = await asyncio.gather(*(racer.ask("/account/login", authorization=token) for racer in racers))
    assert [answer.yes for answer in answers].count(True) == 1


async def test_a_browser_is_asked_first_and_told_whose_account_it_is(town: Town) -> None:
    ada = await logged_in(town)
    token = await link(ada)
    browser = town.browser("203.0.113.9")
    html = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
    page = await browser.get("/login", params={"authorization": token}, headers=html)
    assert ADA in page.text
    assert "确认登录" in page.text
    assert "Log in here?" in (await browser.get("/login", params={"authorization": token}, headers={**html, "Accept-Language": "en"})).text
    assert "lingpai_session" not in browser.cookies
    foreign = await browser.post("/page/authorization", data={"authorization": token}, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    done = await browser.post("/page/authorization", data={"authorization": token}, headers={"Sec-Fetch-Site": "same-origin"})
    assert (done.status_code, done.headers["location"]) == (303, "/me")
    assert (await Maillink(town, browser).who() or {})["email"] == ADA
    again = await browser.post("/page/authorization", data={"authorization": token})
    assert "登录链接无效" in again.text or "does not work" in again.text


async def test_a_link_for_longer_than_its_makers_own_time_is_refused_in_words_but_for_a_young_login(town: Town) -> None:
    ada = await logged_in(town)
    assert await link(ada, 30 * 86_400)
    town.clock.advance(minutes=10)
    refused = (await ada.say("/user/authorization-new", Expiry=86_400)).reply.json()
    assert (refused["Result"], "重新登录" in refused["Message"]) == (2, True)
    assert await link(ada, 86_400 - 600)


async def test_a_login_by_a_link_makes_no_link_and_no_browser_known_and_its_cookie_lasts_as_long_as_was_chosen(town: Town) -> None:
    ada = await logged_in(town)
    client = ada.another()
    client.jwt = (await client.ask("/account/login", authorization=await link(ada))).reply.json()["Jwt"]
    refused = (await client.say("/user/authorization-new", Expiry=60)).reply.json()
    assert (refused["Result"], "一次性链接" in refused["Message"]) == (2, True)
    browser = town.browser("203.0.113.9")
    opened = await browser.post("/page/authorization", data={"authorization": await link(ada)})
    (cookie,) = opened.headers.get_list("set-cookie")
    assert cookie.startswith("lingpai_session=")
    assert "Max-Age=600;" in cookie
    assert 'href="/me/link"' not in (await browser.get("/me", headers={"Accept": "text/html"})).text
    assert 'action="/page/me/login-link"' not in (await browser.get("/me/link", headers={"Accept": "text/html"})).text


async def test_five_links_give_a_thief_no_further_tries_at_the_password(town: Town) -> None:
    """Each known browser has ten tries a minute of its own."""
    ada = await logged_in(town)
    wrong = 0
    for number in range(5):
        browser = town.browser(f"203.0.113.{number + 10}")
        await browser.post("/page/authorization", data={"authorization": await link(ada)})
        thief = Mailcode(town, browser)
        for _ in range(5):
            wrong += (await thief.log_in(ADA, OTHER)).reply.status_code == 200
    assert wrong == 9, "all of them together, after her own login"


async def test_a_link_opened_where_one_is_logged_in_already_is_spent_and_that_session_stays(town: Town) -> None:
    ada = await logged_in(town)
    browser = town.browser("203.0.113.9")
    await Maillink(town, browser).log_in(ADA, GOOD)
    before, token = browser.cookies["lingpai_session"], await link(ada)
    done = await browser.post("/page/authorization", data={"authorization": token})
    assert (done.status_code, done.headers["location"], done.headers.get("set-cookie")) == (303, "/me", None)
    assert (await Maillink(town, browser).who() or {})["email"] == ADA
    assert browser.cookies["lingpai_session"] == before
    again = await browser.post("/page/authorization", data={"authorization": token})
    assert "登录链接无效" in again.text or "does not work" in again.text


# Invites


async def code_of(town: Town, uses: int = 1) -> str:
    return await invites.issue(town.house.services, "main", uses, None)


async def test_an_invite_is_optional_and_a_wrong_one_refused(ada: Mailcode) -> None:
    refused = await ada.register(ADA, GOOD, Invite="nosuchinvite")
    assert not refused.yes
    assert "邀请码" in refused.text
    code = await ada.code(ADA)
    assert (await ada.say("/account/register", Email=ADA, Password=GOOD, Verification=code)).yes, "neither of the two was spent"


@pytest.mark.parametrize("changes", [{"invites": Invites(policy="required")}])
async def test_a_realm_can_require_an_invite_in_every_dialect(town: Town) -> None:
    ada, code = Mailcode(town), await code_of(town)
    assert not (await ada.register(ADA, GOOD)).yes
    assert (await ada.say("/account/register", Email=ADA, Password=GOOD, Verification=await ada.code(ADA), Invite=code)).yes
    bob = Maillink(town)
    refused = await bob.register("bob@example.com", GOOD)
    assert not refused.yes
    assert "邀请码" in refused.text
    extra = await bob.say("/register", email="bob@example.com", password=GOOD, invite=await code_of(town))
    assert extra.yes


@pytest.mark.parametrize("changes", [{"realms": {"main": Realm(invites=RealmInvites(policy="closed"))}}])
async def test_a_closed_realm_takes_nobody(town: Town) -> None:
    assert not (await Mailcode(town).register(ADA, GOOD, Invite=await code_of(town))).yes
    assert not (await Maillink(town).register(ADA, GOOD)).yes
    assert await town.mails(ADA) == []


@pytest.mark.parametrize("changes", [{"invites": Invites(initial=1)}])
async def test_an_account_gives_the_invites_it_has_and_sees_them_used(town: Town) -> None:
    ada = await logged_in(town)
    code = (await ada.say("/user/invite-new")).reply.json()["Invite"]
    assert not (await ada.say("/user/invite-new")).yes, "it had one"
    listed = (await ada.ask("/user/invite-list")).reply.json()
    assert (listed["Left"], [(item["Invite"], item["Used"]) for item in listed["Items"]]) == (0, [(code, False)])
    bob = ada.another()
    assert (await bob.register("bob@example.com", GOOD, Invite=code)).yes
    assert (await ada.ask("/user/invite-list")).reply.json()["Items"][0]["Used"] is True
    assert not (await ada.another("203.0.113.10").register("eve@example.com", GOOD, Invite=code)).yes


# The other captchas


def solve(challenge: dict[str, Any]) -> str:
    """As a browser does."""
    asked = altcha.Challenge.from_dict(challenge)
    found = altcha.solve_challenge(asked)
    assert found
    return altcha.Payload(asked, found).to_base64()


async def test_a_spoken_captcha_serves_who_cannot_see(ada: Mailcode) -> None:
    said = (await ada.ask("/public/captcha", kind="spoken", language="zh")).reply.json()
    assert base64.b64decode(said["Sound"]).startswith(b"RIFF")
    digits = (await ada.browser.get(f"/dev/captcha/{said['Id']}")).json()["answer"]
    assert (await ada.say("/account/mail-register", Email=ADA, Captcha={"Id": said["Id"], "Value": digits})).yes


@pytest.mark.parametrize("changes", [{"captcha": CaptchaSettings(pow=False)}])
async def test_work_is_offered_unless_the_setting_says_otherwise(ada: Mailcode) -> None:
    assert not (await ada.ask("/public/captcha", kind="work")).yes
    assert not (await ada.ask("/public/captcha", kind="riddle")).yes


@pytest.mark.parametrize("changes", [{"captcha": CaptchaSettings(pow=True, pow_cost=100)}])
async def test_work_that_is_done_passes_once(ada: Mailcode) -> None:
    said = (await ada.ask("/public/captcha", kind="work")).reply.json()
    solved = {"Id": said["Id"], "Value": solve(said["Challenge"])}
    assert (await ada.say("/account/mail-register", Email=ADA, Captcha=solved)).yes
    assert not (await ada.say("/account/mail-password", Email=ADA, Captcha=solved)).yes
