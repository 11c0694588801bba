"""Registering by a link or a name, without HTTP: whose an address is before its proof, who is told what, who is let in, and once."""

import asyncio
from contextlib import suppress
from dataclasses import replace as with_parts

import pytest
from msgspec.structs import replace

from flows.births import (
    ADA,
    BOB,
    HERE,
    NAME,
    NEW,
    OLD,
    born,
    crowd,
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
    BadInvite,
    InviteRequired,
    Limited,
    NotActivated,
    Overloaded,
    RegistrationClosed,
    Taken,
    TooSoon,
    WeakPassword,
)
from lingpai.core.model import Account, Address, RequestContext
from lingpai.flows import Services, activate, invites, register, sessions
from lingpai.flows.register import Application
from lingpai.settings import Invites
from lingpai.store import accounts, consents
from web.town import Town

ANOTHER = "somebody else's long one"


def under(services: Services, policy: str) -> Services:
    """The same, in realms that take whom this policy lets in."""
    assert policy in ("required", "closed")
    chosen = Invites(policy="required") if policy == "required" else Invites(policy="closed")
    return with_parts(services, settings=replace(services.settings, invites=chosen))


async def found(services: Services, address: Address) -> Account | None:
    return await accounts.find(services.store, "main", address.kind, address.key)


async def code(services: Services) -> str:
    """The code that was mailed to ada, who wants to register."""
    await register.ask_code(services, HERE, ADA)
    return await mailed_code(services)


# By link


async def test_an_account_waits_for_its_proof_and_its_registrants_own_link_gives_it(services: Services) -> None:
    number = await register.by_link(services, HERE, Application(ADA, OLD, phone=rules.phone("13800138000"), consents=(("terms", "2"),)))
    assert await told(services) == [("activate", ADA.value)]
    with pytest.raises(NotActivated):
        await opens(services, ADA, OLD)
    await activate.open_link(services, HERE, ADA, await mailed_token(services))
    account = await known(services, number)
    assert (account.email_proved_at, account.phone_proved_at) == (services.clock.now(), None)
    assert [(each.document, each.version) for each in await consents.of(services.store, account_id=number)] == [("terms", "2")]
    assert await opens(services, ADA, OLD)


async def test_an_address_that_waits_keeps_its_first_registration(town: Town) -> None:
    services = town.house.services
    first = await register.by_link(services, HERE, Application(ADA, OLD))
    town.clock.advance(minutes=1)
    assert await register.by_link(services, HERE, Application(ADA, OLD, consents=(("terms", "9"),))) == first
    assert await told(services) == [("activate", ADA.value)] * 2
    await activate.open_link(services, HERE, ADA, await mailed_token(services))
    assert await opens(services, ADA, OLD)
    assert await consents.of(services.store, account_id=first) == []


async def test_who_registers_at_a_taken_address_leaves_nothing_but_costs_the_invite_its_use(services: Services) -> None:
    """The same statements are run as at a free one (contract, 8.2), of an account that is gone."""
    account, phone, invite = (await born(services, ADA)).id, rules.phone("13900139000"), await invites.issue(services, "main", 1, None)
    tried = Application(ADA, ANOTHER, phone=phone, invite=invite, consents=(("terms", "2"),))
    assert await register.by_link(services, HERE, tried) == account
    assert await accounts.by_id(services.store, account + 1) is None
    assert [each.key for each in await accounts.identifiers_of(services.store, account_id=account)] == [ADA.key]
    assert await consents.of(services.store, account_id=account) == []
    with pytest.raises(BadInvite):
        await register.by_link(services, HERE, with_parts(tried, address=BOB))


async def test_a_taken_address_answers_as_a_free_one_and_its_owner_is_told_once_an_hour(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA)
    for number in range(3):
        ctx = replace(HERE, client=f"client {number}")
        await register.by_link(services, ctx, Application(ADA, ANOTHER))
        town.clock.advance(minutes=1)
    assert [to for _, to in await told(services)] == [ADA.value, "", ""]
    assert {template for template, _ in await told(services)} == {"taken"}
    assert await known(services, account) == account
    assert (await trail(services, account))[0] == ("register", "taken")


async def test_registering_a_taken_address_leaves_its_owners_link_as_it_was(town: Town) -> None:
    services = town.house.services
    await register.by_link(services, HERE, Application(ADA, OLD))
    token = await mailed_token(services)
    assert (await activate.open_link(services, HERE, ADA, token)).fresh
    town.clock.advance(minutes=1)
    await register.by_link(services, HERE, Application(ADA, ANOTHER))
    assert (await activate.peek(services, HERE, ADA, token)).active


async def test_that_an_address_is_taken_is_said_only_where_it_is_to_be_and_ten_times_a_minute(services: Services) -> None:
    await born(services, ADA)
    for _ in range(5):
        with pytest.raises(Taken) as no:
            await register.by_link(services, HERE, Application(ADA, ANOTHER), reveal=True)
        assert no.value.details == {"field": "email"}
        with pytest.raises(Taken):
            await register.ask_code(services, HERE, ADA, reveal=True)
    with pytest.raises(Limited) as limited:
        await register.by_link(services, HERE, Application(ADA, ANOTHER), reveal=True)
    assert limited.value.limit == "check_client"
    assert await told(services) == []


async def test_a_locked_owner_is_told_nothing(services: Services) -> None:
    await lock(services, await born(services, ADA))
    await lock(services, await born(services, BOB, proved=False))
    for address in (ADA, BOB):
        await register.by_link(services, HERE, Application(address, NEW))
    assert await told(services) == [("taken", ""), ("activate", "")]


@pytest.mark.parametrize(("weak", "reason"), [("password1", "common"), (ADA.value, "personal"), ("aaaaaaaaaaaa", "guessable")])
async def test_a_weak_password_registers_nobody(services: Services, weak: str, reason: str) -> None:
    with pytest.raises(WeakPassword) as no:
        await register.by_link(services, HERE, Application(ADA, weak))
    assert no.value.reason == reason
    assert await found(services, ADA) is None
    await register.by_link(services, HERE, Application(ADA, OLD))


async def test_a_second_registration_within_a_minute_is_too_soon_and_not_counted(services: Services) -> None:
    await register.by_link(services, HERE, Application(ADA, OLD))
    for _ in range(12):
        with pytest.raises(TooSoon):
            await register.by_link(services, HERE, Application(ADA, OLD))
    await register.by_link(services, HERE, Application(BOB, OLD))


async def test_the_eleventh_registration_of_an_hour_is_too_many_for_one_client(town: Town) -> None:
    services = town.house.services
    for number in range(10):
        await register.by_link(services, HERE, Application(rules.email(f"ada+{number}@example.com"), OLD))
    with pytest.raises(Limited) as no:
        await register.by_link(services, HERE, Application(BOB, OLD))
    with pytest.raises(Limited):
        await register.by_name(services, HERE, Application(NAME, OLD))
    with pytest.raises(Limited):
        await register.by_code(services, HERE, Application(BOB, OLD), "000000")
    assert no.value.limit == "register_client"
    town.clock.advance(hours=1)
    await register.by_link(services, HERE, Application(BOB, OLD))


async def test_a_full_queue_registers_nobody_and_counts_nothing(town: Town) -> None:
    services = town.house.services
    sent = await code(services)
    async with crowd(town):
        for _ in range(11):
            with pytest.raises(Overloaded):
                await register.by_link(services, HERE, Application(ADA, OLD))
            with pytest.raises(Overloaded):
                await register.by_code(services, HERE, Application(ADA, OLD), sent)
            with pytest.raises(Overloaded):
                await register.by_name(services, HERE, Application(NAME, OLD))
    await register.by_code(services, HERE, Application(ADA, OLD), sent)


# By name


async def test_a_name_is_registered_logged_in_and_needs_no_proof(services: Services) -> None:
    issued = await register.by_name(services, HERE, Application(NAME, OLD))
    login = await sessions.full(services, replace(HERE, session=issued.token))
    assert (login.account.name, login.account.email, login.session.amr) == (NAME.value, None, "pwd")
    assert await trail(services, login.account) == [("login", "ok"), ("register", "ok")]


async def test_a_name_is_taken_in_any_case_and_for_whoever_asks(services: Services) -> None:
    await register.by_name(services, HERE, Application(NAME, OLD))
    with pytest.raises(WeakPassword):
        await register.by_name(services, HERE, Application(NAME, "password1"))
    for _ in range(10):
        with pytest.raises(Taken) as no:
            await register.by_name(services, HERE, Application(rules.account_name("ADA.x"), OLD))
        assert no.value.details == {"field": "account"}
    with pytest.raises(Limited) as limited:
        await register.by_name(services, HERE, Application(NAME, OLD))
    assert limited.value.limit == "check_client"


async def test_a_stricter_score_refuses_what_would_do_elsewhere(services: Services) -> None:
    with pytest.raises(WeakPassword):
        await register.by_name(services, HERE, Application(NAME, "tigerlily9"), min_score=4)
    await register.by_name(services, HERE, Application(NAME, "tigerlily9"), min_score=1)
    assert await opens(services, NAME, "tigerlily9")


# Invites


async def test_a_closed_realm_takes_nobody_in_any_way_and_sends_nothing(services: Services) -> None:
    closed = under(services, "closed")
    for way in (
        register.by_link(closed, HERE, Application(ADA, OLD)),
        register.ask_code(closed, HERE, ADA),
        register.by_code(closed, HERE, Application(ADA, OLD), await code(services)),
        register.by_name(closed, HERE, Application(NAME, OLD)),
    ):
        with pytest.raises(RegistrationClosed):
            await way
    assert await told(services) == [("register_code", ADA.value)], "the one that was asked for while it was open"
    assert (await found(services, ADA), await found(services, NAME)) == (None, None)


async def test_an_invite_is_needed_where_one_is_and_a_wrong_one_is_refused_everywhere(services: Services) -> None:
    required, sent = under(services, "required"), await code(services)
    for invited, invite, why in ((required, "", InviteRequired), (required, "wrong", BadInvite), (services, "wrong", BadInvite)):
        for way in (
            register.by_link(invited, HERE, Application(ADA, OLD, invite=invite)),
            register.by_code(invited, HERE, Application(ADA, OLD, invite=invite), sent),
            register.by_name(invited, HERE, Application(NAME, OLD, invite=invite)),
        ):
            with pytest.raises(why):
                await way
    good = await invites.issue(services, "main", 1, None)
    await register.by_code(required, HERE, Application(ADA, OLD, invite=good), sent)
    with pytest.raises(BadInvite):
        await register.by_name(required, HERE, Application(NAME, OLD, invite=good))


# Races


async def test_of_sixty_four_that_register_one_address_at_once_one_is_mailed_its_link(services: Services) -> None:
    registered = await race(lambda ctx: register.by_link(services, ctx, Application(ADA, f"{OLD} of {ctx.client}")))
    assert registered == {"won": 1, "too-soon": 63}
    assert await told(services) == [("activate", ADA.value)]


@pytest.mark.parametrize("second", [OLD, ANOTHER])
async def test_two_first_registrations_in_the_same_instant_agree_on_their_password_or_keep_neither(services: Services, second: str) -> None:
    """Both are answered as a success; the later one meets no account when it looks (contract, 8.9)."""

    async def one(email: Address, client: str, password: str) -> None:
        with suppress(TooSoon):
            await register.by_link(services, replace(HERE, client=client), Application(email, password), succeeds=(TooSoon,))

    emails = [rules.email(f"ada{number}@example.com") for number in range(8)]
    for email in emails:
        await asyncio.gather(one(email, f"first of {email.key}", OLD), one(email, f"second of {email.key}", second))
    accounts_ = [await found(services, email) for email in emails]
    assert [account is not None and account.password is not None for account in accounts_] == [second == OLD] * len(emails)
    assert await told(services) == [("activate", email.value) for email in emails]


async def test_of_sixty_four_that_take_one_name_at_once_one_has_it(services: Services) -> None:
    assert await race(lambda ctx: register.by_name(services, ctx, Application(NAME, OLD))) == {"won": 1, "taken": 63}


async def test_of_sixty_four_that_come_with_one_invite_at_once_one_is_let_in_and_the_others_names_stay_free(services: Services) -> None:
    invite = await invites.issue(services, "main", 1, None)
    names = {f"client {number}": rules.account_name(f"ada.{number}x") for number in range(64)}

    async def come(ctx: RequestContext) -> None:
        await register.by_name(services, ctx, Application(names[ctx.client], OLD, invite=invite))

    assert await race(come) == {"won": 1, "bad-invite": 63}
    assert len([name for name in names.values() if await found(services, name)]) == 1
