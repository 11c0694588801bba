"""What reviews of the doors and pages found, told as stories: each fails again where its mend is taken away."""

import asyncio
from typing import Any

import pytest

from lingpai.core.errors import BadGrant, Limited
from lingpai.core.model import Account, RequestContext
from lingpai.flows import account_deletion, authorize, sessions
from lingpai.web.dialects.hiyouth.settings import HiyouthSettings
from lingpai.web.dialects.session.settings import SessionDialectSettings
from lingpai.web.pages.shared.return_to import safe_next
from logins import login_of
from web.people import ADA, GOOD, member
from web.speakers import Hiyouth, Maillink, Session
from web.town import Town

EVE_S = "/api/Login?type=member&option=email&account=eve@example.com&pwd=whatever"


def origin(person: Maillink, ip: str = "198.51.100.7") -> RequestContext:
    return RequestContext(ip, ip, session=person.browser.cookies.get("lingpai_session", ""))


async def account(person: Maillink) -> Account:
    return (await sessions.current(person.town.house.services, origin(person))).account


@pytest.fixture
async def ada(town: Town) -> Maillink:
    person = await member(town)
    await person.log_in(ADA, GOOD)
    return person


@pytest.mark.parametrize("to", [EVE_S, "/api/cancelLogin", f"http://127.0.0.1:8000{EVE_S}"])
async def test_no_page_leads_on_to_a_call_that_logs_somebody_in_or_out(town: Town, to: str) -> None:
    assert safe_next(to, town.house.services.settings) == ""
    assert safe_next("/me/security", town.house.services.settings) == "/me/security"


async def test_a_link_in_a_mail_logs_nobody_in_as_its_writer(ada: Maillink) -> None:
    eve = Hiyouth(ada.town)
    await eve.register("eve@example.com", GOOD)
    await eve.prove("eve@example.com")
    query = {"type": "member", "option": "email", "account": "eve@example.com", "pwd": GOOD}
    for mode, code in (("navigate", -1), ("cors", 1)):
        headers = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": mode}
        reply = await ada.another().browser.get("/api/Login", params=query, headers=headers)
        assert reply.json()["code"] == code
        assert ("lingpai_session" in reply.headers.get("set-cookie", "")) is (code == 1)


async def test_a_one_time_link_dies_with_the_login_that_made_it(ada: Maillink) -> None:
    services = ada.town.house.services
    thief = ada.another()
    await thief.log_in(ADA, GOOD)
    whose = await account(ada)
    token = await authorize.new(services, origin(thief), login_of(services, whose, origin(thief)), 600)
    assert (await authorize.peek(services, origin(ada), ("main",), token)).id == whose.id
    await sessions.end_others(services, origin(ada), login_of(services, whose, origin(ada)))
    with pytest.raises(BadGrant):
        await authorize.for_cookie(services, origin(thief), ("main",), token)


async def test_all_that_is_kept_is_not_read_any_number_of_times(ada: Maillink) -> None:
    services, whose = ada.town.house.services, await account(ada)
    for _ in range(5):
        await account_deletion.export(services, origin(ada), login_of(services, whose, origin(ada)))
    with pytest.raises(Limited):
        await account_deletion.export(services, origin(ada), login_of(services, whose, origin(ada)))


async def test_nobody_learns_whose_mail_a_name_has_from_when_a_code_may_be_sent(town: Town) -> None:
    person = Session(town)
    await person.sign_up("ada.x", "otters-play-late")
    await person.bind(ADA)
    town.clock.advance(hours=2)
    for first, then in (("ada.x", ADA), (ADA, "ada.x")):
        town.clock.advance(hours=2)
        before = len(await town.mails(ADA))
        stranger = Session(town, town.browser("203.0.113.40"))
        asked = [await forgot(town, who) for who in (first, then)]
        assert [TOO_SOON in page for page in asked] == [False, False], "the second is told nothing of the first"
        assert len(await town.mails(ADA)) == before + 1, "one mail in sixty seconds"
        assert TOO_SOON in await forgot(town, then)
        code = await person.code(ADA)
        assert (await stranger.say("Forget_pass_EmailAccount", EmailAccount=then, code=code)).yes, "the one that came is good for both"
        town.clock.advance(minutes=11)


TOO_SOON = "刚刚"


async def forgot(town: Town, who: str) -> str:
    async with town.browser("203.0.113.41") as browser:
        headers = {"Accept": "text/html", "Accept-Language": "zh-CN"}
        return (await browser.post("/page/forgot", data={"account": who, "by": "code"}, headers=headers, follow_redirects=True)).text


@pytest.mark.parametrize(
    "changes", [{"session": SessionDialectSettings(prefix="/sess"), "hiyouth": HiyouthSettings(prefix="/hy")}], ids=["moved"]
)
async def test_below_a_prefix_a_dialect_says_itself_that_there_is_nothing(town: Town, changes: dict[str, Any]) -> None:
    async with town.browser() as browser:
        assert (await browser.get("/sess/nope")).json()["statu_code"] == "FAILURE"
        assert (await browser.get("/hy/nope")).json()["code"] == -1
        assert (await browser.get("/nope")).json()["code"] == 0


@pytest.mark.parametrize("changes", [{"session": SessionDialectSettings(reveal_accounts=True)}], ids=["revealing"])
async def test_where_the_operator_wants_it_an_unknown_account_is_told(town: Town, changes: dict[str, Any]) -> None:
    said = await Session(town).say("Forget_pass_send", EmailAccount="nobody@example.com")
    assert said.reply.json()["statu_code"] == "FAILURE"
    assert "没有找到" in said.text


@pytest.mark.parametrize("who", ["admin", "nobody", "root"])
async def test_a_reserved_name_is_nobody_s_and_no_mistake_of_shape(town: Town, who: str) -> None:
    person = Session(town)
    assert (await person.enter(who, "otters-play-late")).reply.json()["statu_code"] == "APLOGINERROR"
    assert (await person.ask("Forget_pass_Question", EmailAccount=who)).yes
    assert (await person.say("Forget_pass_send", EmailAccount=who)).yes
    assert (await person.sign_up(who, "otters-play-late")).reply.json()["statu_code"] == "DTERROR"


@pytest.mark.parametrize("verid", ["", None])
async def test_an_empty_code_is_a_wrong_one_and_costs_no_message(town: Town, verid: str | None) -> None:
    person = Hiyouth(town)
    said = await person.post("Register", type="member", option="mobile", account="13812345678", pwd=GOOD, verid=verid)
    assert said.reply.json()["code"] == -1
    assert await town.mails("+8613812345678") == []


@pytest.mark.parametrize("code", ["abcdef", "wrong", 123456, "000000"])
async def test_a_code_that_is_none_of_ours_is_a_wrong_code(town: Town, code: Any) -> None:
    person = Session(town)
    await person.sign_up("ada.x", "otters-play-late")
    await person.say("SignUp_email_send", email=ADA)
    assert (await person.say("SignUp_email", email=ADA, code=code)).reply.json()["statu_code"] == "CODEERROR"


async def test_a_picture_s_answer_may_come_as_a_number(town: Town) -> None:
    person = Session(town)
    token = await person.token()
    said = await person.say("login", account="ada.x", **{"pass": "otters-play-late", "token": token["token"], "code": 3479})
    assert said.reply.json()["statu_code"] == "CODEERROR"


async def test_sounds_are_dearer_than_pictures(town: Town) -> None:
    async with town.browser() as browser:
        told = [(await browser.get("/public/captcha", params={"kind": "spoken"})).status_code for _ in range(11)]
        assert told[-1] == 429
        assert (await browser.get("/public/captcha")).status_code == 200


async def test_a_login_through_a_provider_cannot_be_begun_ahead_of_its_reader(town: Town) -> None:
    async with town.browser() as browser:
        reply = await browser.get("/connect/qq", headers={"Purpose": "prefetch"})
        assert reply.status_code == 400


async def test_many_wrong_words_at_once_are_counted_before_they_are_judged(town: Town) -> None:
    async with town.browser() as browser:
        asked = (browser.get("/account/verification-password", params={"verification": f"abcdefg{n}"}) for n in "23456789abcdefghjkmn")
        told = [reply.status_code for reply in await asyncio.gather(*asked)]
    assert told.count(200) <= 10
    assert told.count(429) >= 10
