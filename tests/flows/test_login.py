"""Logging in with a password, without HTTP: what opens a session or a JWT, what does not, and what counts against whom."""

import asyncio
from dataclasses import replace as with_parts

import pytest
from argon2.low_level import Type, hash_secret
from msgspec.structs import replace

from flows.births import ADA, BOB, EVE, HERE, NAME, NEW, OLD, PHONE, born, crowd, known, lock, race, trail
from lingpai.core.errors import (
    BadCaptcha,
    BadToken,
    Limited,
    NotActivated,
    NotLoggedIn,
    Overloaded,
    Refusal,
    UnknownAccount,
    WrongPassword,
)
from lingpai.core.model import Account, Address, RequestContext
from lingpai.core.steps import Step
from lingpai.flows import Services, login, sessions
from lingpai.flows.login import Try
from lingpai.guard.captcha import CaptchaAnswer
from lingpai.guard.sessions.device_cookie import mark
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.store import accounts
from rows import until_blocked
from web.town import Town

HOUR = 3_600_000


async def log_in(services: Services, attempt: Try, ctx: RequestContext = HERE) -> IssuedSession:
    issued = await login.for_cookie(services, ctx, attempt)
    assert isinstance(issued, IssuedSession)
    return issued


async def captcha(services: Services, word: str = "FHJK") -> CaptchaAnswer:
    """The right answer to a challenge that somebody was given."""
    return CaptchaAnswer("here", await services.captchas.answers.remember("here", word), word)


def known_browser(ctx: RequestContext, account: Account) -> RequestContext:
    """One that has logged into the account before; it counts for itself."""
    return replace(ctx, device=f"device of {ctx.client}", known_to=frozenset((mark(account),)))


async def fail(town: Town, times: int) -> None:
    """So many wrong passwords in a row, as fast as the limits let them through."""
    for number in range(times):
        if number and number % 10 == 0:
            town.clock.advance(minutes=1)
        with pytest.raises(WrongPassword):
            await login.for_cookie(town.house.services, replace(HERE, client=f"client {number}"), Try(ADA, NEW))


# The story


async def test_the_right_password_opens_a_session_of_the_set_hours_and_ends_the_browsers_old_one(services: Services) -> None:
    account = await born(services, ADA)
    first = await log_in(services, Try(ADA, OLD))
    second = await log_in(services, Try(ADA, OLD), replace(HERE, session=first.token))
    session = (await sessions.current(services, replace(HERE, session=second.token))).session
    assert (session.account_id, session.kind, session.amr) == (account.id, "cookie", "pwd")
    assert session.expires_at - session.created_at == services.settings.sessions.hours * HOUR
    with pytest.raises(NotLoggedIn):
        await sessions.current(services, replace(HERE, session=first.token))


async def test_a_jwt_is_the_accounts_own_and_lives_as_long_as_it_was_asked_for(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA)
    token = await login.for_jwt(services, HERE, Try(ADA, OLD), 7_200)
    assert isinstance(token, str)
    bearer = await services.tokens.holder("main", token)
    assert (bearer.account.id, bearer.claims.exp - bearer.claims.iat, bearer.session.kind) == (account.id, 7_200, "jwt")
    town.clock.advance(hours=2)
    with pytest.raises(BadToken):
        await services.tokens.holder("main", token)


async def test_a_name_a_mail_and_a_proved_phone_lead_to_one_account(services: Services) -> None:
    account = await born(services, NAME, ADA, PHONE)
    assert {(await log_in(services, Try(address, OLD))).account.id for address in (NAME, ADA, PHONE)} == {account.id}


async def test_a_login_makes_the_browser_known_to_the_account(services: Services) -> None:
    account = await born(services, ADA)
    issued = await log_in(services, Try(ADA, OLD))
    device, marks = services.device_cookies.read(issued.device)
    assert device
    assert marks == {mark(account)}


async def weak(services: Services) -> Account:
    """Its password was hashed with a shorter salt than is drawn today."""
    account = await born(services, ADA)
    hashed = hash_secret(OLD.encode(), b"8 bytes.", 1, 8, 1, 32, Type.ID).decode()
    async with services.store.begin() as tx:
        await accounts.set_password(tx, account_id=account.id, password=hashed, at=services.clock.now())
    return await known(services, account)


async def test_a_weaker_hash_is_made_anew_by_the_login_and_the_password_stays(services: Services) -> None:
    before = await weak(services)
    await log_in(services, Try(ADA, OLD))
    after = await known(services, before)
    assert after.password != before.password
    assert after.password_changed_at == before.password_changed_at
    await log_in(services, Try(ADA, OLD))
    assert (await known(services, before)).password == after.password


async def test_of_sixty_four_logins_that_make_a_weaker_hash_anew_at_once_none_is_refused(services: Services) -> None:
    account = await weak(services)
    assert await race(lambda ctx: log_in(services, Try(ADA, OLD), known_browser(ctx, account))) == {"won": 64}


# Refused


@pytest.mark.parametrize(
    ("attempt", "realm", "why"),
    [
        (Try(BOB, OLD), "main", UnknownAccount),
        (Try(ADA, OLD), "boss", UnknownAccount),
        (Try(ADA, NEW), "main", WrongPassword),
        (Try(ADA, ""), "main", WrongPassword),
    ],
)
async def test_a_stranger_and_a_wrong_password_are_refused(services: Services, attempt: Try, realm: str, why: type[Refusal]) -> None:
    account = await born(services, ADA)
    for refused in (login.for_cookie(services, HERE.within(realm), attempt), login.for_jwt(services, HERE.within(realm), attempt, 60)):
        with pytest.raises(Refusal) as no:
            await refused
        assert type(no.value) is why
        assert no.value.details == {"captcha": 0}
    assert await trail(services, account) == ([("login", "wrong-password")] * 2 if why is WrongPassword else [])


async def test_a_locked_account_is_refused_as_a_wrong_password_is(services: Services) -> None:
    account = await born(services, ADA)
    await lock(services, account)
    with pytest.raises(WrongPassword):
        await login.for_cookie(services, HERE, Try(ADA, OLD))


async def test_an_account_without_a_password_is_let_in_by_none(services: Services) -> None:
    await born(services, ADA, password=None)
    for typed in ("", OLD):
        with pytest.raises(WrongPassword):
            await login.for_cookie(services, HERE, Try(ADA, typed))


async def test_that_an_address_waits_for_its_proof_is_said_only_after_the_right_password(services: Services) -> None:
    await born(services, ADA, proved=False)
    with pytest.raises(WrongPassword):
        await login.for_cookie(services, HERE, Try(ADA, NEW))
    with pytest.raises(NotActivated):
        await login.for_cookie(services, HERE, Try(ADA, OLD))
    assert (await log_in(services, Try(ADA, OLD, unproved=True))).account.restricted


async def test_a_phone_that_is_not_proved_is_nobodys(services: Services) -> None:
    await born(services, PHONE, proved=False)
    with pytest.raises(UnknownAccount):
        await login.for_cookie(services, HERE, Try(PHONE, OLD))


async def test_a_password_that_is_changed_while_it_is_judged_opens_nothing(services: Services) -> None:
    account = await born(services, ADA)
    for way in (login.for_cookie(services, HERE, Try(ADA, OLD)), login.for_jwt(services, HERE, Try(ADA, OLD), 60)):
        before = await known(services, account)
        async with services.store.begin() as tx:
            await accounts.set_password(tx, account_id=account.id, password="another", at=services.clock.now())
            trying = asyncio.ensure_future(way)
            await until_blocked(services.store)
        with pytest.raises(WrongPassword):
            await trying
        async with services.store.begin() as tx:
            await accounts.set_password(tx, account_id=account.id, password=before.password, at=1)
    assert await trail(services, account) == [("login", "wrong-password")] * 2


async def test_a_full_queue_refuses_before_anything_is_counted(town: Town) -> None:
    services = town.house.services
    await born(services, ADA)
    async with crowd(town):
        for _ in range(12):
            with pytest.raises(Overloaded):
                await login.for_cookie(services, HERE, Try(ADA, OLD))
    await log_in(services, Try(ADA, OLD))


# Counted


async def test_the_eleventh_login_of_a_minute_is_too_many_for_one_address_but_not_for_another_or_a_known_browser(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA)
    await born(services, BOB)
    for _ in range(10):
        await log_in(services, Try(ADA, OLD))
    with pytest.raises(Limited) as no:
        await login.for_cookie(services, HERE, Try(ADA, OLD))
    assert no.value.limit == "login_address"
    await log_in(services, Try(BOB, OLD))
    await log_in(services, Try(ADA, OLD), known_browser(HERE, account))
    town.clock.advance(minutes=1)
    await log_in(services, Try(ADA, OLD))


async def test_the_thirty_first_login_of_a_minute_is_too_many_for_one_client(services: Services) -> None:
    await born(services, ADA)
    for number in range(30):
        with pytest.raises(UnknownAccount):
            await login.for_cookie(services, HERE, Try(Address("name", f"n{number}", f"n{number}"), OLD))
    with pytest.raises(Limited) as no:
        await login.for_cookie(services, HERE, Try(ADA, OLD))
    assert no.value.limit == "login_client"
    await log_in(services, Try(ADA, OLD), replace(HERE, client="203.0.113.9"))


async def test_after_twenty_failures_no_password_helps_a_stranger_for_fifteen_minutes_and_a_known_browser_gets_in(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA)
    await fail(town, 20)
    town.clock.advance(minutes=1)
    with pytest.raises(WrongPassword):
        await login.for_cookie(services, HERE, Try(ADA, OLD))
    await log_in(services, Try(ADA, OLD), known_browser(HERE, account))
    town.clock.advance(minutes=15)
    await log_in(services, Try(ADA, OLD))


async def test_a_right_password_ends_the_row_of_failures(town: Town) -> None:
    services = town.house.services
    await born(services, ADA)
    for _ in range(2):
        await fail(town, 19)
        town.clock.advance(minutes=1)
        await log_in(services, Try(ADA, OLD))
        town.clock.advance(minutes=1)


async def test_of_sixty_four_guesses_at_one_address_at_once_ten_are_judged(services: Services) -> None:
    await born(services, ADA)
    guessed = await race(lambda ctx: login.for_cookie(services, ctx, Try(ADA, NEW)))
    assert guessed == {"wrong-password": 10, "limited": 54}


# Captchas


async def test_where_a_captcha_is_always_asked_for_no_password_is_judged_without_the_right_answer(services: Services) -> None:
    account = await born(services, ADA)
    right = await captcha(services)
    with pytest.raises(BadCaptcha) as none:
        await login.for_cookie(services, HERE, Try(ADA, OLD, "always"))
    assert none.value.details == {"captcha": 1}
    for wrong in (with_parts(await captcha(services), value="XXXX"), with_parts(right, scope="elsewhere")):
        with pytest.raises(BadCaptcha):
            await login.for_cookie(services, HERE, Try(ADA, NEW, "always", wrong))
    assert await trail(services, account) == [], "nothing was judged"
    with pytest.raises(WrongPassword) as no:
        await login.for_cookie(services, HERE, Try(ADA, NEW, "always", await captcha(services)))
    assert no.value.details == {"captcha": 1}
    assert (await log_in(services, Try(ADA, OLD, "always", await captcha(services)))).account.id == account.id


@pytest.mark.parametrize("address", [ADA, EVE])
async def test_two_failures_in_a_row_ask_for_a_captcha_whether_there_is_an_account_or_not(services: Services, address: Address) -> None:
    await born(services, ADA)
    said = []
    for _ in range(3):
        with pytest.raises(Refusal) as no:
            await login.for_cookie(services, HERE, Try(address, NEW, "after_failures"))
        said.append((isinstance(no.value, BadCaptcha), no.value.details["captcha"]))
    assert said == [(False, 0), (False, 1), (True, 1)]


async def test_a_right_password_needs_no_captcha_the_next_time(services: Services) -> None:
    await born(services, ADA)
    for _ in range(2):
        with pytest.raises(WrongPassword):
            await login.for_cookie(services, HERE, Try(ADA, NEW, "after_failures"))
    await log_in(services, Try(ADA, OLD, "after_failures", await captcha(services)))
    await log_in(services, Try(ADA, OLD, "after_failures"))


async def test_of_sixty_four_logins_with_one_captcha_at_once_one_gets_in(services: Services) -> None:
    account = await born(services, ADA)
    attempt = Try(ADA, OLD, "always", await captcha(services))
    assert await race(lambda ctx: log_in(services, attempt, known_browser(ctx, account))) == {"won": 1, "bad-captcha": 63}


# One more step


async def test_a_closing_accounts_owner_gets_the_step_instead_of_a_jwt_only_for_the_right_password(services: Services) -> None:
    account, until = await born(services, ADA), services.clock.now() + HOUR
    async with services.store.begin() as tx:
        assert await accounts.close(tx, account_id=account.id, at=1, deletes_at=until)
    steps = frozenset(("cancel_deletion",))
    with pytest.raises(WrongPassword):
        await login.for_jwt(services, HERE, Try(ADA, NEW, steps=steps), 60)
    with pytest.raises(WrongPassword):
        await login.for_jwt(services, HERE, Try(ADA, OLD), 60)
    step = await login.for_jwt(services, HERE, Try(ADA, OLD, steps=steps), 60)
    assert isinstance(step, Step)
    assert (step.need, step.at) == ("cancel_deletion", until)
