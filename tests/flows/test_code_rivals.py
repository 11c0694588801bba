"""In by a code, while somebody else meddles: strangers who register the address meanwhile, owners who come back, numbers that moved on."""

import pytest
from msgspec.structs import replace

from flows.births import ADA, EVE, HERE, NAME, OLD, PHONE, born, known, mailed_code, opens, told
from lingpai.core.errors import BadCode, BadGrant
from lingpai.core.model import Address, RequestContext
from lingpai.core.steps import Step
from lingpai.flows import Services, code_login, create_account, login, recover, register
from lingpai.flows.create_account import NewAccount
from lingpai.flows.register import Application
from lingpai.guard.sessions.issuing import IssuedSession
from web.town import Town

STAYED = 180
RIVAL = replace(HERE, client="203.0.113.9")


async def asked(services: Services, address: Address) -> str:
    await code_login.ask(services, HERE, address)
    return await mailed_code(services)


async def steps_on(services: Services, address: Address, code: str) -> tuple[Step, RequestContext]:
    step = await code_login.enter(services, HERE, address, code)
    assert isinstance(step, Step)
    return step, replace(HERE, prelogin_token=step.state)


async def test_a_stranger_who_registers_the_address_meanwhile_keeps_nobody_out(services: Services) -> None:
    """An unproved address blocks nobody (contract, 8.8): the code proves it, whatever was registered there since it was sent."""
    code = await asked(services, EVE)
    await register.by_link(services, RIVAL, Application(EVE, OLD))
    step, browser = await steps_on(services, EVE, code)
    assert step.need == "create_account"
    await create_account.create(services, browser, EVE, NewAccount())
    assert not await opens(services, EVE, OLD)


async def test_nor_does_one_who_registers_it_again_with_another_password(town: Town) -> None:
    services = town.house.services
    await register.by_link(services, RIVAL, Application(EVE, OLD))
    code = await asked(services, EVE)
    town.clock.advance(seconds=61)
    await register.by_link(services, replace(RIVAL, client="203.0.113.10"), Application(EVE, "a staple of another kind"))
    step, _ = await steps_on(services, EVE, code)
    assert step.need == "create_account"


async def test_a_code_from_before_opens_no_account_that_was_proved_since(services: Services) -> None:
    code = await asked(services, EVE)
    await born(services, EVE)
    with pytest.raises(BadCode):
        await code_login.enter(services, HERE, EVE, code)


async def test_an_owner_who_logs_in_meanwhile_keeps_the_number(town: Town) -> None:
    services = town.house.services
    former = await born(services, NAME, PHONE)
    town.clock.advance(days=STAYED)
    _, browser = await steps_on(services, PHONE, await asked(services, PHONE))
    assert isinstance(await login.for_cookie(services, RIVAL, login.Try(NAME, OLD)), IssuedSession)
    with pytest.raises(BadGrant):
        await create_account.create(services, browser, PHONE, NewAccount())
    assert (await known(services, former)).phone == PHONE.value


async def test_a_number_that_moved_on_resets_no_account_with_another_way_back(town: Town) -> None:
    """Else whoever has it now sets a new password, and is never asked whether the account is theirs."""
    services = town.house.services
    await born(services, ADA, PHONE)
    town.clock.advance(days=STAYED, seconds=-1)
    await recover.ask_code(services, HERE, PHONE)
    assert (await told(services))[-1] == ("reset_code", PHONE.value)
    town.clock.advance(seconds=61)
    await recover.ask_code(services, HERE, PHONE)
    assert (await told(services))[-1] == ("reset_code", "")
    with pytest.raises(BadCode):
        await recover.by_code(services, HERE, PHONE, await mailed_code(services), "a staple of another kind")
    town.clock.advance(hours=1)
    await recover.ask_code(services, HERE, ADA)
    assert (await told(services))[-1] == ("reset_code", ADA.value)


async def test_it_resets_one_that_nothing_else_brings_back(town: Town) -> None:
    services = town.house.services
    await born(services, NAME, PHONE)
    town.clock.advance(days=STAYED)
    await recover.ask_code(services, HERE, PHONE)
    assert (await told(services))[-1] == ("reset_code", PHONE.value)
