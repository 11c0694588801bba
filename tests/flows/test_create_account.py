"""An account for an address that a code at the login has proved, without HTTP: what it has, whose it was, and who was first."""

from typing import Any

import pytest
from msgspec.structs import replace

from flows.births import ADA, EVE, HERE, NAME, OLD, PHONE, born, known, mailed_code, mailed_token, opens, race, told, trail
from lingpai.core.errors import BadGrant, BadInvite, InviteRequired, Limited, RegistrationClosed
from lingpai.core.model import Account, Address, RequestContext
from lingpai.core.steps import Step
from lingpai.flows import Services, activate, code_login, create_account, invites, register, sessions
from lingpai.flows.create_account import NewAccount
from lingpai.flows.register import Application
from lingpai.settings import Invites, Limits, Rate
from lingpai.steps import proved_address
from lingpai.store import accounts, consents
from web.town import Town

PAPERS = (("terms", "1"), ("privacy", "2"))


async def proved(services: Services, address: Address, ctx: RequestContext = HERE) -> RequestContext:
    """A browser in which a code has proved the address, and let nobody in."""
    await code_login.ask(services, ctx, address)
    step = await code_login.enter(services, ctx, address, await mailed_code(services))
    assert isinstance(step, Step)
    return replace(ctx, prelogin_token=step.state)


async def created(services: Services, address: Address, new: NewAccount = NewAccount()) -> Account:  # noqa: B008 - it is frozen
    opened = await create_account.create(services, await proved(services, address), address, new)
    return await known(services, opened.account)


@pytest.mark.parametrize(("address", "amr"), [(EVE, "otp"), (PHONE, "sms")], ids=["mail", "phone"])
async def test_a_stranger_has_an_account_without_a_password_and_is_in(services: Services, address: Address, amr: str) -> None:
    browser = await proved(services, address)
    opened = await create_account.create(services, browser, address, NewAccount("Eve", consents=PAPERS))
    there = await sessions.current(services, replace(browser, session=opened.token))
    account = there.account
    assert (account.nickname, account.password, there.session.amr) == ("Eve", None, amr)
    assert account.email_proved_at or account.phone_proved_at
    assert {(each.document, each.version) for each in await consents.of(services.store, account_id=account.id)} == set(PAPERS)
    assert await trail(services, account) == [("login", "ok"), ("register", "ok")]
    with pytest.raises(BadGrant):
        await create_account.create(services, browser, address, NewAccount())


async def test_the_page_is_about_the_address_that_it_shows(services: Services) -> None:
    """Another tab of this browser has proved another one since: this one's button makes nobody an account."""
    browser = await proved(services, EVE)
    with pytest.raises(BadGrant):
        await create_account.create(services, browser, ADA, NewAccount())
    assert await create_account.create(services, browser, EVE, NewAccount())


async def test_without_a_proof_nobody_has_an_account(services: Services) -> None:
    for token in ("", "made up"):
        with pytest.raises(BadGrant):
            await create_account.create(services, replace(HERE, prelogin_token=token), EVE, NewAccount())
    assert await accounts.find(services.store, "main", "email", EVE.key) is None


async def test_somebody_who_was_faster_has_the_address(services: Services) -> None:
    browser = await proved(services, EVE)
    first = await born(services, EVE)
    with pytest.raises(BadGrant):
        await create_account.create(services, browser, EVE, NewAccount())
    holder = await accounts.find(services.store, "main", "email", EVE.key)
    assert holder
    assert holder.id == first.id


# One that waited for its proof


async def test_what_others_set_before_the_proof_dies_with_it(services: Services) -> None:
    await register.by_link(services, HERE, Application(EVE, OLD, phone=PHONE, consents=PAPERS))
    waiting = await accounts.find(services.store, "main", "email", EVE.key)
    assert waiting
    issued = await services.session_issuer.cookie(waiting, HERE)
    account = await created(services, EVE, NewAccount(consents=PAPERS[:1]))
    assert (account.id, account.password, account.phone, account.email_proved_at is None) == (waiting.id, None, None, False)
    assert not await opens(services, EVE, OLD)
    assert await sessions_of(services, issued.token) == 0
    assert [each.document for each in await consents.of(services.store, account_id=account.id)] == ["terms"]


async def sessions_of(services: Services, token: str) -> int:
    try:
        await sessions.current(services, replace(HERE, session=token))
    except Exception:  # noqa: BLE001 - whatever says that it does not live
        return 0
    return 1


async def test_whoever_has_activated_it_meanwhile_keeps_their_password(services: Services) -> None:
    await register.by_link(services, HERE, Application(EVE, OLD))
    token = await mailed_token(services)
    browser = await proved(services, EVE)
    assert (await activate.open_link(services, HERE, EVE, token)).fresh
    with pytest.raises(BadGrant):
        await create_account.create(services, browser, EVE, NewAccount())
    assert await opens(services, EVE, OLD)


@pytest.mark.parametrize("changes", [{"invites": Invites(policy="required")}])
async def test_it_was_invited_before_and_is_not_asked_again(services: Services) -> None:
    code = await invites.issue(services, "main", 1, None)
    await register.by_link(services, HERE, Application(EVE, OLD, invite=code))
    assert (await created(services, EVE)).email_proved_at


@pytest.mark.parametrize("changes", [{"invites": Invites(policy="required")}])
async def test_one_that_is_gone_meanwhile_invites_nobody(services: Services) -> None:
    code = await invites.issue(services, "main", 1, None)
    await register.by_link(services, HERE, Application(EVE, OLD, invite=code))
    browser = await proved(services, EVE)
    waiting = await accounts.find(services.store, "main", "email", EVE.key)
    assert waiting
    async with services.store.begin() as tx:
        await accounts.delete(tx, account_id=waiting.id)
    with pytest.raises(BadGrant):
        await create_account.create(services, browser, EVE, NewAccount())
    assert await accounts.find(services.store, "main", "email", EVE.key) is None


# Invites and counts


@pytest.mark.parametrize("changes", [{"invites": Invites(policy="required")}])
async def test_a_wrong_invite_spends_nothing_and_a_right_one_is_spent(services: Services) -> None:
    code = await invites.issue(services, "main", 1, None)
    browser = await proved(services, EVE)
    for typed, refusal in (("", InviteRequired), ("nonsense", BadInvite)):
        with pytest.raises(refusal):
            await create_account.create(services, browser, EVE, NewAccount(invite=typed))
    await create_account.create(services, browser, EVE, NewAccount(invite=code))
    with pytest.raises(BadInvite):
        await create_account.create(services, await proved(services, ADA), ADA, NewAccount(invite=code))


@pytest.mark.parametrize("changes", [{"invites": Invites(policy="closed")}])
async def test_where_registration_is_closed_the_code_goes_out_and_nobody_has_an_account(services: Services) -> None:
    browser = await proved(services, EVE)
    with pytest.raises(RegistrationClosed):
        await create_account.create(services, browser, EVE, NewAccount())


@pytest.mark.parametrize("changes", [{"limits": Limits(register_client=Rate(2, 3_600), client_returned=Rate(3, 3_600))}])
async def test_registrations_by_codes_used_rightly_are_given_back_so_many_an_hour(services: Services) -> None:
    for number in range(5):
        await created(services, replace(EVE, value=f"e{number}@example.com", key=f"e{number}@example.com"))
    browser = await proved(services, EVE)
    with pytest.raises(Limited):
        await create_account.create(services, browser, EVE, NewAccount())


# A number that changed hands


async def left_behind(town: Town, *beside: Address, **more: Any) -> tuple[Account, RequestContext]:
    """An account that nobody has used for long, and the browser of whoever has its number now."""
    account = await born(town.house.services, PHONE, *beside, **more)
    town.clock.advance(days=180)
    return account, await proved(town.house.services, PHONE)


async def test_no_makes_a_new_account_and_the_number_leaves_the_old_one_whose_mail_is_told(town: Town) -> None:
    services = town.house.services
    former, browser = await left_behind(town, ADA)
    opened = await create_account.create(services, browser, PHONE, NewAccount())
    account, old = await known(services, opened.account), await known(services, former)
    assert account.id != old.id
    assert (account.phone, old.phone, old.email, old.password) == (PHONE.value, None, ADA.value, former.password)
    assert (await told(services))[-1] == ("phone_left", ADA.value)
    assert await opens(services, ADA, OLD)
    assert ("phone.left", "ok") in await trail(services, old)


async def test_of_an_account_without_a_mail_address_nobody_is_told_and_it_stays(town: Town) -> None:
    services = town.house.services
    former, browser = await left_behind(town, NAME)
    await create_account.create(services, browser, PHONE, NewAccount())
    assert [template for template, _ in await told(services)] == ["login_code"]
    assert await opens(services, NAME, OLD)
    assert (await known(services, former)).phone is None


async def test_an_owner_who_came_back_meanwhile_keeps_the_number(town: Town) -> None:
    services = town.house.services
    former, browser = await left_behind(town, ADA)
    async with services.store.begin() as tx:
        await accounts.set_password(tx, account_id=former.id, password="another", at=1)
    with pytest.raises(BadGrant):
        await create_account.create(services, browser, PHONE, NewAccount())
    assert (await known(services, former)).phone == PHONE.value


async def test_an_owner_who_comes_back_in_the_last_moment_keeps_the_number_too(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    services = town.house.services
    former, browser = await left_behind(town, ADA)
    looked = proved_address.account_there

    async def look(*given: Any) -> Account:
        found = await looked(*given)
        async with services.store.begin() as tx:
            await accounts.set_password(tx, account_id=former.id, password="another", at=1)
        return found

    monkeypatch.setattr(proved_address, "account_there", look)
    with pytest.raises(BadGrant):
        await create_account.create(services, browser, PHONE, NewAccount())
    assert (await known(services, former)).phone == PHONE.value


# Races


@pytest.mark.parametrize("kind", ["stranger", "waiting", "recycled"])
async def test_of_sixty_four_with_one_proof_at_once_one_has_the_account(town: Town, kind: str) -> None:
    services, address = town.house.services, PHONE if kind == "recycled" else EVE
    if kind == "waiting":
        await register.by_link(services, HERE, Application(EVE, OLD))
    browser = (await left_behind(town))[1] if kind == "recycled" else await proved(services, EVE)
    assert await race(lambda each: create_account.create(services, each, address, NewAccount()), browser) == {"won": 1, "bad-grant": 63}
    assert await accounts.find(services.store, "main", address.kind, address.key)
