"""Getting back in by a link, without HTTP: who is sent what, what it opens once, and what ends with it."""

from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from flows.births import (
    ADA,
    BOB,
    EVE,
    HERE,
    NAME,
    NEW,
    OLD,
    PHONE,
    born,
    entered,
    known,
    lock,
    mailed_code,
    mailed_token,
    opens,
    race,
    told,
    trail,
)
from lingpai.core import rules
from lingpai.core.errors import (
    BadCaptcha,
    BadCode,
    BadGrant,
    BadLink,
    Limited,
    MessagesSpent,
    NoSuchAccount,
    NotLoggedIn,
    TooSoon,
    WeakPassword,
)
from lingpai.core.model import Address, RequestContext
from lingpai.flows import Services, recover, sessions
from lingpai.guard.captcha import CaptchaAnswer
from lingpai.store import accounts, consents
from web.town import Town


async def ask_word(services: Services, who: Address, *, reveal: bool = False) -> None:
    key = await services.captchas.answers.remember("here", "FHJK")
    await recover.ask_recovery_code(services, HERE, who, CaptchaAnswer("here", key, "fhjk"), reveal=reveal)


ASKS: list[Callable[[Services, Address], Awaitable[None]]] = [
    lambda services, who: recover.ask_link(services, HERE, who),
    lambda services, who: recover.ask_code(services, HERE, who),
    ask_word,
]


async def granted(services: Services) -> RequestContext:
    """A browser that has earned a new password for ada by a code."""
    await recover.ask_code(services, HERE, ADA)
    return replace(HERE, prelogin_token=await recover.earn(services, HERE, ADA, await mailed_code(services)))


# What is sent, and to whom


@pytest.mark.parametrize("ask", ASKS, ids=["link", "code", "letters"])
async def test_the_owner_alone_is_sent_something_and_a_stranger_or_a_locked_account_costs_a_letter_to_nobody(
    services: Services, ask: Callable[[Services, Address], Awaitable[None]]
) -> None:
    await born(services, ADA)
    await lock(services, await born(services, BOB))
    for who in (ADA, BOB, EVE):
        await ask(services, who)
    assert [to for _, to in await told(services)] == [ADA.value, "", ""]
    assert len({template for template, _ in await told(services)}) == 1


@pytest.mark.parametrize("ask", ASKS, ids=["link", "code", "letters"])
async def test_a_second_message_within_a_minute_is_too_soon_whether_there_is_an_account_or_not(
    services: Services, ask: Callable[[Services, Address], Awaitable[None]]
) -> None:
    await born(services, ADA)
    for who in (ADA, EVE):
        await ask(services, who)
        with pytest.raises(TooSoon) as no:
            await ask(services, who)
        assert no.value.seconds == 60
    assert len(await told(services)) == 2


async def test_the_third_message_of_an_hour_is_too_many_for_an_address_and_a_strangers_client(town: Town) -> None:
    services = town.house.services
    await born(services, ADA)
    for who in (ADA, EVE):
        for _ in range(2):
            await recover.ask_link(services, HERE, who)
            town.clock.advance(minutes=1)
        with pytest.raises(MessagesSpent):
            await recover.ask_link(services, HERE, who)


async def test_that_there_is_nobody_is_told_only_where_it_is_to_be_and_ten_times_a_minute(services: Services) -> None:
    for number in range(9):
        with pytest.raises(NoSuchAccount):
            await recover.ask_link(services, HERE, rules.email(f"ada+{number}@example.com"), reveal=True)
    with pytest.raises(NoSuchAccount):
        await recover.ask_code(services, HERE, EVE, reveal=True)
    with pytest.raises(Limited) as no:
        await ask_word(services, EVE, reveal=True)
    assert no.value.limit == "check_client"
    assert await told(services) == []


async def test_a_code_of_letters_is_sent_only_behind_a_captcha(services: Services) -> None:
    await born(services, ADA)
    with pytest.raises(BadCaptcha):
        await recover.ask_recovery_code(services, HERE, ADA, CaptchaAnswer("here", "no such captcha", "fhjk"))
    assert await told(services) == []


async def test_a_names_code_goes_to_its_proved_mail_and_a_phones_by_text(services: Services) -> None:
    await born(services, NAME, ADA, PHONE)
    for who in (NAME, PHONE):
        await recover.ask_code(services, HERE, who)
    assert await told(services) == [("reset_code", ADA.value), ("reset_code", PHONE.value)]


async def test_that_a_name_and_a_mail_are_one_accounts_is_told_to_nobody_who_asks_by_both(services: Services) -> None:
    account = await born(services, NAME, ADA)
    await recover.ask_code(services, HERE, ADA)
    first = await mailed_code(services)
    await recover.ask_code(services, HERE, NAME)
    assert await told(services) == [("reset_code", ADA.value), ("reset_code", "")]
    await recover.by_code(services, HERE, NAME, first, NEW)
    assert (await known(services, account)).password != account.password, "the one that was mailed is good for both"


# By link


async def test_a_link_sets_the_password_once_and_the_owner_is_told(services: Services) -> None:
    account = await born(services, ADA)
    await recover.ask_link(services, HERE, ADA)
    token = await mailed_token(services)
    assert services.one_time.holder(await recover.peek_link(services, HERE, ADA, token)) == account.id
    await recover.by_link(services, HERE, ADA, token, NEW)
    assert (await opens(services, ADA, OLD), await opens(services, ADA, NEW)) == (False, True)
    assert await told(services) == [("reset", ADA.value), ("password_changed", ADA.value)]
    for again in (recover.by_link(services, HERE, ADA, token, OLD), recover.peek_link(services, HERE, ADA, token)):
        with pytest.raises(BadLink):
            await again


async def test_a_link_is_dead_after_three_hours_for_another_address_and_once_a_newer_one_was_mailed(town: Town) -> None:
    services = town.house.services
    await born(services, ADA)
    await born(services, BOB)
    await recover.ask_link(services, HERE, ADA)
    first = await mailed_token(services)
    town.clock.advance(minutes=1)
    await recover.ask_link(services, HERE, ADA)
    newest = await mailed_token(services)
    for who, token in ((ADA, first), (BOB, newest)):
        with pytest.raises(BadLink):
            await recover.by_link(services, HERE, who, token, NEW)
    town.clock.advance(hours=3)
    with pytest.raises(BadLink):
        await recover.by_link(services, HERE, ADA, newest, NEW)


async def test_what_was_mailed_is_no_good_once_the_account_is_locked_or_the_address_is_anothers(services: Services) -> None:
    account = await born(services, ADA)
    await recover.ask_link(services, HERE, ADA)
    token = await mailed_token(services)
    async with services.store.begin() as tx:
        assert await accounts.remove_identifier(tx, account_id=account.id, kind="email", key=ADA.key)
    bob = await born(services, ADA)
    with pytest.raises(BadLink):
        await recover.by_link(services, HERE, ADA, token, NEW)
    assert await known(services, bob) == bob
    await lock(services, locked := await born(services, BOB))
    link = await services.one_time.new_link("reset", "main", BOB.key, locked.id, 60)
    code = await services.one_time.new_code("reset", "main", BOB.key, str(locked.id))
    with pytest.raises(BadLink):
        await recover.by_link(services, HERE, BOB, link, NEW)
    with pytest.raises(BadCode):
        await recover.by_code(services, HERE, BOB, code, NEW)


async def test_too_many_wrong_links_of_one_client_are_looked_at_no_more(services: Services) -> None:
    await born(services, ADA)
    for _ in range(10):
        with pytest.raises(BadLink):
            await recover.peek_link(services, HERE, ADA, "wrong")
    with pytest.raises(Limited) as no:
        await recover.peek_link(services, HERE, ADA, "wrong")
    assert no.value.limit == "check_client"


async def test_a_reset_ends_every_login_and_every_other_open_secret(services: Services) -> None:
    account = await born(services, ADA)
    ctx, _ = await entered(services, account)
    grant = await granted(services)
    bind = await services.one_time.new_code("bind", "main", ADA.key, str(account.id))
    link = await services.one_time.new_link("reset", "main", ADA.key, account.id, 60)
    await recover.by_link(services, HERE, ADA, link, NEW)
    with pytest.raises(NotLoggedIn):
        await sessions.current(services, ctx)
    assert await services.one_time.peek_code("bind", "main", ADA.key, bind) is None
    with pytest.raises(BadGrant):
        await recover.by_reset_grant(services, grant, OLD)
    assert await opens(services, ADA, NEW)


async def test_a_reset_ends_the_row_of_failures_that_locks_the_owner_out(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA)
    for _ in range(2):
        for _ in range(10):
            assert not await opens(services, ADA, NEW)
        town.clock.advance(minutes=1)
    assert not await opens(services, ADA, OLD)
    link = await services.one_time.new_link("reset", "main", ADA.key, account.id, 60)
    await recover.by_link(services, HERE, ADA, link, NEW)
    assert await opens(services, ADA, NEW)


async def test_on_an_address_that_waits_for_its_proof_a_reset_is_the_proof_and_what_strangers_set_dies(services: Services) -> None:
    account = await born(services, ADA, NAME, PHONE, proved=False)
    async with services.store.begin() as tx:
        await accounts.rename(tx, account_id=account.id, nickname="not ada")
        await consents.add(tx, account_id=account.id, document="terms", version="1", at=1, ip="")
    await recover.ask_link(services, HERE, ADA)
    await recover.by_link(services, HERE, ADA, await mailed_token(services), NEW)
    now = await known(services, account)
    assert (now.email_proved_at, now.name, now.phone, now.nickname) == (services.clock.now(), None, None, "")
    assert await accounts.keys(services.store, account_id=account.id) == [ADA.key]
    assert await consents.of(services.store, account_id=account.id) == []


async def test_a_link_is_not_spent_by_a_password_that_is_refused(services: Services) -> None:
    await born(services, ADA)
    await recover.ask_link(services, HERE, ADA)
    token = await mailed_token(services)
    for weak in ("password1", ADA.value):
        with pytest.raises(WeakPassword):
            await recover.by_link(services, HERE, ADA, token, weak)
    await recover.by_link(services, HERE, ADA, token, NEW)


async def test_what_is_asked_and_done_stands_in_the_trail(services: Services) -> None:
    account = await born(services, ADA)
    await recover.ask_code(services, HERE, ADA)
    await recover.by_code(services, HERE, ADA, await mailed_code(services), NEW)
    assert await trail(services, account) == [("reset", "ok"), ("reset.ask", "ok")]
    locked = await born(services, BOB)
    await lock(services, locked)
    await recover.ask_code(services, HERE, BOB)
    assert await trail(services, locked) == [("reset.ask", "nothing-sent")]


# Races


async def test_of_sixty_four_that_use_one_link_at_once_one_sets_its_password(services: Services) -> None:
    await born(services, ADA)
    await recover.ask_link(services, HERE, ADA)
    token = await mailed_token(services)
    used = await race(lambda ctx: recover.by_link(services, ctx, ADA, token, f"{NEW} of {ctx.client}"))
    assert used == {"won": 1, "bad-link": 63}
    assert await told(services) == [("reset", ADA.value), ("password_changed", ADA.value)]


@pytest.mark.parametrize("who", [ADA, EVE])
async def test_of_sixty_four_that_ask_at_once_one_is_heard(services: Services, who: Address) -> None:
    await born(services, ADA)
    assert await race(lambda ctx: recover.ask_code(services, ctx, who)) == {"won": 1, "too-soon": 63}
    assert len(await told(services)) == 1
