"""maillink, row by row: what each call takes, what it says, and in which order it looks."""

from typing import Any

import pytest

from lingpai.web.dialects.maillink import MaillinkSettings
from web.people import ADA, GOOD, member
from web.speakers import Maillink
from web.town import Town

REGISTERED = "用户注册成功，已发送激活邮件，请访问邮箱打开激活邮件以激活账号"
LONG = "a" * 48 + "@example.com"


@pytest.fixture
def database_kind() -> str:
    """What is said does not depend on the database; the stories run on both."""
    return "sqlite"


@pytest.fixture
def ada(town: Town) -> Maillink:
    return Maillink(town)


async def test_success_is_the_seeds_own_envelope(ada: Maillink) -> None:
    reply = await ada.browser.post("/register", json={"email": ADA, "phone": "", "password": GOOD})
    assert reply.status_code == 200
    assert reply.json() == {"code": 200, "msg": "success", "data": {"msg": REGISTERED}}
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert reply.headers["cache-control"] == "no-store"


async def test_every_literal_of_the_seed_is_said(ada: Maillink) -> None:
    assert (await ada.register(ADA, GOOD)).text == REGISTERED
    ada.town.clock.advance(minutes=2)
    again = await ada.say("/send_activate_email", email=ADA)
    assert again.text == "已再次发送激活邮件，请访问邮箱打开激活邮件以激活账号"
    await ada.prove(ADA)
    assert (await ada.log_in(ADA, GOOD)).text == "登录成功"
    assert (await ada.forget(ADA)).text == "已发送密码重置邮件，请访问邮箱，打开邮件中的链接地址"
    assert (await ada.log_out()).text == "登出成功"
    assert (await ada.reset(ADA, "quite another one")).text == "密码重置成功"


async def test_english_is_spoken_where_it_is_asked_for(ada: Maillink) -> None:
    ada.browser.headers["Accept-Language"] = "fr, en-GB;q=0.8"
    assert (await ada.register(ADA, GOOD)).text.startswith("You're registered")
    assert "activate" in (await ada.town.mails(ADA))[0]["subject"].lower()


@pytest.mark.parametrize(
    ("email", "fits"),
    [("a@b", False), ("a@b.c", True), ("a@b.cn", True), (LONG, True), ("a" + LONG, False), ("ada@example.test", False)],
)
async def test_an_address_has_4_to_60_characters(ada: Maillink, email: str, fits: bool) -> None:
    answer = await ada.register(email, GOOD)
    assert answer.yes is fits
    assert fits or "email" in answer.text


@pytest.mark.parametrize(("length", "fits"), [(7, False), (8, True), (40, True), (41, False)])
async def test_a_password_has_8_to_40_characters(ada: Maillink, length: int, fits: bool) -> None:
    password = "".join(chr(0x4E00 + 97 * index) for index in range(length))
    answer = await ada.register(ADA, password)
    assert answer.yes is fits
    assert fits or "密码" in answer.text


@pytest.mark.parametrize(
    ("phone", "fits"),
    [("", True), (None, True), ("13800138000", True), ("1380013800", False), ("138001380000", False), ("12345678901", False), (138, False)],
)
async def test_a_phone_may_be_left_out_and_has_11_digits_otherwise(ada: Maillink, phone: Any, fits: bool) -> None:
    answer = await ada.say("/register", email=ADA, phone=phone, password=GOOD)
    assert answer.yes is fits
    assert fits or "手机" in answer.text


async def test_a_phone_may_be_absent(ada: Maillink) -> None:
    assert (await ada.say("/register", email=ADA, password=GOOD)).yes


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "email"),
        ({"email": "no address", "phone": "1", "password": ""}, "email"),
        ({"email": ADA, "phone": "1", "password": ""}, "phone"),
        ({"email": ADA, "phone": "", "password": ""}, "password"),
    ],
)
async def test_the_first_field_that_does_not_fit_is_named(ada: Maillink, fields: dict[str, str], named: str) -> None:
    answer = await ada.say("/register", **fields)
    assert not answer.yes
    assert named in answer.text


@pytest.mark.parametrize("password", ["password1", "ada@example.com", "ada12345", "11111111111"])
async def test_a_password_that_could_be_guessed_is_refused_with_the_reason(ada: Maillink, password: str) -> None:
    answer = await ada.register(ADA, password)
    assert not answer.yes
    assert "密码" in answer.text
    assert (await ada.register(ADA, GOOD)).yes, "a weak password starts no interval"


async def test_only_a_right_password_learns_that_the_address_waits(ada: Maillink) -> None:
    await ada.register(ADA, GOOD)
    wrong = await ada.log_in(ADA, "not the password")
    unknown = await ada.log_in("nobody@example.com", "not the password")
    right = await ada.log_in(ADA, GOOD)
    assert wrong.reply.content == unknown.reply.content
    assert not right.yes
    assert right.text != wrong.text
    assert "激活" in right.text


async def test_two_different_passwords_are_not_taken(ada: Maillink) -> None:
    answer = await ada.say("/reset_password/reset", email=ADA, vcode="x", password=GOOD, rp_password=GOOD + "!")
    assert not answer.yes
    assert "rp_password" in answer.text


async def test_who_is_not_logged_in_is_told_by_minus_1(ada: Maillink) -> None:
    for reply in (
        await ada.browser.get("/userinfo/get"),
        await ada.browser.post("/userinfo/update", json={"nickname": "Ada"}),
        await ada.browser.post("/logout"),
    ):
        assert reply.status_code == 200
        assert reply.json()["code"] == -1
        assert reply.json()["data"] == {}


async def test_userinfo_shows_and_takes_a_nickname(town: Town) -> None:
    ada = await member(town)
    await ada.log_in(ADA, GOOD)
    card = await ada.who()
    assert card == {"id": card and card["id"], "email": ADA, "phone": None, "nickname": ""}
    assert (await ada.say("/userinfo/update", nickname="阿达")).yes
    assert (await ada.say("/userinfo/update")).yes, "nothing to change is no failure"
    assert (await ada.who() or {})["nickname"] == "阿达"
    assert not (await ada.say("/userinfo/update", nickname="a\u202eb")).yes


async def test_a_form_says_the_same_as_json(ada: Maillink) -> None:
    reply = await ada.browser.post("/register", data={"email": ADA, "phone": "", "password": GOOD})
    assert reply.json()["code"] == 200
    labelled = await ada.browser.post(
        "/login",
        content=b'{"email":"ada@example.com","password":"correct horse battery"}',
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert "激活" in labelled.json()["msg"]


async def test_the_cooldown_says_how_long(ada: Maillink) -> None:
    for path, seconds in (("/send_activate_email", 60), ("/reset_password/send_mail", 180)):
        for email in (ADA, "nobody@example.com"):
            assert (await ada.say(path, email=email)).yes
            ada.town.clock.advance(seconds=10)
            refused = await ada.say(path, email=email)
            assert refused.reply.status_code == 200
            assert refused.reply.json()["code"] == 0
            assert refused.reply.json()["data"] == {"seconds": seconds - 10}


async def test_registering_again_inside_the_interval_is_the_ordinary_success(ada: Maillink) -> None:
    """A client that sent twice is not told of a failure (contract, L18 and L19)."""
    first = (await ada.register(ADA, GOOD)).reply
    assert first.json()["code"] == 200
    again = (await ada.another().register(ADA, GOOD)).reply
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert len(await ada.town.mails(ADA)) == 1, "nothing was sent"
    ada.town.clock.advance(seconds=61)
    assert (await ada.another().register(ADA, GOOD)).yes
    assert len(await ada.town.mails(ADA)) == 2
    await ada.prove(ADA)
    assert (await ada.log_in(ADA, GOOD)).yes


@pytest.mark.parametrize("taken", [True, False])
async def test_registering_past_an_address_s_counts_is_the_ordinary_success_too(ada: Maillink, taken: bool) -> None:
    """For a taken address as for one that waits (contract, L19)."""
    first = (await ada.register(ADA, GOOD)).reply.json()
    if taken:
        await ada.prove(ADA)
    for number in range(14):
        ada.town.clock.advance(seconds=61 if number % 2 else 1)
        again = (await ada.another(f"203.0.113.{number}").register(ADA, GOOD)).reply
        assert (again.status_code, again.json()) == (200, first), number
    assert len(await ada.town.mails(ADA)) < 8


async def test_that_one_client_registers_too_often_is_told_all_the_same(ada: Maillink) -> None:
    """A client's limits are 429 (contract, 7.9), and tell nothing of an address."""
    statuses = [(await ada.register(f"person{number}@example.com", GOOD)).reply.status_code for number in range(12)]
    assert statuses == [200] * 10 + [429] * 2


async def test_an_activation_link_holds_24_hours_and_is_replaced_by_the_next(ada: Maillink) -> None:
    await ada.register(ADA, GOOD)
    first = await ada.town.link(ADA, "/activate_account")
    ada.town.clock.advance(minutes=2)
    await ada.say("/send_activate_email", email=ADA)
    assert "链接无效" in (await ada.browser.get("/activate_account", params=first)).text
    ada.town.clock.advance(hours=24, seconds=1)
    assert "链接无效" in (await ada.prove(ADA)).text
    ada.town.clock.advance(minutes=2)
    await ada.say("/send_activate_email", email=ADA)
    assert "账号已激活" in (await ada.prove(ADA)).text
    assert "已激活，直接登录即可" in (await ada.prove(ADA)).text


@pytest.mark.parametrize("header", ["Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"])
async def test_head_and_prefetch_activate_nothing(ada: Maillink, header: str) -> None:
    await ada.register(ADA, GOOD)
    link = await ada.town.link(ADA, "/activate_account")
    assert (await ada.browser.head("/activate_account", params=link)).content == b""
    await ada.browser.get("/activate_account", params=link, headers={header: "prefetch"})
    assert "激活" in (await ada.log_in(ADA, GOOD)).text
    assert "账号已激活" in (await ada.prove(ADA)).text


@pytest.mark.parametrize("changes", [{"maillink": MaillinkSettings(activation="confirm")}])
async def test_activation_can_ask_for_a_click_first(ada: Maillink) -> None:
    await ada.register(ADA, GOOD)
    assert 'action="/page/activate"' in (await ada.prove(ADA)).text
    assert not (await ada.log_in(ADA, GOOD)).yes
    link = await ada.town.link(ADA, "/activate_account")
    assert "账号已激活" in (await ada.browser.post("/page/activate", data=link)).text
    assert (await ada.log_in(ADA, GOOD)).yes


async def test_a_reset_link_works_once_for_3_hours(town: Town) -> None:
    ada = await member(town)
    await ada.forget(ADA)
    link = await town.link(ADA, "/reset_password/verify")
    town.clock.advance(hours=2, minutes=59)
    for _ in range(2):
        assert 'action="/page/reset"' in (await ada.browser.get("/reset_password/verify", params=link)).text
    assert (await ada.reset(ADA, "quite another one")).yes
    assert not (await ada.reset(ADA, "a third one entirely")).yes
    page = (await ada.browser.get("/reset_password/verify", params=link)).text
    assert "链接无效" in page
    assert 'action="/page/reset"' not in page
    await ada.forget(ADA)
    town.clock.advance(hours=3, seconds=1)
    assert not (await ada.reset(ADA, "a third one entirely")).yes


async def test_a_weak_password_leaves_the_reset_link_alive(town: Town) -> None:
    ada = await member(town)
    await ada.forget(ADA)
    assert not (await ada.reset(ADA, "password1")).yes
    assert (await ada.reset(ADA, "quite another one")).yes


async def test_a_newer_reset_link_kills_the_older(town: Town) -> None:
    ada = await member(town)
    await ada.forget(ADA)
    first = await town.link(ADA, "/reset_password/verify")
    town.clock.advance(minutes=4)
    await ada.forget(ADA)
    refused = await ada.say("/reset_password/reset", **first, password="quite another one", rp_password="quite another one")
    assert not refused.yes
    assert (await ada.reset(ADA, "quite another one")).yes


async def test_a_reset_also_activates(ada: Maillink) -> None:
    await ada.register(ADA, GOOD)
    await ada.forget(ADA)
    assert (await ada.reset(ADA, "quite another one")).yes
    assert (await ada.log_in(ADA, "quite another one")).yes


async def test_a_number_is_no_password(ada: Maillink) -> None:
    answer = await ada.say("/register", email=ADA, phone="", password=1234567890)
    assert not answer.yes
    assert "password" in answer.text
