"""Wrong codes of digits count for an account whichever way it is named, and then codes are of letters (contract, 6.6 to 6.8)."""

import asyncio

import pytest
from msgspec.structs import replace

from flows.births import ADA, BOB, EVE, HERE, NAME, NEW, OLD, PHONE, born, entered, known, mailed_code, opens, written
from lingpai.core.errors import BadCode
from lingpai.core.model import Account, Address, RequestContext
from lingpai.flows import Services, contacts, recover, register
from lingpai.flows.register import Application
from lingpai.guard.one_time.codes import is_word
from lingpai.guard.sessions.device_cookie import mark
from lingpai.steps.guesses import guesser, peek_code
from web.town import PUBLIC_URL, Town

WAYS = (NAME, ADA)


def stranger(number: int) -> RequestContext:
    return replace(HERE, client=f"203.0.113.{number}")


def at_home(account: Account, device: str = "desk") -> RequestContext:
    return replace(HERE, client=f"at the {device}", device=device, known_to=frozenset((mark(account),)))


async def misses(services: Services, ctx: RequestContext, who: Address, code: str = "wrong!") -> None:
    with pytest.raises(BadCode):
        await recover.by_code(services, ctx, who, code, NEW)


async def twenty_misses(town: Town, who: tuple[Address, ...]) -> None:
    """Four codes, five wrong guesses each, as many as a code bears."""
    for round_ in range(4):
        await recover.ask_code(town.house.services, stranger(round_), who[round_ % len(who)])
        assert not is_word(await mailed_code(town.house.services))
        for number in range(5):
            await misses(town.house.services, stranger(number), who[(round_ + number) % len(who)])
        town.clock.advance(minutes=16)


async def test_by_name_and_by_mail_there_are_twenty_guesses_a_day_and_then_a_code_of_letters(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA, NAME)
    await twenty_misses(town, WAYS)
    await recover.ask_code(services, at_home(account), ADA)
    digits = await mailed_code(services)
    assert not is_word(digits), "the known browser has twenty guesses of its own"
    for way in WAYS:
        await misses(services, stranger(7), way, digits)
    await recover.by_code(services, at_home(account), ADA, digits, NEW)
    town.clock.advance(hours=1)
    await recover.ask_code(services, stranger(9), NAME)
    letter = (await written(services))[-1]
    assert is_word(str(letter.values["code"]))
    assert letter.values["page"] == f"{PUBLIC_URL}/forgot"
    for _ in range(6):
        await misses(services, stranger(8), ADA, "22222222")
    await recover.by_code(services, stranger(9), ADA, str(letter.values["code"]), OLD)
    assert await opens(services, ADA, OLD)


async def test_it_starts_again_after_a_day_and_a_right_code_is_no_guess(town: Town) -> None:
    services = town.house.services
    await born(services, ADA, NAME)
    await twenty_misses(town, WAYS)
    town.clock.advance(days=1)
    for number in range(3):
        await recover.ask_code(services, stranger(number), ADA)
        sent = await mailed_code(services)
        assert not is_word(sent)
        await recover.by_code(services, stranger(number), ADA, sent, (NEW, OLD, NEW)[number])
        town.clock.advance(minutes=16)


async def test_guesses_count_only_while_a_code_of_digits_lives(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA)
    for number in range(25):
        await misses(services, stranger(number), ADA)
    await services.one_time.new_long_code("reset", "main", ADA.key, str(account.id))
    for number in range(25):
        await misses(services, stranger(number), ADA)
    await recover.ask_code(services, HERE, ADA)
    await recover.by_code(services, HERE, ADA, await mailed_code(services), NEW)


async def test_nobodys_code_of_letters_is_dead_before_a_hundred_tries(services: Services) -> None:
    word = await services.one_time.new_long_code("reset", "main", ADA.key, "1")
    who = guesser(HERE, "reset", None, ADA)
    for _ in range(99):
        assert await peek_code(services, who, ADA.key, "22222222") is None
    assert await peek_code(services, who, ADA.key, word)
    assert await peek_code(services, who, ADA.key, "22222222") is None
    assert await peek_code(services, who, ADA.key, word) is None


async def test_of_sixty_four_guesses_at_once_twenty_are_judged_and_no_others_cost_a_try(services: Services) -> None:
    account = await born(services, ADA)
    code = await services.one_time.new_code("reset", "main", ADA.key, str(account.id), tries=100)
    who = guesser(HERE, "reset", account, ADA)
    await asyncio.gather(*(peek_code(services, who, ADA.key, "wrong!") for _ in range(64)))
    entry = await services.one_time.peek_code("reset", "main", ADA.key, code)
    assert entry
    assert entry.tries == 80
    assert await peek_code(services, who, ADA.key, code) is None, "nor is a right one taken now"
    assert await peek_code(services, guesser(at_home(account), "reset", account, ADA), ADA.key, code)


async def test_each_known_browser_and_each_purpose_counts_for_itself(services: Services) -> None:
    account = await born(services, ADA)
    first, second = (guesser(at_home(account, device), "reset", account, ADA) for device in ("desk", "shelf"))
    code = await services.one_time.new_code("reset", "main", ADA.key, str(account.id), tries=100)
    for _ in range(21):
        await peek_code(services, first, ADA.key, "wrong!")
    assert await peek_code(services, first, ADA.key, code) is None
    assert await peek_code(services, second, ADA.key, code)
    bind = await services.one_time.new_code("bind", "main", ADA.key, "x", tries=100)
    assert await peek_code(services, guesser(at_home(account), "bind", account, ADA), ADA.key, bind)


@pytest.mark.parametrize("address", [EVE, PHONE])
async def test_who_registers_gets_letters_too_once_the_address_has_been_guessed_at(town: Town, address: Address) -> None:
    services = town.house.services
    for round_ in range(4):
        await register.ask_code(services, stranger(round_), address)
        for number in range(5):
            with pytest.raises(BadCode):
                await register.by_code(services, stranger(number), Application(address, OLD), "wrong!")
        town.clock.advance(minutes=16)
    await register.ask_code(services, stranger(8), address)
    letter = (await written(services))[-1]
    assert is_word(str(letter.values["code"]))
    assert letter.values["page"] == f"{PUBLIC_URL}/register"
    account = await register.by_code(services, stranger(8), Application(address, OLD), str(letter.values["code"]))
    assert await known(services, account)


async def test_what_is_bound_is_guessed_at_twenty_times_too(town: Town) -> None:
    services = town.house.services
    ctx, login = await entered(services, await born(services, ADA))
    await contacts.ask(services, ctx, login, BOB)
    for number in range(5):
        with pytest.raises(BadCode):
            await contacts.bind(services, replace(ctx, client=f"{number}"), login, BOB, "wrong!")
    for _ in range(15):
        await services.limits.spend("code_guesses", f"main:bind:email:{BOB.key}/")
    town.clock.advance(minutes=2)
    await contacts.ask(services, ctx, login, BOB)
    sent = await mailed_code(services)
    assert is_word(sent)
    await contacts.bind(services, ctx, login, BOB, sent)


async def test_nobody_elses_guesses_cost_the_owners_code_a_try(services: Services) -> None:
    """Another account that binds the same address, and knows no code of it."""
    owner_ctx, owner = await entered(services, await born(services, ADA))
    other_ctx, other = await entered(services, await born(services, EVE))
    await contacts.ask(services, owner_ctx, owner, BOB)
    sent = await mailed_code(services)
    for number in range(8):
        with pytest.raises(BadCode):
            await contacts.bind(services, replace(other_ctx, client=f"{number}"), other, BOB, "000000")
    await contacts.bind(services, owner_ctx, owner, BOB, sent)


async def test_an_account_more_makes_no_count_of_an_address_new(town: Town) -> None:
    """Anybody may register it, unproved: what was guessed before stands (contract, 6.6)."""
    services = town.house.services
    for _ in range(20):
        await services.limits.spend("code_guesses", f"main:register:email:{BOB.key}/")
    await register.by_link(services, HERE, register.Application(BOB, OLD))
    town.clock.advance(minutes=2)
    await register.ask_code(services, HERE, BOB)
    assert is_word(await mailed_code(services))
