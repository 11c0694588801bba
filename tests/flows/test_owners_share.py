"""Strangers cannot use up the messages that an owner needs, and nobody hears of what is silent (contract, 7.4 to 7.7)."""

import pytest
from msgspec.structs import replace

from flows.births import ADA, BOB, EVE, HERE, NAME, NEW, OLD, PHONE, born, mailed_code, race, told
from lingpai.core import rules
from lingpai.core.errors import Limited, MessagesSpent, TooSoon, WrongPassword
from lingpai.core.model import Account, Address, RequestContext
from lingpai.flows import Services, account_admin, login, recover, register
from lingpai.flows.register import Application
from lingpai.guard.sessions.device_cookie import mark
from lingpai.guard.throttling.sms_budgets import SmsBudgets
from web.town import Town


def stranger(number: int) -> RequestContext:
    return replace(HERE, client=f"203.0.113.{number}")


def at_home(account: Account, client: str = "198.51.100.200") -> RequestContext:
    """A browser that the account knows."""
    return replace(HERE, client=client, device="desk", known_to=frozenset((mark(account),)))


async def asks(services: Services, ctx: RequestContext, who: Address) -> str:
    try:
        await recover.ask_code(services, ctx, who)
    except (TooSoon, MessagesSpent) as why:
        return why.code
    return "ok"


async def reached(services: Services) -> int:
    return len([to for _, to in await told(services) if to])


async def test_an_owner_at_a_known_browser_gets_a_reset_after_any_siege_and_a_stranger_hears_the_same_for_nobody(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA, NAME)
    heard = {}
    for who in (ADA, EVE):
        heard[who] = []
        for hour in range(3):
            for number in range(6):
                heard[who].append(await asks(services, stranger(10 * hour + number), who))
                town.clock.advance(minutes=1)
            town.clock.advance(hours=1)
    assert heard[ADA] == heard[EVE], "the answer does not depend on whether there is an account"
    assert heard[ADA].count("ok") == 8
    assert heard[ADA][4:6] == ["messages-spent"] * 2
    assert heard[ADA][-6:] == ["messages-spent-today"] * 6
    before = await reached(services)
    for each in (ADA, NAME):
        assert await asks(services, at_home(account), each) == "ok"
        town.clock.advance(minutes=1)
    assert await reached(services) == before + 2


async def test_a_code_that_does_not_land_leaves_the_earlier_one_as_it_was(town: Town) -> None:
    """Asked for by name and by mail in turns: each is told a success, and the account gets what strangers may cause."""
    services = town.house.services
    await born(services, ADA, NAME)
    codes = []
    for number in range(6):
        assert await asks(services, stranger(number), (ADA, NAME)[number % 2]) == "ok"
        codes.append(await mailed_code(services))
        town.clock.advance(minutes=1)
    assert await reached(services) == 4
    assert await recover.earn(services, HERE, ADA, codes[3]), "the last one that went out"


async def test_a_mailbox_counts_over_realms_and_purposes_and_says_nothing(town: Town) -> None:
    services = town.house.services
    realms = ("main", "boss")
    for realm in realms:
        await born(services, ADA, realm=realm)
    for number in range(12):
        realm, reset = realms[number % 2], number % 4 < 2
        ctx = stranger(number).within(realm)
        await (recover.ask_code(services, ctx, ADA) if reset else register.ask_code(services, ctx, ADA))
        town.clock.advance(minutes=2)
    assert len(await told(services)) == 12
    assert await reached(services) == 4 + 2, "of eight that strangers may cause; each realm tells of a registration once an hour"


async def test_four_requests_an_hour_from_one_client_keep_no_address_from_registering(town: Town) -> None:
    services = town.house.services
    for _ in range(2):
        await register.ask_code(services, stranger(1), BOB)
        town.clock.advance(minutes=1)
    for _ in range(3):
        try:
            await register.ask_code(services, stranger(1), BOB)
        except MessagesSpent:
            town.clock.advance(minutes=1)
    await register.ask_code(services, stranger(2), BOB)
    assert await reached(services) == 3


async def test_of_sixty_four_that_ask_by_name_and_by_mail_at_once_one_letter_goes_out(services: Services) -> None:
    await born(services, ADA, NAME)
    numbers = iter(range(64))
    ends = await race(lambda ctx: recover.ask_code(services, ctx, (ADA, NAME)[next(numbers) % 2]))
    assert ends["won"] == 2
    assert await reached(services) == 1


async def test_unlocking_clears_what_strangers_have_counted_up(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA, NAME)
    for number in range(5):
        await asks(services, stranger(number), ADA)
        town.clock.advance(minutes=1)
    for number in range(11):
        with pytest.raises((WrongPassword, Limited)):
            await login.for_cookie(services, stranger(number), login.Try(ADA, "a wrong one"))
    for _ in range(5):
        await services.limits.spend("questions_account", f"main:{account.id}")
    with pytest.raises(Limited):
        await login.for_cookie(services, stranger(80), login.Try(ADA, OLD))
    assert await asks(services, stranger(80), ADA) == "messages-spent"
    await account_admin.unlock(services, account)
    assert await login.for_cookie(services, stranger(80), login.Try(ADA, OLD))
    assert await asks(services, stranger(80), ADA) == "ok"
    assert await reached(services) == 5
    await services.limits.spend("questions_account", f"main:{account.id}")


async def test_budgets_that_strangers_have_spent_silence_no_reset_and_no_notice_of_a_new_password(services: Services) -> None:
    account = await born(services, PHONE)
    budgets = SmsBudgets(services.ephemeral, services.settings.sms, services.clock)
    await services.ephemeral.hit("sms:day", 86_400, 900)
    with pytest.raises(Limited) as spent:
        await register.ask_code(services, HERE, rules.phone("13900139000"))
    assert spent.value.limit == "sms_daily"
    stranger_phone = rules.phone("13700137000")
    for who in (stranger_phone, PHONE):
        assert await asks(services, HERE, who) == "ok", "the same for a phone that nobody has"
    assert (await budgets.state()).sent == 901, "and that one's text costs nothing"
    await recover.by_code(services, HERE, PHONE, await mailed_code(services), NEW)
    assert [to for template, to in await told(services) if template == "password_changed"] == [account.phone]
    assert (await budgets.state()).sent == 902


async def test_a_notice_of_another_kind_waits_for_no_kept_part(services: Services) -> None:
    account = await born(services, PHONE)
    await services.ephemeral.hit("sms:day", 86_400, 900)
    assert await services.messages.reached(account) is None
    assert await services.messages.reached(account, kept=True) == account


async def test_codes_that_are_used_rightly_cost_their_client_nothing_up_to_sixty_an_hour(services: Services) -> None:
    """A school behind one address: everybody registers, and nobody is told to wait (contract, 7.12)."""
    left = 10
    for number in range(60 + left):
        address = rules.email(f"pupil{number}@example.com")
        await register.ask_code(services, HERE, address)
        await register.by_code(services, HERE, Application(address, OLD), await mailed_code(services))
    with pytest.raises(Limited) as why:
        await register.by_code(services, HERE, Application(ADA, OLD), "000000")
    assert why.value.limit in ("register_client", "check_client")
