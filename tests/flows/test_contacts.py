"""Addresses of an account: a code proves each, the account that asked has it, and what a reset goes to is not lightly replaced."""

import asyncio
import re
from collections import Counter
from dataclasses import replace

import pytest

from flows.made import ADA, BOB, EVE, PASSWORD, Person, again, born, logged_in, race, trail
from lingpai.core import rules
from lingpai.core.errors import BadCode, BadInput, Limited, MessagesSpent, NotOffered, Refusal, StaleLogin, Taken, TooSoon
from lingpai.core.model import Address
from lingpai.flows import Services, account_admin, contacts, reauthenticate, sessions
from lingpai.guard.one_time.codes import bound_to
from lingpai.guard.throttling.messages import MessageThrottle
from lingpai.store import accounts
from web.town import Town

NAME = rules.account_name("ada.x")
PHONE, ABROAD = rules.phone("13800138000"), rules.phone("+14155552671")


@pytest.fixture
async def ada(services: Services) -> Person:
    """With a proved mail address."""
    return await logged_in(services, await born(services, ADA))


@pytest.fixture
async def bare(services: Services) -> Person:
    """With a name and no address."""
    return await logged_in(services, await born(services, NAME))


async def sent(town: Town, to: Address) -> str:
    """The newest code that went there."""
    found = re.search(r"(?<![0-9+])[0-9]{6}(?![0-9])", (await town.mails(to.value))[-1]["text"])
    assert found, f"no code was sent to {to.value}"
    return found[0]


async def asked(town: Town, person: Person, address: Address) -> str:
    await contacts.ask(town.house.services, person.ctx, person.login, address)
    return await sent(town, address)


async def held(services: Services, person: Person) -> list[tuple[str, str]]:
    """What the account is found by."""
    found = await accounts.identifiers_of(services.store, account_id=person.account.id)
    assert all(each.proved_at for each in found)
    return [(each.kind, each.value) for each in found]


async def refusal(services: Services, person: Person, address: Address, code: str) -> type[Refusal] | None:
    try:
        await contacts.bind(services, person.ctx, person.login, address, code)
    except Refusal as why:
        return type(why)
    return None


# A first address


async def test_a_first_address_is_the_accounts_own_once_its_code_has_proved_it_and_nobody_else_is_told(town: Town, bare: Person) -> None:
    services = town.house.services
    code = await asked(town, bare, ADA)
    assert await held(services, bare) == [("name", NAME.value)]
    await contacts.bind(services, bare.ctx, bare.login, ADA, code)
    assert await held(services, bare) == [("name", NAME.value), ("email", ADA.value)]
    assert (await again(services, bare.account.id)).email_proved_at == services.clock.now()
    assert await trail(services, bare.account) == ["bind", "bind.ask", "login"]
    assert len(await town.mails()) == 1
    assert await refusal(services, bare, ADA, code) is BadCode, "it is spent"


async def test_a_phone_beside_a_mail_address_is_told_by_mail_and_drops_nothing(town: Town, ada: Person) -> None:
    services = town.house.services
    await contacts.bind(services, ada.ctx, ada.login, PHONE, await asked(town, ada, PHONE))
    assert await held(services, ada) == [("email", ADA.value), ("phone", PHONE.value)]
    (notice,) = await town.mails(ADA.value)
    assert "phone" in notice["subject"].lower()


async def test_a_mail_address_that_nobody_has_proved_is_not_told_of_a_phone_and_is_proved_by_a_code_itself(town: Town) -> None:
    services = town.house.services
    person = await logged_in(services, await born(services, ADA, proved=False))
    await contacts.bind(services, person.ctx, person.login, PHONE, await asked(town, person, PHONE))
    assert await town.mails(ADA.value) == []
    later = await logged_in(services, await again(services, person.account.id))
    await contacts.bind(services, later.ctx, later.login, ADA, await asked(town, later, ADA))
    assert await held(services, person) == [("phone", PHONE.value), ("email", ADA.value)]


async def test_of_sixty_four_that_bring_the_code_at_once_one_binds_the_address(services: Services, bare: Person) -> None:
    code = await services.one_time.new_code("bind", "main", ADA.key, f"{bound_to(bare.account)} {bare.login.session.login_id}")
    ends = await race(lambda ctx: contacts.bind(services, ctx, bare.login, ADA, code))
    assert ends == {"ok": 1, "bad-code": 63}
    assert await held(services, bare) == [("name", NAME.value), ("email", ADA.value)]
    assert (await trail(services, bare.account)).count("bind") == 1


# Another address


async def test_another_mail_address_takes_the_older_ones_place_which_is_told_and_what_was_open_for_it_dies(town: Town, ada: Person) -> None:
    services = town.house.services
    reset = await services.one_time.new_link("reset", "main", ADA.key, ada.account.id, 3_600)
    await contacts.bind(services, ada.ctx, ada.login, EVE, await asked(town, ada, EVE))
    assert await held(services, ada) == [("email", EVE.value)]
    assert await accounts.find(services.store, "main", "email", ADA.key) is None
    assert await services.one_time.peek_link("reset", "main", ADA.key, reset) is None
    assert "changed" in (await town.mails(ADA.value))[-1]["subject"]
    assert (await sessions.current(services, ada.ctx)).account.email == EVE.value


@pytest.mark.parametrize("first", [ADA, PHONE])
async def test_what_a_reset_goes_to_is_replaced_only_by_a_fresh_login(town: Town, first: Address) -> None:
    services = town.house.services
    person = await logged_in(services, await born(services, first))
    town.clock.advance(minutes=10, seconds=-1)
    code = await asked(town, person, EVE)
    town.clock.advance(seconds=1)
    with pytest.raises(StaleLogin):
        await contacts.ask(services, person.ctx, person.login, EVE)
    await reauthenticate.by_password(services, person.ctx, person.login, PASSWORD)
    await contacts.ask(services, person.ctx, person.login, BOB)
    assert await refusal(services, person, EVE, code) is None, "its login was young when it was asked for"


@pytest.mark.parametrize("kind", ["email", "phone"])
async def test_a_first_address_takes_a_fresh_login_too_and_the_same_one_again_does_not(town: Town, kind: str) -> None:
    services = town.house.services
    person = await logged_in(services, await born(services, NAME))
    address = ADA if kind == "email" else PHONE
    town.clock.advance(minutes=10)
    with pytest.raises(StaleLogin):
        await contacts.ask(services, person.ctx, person.login, address)
    later = await logged_in(services, person.account)
    await contacts.bind(services, later.ctx, later.login, address, await asked(town, later, address))
    town.clock.advance(hours=1)
    same = Person(later.ctx, await sessions.current(services, later.ctx))
    again_spelled = rules.email("ADA@Example.com") if kind == "email" else PHONE
    await contacts.bind(services, same.ctx, same.login, again_spelled, await asked(town, same, again_spelled))
    assert (kind, again_spelled.value) in await held(services, person)


# Whose the address is


async def test_a_code_goes_out_to_a_taken_address_and_binds_it_not(town: Town, ada: Person) -> None:
    services = town.house.services
    bob = await born(services, BOB)
    code = await asked(town, ada, BOB)
    assert await refusal(services, ada, BOB, code) is Taken
    assert await held(services, ada) == [("email", ADA.value)]
    found = await accounts.find(services.store, "main", "email", BOB.key)
    assert found == bob
    await account_admin.delete(services, bob)
    assert await refusal(services, ada, BOB, code) is BadCode, "a deletion ends what was open for its addresses"


async def test_whoever_held_the_address_unproved_loses_it_and_is_gone_where_nothing_else_is_theirs(town: Town, bare: Person) -> None:
    services = town.house.services
    squatter = await born(services, BOB, proved=False)
    await contacts.bind(services, bare.ctx, bare.login, BOB, await asked(town, bare, BOB))
    assert await held(services, bare) == [("name", NAME.value), ("email", BOB.value)]
    assert await accounts.by_id(services.store, squatter.id) is None


async def test_an_address_is_taken_in_its_own_realm_alone(town: Town, bare: Person) -> None:
    services = town.house.services
    other = await born(services, BOB, realm="boss")
    await contacts.bind(services, bare.ctx, bare.login, BOB, await asked(town, bare, BOB))
    assert (await again(services, other.id)).email == BOB.value


async def test_of_two_accounts_that_prove_one_phone_the_last_to_ask_has_it(town: Town, ada: Person) -> None:
    services = town.house.services
    bob = await logged_in(services, await born(services, BOB), place=8)
    first = await asked(town, ada, PHONE)
    town.clock.advance(minutes=1)
    second = await asked(town, bob, PHONE)
    for person, code in ((ada, first), (ada, second), (bob, first)):
        assert await refusal(services, person, PHONE, code) is BadCode
    assert await refusal(services, bob, PHONE, second) is None
    assert await held(services, bob) == [("email", BOB.value), ("phone", PHONE.value)]


async def test_of_sixty_four_accounts_that_settle_on_one_phone_at_once_one_has_it(services: Services) -> None:
    people = [await logged_in(services, await born(services, rules.account_name(f"ada.{number}")), number) for number in range(64)]
    waiting = asyncio.Barrier(64)

    async def bind(person: Person) -> type[Refusal] | None:
        code = await services.one_time.new_code(
            "bind", "main", PHONE.key, f"{bound_to(person.account)} {person.login.session.login_id}", tries=100
        )
        await waiting.wait()
        return await refusal(services, person, PHONE, code)

    ends = Counter(await asyncio.gather(*(bind(person) for person in people)))
    assert ends == {None: 1, BadCode: 63}
    owner = await accounts.find(services.store, "main", "phone", PHONE.key)
    assert owner
    assert owner.phone_proved_at == services.clock.now()


# Codes that are none


async def test_five_wrong_codes_kill_the_right_one(town: Town, ada: Person) -> None:
    services = town.house.services
    code = await asked(town, ada, PHONE)
    for _ in range(5):
        assert await refusal(services, ada, PHONE, "x") is BadCode
    assert await refusal(services, ada, PHONE, code) is BadCode
    assert await held(services, ada) == [("email", ADA.value)]


async def test_a_code_is_good_for_ten_minutes(town: Town, ada: Person) -> None:
    services = town.house.services
    code = await asked(town, ada, PHONE)
    town.clock.advance(minutes=10)
    assert await refusal(services, ada, PHONE, code) is BadCode


async def test_another_password_or_a_logout_is_the_owners_last_word(town: Town, ada: Person) -> None:
    services = town.house.services
    code = await asked(town, ada, PHONE)
    await sessions.end(services, ada.ctx)
    assert await refusal(services, ada, PHONE, code) is BadCode
    later = await logged_in(services, ada.account)
    async with services.store.begin() as tx:
        await accounts.set_password(tx, account_id=ada.account.id, password="another", at=services.clock.now())
    assert await refusal(services, later, PHONE, code) is BadCode
    changed = await logged_in(services, await again(services, ada.account.id))
    assert await refusal(services, changed, PHONE, code) is BadCode, "it was asked for under the older password"
    assert await held(services, ada) == [("email", ADA.value)]


async def test_eleven_codes_a_minute_are_too_many_from_one_client(town: Town, ada: Person) -> None:
    services = town.house.services
    code = await asked(town, ada, PHONE)
    ends = [await refusal(services, ada, EVE, "000000") for _ in range(10)]
    assert ends == [BadCode] * 10
    with pytest.raises(Limited) as why:
        await contacts.bind(services, ada.ctx, ada.login, PHONE, code)
    assert why.value.limit == "check_client"
    town.clock.advance(minutes=1)
    assert await refusal(services, ada, PHONE, code) is None


# Sending


async def test_of_sixty_four_that_ask_at_once_one_has_a_code_sent(town: Town, ada: Person) -> None:
    services = town.house.services
    assert await race(lambda ctx: contacts.ask(services, ctx, ada.login, PHONE)) == {"ok": 1, "too-soon": 63}
    assert len(await town.mails(PHONE.value)) == 1


async def test_a_newer_code_kills_the_older_one_and_comes_after_a_minute_twice_an_hour(town: Town, ada: Person) -> None:
    services = town.house.services
    codes = [await asked(town, ada, PHONE)]
    with pytest.raises(TooSoon) as soon:
        await contacts.ask(services, ada.ctx, ada.login, PHONE)
    assert soon.value.seconds == 60
    town.clock.advance(minutes=1)
    codes.append(await asked(town, ada, PHONE))
    town.clock.advance(minutes=1)
    with pytest.raises(MessagesSpent):
        await contacts.ask(services, ada.ctx, ada.login, PHONE)
    assert [await refusal(services, ada, PHONE, code) for code in codes] == [BadCode, None]


async def test_a_phone_is_written_to_where_text_messages_are_carried_and_in_the_countries_that_the_operator_names(
    services: Services, ada: Person
) -> None:
    with pytest.raises(BadInput) as why:
        await contacts.ask(services, ada.ctx, ada.login, ABROAD)
    assert (why.value.field, why.value.reason) == ("phone", "sms-country")
    mute = replace(services, messages=MessageThrottle(services.ephemeral, services.limits, services.clock))
    with pytest.raises(NotOffered):
        await contacts.ask(mute, ada.ctx, ada.login, PHONE)
    assert await trail(services, ada.account) == ["login"]
