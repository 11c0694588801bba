"""Accounts prepared by a stranger before the owner comes (A9 to A13): the owner's proof wipes what the stranger set."""

import asyncio
from dataclasses import replace

import pytest

from lingpai.core import rules, words
from lingpai.core.model import Links, RequestContext
from lingpai.flows import activate, register
from lingpai.store import accounts
from web.speakers import Hiyouth, Maillink
from web.town import Town
from web.weather import Unclear

OWNER = "owner@example.com"
STRANGERS = "the stranger's own password"
OWNERS = "the owner's own password"
CHOSEN = "nine yellow umbrellas"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
LINKS = Links("http://127.0.0.1:8000/a", "http://127.0.0.1:8000/b", "http://127.0.0.1:8000/forgot")


async def test_a_reset_takes_an_unproved_account_from_a_stranger(town: Town) -> None:
    stranger, owner = Maillink(town), Maillink(town, town.browser("203.0.113.9"))
    await stranger.register(OWNER, STRANGERS, phone="13800138000")
    await owner.forget(OWNER)
    assert (await owner.reset(OWNER, OWNERS)).yes
    assert not (await stranger.log_in(OWNER, STRANGERS)).yes
    assert (await owner.log_in(OWNER, OWNERS)).yes
    assert (await owner.who() or {})["phone"] is None, "what the stranger set dies with the owner's proof"


async def test_the_activation_link_dies_when_the_owner_resets(town: Town) -> None:
    stranger, owner = Maillink(town), Maillink(town, town.browser("203.0.113.9"))
    await stranger.register(OWNER, STRANGERS)
    link = await town.link(OWNER, "/activate_account")
    await owner.forget(OWNER)
    await owner.reset(OWNER, OWNERS)
    page = await owner.browser.get("/activate_account", params=link)
    assert "链接无效" in page.text
    assert (await owner.log_in(OWNER, OWNERS)).yes


async def test_of_two_registrations_with_different_passwords_neither_is_kept_and_the_page_asks_until_one_is_set(town: Town) -> None:
    """Whoever comes first would keep a password of their own under the owner's later registration (contract, 8.9 and 8.10)."""
    stranger, owner = Maillink(town), Maillink(town, town.browser("203.0.113.9"))
    assert (await stranger.register(OWNER, STRANGERS)).yes
    town.clock.advance(seconds=61)
    assert (await owner.register(OWNER, OWNERS)).yes
    for _ in range(2):
        shown = await owner.prove(OWNER)
        assert "设置密码" in shown.text
    for person, text in ((stranger, STRANGERS), (owner, OWNERS)):
        refused = await person.log_in(OWNER, text)
        assert refused.text == (await person.log_in("nobody@example.com", text)).text, "as a wrong password"
    link = await town.link(OWNER, "/activate_account")
    weak = await owner.browser.post("/page/activate/password", data={**link, "password": "password1"}, headers=SAME_ORIGIN)
    assert (weak.status_code, "设置密码" in weak.text) == (422, True)
    done = await owner.browser.post("/page/activate/password", data={**link, "password": CHOSEN}, headers=SAME_ORIGIN)
    assert done.headers["location"] == "/page/activate/done"
    assert "账号已激活" in (await owner.browser.get("/page/activate/done", headers={"Accept": "text/html"})).text
    assert (await owner.log_in(OWNER, CHOSEN)).yes
    assert not (await stranger.log_in(OWNER, STRANGERS)).yes
    assert "已激活，直接登录即可" in (await Maillink(town, town.browser("203.0.113.10")).prove(OWNER)).text
    assert (await owner.prove(OWNER)).headers["location"] == "/page/activate/done", "who is logged in goes on"
    late = await stranger.browser.post("/page/activate/password", data={**link, "password": STRANGERS}, headers=SAME_ORIGIN)
    assert late.headers["location"] == "/page/activate/done"
    assert "已设置过密码" in (await stranger.browser.get("/page/activate/done", headers={"Accept": "text/html"})).text
    assert (await owner.log_in(OWNER, CHOSEN)).yes


async def test_the_same_password_again_is_kept_and_a_refused_registration_changes_nothing(town: Town) -> None:
    owner, stranger = Maillink(town), Maillink(town, town.browser("203.0.113.9"))
    await owner.register(OWNER, OWNERS)
    assert not (await Hiyouth(town, stranger.browser).register(OWNER, STRANGERS)).yes, "inside the interval, which hiyouth tells"
    town.clock.advance(seconds=61)
    assert not (await stranger.register(OWNER, "password1")).yes, "weak"
    assert (await owner.register(OWNER, OWNERS)).yes
    await owner.prove(OWNER)
    assert (await owner.log_in(OWNER, OWNERS)).yes


async def test_where_a_page_says_inside_the_interval_that_a_mail_went_out_neither_password_is_kept(town: Town) -> None:
    stranger, owner = Maillink(town), Maillink(town, town.browser("203.0.113.9"))
    await stranger.register(OWNER, STRANGERS)
    sent = await owner.browser.post("/page/register", data={"email": OWNER, "password": OWNERS}, headers=SAME_ORIGIN)
    assert sent.status_code == 303
    assert len(await town.mails(OWNER)) == 1
    assert "设置密码" in (await owner.prove(OWNER)).text
    assert not (await stranger.log_in(OWNER, STRANGERS)).yes


async def test_hiyouths_page_asks_too_and_no_session_from_before_lives_on(town: Town) -> None:
    stranger, owner = Hiyouth(town), Hiyouth(town, town.browser("203.0.113.9"))
    await stranger.register(OWNER, STRANGERS)
    assert (await stranger.log_in(OWNER, STRANGERS)).yes
    town.clock.advance(seconds=61)
    await owner.register(OWNER, OWNERS)
    assert not (await stranger.log_in(OWNER, STRANGERS)).yes
    word = (await town.link(OWNER, "EmailVer"))["emailname"]
    query = {"option": "ver", "emailname": word}
    assert (await stranger.browser.get("/api/EmailVer", params=query)).json()["code"] == 1, "the call's reply stays as it is"
    shown = await stranger.browser.get("/api/EmailVer", params=query, headers={"Accept": "text/html"})
    assert "设置密码" in shown.text
    assert await stranger.who() is None, "even of the browser that opens the link"
    sent = {"emailname": word, "password": CHOSEN}
    done = await owner.browser.post("/page/verify/password", data=sent, headers=SAME_ORIGIN)
    assert done.status_code == 200
    assert (await owner.log_in(OWNER, CHOSEN)).yes
    late = await stranger.browser.post("/page/verify/password", data={**sent, "password": STRANGERS}, headers=SAME_ORIGIN)
    assert "已设置过密码" in late.text
    assert (await owner.log_in(OWNER, CHOSEN)).yes


async def test_of_sixty_four_that_choose_the_password_at_once_one_has_it(town: Town) -> None:
    services, owner = town.house.services, Maillink(town)
    await owner.register(OWNER, STRANGERS)
    town.clock.advance(seconds=61)
    await owner.register(OWNER, OWNERS)
    token, email = (await town.link(OWNER, "/activate_account"))["vcode"], rules.email(OWNER)
    account = await accounts.find(services.store, "main", "email", email.key)
    assert account

    async def choose(number: int) -> bool:
        async with services.store.begin() as tx:
            return await accounts.set_first_password(tx, account_id=account.id, password=f"{number}", at=services.clock.now())

    assert sum(await asyncio.gather(*(choose(number) for number in range(64)))) == 1
    late = await activate.set_password(services, RequestContext("203.0.113.5", "203.0.113.5"), email, token, CHOSEN)
    assert late.set_before


@pytest.mark.parametrize("proved_first", [True, False])
async def test_a_proof_that_comes_between_keeps_what_it_has_proved(town: Town, proved_first: bool) -> None:
    """A registration that was judged against the waiting one, and is written after the owner has opened the link."""
    services, owner = town.house.services, Maillink(town)
    await owner.register(OWNER, OWNERS)
    town.clock.advance(seconds=61)

    async def opens() -> None:
        if proved_first:
            account = await accounts.find(services.store, "main", "email", OWNER)
            async with services.store.begin() as tx:
                assert account
                assert await accounts.prove(tx, account_id=account.id, kind="email", key=OWNER, at=services.clock.now())

    slow = replace(services, store=Unclear(services.store, first=opens))
    here = RequestContext("203.0.113.5", "203.0.113.5").within("main", LINKS)
    await register.by_link(slow, here, register.Application(rules.email(OWNER), STRANGERS))
    assert (await owner.log_in(OWNER, OWNERS)).yes == proved_first


async def test_the_activation_mail_says_when_and_from_where_and_offers_the_account(town: Town) -> None:
    stranger = Maillink(town, town.browser("203.0.113.77"))
    made = words.date_time(town.clock.now(), "zh-Hans")
    await stranger.register(OWNER, STRANGERS)
    town.clock.advance(hours=2)
    await Maillink(town).say("/send_activate_email", email=OWNER)
    for mail in await town.mails(OWNER):
        assert "203.0.113.77" in mail["text"]
        assert made in mail["text"]
        assert "/forgot?email=" in mail["text"]
    page = await Maillink(town).prove(OWNER)
    assert "203.0.113.77" in page.text
    assert "/forgot?email=" in page.text


async def test_an_unproved_phone_finds_nobody_and_blocks_nobody(town: Town) -> None:
    first, second = Maillink(town), Maillink(town, town.browser("203.0.113.9"))
    assert (await first.register("one@example.com", OWNERS, phone="13800138000")).yes
    assert (await second.register("two@example.com", OWNERS, phone="13800138000")).yes
    for person, email in ((first, "one@example.com"), (second, "two@example.com")):
        await person.prove(email)
        await person.log_in(email, OWNERS)
        assert (await person.who() or {})["phone"] == "13800138000"


async def test_past_the_counts_which_are_a_success_here_neither_password_is_kept(town: Town) -> None:
    """A stranger has used up what strangers may be mailed: the owner's registration is answered as ever, and disagrees (contract, 8.9)."""
    for number in range(2):
        for _ in range(2):
            await Maillink(town, town.browser(f"203.0.113.{number}")).register(OWNER, STRANGERS)
            town.clock.advance(seconds=61)
    link = await town.link(OWNER, "/activate_account")
    owner = Maillink(town, town.browser("203.0.113.99"))
    before = len(await town.mails(OWNER))
    assert (await owner.register(OWNER, OWNERS)).yes
    assert len(await town.mails(OWNER)) == before, "nothing more goes out"
    page = await owner.browser.get("/activate_account", params=link, headers={"Accept": "text/html"})
    assert "设置密码" in page.text
    assert not (await owner.log_in(OWNER, STRANGERS)).yes
