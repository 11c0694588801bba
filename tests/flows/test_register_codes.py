"""Registering by a code, without HTTP: by mail, and by phone in two steps; what the proof ends, and that one account comes of it."""

from dataclasses import replace as with_parts

import pytest
from msgspec.structs import replace

from flows.births import ADA, HERE, NAME, NEW, OLD, PHONE, born, crowd, entered, known, lock, mailed_code, opens, race, told
from lingpai.core import rules
from lingpai.core.errors import (
    BadCaptcha,
    BadCode,
    BadInput,
    BadLink,
    Limited,
    NotLoggedIn,
    NotOffered,
    Overloaded,
    Taken,
    TooSoon,
    WeakPassword,
)
from lingpai.core.model import Account, Address, RequestContext
from lingpai.flows import Services, activate, register, sessions
from lingpai.flows.register import Application
from lingpai.guard.captcha import CaptchaAnswer
from lingpai.guard.throttling.messages import MessageThrottle
from lingpai.store import accounts, consents
from web.town import Town

ANOTHER = "somebody else's long one"
ELSE = rules.phone("13900139000")


async def code(services: Services, address: Address = ADA) -> str:
    """The code that was sent to somebody who wants to register."""
    await register.ask_code(services, HERE, address)
    return await mailed_code(services)


async def begun(services: Services, password: str = OLD, phone: Address = PHONE) -> tuple[RequestContext, str]:
    """The browser that has taken the first step, and the code that was sent to the phone."""
    step = await register.begin_by_phone(services, HERE, phone, password)
    assert step.need == "code"
    return replace(HERE, prelogin_token=step.state), await mailed_code(services)


async def finish(services: Services, ctx: RequestContext, code: str, *, password: str = "", phone: Address = PHONE) -> Account:
    """The second step, as a dialect calls it."""
    return (await register.finish_by_phone(services, ctx, phone, password, code)).account


# By mail


async def test_a_code_proves_the_address_and_logs_in_once(services: Services) -> None:
    sent = await code(services)
    assert await told(services) == [("register_code", ADA.value)]
    issued = await register.enter(services, HERE, Application(ADA, OLD, consents=(("privacy", "1"),)), sent)
    login = await sessions.full(services, replace(HERE, session=issued.token))
    assert (login.account.email_proved_at, login.session.amr) == (services.clock.now(), "otp")
    assert [each.document for each in await consents.of(services.store, account_id=login.account.id)] == ["privacy"]
    with pytest.raises(BadCode):
        await register.by_code(services, HERE, Application(ADA, ANOTHER), sent)
    assert await opens(services, ADA, OLD)


async def test_who_proves_a_waiting_address_has_the_account_and_what_others_set_dies(services: Services) -> None:
    waiting = await born(services, ADA, NAME, proved=False)
    ctx, _ = await entered(services, waiting)
    async with services.store.begin() as tx:
        await accounts.rename(tx, account_id=waiting.id, nickname="not ada")
        await consents.add(tx, account_id=waiting.id, document="terms", version="1", at=1, ip="")
    assert await register.by_code(services, HERE, Application(ADA, NEW), await code(services)) == waiting.id
    now = await known(services, waiting)
    assert (now.email_proved_at, now.name, now.nickname) == (services.clock.now(), None, "")
    assert await consents.of(services.store, account_id=waiting.id) == []
    assert (await opens(services, ADA, OLD), await opens(services, ADA, NEW)) == (False, True)
    with pytest.raises(NotLoggedIn):
        await sessions.current(services, ctx)


async def test_a_strangers_link_is_dead_once_the_owner_has_proved_the_address_by_a_code(services: Services) -> None:
    token = await services.one_time.new_link("activate", "main", ADA.key, 0, 3_600)
    waiting = await born(services, ADA, proved=False)
    assert not (await activate.peek(services, HERE, ADA, token)).active, "the control"
    assert await register.by_code(services, HERE, Application(ADA, NEW), await code(services)) == waiting.id
    with pytest.raises(BadLink):
        await activate.peek(services, HERE, ADA, token)


async def test_a_taken_addresss_owner_is_told_and_the_code_that_was_sent_to_nobody_opens_nothing(services: Services) -> None:
    account = await born(services, ADA)
    await register.ask_code(services, HERE, ADA)
    assert await told(services) == [("taken", ADA.value)]
    guessed = await services.one_time.new_code("register", "main", ADA.key, "")
    with pytest.raises(BadCode):
        await register.by_code(services, HERE, Application(ADA, ANOTHER), guessed)
    with pytest.raises(Taken):
        await register.by_code(services, HERE, Application(ADA, ANOTHER), "000000", reveal=True)
    assert await known(services, account) == account


async def test_a_locked_account_that_waits_for_its_proof_is_taken_over_by_nobody(services: Services) -> None:
    waiting = await born(services, ADA, proved=False)
    await lock(services, waiting)
    with pytest.raises(BadCode):
        await register.by_code(services, HERE, Application(ADA, NEW), await code(services))
    assert (await known(services, waiting)).email_proved_at is None


async def test_a_code_is_dead_after_five_wrong_tries_and_a_weak_password_spends_none(town: Town) -> None:
    services = town.house.services
    sent = await code(services)
    with pytest.raises(WeakPassword):
        await register.by_code(services, HERE, Application(ADA, "password1"), sent)
    for typed in (*[f"{(int(sent) + 1) % 1_000_000:06}"] * 5, sent):
        with pytest.raises(BadCode):
            await register.by_code(services, HERE, Application(ADA, OLD), typed)
    town.clock.advance(minutes=1)
    await register.by_code(services, HERE, Application(ADA, OLD), await code(services))
    assert await opens(services, ADA, OLD)


async def test_the_eleventh_code_of_a_minute_is_too_many_for_one_client(services: Services) -> None:
    for _ in range(10):
        with pytest.raises(BadCode):
            await register.by_code(services, HERE, Application(ADA, OLD), "000000")
    with pytest.raises(Limited) as no:
        await register.by_code(services, HERE, Application(ADA, OLD), "000000")
    assert no.value.limit == "check_client"


async def test_a_code_is_sent_only_for_the_right_answer_to_the_captcha_and_once_a_minute(services: Services) -> None:
    key = await services.captchas.answers.remember("here", "FHJK")
    with pytest.raises(BadCaptcha):
        await register.ask_code(services, HERE, ADA, answer=CaptchaAnswer("elsewhere", key, "FHJK"))
    assert await told(services) == []
    key = await services.captchas.answers.remember("here", "FHJK")
    await register.ask_code(services, HERE, ADA, answer=CaptchaAnswer("here", key, "FHJK"))
    with pytest.raises(TooSoon):
        await register.ask_code(services, HERE, ADA)


# By phone, in two steps


async def test_the_second_step_takes_the_first_ones_password_and_the_phone_is_proved(services: Services) -> None:
    ctx, sent = await begun(services)
    assert await told(services) == [("register_code", PHONE.value)]
    account = await finish(services, ctx, sent)
    assert (account.phone, account.phone_proved_at) == (PHONE.value, services.clock.now())
    assert await opens(services, PHONE, OLD)
    assert await register.draft(services, ctx) is None, "it is spent"


async def test_a_password_of_the_second_step_goes_before_the_firsts_and_one_of_them_has_to_be_there(services: Services) -> None:
    ctx, sent = await begun(services, password="")
    with pytest.raises(BadInput) as no:
        await finish(services, ctx, sent)
    assert (no.value.field, no.value.reason) == ("pwd", "missing")
    await finish(services, ctx, sent, password=NEW)
    assert await opens(services, PHONE, NEW)
    ctx, sent = await begun(services, OLD, ELSE)
    await finish(services, ctx, sent, password=NEW, phone=ELSE)
    assert (await opens(services, ELSE, OLD), await opens(services, ELSE, NEW)) == (False, True)


async def test_what_a_browser_has_begun_is_its_own_in_its_realm_for_ten_minutes_under_a_token_nobody_planted(town: Town) -> None:
    services = town.house.services
    step = await register.begin_by_phone(services, replace(HERE, prelogin_token="planted"), PHONE, OLD)
    assert step.state != "planted"
    browser = replace(HERE, prelogin_token=step.state)
    draft = await register.draft(services, browser)
    assert draft
    assert (draft.realm, draft.phone) == ("main", PHONE.value)
    for other in (HERE, browser.within("boss"), replace(HERE, prelogin_token="planted")):
        assert await register.draft(services, other) is None
    town.clock.advance(minutes=10)
    assert await register.draft(services, browser) is None


async def test_the_second_step_may_leave_the_phone_to_the_first(services: Services) -> None:
    ctx, sent = await begun(services)
    with pytest.raises(BadInput) as no:
        await register.finish_by_phone(services, HERE, None, OLD, sent)
    assert (no.value.field, no.value.reason) == ("account", "missing")
    assert (await register.finish_by_phone(services, ctx, None, "", sent)).account.phone == PHONE.value


async def test_the_second_step_for_another_phone_is_refused(services: Services) -> None:
    ctx, _ = await begun(services)
    sent = await code(services, ELSE)
    with pytest.raises(BadCode):
        await finish(services, ctx, sent, phone=ELSE)
    assert await accounts.find(services.store, "main", "phone", ELSE.key) is None


async def test_a_code_that_has_lost_its_leading_zeros_is_taken_and_a_wrong_one_keeps_what_was_begun(services: Services) -> None:
    ctx, sent = await begun(services)
    with pytest.raises(BadCode):
        await finish(services, ctx, f"{(int(sent) + 1) % 1_000_000:06}")
    while not sent.startswith("0"):
        sent = await services.one_time.new_code("register", "main", PHONE.key, "")
    await finish(services, ctx, sent.lstrip("0"))
    assert await opens(services, PHONE, OLD)


async def test_a_taken_phones_owner_is_told_and_only_a_dialect_that_reveals_says_so(services: Services) -> None:
    account = await born(services, PHONE)
    with pytest.raises(Taken):
        await register.begin_by_phone(services, HERE, PHONE, ANOTHER, reveal=True)
    assert await told(services) == []
    step = await register.begin_by_phone(services, HERE, PHONE, ANOTHER)
    assert await told(services) == [("taken", PHONE.value)]
    guessed = await services.one_time.new_code("register", "main", PHONE.key, "")
    with pytest.raises(BadCode):
        await finish(services, replace(HERE, prelogin_token=step.state), guessed)
    assert await known(services, account) == account


async def test_a_weak_password_and_a_full_queue_send_no_text(town: Town) -> None:
    services = town.house.services
    with pytest.raises(WeakPassword):
        await register.begin_by_phone(services, HERE, PHONE, "password1")
    async with crowd(town):
        with pytest.raises(Overloaded):
            await register.begin_by_phone(services, HERE, PHONE, OLD)
    assert await told(services) == []
    await begun(services)


async def test_a_second_text_within_a_minute_is_too_soon_with_and_without_a_password(services: Services) -> None:
    await begun(services)
    for password in ("", OLD):
        with pytest.raises(TooSoon):
            await register.begin_by_phone(services, HERE, PHONE, password)


async def test_a_phone_that_no_text_goes_to_is_refused_and_each_one_where_nobody_carries_texts(services: Services) -> None:
    abroad = rules.phone("+4915123456789")
    with pytest.raises(BadInput) as no:
        await register.begin_by_phone(services, HERE, abroad, OLD)
    assert no.value.field == "phone"
    silent = with_parts(services, messages=MessageThrottle(services.ephemeral, services.limits, services.clock, None))
    for password in ("", OLD):
        with pytest.raises(NotOffered):
            await register.begin_by_phone(silent, HERE, PHONE, password)
    assert await told(services) == []


# Races


async def test_of_sixty_four_that_use_one_code_at_once_one_has_the_account(services: Services) -> None:
    sent = await code(services)
    entered_ = await race(lambda ctx: register.enter(services, ctx, Application(ADA, f"{OLD} of {ctx.client}"), sent))
    assert entered_ == {"won": 1, "bad-code": 63}


async def test_of_sixty_four_that_take_the_second_step_at_once_one_has_the_account(services: Services) -> None:
    ctx, sent = await begun(services)
    assert await race(lambda each: finish(services, each, sent), ctx) == {"won": 1, "bad-code": 63}


async def test_of_sixty_four_that_ask_for_one_phones_code_at_once_one_is_heard(services: Services) -> None:
    asked = await race(lambda ctx: register.begin_by_phone(services, ctx, PHONE, OLD))
    assert asked == {"won": 1, "too-soon": 63}
    assert await told(services) == [("register_code", PHONE.value)]


async def test_a_fixed_line_is_refused_before_anything_is_counted(services: Services) -> None:
    """However often it is asked for: no interval has begun (contract, 14.12)."""
    for _ in range(25):
        with pytest.raises(BadInput) as why:
            await register.ask_code(services, HERE, rules.phone("+861065529988"))
        assert why.value.reason == "sms-number"
    await register.ask_code(services, HERE, PHONE)
