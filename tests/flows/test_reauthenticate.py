"""Is it still you? Without HTTP: what makes a login fresh once more, for whom and how long, and what does not."""

import pytest
from msgspec.structs import replace

from flows.births import ADA, BOB, HERE, NAME, NEW, OLD, PHONE, born, crowd, entered, mailed_code, opens, race, told, trail
from lingpai.core.errors import BadCode, Limited, MessagesSpent, Overloaded, StaleLogin, TooSoon, WrongPassword
from lingpai.core.model import Account, RequestContext
from lingpai.flows import Services, reauthenticate, sessions
from lingpai.guard.sessions.issuing import RedeemedLink
from lingpai.steps.authentication import Authenticated
from lingpai.store import accounts
from web.town import Town


async def stale(town: Town, account: Account) -> tuple[RequestContext, Authenticated]:
    """A login that is ten minutes old."""
    found = await entered(town.house.services, account)
    town.clock.advance(minutes=10)
    return found


async def is_fresh(services: Services, ctx: RequestContext, mine: Authenticated) -> bool:
    return await reauthenticate.fresh(services, ctx, mine) is not None


# How long, and for whom


async def test_a_proof_is_good_for_ten_minutes_and_for_the_session_that_gave_it(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA)
    other = await entered(services, account)
    ctx, mine = await stale(town, account)
    proved = await reauthenticate.by_password(services, ctx, mine, OLD)
    assert proved.digest == mine.digest
    assert (await is_fresh(services, ctx, mine), await is_fresh(services, *other)) == (True, False)
    town.clock.advance(minutes=9)
    assert await is_fresh(services, ctx, mine)
    town.clock.advance(minutes=1)
    assert not await is_fresh(services, ctx, mine)
    assert ("confirm", "ok") in await trail(services, account)


async def test_a_one_time_links_login_is_never_fresh_but_by_a_proof(services: Services) -> None:
    account = await born(services, ADA)
    _, maker = await entered(services, account)
    opened = await services.session_issuer.cookie_by_link(account, HERE, RedeemedLink(maker.digest, 600))
    ctx = replace(HERE, session=opened.token)
    mine = await sessions.current(services, ctx)
    assert not await is_fresh(services, ctx, mine)
    await reauthenticate.by_password(services, ctx, mine, OLD)
    assert await is_fresh(services, ctx, mine)


async def test_a_step_that_needs_a_proof_is_refused_to_a_stale_login(town: Town) -> None:
    services = town.house.services
    ctx, mine = await stale(town, await born(services, ADA))
    with pytest.raises(StaleLogin):
        await reauthenticate.require(services, ctx, mine)
    await reauthenticate.by_password(services, ctx, mine, OLD)
    assert (await reauthenticate.require(services, ctx, mine)).account.id == mine.account.id


# By password


async def test_a_wrong_password_and_none_where_there_is_none_prove_nothing(town: Town) -> None:
    services = town.house.services
    for account, typed in ((await born(services, ADA), NEW), (await born(services, BOB, password=None), "")):
        ctx, mine = await stale(town, account)
        with pytest.raises(WrongPassword):
            await reauthenticate.by_password(services, ctx, mine, typed)
        assert not await is_fresh(services, ctx, mine)
        assert (await trail(services, account))[0] == ("confirm", "wrong-password")


async def test_the_eleventh_password_of_a_minute_is_too_many_and_a_row_of_twenty_locks_as_failed_logins_do(town: Town) -> None:
    services = town.house.services
    ctx, mine = await stale(town, await born(services, ADA))
    for _ in range(2):
        for _ in range(10):
            with pytest.raises(WrongPassword):
                await reauthenticate.by_password(services, ctx, mine, NEW)
        with pytest.raises(Limited):
            await reauthenticate.by_password(services, ctx, mine, OLD)
        town.clock.advance(minutes=1)
    with pytest.raises(WrongPassword):
        await reauthenticate.by_password(services, ctx, mine, OLD)
    assert not await opens(services, ADA, OLD)
    town.clock.advance(minutes=15)
    assert await opens(services, ADA, OLD)


async def test_a_full_queue_refuses_before_a_proof_is_counted(town: Town) -> None:
    services = town.house.services
    ctx, mine = await stale(town, await born(services, ADA))
    async with crowd(town):
        for _ in range(11):
            with pytest.raises(Overloaded):
                await reauthenticate.by_password(services, ctx, mine, OLD)
    await reauthenticate.by_password(services, ctx, mine, OLD)


async def test_of_sixty_four_guesses_in_a_session_at_once_ten_are_judged(town: Town) -> None:
    services = town.house.services
    ctx, mine = await stale(town, await born(services, ADA))
    guessed = await race(lambda each: reauthenticate.by_password(services, each, mine, NEW), ctx)
    assert guessed == {"wrong-password": 10, "limited": 54}


# By a code


async def test_a_mailed_code_proves_the_owner_of_an_account_without_a_password_once(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA, PHONE, password=None)
    ctx, mine = await stale(town, account)
    assert await reauthenticate.ask_code(services, ctx, mine) == ADA
    assert await told(services) == [("confirm_code", ADA.value)]
    sent = await mailed_code(services)
    await reauthenticate.by_code(services, ctx, mine, sent)
    assert await is_fresh(services, ctx, mine)
    with pytest.raises(BadCode):
        await reauthenticate.by_code(services, ctx, mine, sent)
    assert (await trail(services, account))[:2] == [("confirm", "bad-code"), ("confirm", "ok")]


async def test_where_there_is_only_a_phone_the_code_goes_by_text(town: Town) -> None:
    services = town.house.services
    ctx, mine = await stale(town, await born(services, NAME, PHONE, password=None))
    assert await reauthenticate.ask_code(services, ctx, mine) == PHONE
    assert await told(services) == [("confirm_code", PHONE.value)]
    await reauthenticate.by_code(services, ctx, mine, await mailed_code(services))
    assert await is_fresh(services, ctx, mine)


@pytest.mark.parametrize("proved", [True, False])
async def test_who_has_no_proved_address_is_sent_nothing_and_no_code_is_theirs(town: Town, proved: bool) -> None:
    services = town.house.services
    account = await born(services, *((NAME,) if proved else (ADA, PHONE)), proved=proved)
    ctx, mine = await stale(town, account)
    with pytest.raises(StaleLogin):
        await reauthenticate.ask_code(services, ctx, mine)
    with pytest.raises(BadCode):
        await reauthenticate.by_code(services, ctx, mine, "000000")
    assert await told(services) == []


async def test_a_second_code_within_a_minute_is_too_soon_and_the_first_lives_on(town: Town) -> None:
    services = town.house.services
    ctx, mine = await stale(town, await born(services, ADA))
    await reauthenticate.ask_code(services, ctx, mine)
    first = await mailed_code(services)
    town.clock.advance(seconds=59)
    with pytest.raises(TooSoon) as no:
        await reauthenticate.ask_code(services, ctx, mine)
    assert no.value.seconds == 1
    await reauthenticate.by_code(services, ctx, mine, first)


async def test_a_new_code_kills_the_one_before(town: Town) -> None:
    services = town.house.services
    ctx, mine = await stale(town, await born(services, ADA))
    await reauthenticate.ask_code(services, ctx, mine)
    first = await mailed_code(services)
    town.clock.advance(minutes=1)
    await reauthenticate.ask_code(services, ctx, mine)
    with pytest.raises(BadCode):
        await reauthenticate.by_code(services, ctx, mine, first)
    await reauthenticate.by_code(services, ctx, mine, await mailed_code(services))


async def test_the_sixth_code_of_an_hour_is_too_many_for_an_address(town: Town) -> None:
    services = town.house.services
    ctx, mine = await stale(town, await born(services, ADA))
    for _ in range(5):
        await reauthenticate.ask_code(services, ctx, mine)
        town.clock.advance(minutes=1)
    with pytest.raises(MessagesSpent):
        await reauthenticate.ask_code(services, ctx, mine)
    assert len(await told(services)) == 5


async def test_a_code_is_dead_after_ten_minutes_and_after_five_wrong_tries(town: Town) -> None:
    services = town.house.services
    ctx, mine = await stale(town, await born(services, ADA))
    await reauthenticate.ask_code(services, ctx, mine)
    town.clock.advance(minutes=10)
    with pytest.raises(BadCode):
        await reauthenticate.by_code(services, ctx, mine, await mailed_code(services))
    await reauthenticate.ask_code(services, ctx, mine)
    right = await mailed_code(services)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    for typed in (*[wrong] * 5, right):
        with pytest.raises(BadCode):
            await reauthenticate.by_code(services, ctx, mine, typed)


async def test_another_accounts_code_and_one_for_another_purpose_prove_nothing(town: Town) -> None:
    services = town.house.services
    bob = await entered(services, await born(services, BOB))
    ctx, mine = await stale(town, await born(services, ADA))
    await reauthenticate.ask_code(services, *bob)
    with pytest.raises(BadCode):
        await reauthenticate.by_code(services, ctx, mine, await mailed_code(services))
    reset = await services.one_time.new_code("reset", "main", ADA.key, str(mine.account.id))
    with pytest.raises(BadCode):
        await reauthenticate.by_code(services, ctx, mine, reset)


async def test_a_code_proves_nothing_to_another_account_that_has_the_address_now(services: Services) -> None:
    """What it was sent for is the account, not the address alone."""
    account = await born(services, ADA)
    await reauthenticate.ask_code(services, *await entered(services, account))
    async with services.store.begin() as tx:
        assert await accounts.remove_identifier(tx, account_id=account.id, kind="email", key=ADA.key)
    ctx, mine = await entered(services, await born(services, ADA))
    with pytest.raises(BadCode):
        await reauthenticate.by_code(services, ctx, mine, await mailed_code(services))


async def test_the_eleventh_code_of_a_minute_is_too_many_for_one_client(services: Services) -> None:
    ctx, mine = await entered(services, await born(services, ADA))
    for _ in range(10):
        with pytest.raises(BadCode):
            await reauthenticate.by_code(services, ctx, mine, "000000")
    with pytest.raises(Limited) as no:
        await reauthenticate.by_code(services, ctx, mine, "000000")
    assert no.value.limit == "check_client"


async def test_of_sixty_four_that_use_one_code_at_once_one_has_proved_it(town: Town) -> None:
    services = town.house.services
    ctx, mine = await stale(town, await born(services, ADA))
    await reauthenticate.ask_code(services, ctx, mine)
    right = await mailed_code(services)
    assert await race(lambda each: reauthenticate.by_code(services, each, mine, right), ctx) == {"won": 1, "bad-code": 63}


async def test_of_sixty_four_that_ask_for_a_code_at_once_one_is_sent_it(services: Services) -> None:
    ctx, mine = await entered(services, await born(services, ADA))
    assert await race(lambda each: reauthenticate.ask_code(services, each, mine), ctx) == {"won": 1, "too-soon": 63}
    assert await told(services) == [("confirm_code", ADA.value)]
