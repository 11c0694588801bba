"""In by a code, while somebody else meddles: strangers who register the address meanwhile, owners who come back, numbers that moved on."""

import pytest
from msgspec.structs import replace

from flows.births import ADA, HERE, NAME, OLD, PHONE, born, known, mailed_code, told
from lingpai.core.errors import BadCode, BadGrant
from lingpai.core.model import Address, RequestContext
from lingpai.core.steps import Step
from lingpai.flows import Services, code_login, create_account, login, recover
from lingpai.flows.create_account import NewAccount
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
