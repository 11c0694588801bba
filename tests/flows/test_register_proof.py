"""Registering in two steps, without HTTP: a code proves the address, and password and papers come under what that has earned."""

import pytest
from msgspec.structs import replace

from flows.births import ADA, EVE, HERE, OLD, PHONE, born, known, mailed_code, opens, race
from lingpai.core.errors import BadCode, BadGrant, InviteRequired, Limited, WeakPassword
from lingpai.core.model import Address, RequestContext
from lingpai.flows import Services, create_account, invites, register, sessions
from lingpai.flows.create_account import NewAccount
from lingpai.flows.register import Application
from lingpai.settings import Invites, Limits, Rate
from lingpai.store import accounts
from web.town import Town

CHOSEN = NewAccount(password=OLD)


async def asked(services: Services, address: Address = EVE) -> str:
    await register.ask_code(services, HERE, address)
    return await mailed_code(services)


async def proved(services: Services, address: Address = EVE) -> RequestContext:
    """The browser in which the code was typed."""
    step = await create_account.prove(services, HERE, address, await asked(services, address))
    assert step.need == "create_account"
    return replace(HERE, prelogin_token=step.state)


@pytest.mark.parametrize(("address", "amr"), [(EVE, "otp"), (PHONE, "sms")], ids=["mail", "phone"])
async def test_a_code_and_then_a_password_make_an_account_and_log_in(services: Services, address: Address, amr: str) -> None:
    browser = await proved(services, address)
    opened = await create_account.create(services, browser, address, CHOSEN)
    current = await sessions.current(services, replace(browser, session=opened.token))
    assert current.session.amr == amr
    assert await opens(services, address, OLD)
    with pytest.raises(BadGrant):
        await create_account.create(services, browser, address, CHOSEN)


async def test_a_wrong_code_costs_a_try_and_the_sixth_meets_a_dead_one(services: Services) -> None:
    sent = await asked(services)
    for _ in range(5):
        with pytest.raises(BadCode):
            await create_account.prove(services, HERE, EVE, "000000" if sent != "000000" else "111111")
    with pytest.raises(BadCode):
        await create_account.prove(services, HERE, EVE, sent)


async def test_of_sixty_four_with_one_code_at_once_one_has_the_proof_and_the_code_is_spent(services: Services) -> None:
    sent = await asked(services)
    assert await race(lambda each: create_account.prove(services, each, EVE, sent), HERE) == {"won": 1, "bad-code": 63}
    with pytest.raises(BadCode):
        await create_account.prove(services, HERE, EVE, sent)


async def test_of_sixty_four_with_one_proof_at_once_one_has_the_account_and_its_password(services: Services) -> None:
    browser = await proved(services)
    ends = await race(lambda each: create_account.create(services, each, EVE, NewAccount(password=f"{OLD} of {each.client}")), browser)
    assert ends == {"won": 1, "bad-grant": 63}


@pytest.mark.parametrize("changes", [{"invites": Invites(policy="required")}])
async def test_a_weak_password_and_a_missing_invite_spend_no_proof(services: Services) -> None:
    invite = await invites.issue(services, "main", 1, None)
    browser = await proved(services)
    for new, refusal in ((NewAccount(password=OLD), InviteRequired), (NewAccount(invite=invite, password="password1"), WeakPassword)):
        with pytest.raises(refusal):
            await create_account.create(services, browser, EVE, new)
    with pytest.raises(WeakPassword):
        await create_account.create(services, browser, EVE, NewAccount(invite=invite, password=EVE.value))
    assert await create_account.create(services, browser, EVE, NewAccount(invite=invite, password=OLD))


async def test_what_others_chose_before_the_proof_dies_with_it(services: Services) -> None:
    await register.by_link(services, HERE, Application(EVE, "what a stranger chose"))
    browser = await proved(services)
    opened = await create_account.create(services, browser, EVE, CHOSEN)
    assert (await known(services, opened.account)).email_proved_at
    assert await opens(services, EVE, OLD)
    assert not await opens(services, EVE, "what a stranger chose")


async def test_the_address_of_somebody_else_is_proved_by_no_code(services: Services) -> None:
    """None was mailed; whoever hits on it all the same has nothing by it."""
    await born(services, ADA)
    code = await services.one_time.new_code("register", "main", ADA.key, "")
    with pytest.raises(BadCode):
        await create_account.prove(services, HERE, ADA, code)
    assert await services.one_time.peek_code("register", "main", ADA.key, code), "and it is not spent by that"
    assert await opens(services, ADA, OLD)


async def test_a_code_of_a_login_proves_no_registration(services: Services) -> None:
    code = await services.one_time.new_code("login", "main", EVE.key, "-1")
    with pytest.raises(BadCode):
        await create_account.prove(services, HERE, EVE, code)


async def test_what_it_has_earned_is_over_after_ten_minutes_and_in_another_realm(town: Town) -> None:
    services = town.house.services
    browser = await proved(services)
    with pytest.raises(BadGrant):
        await create_account.create(services, browser.within("boss"), EVE, CHOSEN)
    town.clock.advance(minutes=10, seconds=1)
    with pytest.raises(BadGrant):
        await create_account.create(services, browser, EVE, CHOSEN)
    assert await accounts.find(services.store, "main", "email", EVE.key) is None


@pytest.mark.parametrize("changes", [{"limits": Limits(register_client=Rate(2, 3_600), client_returned=Rate(60, 3_600))}])
async def test_a_proof_gives_back_no_more_than_it_has_cost(services: Services) -> None:
    await services.limits.spend("register_client", HERE.client)
    await proved(services)
    await services.limits.spend("register_client", HERE.client)
    with pytest.raises(Limited):
        await services.limits.check("register_client", HERE.client)
    with pytest.raises(Limited):
        await create_account.prove(services, HERE, EVE, "000000")
