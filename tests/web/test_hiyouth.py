"""hiyouth as the contract's table has it, row by row, and what it defends."""

import asyncio
import io
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import structlog

from fakes import FakeChance
from lingpai.cli import logs
from lingpai.core import rules, words
from lingpai.guard.throttling.rates import RateLimiter
from lingpai.settings.written import Log
from lingpai.store import accounts, audit
from lingpai.web.dialects import hiyouth
from lingpai.web.dialects.hiyouth.settings import HiyouthSettings
from web.people import member
from web.speakers import Hiyouth, Maillink
from web.town import PUBLIC_URL, Town

ADA, BOB = "ada@example.com", "bob@example.com"
GOOD, OTHER = "correct horse battery", "a staple of another kind"
PHONE, E164 = "13800138000", "+8613800138000"
TAKEN = {"code": 0, "info": "已经存在该用户信息"}
NOT_REGISTERED = "注册验证失败，前端注意再次发送验证码，间隔时间请把握好！"
NO_MAIL = {"code": -1, "info": "无法找到该用户邮箱信息，请点击再次发送邮件验证"}
CROSS = {"Sec-Fetch-Site": "cross-site"}
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HIDDEN = {"hiyouth": HiyouthSettings(reveal_accounts=False)}
BY_PHONE = {"type": "member", "option": "mobile"}


@pytest.fixture
def database_kind() -> str:
    """What each database does for it is tested below the doors, and in test_realms.py."""
    return "sqlite"


@pytest.fixture
def ada(town: Town) -> Hiyouth:
    return Hiyouth(town)


def said(reply: httpx.Response) -> dict[str, Any]:
    """The envelope, once it is sure that it is one."""
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json; charset=utf-8")
    told: dict[str, Any] = reply.json()
    assert told.keys() - {"data"} == {"code", "info"}
    return told


async def proved(ada: Hiyouth, email: str = ADA, password: str = GOOD) -> int:
    """Registers and verifies; returns the number."""
    number: int = (await ada.register(email, password)).reply.json()["data"]["id"]
    assert said(await ada.prove(email))["code"] == 1
    return number


async def by_phone(ada: Hiyouth, phone: str = PHONE, password: str = GOOD) -> int:
    """Registers by SMS; returns the number."""
    assert (await ada.say("Register", type=ada.role, option="mobile", account=phone, pwd=password)).yes
    done = await ada.say("Register", type=ada.role, option="mobile", verid=await ada.code(E164))
    assert done.yes, done.text
    return int(done.reply.json()["data"]["id"])


# Register by mail, EmailVer


async def test_a_member_registers_by_mail_verifies_and_logs_in(ada: Hiyouth) -> None:
    told = said((await ada.register(ADA, GOOD)).reply)
    number = told["data"]["id"]
    assert told == {"code": 1, "info": "邮件发送成功", "data": {"id": number}}
    assert isinstance(number, int)
    assert said(await ada.prove(ADA)) == {"code": 1, "info": "义工邮箱验证成功", "data": {"id": number, "email": ADA}}
    again = {"code": 1, "info": "义工邮箱验证成功", "data": {"id": number, "email": ADA}}
    assert said(await ada.prove(ADA)) == again, "answered alike within its 24 hours (contract, H29)"
    told = said((await ada.log_in(ADA, GOOD)).reply)
    assert told == {"code": 1, "info": "登录成功", "data": {"id": number}}
    assert said(await ada.browser.get("/api/getUserInfo"))["data"] == {
        "id": number,
        "type": "member",
        "n": "a***@example.com",
        "t": "0",
        "h": "",
        "pushsize": 0,
    }
    assert said((await ada.another().register(ADA, GOOD)).reply) == TAKEN


async def test_a_boss_is_told_so(town: Town) -> None:
    boss = Hiyouth(town, role="boss")
    await boss.register(ADA, GOOD)
    assert said(await boss.prove(ADA))["info"] == "老板邮箱验证成功"
    assert said((await boss.log_in(BOB, GOOD)).reply) == {"code": 0, "info": "该用户没有注册老板账号"}
    await boss.log_in(ADA, GOOD)
    person = said(await boss.browser.get("/api/getUserInfo"))["data"]
    assert (person["type"], person["t"]) == ("boss", "1")


@pytest.mark.parametrize("kind", ["json", "form", "query"])
async def test_every_way_of_sending_says_the_same(ada: Hiyouth, kind: str) -> None:
    fields = {"type": "member", "option": "email", "account": ADA, "pwd": GOOD}
    send: dict[str, Callable[[str], Any]] = {
        "json": lambda path: ada.browser.post(path, json=fields),
        "form": lambda path: ada.browser.post(path, data=fields),
        "query": lambda path: ada.browser.get(path, params=fields),
    }
    assert said(await send[kind]("/api/Register"))["info"] == "邮件发送成功"
    assert said(await send[kind]("/api/Login"))["data"]["warning"] == "邮箱号未验证！！！"


async def test_registering_again_keeps_the_number_and_the_first_password(ada: Hiyouth) -> None:
    first = said((await ada.register(ADA, GOOD)).reply)
    early = said((await ada.another().register(ADA, OTHER)).reply)
    assert early["code"] == -1
    assert "60 秒" in early["info"]
    ada.town.clock.advance(seconds=61)
    assert said((await ada.another().register(ADA, GOOD)).reply) == first
    await ada.prove(ADA)
    assert (await ada.log_in(ADA, OTHER)).text == "密码错误"
    assert (await ada.log_in(ADA, GOOD)).yes


async def test_the_link_holds_no_address_and_what_is_not_ours_opens_nothing(ada: Hiyouth) -> None:
    await ada.register(ADA, GOOD)
    link = await ada.town.link(ADA, "/api/EmailVer")
    assert link.keys() == {"option", "emailname"}
    word = link["emailname"]
    assert re.fullmatch(r"[a-z2-7]+", word)
    assert "ada" not in word
    other = word[:60] + ("b" if word[60] == "a" else "a") + word[61:]
    for wrong in (other, word[:40], "x", "=", "a" * 1_024, ADA, "é", word + "a" * 8):
        assert said(await ada.browser.get("/api/EmailVer", params={"option": "ver", "emailname": wrong})) == NO_MAIL, wrong
    assert (await ada.log_in(ADA, GOOD)).reply.json()["data"].keys() == {"id", "warning"}
    assert said(await ada.browser.get("/api/EmailVer", params={**link, "type": "boss"})) == NO_MAIL, "of the other realm"
    ada.town.clock.advance(hours=25)
    assert said(await ada.browser.get("/api/EmailVer", params=link)) == NO_MAIL, "expired"


@pytest.mark.parametrize("headers", [{"Sec-Purpose": "prefetch"}, {"Purpose": "preview"}, {"X-Moz": "prefetch"}])
async def test_looking_ahead_verifies_nothing(ada: Hiyouth, headers: dict[str, str]) -> None:
    await ada.register(ADA, GOOD)
    link = await ada.town.link(ADA, "/api/EmailVer")
    assert said(await ada.browser.get("/api/EmailVer", params=link, headers=headers))["code"] == -1
    assert (await ada.browser.head("/api/EmailVer", params=link)).content == b""
    page = await ada.browser.get("/api/EmailVer", params=link, headers={"Accept": "text/html", **headers})
    assert "/page/verify" in page.text
    assert "warning" in (await ada.log_in(ADA, GOOD)).reply.json()["data"]
    pressed = await ada.browser.post("/page/verify", data={"emailname": link["emailname"]})
    assert "义工邮箱验证成功" in pressed.text
    assert "warning" not in (await ada.log_in(ADA, GOOD)).reply.json()["data"]


async def test_a_mailed_link_opens_from_any_site(ada: Hiyouth) -> None:
    """A webmail's page is another site; the link stands on its token (contract, rule 11)."""
    await ada.register(ADA, GOOD)
    await ada.log_in(ADA, GOOD)
    link = await ada.town.link(ADA, "/api/EmailVer")
    assert said(await ada.browser.get("/api/EmailVer", params=link, headers=CROSS))["code"] == 1
    resend = {"option": "resend", "emailname": ADA}
    assert said(await ada.browser.get("/api/EmailVer", params=resend, headers=CROSS))["code"] == -1


async def test_a_browser_gets_a_page_with_when_and_from_where_and_a_way_out(ada: Hiyouth) -> None:
    boss = Hiyouth(ada.town, ada.town.browser("203.0.113.77"), role="boss")
    made = words.date_time(ada.town.clock.now(), "zh-Hans")
    await boss.register(ADA, GOOD)
    mail = (await ada.town.mails(ADA))[-1]
    boss.browser.headers["Accept"] = "text/html,application/xhtml+xml,*/*;q=0.8"
    page = await boss.prove(ADA)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for shown in (mail["text"], page.text):
        assert made in shown
        assert "203.0.113.77" in shown
    assert "/forgot?type=boss&email=" in mail["text"]
    assert "/forgot?type=boss&amp;email=" in page.text
    assert "老板邮箱验证成功" in page.text
    bad = await boss.browser.get("/api/EmailVer", params={"option": "ver", "emailname": "x"})
    assert "/page/verify/again" in bad.text
    cut = await boss.browser.get("/api/EmailVer", params={"option": "ver"})
    assert "/page/verify/again" in cut.text


async def test_the_page_for_a_bad_link_mails_another_wherever_the_address_waits(ada: Hiyouth) -> None:
    await Hiyouth(ada.town, role="boss").register(ADA, GOOD)
    ada.town.clock.advance(seconds=61)
    faces = []
    for email in (ADA, "abc@example.com"):
        page = await ada.browser.post("/page/verify/again", data={"email": email})
        faces.append(page.text.replace(email, "…"))
    assert re.sub(r"\w{16}", "", faces[0]) == re.sub(r"\w{16}", "", faces[1])
    assert len(await ada.town.mails(ADA)) == 2
    assert said(await ada.prove(ADA))["info"] == "老板邮箱验证成功"
    assert (await ada.browser.post("/page/verify/again", data={"email": "nonsense"})).status_code == 422


async def test_a_mail_is_sent_again_and_the_call_always_succeeds(ada: Hiyouth) -> None:
    await ada.register(ADA, GOOD)
    always = {"code": 1, "info": "注册邮件发送成功"}
    for email in (ADA, BOB, ADA):
        assert said((await ada.say("EmailVer", option="resend", emailname=email)).reply) == always
    assert len(await ada.town.mails(ADA)) == 1, "within the interval nothing is sent"
    old = await ada.town.link(ADA, "/api/EmailVer")
    ada.town.clock.advance(seconds=61)
    assert said((await ada.say("EmailVer", option="resend", emailname=ADA, type="member")).reply) == always
    assert len(await ada.town.mails(ADA)) == 2
    assert said(await ada.browser.get("/api/EmailVer", params=old)) == NO_MAIL, "the newest link stands"
    assert said(await ada.prove(ADA))["code"] == 1
    ada.town.clock.advance(seconds=61)
    assert said((await ada.say("EmailVer", option="resend", emailname=ADA)).reply) == always
    assert len(await ada.town.mails(ADA)) == 2, "there is nothing to verify any more"


async def test_resending_is_limited_for_a_client_and_not_told_for_an_address(town: Town) -> None:
    await Hiyouth(town).register(ADA, GOOD)
    for number in range(7):
        town.clock.advance(seconds=61)
        browser = town.browser(f"203.0.113.{number}")
        assert said(await browser.get("/api/EmailVer", params={"option": "resend", "emailname": ADA}))["code"] == 1
    assert len(await town.mails(ADA)) == 4, "five an hour, of which one is kept for a reset"
    browser, statuses = town.browser("192.0.2.1"), []
    for number in range(21):
        reply = await browser.get("/api/EmailVer", params={"option": "resend", "emailname": f"person{number}@example.com"})
        statuses.append(reply.status_code)
    assert statuses == [200] * 20 + [429]


async def test_of_racing_programs_one_verifies_and_all_are_told_alike(ada: Hiyouth) -> None:
    number = (await ada.register(ADA, GOOD)).reply.json()["data"]["id"]
    link = await ada.town.link(ADA, "/api/EmailVer")
    told = await asyncio.gather(*(ada.another(f"203.0.113.{number}").browser.get("/api/EmailVer", params=link) for number in range(20)))
    assert [said(reply)["code"] for reply in told] == [1] * 20
    trail = await audit.of(ada.town.house.services.store, account_id=number, limit=50)
    assert [each.event for each in trail].count("activate") == 1


async def test_a_page_that_is_opened_again_says_that_the_address_is_verified_already(ada: Hiyouth) -> None:
    """Contract, H29."""
    await ada.register(ADA, GOOD)
    link = await ada.town.link(ADA, "/api/EmailVer")
    pages = [(await ada.another().browser.get("/api/EmailVer", params=link, headers=HTML)).text for _ in range(2)]
    assert "义工邮箱验证成功" in pages[0]
    assert "义工邮箱之前已经验证" in pages[1]
    assert "义工邮箱验证成功" not in pages[1]


@pytest.mark.parametrize("path", ["/api/EmailVer", "/api/emailver"])
async def test_a_path_in_small_letters_is_taken_too(ada: Hiyouth, path: str) -> None:
    """A mail program has lowered the whole link (contract, H28)."""
    await ada.register(ADA, GOOD)
    link = await ada.town.link(ADA, "/api/EmailVer")
    opened = await ada.another().browser.get(path, params=link, headers=HTML | CROSS)
    assert "义工邮箱验证成功" in opened.text


@pytest.mark.parametrize("path", ["/api/EmailVer", "/api/emailver"])
@pytest.mark.parametrize(
    "query", ["option=ver&option=ver&emailname=x", "option=verr&emailname=x", "emailname=x", "option=ver&emailname=%00"]
)
async def test_a_link_whose_query_cannot_be_read_is_a_page_for_a_person(ada: Hiyouth, path: str, query: str) -> None:
    """Contract, 1.4; a program gets the envelope."""
    page = await ada.browser.get(f"{path}?{query}", headers=HTML)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1" in page.text
    assert said(await ada.browser.get(f"{path}?{query}"))["code"] == -1


async def test_a_link_is_a_page_for_a_person_when_the_client_has_asked_too_often(ada: Hiyouth) -> None:
    for _ in range(11):
        page = await ada.browser.get("/api/EmailVer?option=ver&emailname=" + "a" * 40, headers=HTML)
        assert page.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("changes", [{"hiyouth": HiyouthSettings(activation="confirm")}])
async def test_a_link_may_ask_for_a_click_first(ada: Hiyouth) -> None:
    """A mail scanner opens links, whatever it says that it accepts (contract, H34)."""
    await ada.register(ADA, GOOD)
    link = await ada.town.link(ADA, "/api/EmailVer")
    asked = await ada.another().browser.get("/api/EmailVer", params=link, headers=HTML)
    assert "/page/verify" in asked.text
    assert said(await ada.another().browser.get("/api/EmailVer", params=link)) == {
        "code": -1,
        "info": "请用浏览器打开邮件中的链接，并点击确认",
    }
    assert "warning" in (await ada.another().log_in(ADA, GOOD)).reply.json()["data"]
    pressed = await ada.another().browser.post("/page/verify", data={"emailname": link["emailname"]})
    assert "义工邮箱验证成功" in pressed.text
    assert "warning" not in (await ada.another().log_in(ADA, GOOD)).reply.json()["data"]
    assert said(await ada.another().browser.get("/api/EmailVer", params=link))["code"] == 1, "alike, once it is verified"


@pytest.mark.parametrize("changes", [{"hiyouth": HiyouthSettings(activation="confirm")}])
async def test_a_program_clicks_by_post(ada: Hiyouth) -> None:
    await ada.register(ADA, GOOD)
    link = await ada.town.link(ADA, "/api/EmailVer")
    assert said(await ada.browser.post("/api/EmailVer", json=link))["code"] == 1


HOMES = [HiyouthSettings(home="/index.html"), HiyouthSettings(home="https://www.example.com/members")]


@pytest.mark.parametrize("changes", [{"hiyouth": home} for home in HOMES])
async def test_a_browser_is_led_home_after_the_proof_and_the_logout(ada: Hiyouth, changes: dict[str, HiyouthSettings]) -> None:
    """Contract, H53."""
    home = changes["hiyouth"].home
    await ada.register(ADA, GOOD)
    link = await ada.town.link(ADA, "/api/EmailVer")
    page = await ada.browser.get("/api/EmailVer", params=link, headers=HTML)
    assert f'href="{home}"' in page.text
    await ada.log_in(ADA, GOOD)
    led = await ada.browser.get("/api/cancelLogin", headers=HTML)
    assert (led.status_code, led.headers["location"]) == (303, home)


async def test_a_boss_who_logs_out_is_led_to_the_bosses_login(town: Town) -> None:
    """Without a home, to the login page of their own realm."""
    boss = Hiyouth(town, role="boss")
    await proved(boss)
    await boss.log_in(ADA, GOOD)
    led = await boss.browser.get("/api/cancelLogin", headers=HTML)
    assert (led.status_code, led.headers["location"]) == (303, "/login?type=boss")


async def test_a_link_is_the_same_proof_in_whichever_dialect(ada: Hiyouth) -> None:
    mate = Maillink(ada.town)
    await mate.register(ADA, GOOD)
    link = await ada.town.link(ADA, "/activate_account")
    word = ada.town.house.services.sealed_links.seal("main", ADA, link["vcode"])
    assert said(await ada.browser.get("/api/EmailVer", params={"option": "ver", "emailname": word}))["info"] == "义工邮箱验证成功"
    assert (await ada.log_in(ADA, GOOD)).yes


# Register by phone


@pytest.mark.parametrize("more", [{}, {"account": PHONE}, {"account": E164}, {"pwd": GOOD}, {"pwd": ""}])
async def test_a_phone_registers_in_two_steps(ada: Hiyouth, more: dict[str, str]) -> None:
    first = await ada.say("Register", **BY_PHONE, account=PHONE, pwd=GOOD)
    assert said(first.reply) == {"code": 1, "info": "验证码发送成功"}
    done = said((await ada.say("Register", **BY_PHONE, verid=await ada.code(E164), **more)).reply)
    number = done["data"]["id"]
    assert done == {"code": 1, "info": "注册成功", "data": {"id": number}}
    assert (await ada.who() or {})["id"] == number, "logged in"
    other = ada.another()
    login = said((await other.say("Login", **BY_PHONE, account=PHONE, pwd=GOOD)).reply)
    assert login == {"code": 1, "info": "登录成功", "data": {"id": number}}
    assert said((await other.say("Register", **BY_PHONE, account=PHONE, pwd=GOOD)).reply) == TAKEN


async def test_a_client_without_cookies_sends_everything_in_the_second_step(town: Town) -> None:
    assert (await Hiyouth(town).say("Register", **BY_PHONE, account=PHONE)).yes
    bare = Hiyouth(town).another()
    code = await bare.code(E164)
    assert "账号" not in (await bare.say("Register", **BY_PHONE, verid=code, pwd=GOOD)).text
    assert not (await bare.say("Register", **BY_PHONE, verid=code, pwd=GOOD)).yes, "whose code is it"
    assert not (await bare.say("Register", **BY_PHONE, verid=code, account=PHONE)).yes, "a password is needed"
    assert (await bare.say("Register", **BY_PHONE, verid=code, account=PHONE, pwd=GOOD)).yes


async def test_the_second_steps_password_wins(ada: Hiyouth) -> None:
    await ada.say("Register", **BY_PHONE, account=PHONE, pwd=GOOD)
    assert (await ada.say("Register", **BY_PHONE, verid=await ada.code(E164), pwd=OTHER)).yes
    assert (await ada.say("Login", **BY_PHONE, account=PHONE, pwd=GOOD)).text == "密码错误"
    assert (await ada.say("Login", **BY_PHONE, account=PHONE, pwd=OTHER)).yes


async def test_a_code_may_come_as_a_number_and_without_its_zeros(ada: Hiyouth) -> None:
    await ada.say("Register", **BY_PHONE, account=PHONE, pwd=GOOD)
    code = await ada.code(E164)
    assert (await ada.post("Register", **BY_PHONE, verid=int(code))).yes


class Zeros(FakeChance):
    """Draws codes that begin with zeros."""

    def code(self, length: int, alphabet: str = "0123456789") -> str:
        return "00" + super().code(length - 2, alphabet)


@pytest.mark.parametrize("chance", [Zeros()])
@pytest.mark.parametrize(("changes", "length"), [({"hiyouth": HiyouthSettings(code_length=4)}, 4), ({}, 6)])
async def test_a_code_without_its_zeros_gets_them_back(ada: Hiyouth, length: int) -> None:
    """The original web client sends `parseInt`, and insists on 4 digits, of what `findpwd` mails as well (contract, H25 and H26)."""
    await ada.say("Register", **BY_PHONE, account=PHONE, pwd=GOOD)
    short = str(int(await ada.code(E164, length)))
    assert len(short) <= length - 2
    assert (await ada.post("Register", **BY_PHONE, verid=short)).yes
    await ada.say("findpwd", **BY_PHONE, account=PHONE)
    assert (await ada.post("findpwd", option="mobile", verid=int(await ada.code(E164, length)), newpwd=OTHER)).yes
    await proved(ada)
    await ada.forget(ADA)
    assert (await ada.post("findpwd", option="email", verid=int(await ada.code(ADA, length)), newpwd=OTHER)).yes


@pytest.mark.parametrize("changes", [{"hiyouth": HiyouthSettings(code_length=4)}])
async def test_another_dialect_of_the_realm_sends_six_digits_all_the_same(ada: Hiyouth) -> None:
    """A code is as long as the client takes that asks for it, whomever it goes to."""
    await proved(ada)
    await ada.browser.post("/session/Forget_pass_send", data={"EmailAccount": ADA})
    assert re.search(r"\n[0-9]{6}\n", (await ada.town.mails(ADA))[-1]["text"])


async def test_five_wrong_codes_burn_it(ada: Hiyouth) -> None:
    await ada.say("Register", **BY_PHONE, account=PHONE, pwd=GOOD)
    code = await ada.code(E164)
    wrong = "000000" if code != "000000" else "111111"
    for _ in range(5):
        assert said((await ada.say("Register", **BY_PHONE, verid=wrong)).reply) == {"code": -1, "info": NOT_REGISTERED}
    assert said((await ada.say("Register", **BY_PHONE, verid=code)).reply) == {"code": -1, "info": NOT_REGISTERED}


async def test_a_code_is_over_after_ten_minutes(ada: Hiyouth) -> None:
    await ada.say("Register", **BY_PHONE, account=PHONE, pwd=GOOD)
    code = await ada.code(E164)
    ada.town.clock.advance(minutes=10, seconds=1)
    assert not (await ada.say("Register", **BY_PHONE, verid=code, account=PHONE, pwd=GOOD)).yes


async def test_another_phone_than_the_browsers_own_is_refused(ada: Hiyouth) -> None:
    second = "13800138001"
    await ada.another().say("Register", **BY_PHONE, account=second, pwd=GOOD)
    others = await ada.code(f"+86{second}")
    await ada.say("Register", **BY_PHONE, account=PHONE, pwd=GOOD)
    told = await ada.say("Register", **BY_PHONE, account=second, verid=others, pwd=OTHER)
    assert said(told.reply) == {"code": -1, "info": NOT_REGISTERED}
    assert (await ada.say("Register", **BY_PHONE, verid=await ada.code(E164))).yes


async def test_a_foreign_browser_has_no_part_in_a_draft(ada: Hiyouth) -> None:
    """Neither its phone nor its password, also with the cookie that the browser had before: it is another one from then on."""
    ada.browser.cookies.set("lingpai_visit", "v" * 43, domain="127.0.0.1")
    await ada.say("Register", **BY_PHONE, account=PHONE, pwd=GOOD)
    code = await ada.code(E164)
    eve = ada.another()
    eve.browser.cookies.set("lingpai_visit", "v" * 43)
    assert not (await eve.say("Register", **BY_PHONE, verid=code)).yes
    assert not (await eve.say("Register", **BY_PHONE, verid=code, account=PHONE)).yes
    assert (await ada.say("Register", **BY_PHONE, verid=code)).yes


async def test_a_weak_password_in_either_step_spends_nothing(ada: Hiyouth) -> None:
    assert not (await ada.say("Register", **BY_PHONE, account=PHONE, pwd="password")).yes
    assert await ada.town.mails(E164) == []
    assert (await ada.say("Register", **BY_PHONE, account=PHONE)).yes
    code = await ada.code(E164)
    assert not (await ada.say("Register", **BY_PHONE, verid=code, pwd="password")).yes
    assert (await ada.say("Register", **BY_PHONE, verid=code, pwd=GOOD)).yes


async def test_a_code_within_the_interval_is_refused_in_words_and_the_first_lives_on(ada: Hiyouth) -> None:
    await ada.say("Register", **BY_PHONE, account=PHONE, pwd=GOOD)
    early = await ada.say("Register", **BY_PHONE, account=PHONE, pwd=OTHER)
    assert "60 秒" in early.text
    assert (await ada.say("Register", **BY_PHONE, verid=await ada.code(E164))).yes
    assert (await ada.say("Login", **BY_PHONE, account=PHONE, pwd=GOOD)).yes


# Login


async def test_what_a_login_says(ada: Hiyouth) -> None:
    await proved(ada)
    wrong = {"code": -1, "info": "密码错误"}
    assert said((await ada.log_in(ADA, "no")).reply) == wrong
    assert said((await ada.log_in(ADA, OTHER)).reply) == wrong
    assert said((await ada.log_in(BOB, GOOD)).reply) == {"code": 0, "info": "该用户没有注册义工账号"}
    assert said((await ada.say("Login", **BY_PHONE, account=PHONE, pwd=GOOD)).reply)["code"] == 0


@pytest.mark.parametrize("changes", [{"hiyouth": HiyouthSettings(unverified_login="refuse")}])
async def test_an_unverified_mail_may_be_refused(ada: Hiyouth) -> None:
    await ada.register(ADA, GOOD)
    refused = await ada.log_in(ADA, GOOD)
    assert said(refused.reply) == {"code": -2, "info": "邮箱号未验证！！！"}
    assert "set-cookie" not in refused.reply.headers
    assert said((await ada.log_in(ADA, OTHER)).reply)["code"] == -1
    await ada.prove(ADA)
    assert (await ada.log_in(ADA, GOOD)).yes


async def test_an_unverified_login_only_looks_at_itself_asks_for_a_mail_and_goes(ada: Hiyouth) -> None:
    await ada.register(ADA, GOOD)
    await ada.log_in(ADA, GOOD)
    assert (await ada.who() or {})["email"] == ADA
    changed = await ada.say("updpwd", oldpwd=GOOD, newpwd=OTHER)
    assert not changed.yes
    mate = Maillink(ada.town, ada.browser)
    assert (await mate.who() or {})["email"] == ADA
    assert not (await mate.say("/userinfo/update", nickname="Ada")).yes
    assert (await mate.who() or {})["nickname"] == ""
    ada.town.clock.advance(seconds=61)
    assert (await ada.say("EmailVer", option="resend", emailname=ADA)).yes
    await ada.prove(ADA)
    assert (await mate.say("/userinfo/update", nickname="Ada")).yes, "the browser's own login stays, and is a whole one now"
    assert (await ada.say("updpwd", oldpwd=GOOD, newpwd=OTHER)).yes
    assert (await ada.log_out()).yes


# Who exists


@pytest.mark.parametrize("changes", [HIDDEN])
async def test_the_switch_hides_who_exists(ada: Hiyouth) -> None:
    await ada.register(ADA, GOOD)
    await ada.prove(ADA)
    await by_phone(ada.another())
    ada.town.clock.advance(hours=1)
    for taken, free in (
        ({"type": "member", "option": "email", "account": ADA}, {"type": "member", "option": "email", "account": BOB}),
        ({**BY_PHONE, "account": PHONE}, {**BY_PHONE, "account": "13800138001"}),
    ):
        logins = [said((await ada.another().say("Login", **who, pwd=OTHER)).reply) for who in (taken, free)]
        assert logins == [{"code": -1, "info": "密码错误"}] * 2
        answers = [said((await ada.another().say("Register", **who, pwd=OTHER)).reply) for who in (taken, free)]
        assert answers[0] == answers[1]
        assert answers[0].keys() == {"code", "info"}, "no number either (contract, 8.5)"
        assert answers[0]["code"] == 1
    assert "注册" in (await ada.town.mails(ADA))[-1]["subject"]
    assert "已经有账号" in (await ada.town.mails(E164))[-1]["text"]
    code = await ada.another().say("Register", **BY_PHONE, account=PHONE, verid="000000", pwd=OTHER)
    assert said(code.reply) == {"code": -1, "info": NOT_REGISTERED}


async def test_that_an_address_is_taken_is_told_ten_times_a_minute(ada: Hiyouth) -> None:
    await proved(ada)
    await by_phone(ada.another())
    for number, who in enumerate(({"option": "email", "account": ADA}, {"option": "mobile", "account": PHONE})):
        eve = ada.another(f"192.0.2.{number}")
        told = [(await eve.say("Register", type="member", **who, pwd=GOOD)).reply for _ in range(11)]
        assert [reply.status_code for reply in told] == [200] * 10 + [429]
        assert {reply.json()["code"] for reply in told[:10]} == {0}


# findpwd, updpwd, cancelLogin


@pytest.mark.parametrize("option", ["email", "mobile"])
async def test_a_forgotten_password_is_set_anew_by_a_code(ada: Hiyouth, option: str) -> None:
    account, to = (ADA, ADA) if option == "email" else (PHONE, E164)
    await (proved(ada) if option == "email" else by_phone(ada))
    await ada.say("Login", type="member", option=option, account=account, pwd=GOOD)
    owner = ada.another()
    for who in (account, "13800138001" if option == "mobile" else BOB):
        asked = await owner.another(f"192.0.2.{len(who)}").say("findpwd", type="member", option=option, account=who)
        assert said(asked.reply) == {"code": 1, "info": "验证码发送成功"}
    assert (await owner.say("findpwd", type="member", option=option, account=account)).yes, "also inside the interval"
    code = await owner.code(to)
    assert not (await owner.say("findpwd", option=option, verid=code, newpwd="password")).yes
    assert (await owner.say("findpwd", option=option, verid=code, newpwd=OTHER)).yes
    assert not (await owner.say("findpwd", option=option, verid=code, newpwd=OTHER)).yes, "it is spent"
    assert await ada.who() is None
    assert (await ada.say("Login", type="member", option=option, account=account, pwd=OTHER)).yes
    assert "密码" in (await ada.town.mails(to))[-1]["text"]


async def test_a_client_without_cookies_says_whose_password_it_is(ada: Hiyouth) -> None:
    await proved(ada)
    await ada.forget(ADA)
    bare, code = ada.another(), await ada.code(ADA)
    assert not (await bare.say("findpwd", option="email", verid=code, newpwd=OTHER)).yes
    assert not (await bare.say("findpwd", option="email", verid=code, newpwd=OTHER, account=ADA)).yes, "of which type?"
    assert (await bare.say("findpwd", type="member", option="email", verid=code, newpwd=OTHER, account=ADA)).yes


async def test_a_code_is_good_for_what_it_was_asked_for_alone(ada: Hiyouth) -> None:
    number = await by_phone(ada)
    await ada.say("findpwd", **BY_PHONE, account=PHONE)
    reset = await ada.code(E164)
    second = "13800138001"
    assert (await ada.say("Register", **BY_PHONE, account=second, pwd=GOOD)).yes
    register = await ada.code(f"+86{second}")
    assert not (await ada.say("findpwd", **BY_PHONE, account=second, verid=register, newpwd=OTHER)).yes
    eve = ada.another()
    assert not (await eve.say("Register", **BY_PHONE, account=PHONE, verid=reset, pwd=OTHER)).yes
    assert (await ada.say("Register", **BY_PHONE, verid=register)).reply.json()["data"]["id"] > number


async def test_a_new_password_needs_the_old_one_and_keeps_this_login_alone(ada: Hiyouth) -> None:
    await proved(ada)
    other = ada.another()
    await other.log_in(ADA, GOOD)
    assert said((await ada.say("updpwd", oldpwd=GOOD, newpwd=OTHER)).reply) == {"code": -1, "info": "未登录"}
    await ada.log_in(ADA, GOOD)
    assert said((await ada.say("updpwd", oldpwd=OTHER, newpwd=OTHER)).reply) == {"code": -1, "info": "原密码错误"}
    assert not (await ada.say("updpwd", oldpwd=GOOD, newpwd="password")).yes
    assert said((await ada.say("updpwd", oldpwd=GOOD, newpwd=OTHER)).reply)["code"] == 1
    assert await ada.who()
    assert await other.who() is None
    assert (await other.log_in(ADA, OTHER)).yes


async def test_logging_out_answers_a_program_and_leads_a_browser_on(ada: Hiyouth) -> None:
    nobody = {"code": -1, "info": "未登录"}
    assert said((await ada.log_out()).reply) == nobody
    await proved(ada)
    await ada.log_in(ADA, GOOD)
    out = await ada.log_out()
    assert said(out.reply)["code"] == 1
    assert "lingpai_session=;" in out.reply.headers["set-cookie"]
    assert said(await ada.browser.get("/api/getUserInfo")) == nobody
    await ada.log_in(ADA, GOOD)
    for _ in range(2):
        led = await ada.browser.get("/api/cancelLogin", headers={"Accept": "text/html"})
        assert (led.status_code, led.headers["location"]) == (303, "/login")
        assert "lingpai_session=;" in led.headers["set-cookie"]
        assert await ada.who() is None


# What a request may be


@pytest.mark.parametrize(
    ("call", "fields"),
    [
        ("Register", {"option": "email", "account": BOB, "pwd": GOOD}),
        ("Register", {"type": "Member", "option": "email", "account": BOB, "pwd": GOOD}),
        ("Register", {"type": "member", "account": BOB, "pwd": GOOD}),
        ("Register", {"type": "member", "option": "phone", "account": BOB, "pwd": GOOD}),
        ("Register", {"type": "member", "option": "email", "account": BOB}),
        ("Register", {"type": "member", "option": "email", "pwd": GOOD}),
        ("Register", {"type": "member", "option": "mobile", "account": BOB, "pwd": GOOD}),
        ("Register", {"type": "member", "option": "email", "account": PHONE, "pwd": GOOD}),
        ("Register", {"type": "member", "option": "email", "account": BOB, "pwd": "1234567"}),
        ("Register", {"type": "member", "option": "email", "account": BOB, "pwd": "é" * 129}),
        ("Register", {**BY_PHONE, "account": PHONE, "pwd": GOOD, "verid": "12a456"}),
        ("Register", {**BY_PHONE, "account": PHONE, "pwd": GOOD, "verid": "-12345"}),
        ("Login", {"account": ADA, "pwd": GOOD, "option": "email"}),
        ("Login", {"type": "member", "account": ADA, "pwd": GOOD}),
        ("Login", {"type": "member", "account": ADA, "option": "email"}),
        ("Login", {"type": "member", "account": "code", "channel": "github"}),
        ("Login", {"type": "member", "account": "code", "channel": "QQ"}),
        ("Login", {"type": "member", "account": "code", "channel": "weibo"}),
        ("EmailVer", {"emailname": ADA}),
        ("EmailVer", {"option": "verify", "emailname": ADA}),
        ("EmailVer", {"option": "ver"}),
        ("EmailVer", {"option": "resend"}),
        ("EmailVer", {"option": "resend", "emailname": "no address"}),
        ("EmailVer", {"option": "resend", "emailname": ADA, "type": "owner"}),
        ("findpwd", {"type": "member", "account": ADA}),
        ("findpwd", {"option": "email", "account": ADA}),
        ("findpwd", {"type": "member", "option": "email"}),
        ("findpwd", {"type": "member", "option": "email", "account": ADA, "verid": "123456"}),
        ("updpwd", {"oldpwd": GOOD}),
    ],
)
async def test_what_is_missing_or_unknown_is_minus_one_in_words(ada: Hiyouth, call: str, fields: dict[str, str]) -> None:
    for answer in (await ada.say(call, **fields), await ada.post(call, **fields)):
        told = said(answer.reply)
        assert told["code"] == -1
        assert "data" not in told
        assert told["info"]
        assert "set-cookie" not in answer.reply.headers
    assert await ada.town.mails() == []


@pytest.mark.parametrize("call", [call for call in hiyouth.DIALECT.calls if call.changes], ids=lambda call: call.path)
@pytest.mark.parametrize("headers", [CROSS, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}])
async def test_no_get_or_post_that_changes_something_comes_from_another_site(ada: Hiyouth, call: Any, headers: dict[str, str]) -> None:
    """A picture on another page would be enough, for every call takes GET."""
    await proved(ada)
    await ada.log_in(ADA, GOOD)
    cookies, before = dict(ada.browser.cookies), len(await ada.town.mails())
    ada.town.clock.advance(minutes=2)
    fields = {
        "type": "member",
        "option": "email",
        "account": ADA,
        "pwd": GOOD,
        "oldpwd": GOOD,
        "newpwd": OTHER,
        "emailname": ADA,
    }
    for more in ({}, {"option": "mobile", "account": PHONE}, {"option": "resend"}, {"account": BOB}):
        asked = await ada.browser.get(call.path, params={**fields, **more}, headers=headers)
        posted = await ada.browser.post(call.path, data={**fields, **more}, headers=headers)
        for reply in (asked, posted):
            assert said(reply)["code"] == -1
            assert "set-cookie" not in reply.headers
    assert dict(ada.browser.cookies) == cookies
    assert await ada.who()
    assert len(await ada.town.mails()) == before
    assert (await ada.another().log_in(ADA, GOOD)).yes


async def test_another_site_logs_nobody_in_who_has_no_cookie_yet(ada: Hiyouth) -> None:
    await proved(ada)
    fields = {"type": "member", "option": "email", "account": ADA, "pwd": GOOD}
    reply = await ada.another().browser.get("/api/Login", params=fields, headers=CROSS)
    assert said(reply)["code"] == -1
    assert "set-cookie" not in reply.headers


async def test_a_path_that_is_no_call_is_told_in_the_envelope(ada: Hiyouth) -> None:
    reply = await ada.browser.get("/api/login")
    assert (reply.status_code, reply.json()["code"]) == (404, -1)
    reply = await ada.browser.put("/api/Login")
    assert (reply.status_code, reply.headers["allow"], reply.json()["code"]) == (405, "GET, HEAD, POST", -1)


@pytest.fixture(params=["json", "console"])
def written(request: pytest.FixtureRequest) -> Iterator[io.BytesIO]:
    """What the service would log, in each format and at its most talkative; as it is set up, but that no logger stays when it is over."""
    handlers, level = logging.root.handlers[:], logging.root.level
    logs.configure(Log(format=request.param, level="debug"))
    stream = io.BytesIO()
    people = request.param == "console"
    factory = structlog.WriteLoggerFactory(io.TextIOWrapper(stream, write_through=True)) if people else structlog.BytesLoggerFactory(stream)
    structlog.configure(logger_factory=factory, cache_logger_on_first_use=False)
    yield stream
    structlog.reset_defaults()
    logging.root.handlers[:], logging.root.level = handlers, level


async def test_what_stands_in_a_query_reaches_no_log(ada: Hiyouth, written: io.BytesIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a bug is told with its trace."""
    canary = "canary7mauve"
    await proved(ada)
    calls = [
        {"type": "member", "option": "email", "account": f"{canary}@example.com", "pwd": canary, "emailname": canary, "newpwd": canary},
        {"type": "member", "option": "mobile", "account": PHONE, "pwd": f"{canary} and more", "verid": "123456", "newpwd": f"{canary}99"},
        {"type": "member", "channel": "qq", "account": canary, "openid": canary, "option": "ver", "emailname": canary},
        {"type": canary, "option": canary, "channel": canary, "verid": canary, "oldpwd": canary, "newpwd": canary, canary: canary},
    ]

    async def everything() -> set[int]:
        answers = [await ada.browser.get(call.path, params=fields) for call in hiyouth.DIALECT.calls for fields in calls]
        answers.append(await ada.browser.get("/api/nowhere", params=calls[0]))
        answers.append(await ada.browser.put("/api/Login", params=calls[0]))
        return {answer.status_code for answer in answers}

    async def broken(*_: Any) -> None:
        raise ZeroDivisionError

    assert await everything() >= {200, 404, 405}
    monkeypatch.setattr(RateLimiter, "spend", broken)
    assert 500 in await everything()
    found = written.getvalue().decode()
    assert "ZeroDivisionError" in found
    assert "/api/Login" in found
    assert canary not in found


async def test_links_start_with_the_public_url_and_number_is_safe_in_every_client(ada: Hiyouth) -> None:
    ada.browser.headers["Host"] = "evil.example"
    number = (await ada.register(ADA, GOOD)).reply.json()["data"]["id"]
    assert 0 < number < 2**53
    text = (await ada.town.mails(ADA))[-1]["text"]
    assert f"{PUBLIC_URL}/api/EmailVer?option=ver&emailname=" in text
    assert "evil" not in text


@pytest.mark.parametrize("changes", [{"hiyouth": HiyouthSettings(prefix="/old", boss_realm="main")}])
async def test_it_may_stand_below_a_prefix_and_both_kinds_may_share_a_realm(town: Town) -> None:
    browser = town.browser()
    fields = {"type": "boss", "option": "email", "account": ADA, "pwd": GOOD}
    assert said(await browser.get("/old/api/Register", params=fields))["code"] == 1
    link = await town.link(ADA, "/old/api/EmailVer")
    assert said(await browser.get("/old/api/EmailVer", params=link))["code"] == 1
    for kind in ("boss", "member"):
        assert said(await browser.get("/old/api/Login", params={**fields, "type": kind}))["code"] == 1
    assert said(await browser.get("/old/api/getUserInfo"))["code"] == 1
    assert (await accounts.find(town.house.services.store, "main", "email", rules.email(ADA).key)) is not None


async def test_a_member_of_maillink_is_one_here(town: Town) -> None:
    await member(town, ADA, GOOD)
    assert (await Hiyouth(town).log_in(ADA, GOOD)).yes
