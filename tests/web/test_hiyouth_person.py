"""What the original web site's settings pages call: who is logged in, and the address and the phone that one is reached at."""

import re
from typing import Any

import pytest
from sqlalchemy import bindparam, update

from lingpai.core import rules
from lingpai.core.model import Account
from lingpai.store import accounts, schema
from lingpai.store.database import Query
from lingpai.web.dialects.hiyouth.person import shown_name
from lingpai.web.dialects.hiyouth.settings import HiyouthSettings
from web.speakers import Hiyouth
from web.town import Town

ADA, BOB = "ada@example.com", "bob@example.com"
GOOD = "correct horse battery"
PHONE, E164 = "13800138000", "+8613800138000"
CODE = re.compile(r"(?<![0-9.])(?:[0-9]{6}|[0-9]{4})(?![0-9])")
NO_PASSWORD = Query(update(schema.accounts).where(schema.accounts.c.id == bindparam("account_id")).values(password=None))


@pytest.fixture
async def ada(town: Town) -> Hiyouth:
    """Somebody with a proved mail address, logged in a moment ago."""
    return await owner(town, ADA)


async def owner(town: Town, email: str, role: str = "member") -> Hiyouth:
    person = Hiyouth(town, role=role)
    await person.register(email, GOOD)
    await person.prove(email)
    assert (await person.log_in(email, GOOD)).yes
    return person


async def data(person: Hiyouth) -> dict[str, Any]:
    answer = await person.say("getPersonForSet")
    assert answer.yes, answer.text
    found: dict[str, Any] = answer.reply.json()["data"]
    return found


async def test_the_settings_page_is_told_name_phone_and_address(ada: Hiyouth) -> None:
    """Contract, H44 and H49."""
    assert await data(ada) == {"account": "a***@example.com", "phone": -1, "email": ADA}
    assert (await ada.say("setPhone", phone=PHONE)).yes
    assert (await ada.say("setPhone", phone=PHONE, verid=await ada.code(E164))).yes
    assert await data(ada) == {"account": "a***@example.com", "phone": PHONE, "email": ADA}
    nobody = await ada.another().say("getPersonForSet")
    assert nobody.reply.json() == {"code": -1, "info": "未登录"}


async def test_who_has_no_password_is_minus_two_there(ada: Hiyouth) -> None:
    store = ada.town.house.services.store
    async with store.begin() as tx:
        number = (await ada.who() or {})["id"]
        await tx.execute(NO_PASSWORD, account_id=number)
    assert (await data(ada))["account"] == -2


async def test_an_unverified_login_may_look_at_it_and_bind_nothing(town: Town) -> None:
    """Contract, H33."""
    ada = Hiyouth(town)
    await ada.register(ADA, GOOD)
    await ada.log_in(ADA, GOOD)
    assert (await data(ada))["email"] == ADA
    for call, fields in (("setPhone", {"phone": PHONE}), ("setEmail", {"email": BOB})):
        assert (await ada.say(call, **fields)).reply.json()["code"] == -1
    assert await town.mails(E164) == []
    assert await town.mails(BOB) == []


@pytest.mark.parametrize("changes", [{"hiyouth": HiyouthSettings(code_length=4)}, {}])
@pytest.mark.parametrize(("call", "field", "new", "to"), [("setPhone", "phone", PHONE, E164), ("setEmail", "email", BOB, BOB)])
async def test_a_code_binds_it_and_the_new_one_takes_the_place_of_the_one_before(
    ada: Hiyouth, call: str, field: str, new: str, to: str, changes: dict[str, HiyouthSettings]
) -> None:
    """Contract, H45, H46 and H50."""
    length = 4 if changes else 6
    asked = await ada.say(call, **{field: new})
    assert asked.reply.json() == {"code": 1, "info": "验证码发送成功"}
    code = newest(await ada.town.mails(to))
    assert len(code) == length
    wrong = await ada.say(call, **{field: new}, verid=str((int(code) + 1) % 10**length))
    assert wrong.reply.json() == {"code": -1, "info": "验证码错误或已过期，请核对最新一条，或重新获取"}
    bound = await ada.post(call, **{field: new}, verid=int(code))
    assert bound.reply.json() == {"code": 1, "info": "绑定成功"}
    assert (await data(ada))[field] == new
    assert not (await ada.say(call, **{field: new}, verid=code)).yes, "it is spent"
    if field == "email":
        assert not (await ada.another().log_in(ADA, GOOD)).yes
        assert (await ada.another().log_in(BOB, GOOD)).yes


@pytest.mark.parametrize(("call", "field", "taken", "to"), [("setPhone", "phone", PHONE, E164), ("setEmail", "email", BOB, BOB)])
async def test_that_it_is_taken_is_told_only_after_a_right_code(ada: Hiyouth, call: str, field: str, taken: str, to: str) -> None:
    """Somebody else's address is sent its code all the same (contract, H50)."""
    bob = await owner(ada.town, BOB)
    await bob.say("setPhone", phone=PHONE)
    await bob.say("setPhone", phone=PHONE, verid=await bob.code(E164))
    before = len(await ada.town.mails(to))
    ada.town.clock.advance(seconds=61)
    asked = await ada.say(call, **{field: taken})
    free = await ada.say(call, **{field: "13800138009" if field == "phone" else "eve@example.com"})
    assert asked.reply.json() == free.reply.json() == {"code": 1, "info": "验证码发送成功"}
    mails = await ada.town.mails(to)
    assert len(mails) == before + 1
    code = newest(mails)
    assert (await ada.say(call, **{field: taken}, verid=f"{(int(code) + 1) % 10**6:06}")).reply.json()["code"] == -1
    told = await ada.say(call, **{field: taken}, verid=code)
    assert told.reply.json() == {"code": 0, "info": "已经存在该用户信息"}
    found = await accounts.find(ada.town.house.services.store, "main", *key(taken))
    assert found
    assert found.email == BOB


@pytest.mark.parametrize(("call", "fields"), [("setPhone", {"phone": PHONE}), ("setEmail", {"email": BOB})])
async def test_an_old_login_and_one_that_has_ended_are_told_to_log_in_again(ada: Hiyouth, call: str, fields: dict[str, str]) -> None:
    """Age is judged when the code is asked for (contract, H50)."""
    ada.town.clock.advance(minutes=10)
    told = await ada.say(call, **fields)
    assert told.reply.json() == {"code": -1, "info": "登录已失效或已有一段时间，请重新登录后再试"}
    assert await ada.town.mails(next(iter(fields.values()))) == []
    await ada.log_in(ADA, GOOD)
    assert (await ada.say(call, **fields)).yes
    code = newest(await ada.town.mails(E164 if "phone" in fields else BOB))
    await ada.log_out()
    told = await ada.say(call, **fields, verid=code)
    assert told.reply.json() == {"code": -1, "info": "登录已失效或已有一段时间，请重新登录后再试"}
    assert await accounts.find(ada.town.house.services.store, "main", *key(next(iter(fields.values())))) is None


@pytest.mark.parametrize(("call", "fields"), [("setPhone", {"phone": PHONE}), ("setEmail", {"email": BOB})])
async def test_a_code_that_a_fresh_login_asked_for_holds_while_the_login_lives(ada: Hiyouth, call: str, fields: dict[str, str]) -> None:
    """Contract, H50 and S44."""
    ada.town.clock.advance(minutes=9)
    assert (await ada.say(call, **fields)).yes
    ada.town.clock.advance(minutes=3)
    code = newest(await ada.town.mails(E164 if "phone" in fields else BOB))
    assert (await ada.say(call, **fields, verid=code)).yes


async def test_a_code_is_the_account_s_that_asked_for_it(ada: Hiyouth) -> None:
    assert (await ada.say("setPhone", phone=PHONE)).yes
    bob = await owner(ada.town, BOB)
    assert not (await bob.say("setPhone", phone=PHONE, verid=await ada.code(E164))).yes
    assert (await data(bob))["phone"] == -1


@pytest.mark.parametrize(
    ("call", "fields"),
    [
        ("setPhone", {}),
        ("setPhone", {"phone": "12345"}),
        ("setPhone", {"phone": PHONE, "verid": ""}),
        ("setPhone", {"phone": PHONE, "verid": "12a456"}),
        ("setEmail", {}),
        ("setEmail", {"email": PHONE}),
        ("setEmail", {"email": BOB, "verid": ""}),
    ],
)
async def test_what_is_missing_or_malformed_is_minus_one(ada: Hiyouth, call: str, fields: dict[str, str]) -> None:
    for answer in (await ada.say(call, **fields), await ada.post(call, **fields)):
        assert answer.reply.json()["code"] == -1
        assert answer.text
    assert await ada.town.mails(E164) == []


def card(**own: Any) -> Account:
    """An account that has no more than this."""
    bare: dict[str, Any] = {"id": 7, "realm": "main", "password": None, "nickname": "", "locale": "en", "created_at": 0, "created_ip": ""}
    return Account(**{**bare, "locked_at": None, "password_changed_at": None, **own})


@pytest.mark.parametrize(
    ("own", "shown"),
    [
        ({"nickname": "Ada", "name": "ada.x", "email": ADA}, "Ada"),
        ({"nickname": "<img src=x onerror=alert(1)>"}, "img src=x onerror=alert(1)"),
        ({"nickname": "<>", "name": "ada.x"}, "ada.x"),
        ({"nickname": " <", "email": ADA, "phone": E164}, "a***@example.com"),
        ({"phone": E164}, "138****8000"),
        ({}, "#7"),
    ],
)
def test_what_a_person_is_called_is_never_empty_and_opens_no_tag(own: dict[str, str], shown: str) -> None:
    """That site writes it into its page as it is (contract, H52)."""
    assert shown_name(card(**own)) == shown


def key(address: str) -> tuple[Any, str]:
    found = rules.email(address) if "@" in address else rules.phone(address)
    return found.kind, found.key


def newest(messages: list[dict[str, Any]]) -> str:
    """The code in the last of them."""
    return CODE.findall(messages[-1]["text"])[0]
