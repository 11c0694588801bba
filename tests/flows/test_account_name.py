"""The name that one logs in by: chosen and changed by its owner alone, one for all that look the same, and not too often."""

import asyncio
from collections import Counter

import pytest

from flows.births import told, written
from flows.made import ADA, BOB, Person, again, born, here, logged_in, trail
from lingpai.core import rules
from lingpai.core.errors import BadInput, Refusal, StaleLogin, Taken
from lingpai.core.model import Account, Address
from lingpai.flows import Services, account_admin, account_name, not_me
from lingpai.steps.authentication import require_fresh
from lingpai.store import accounts
from web.town import Town

NAME, LIKE, OTHER = rules.account_name("Paula"), rules.account_name("paulA"), rules.account_name("ada.x")
ALIKE = [rules.account_name(text) for text in ("pauli", "pau1i", "paulI", "PAULl", "pauL1")]
"""One skeleton (Unicode TR39)."""


@pytest.fixture
async def ada(services: Services) -> Person:
    return await logged_in(services, await born(services, ADA))


async def chosen(services: Services, person: Person, name: Address) -> Account:
    """What the account is after its owner has chosen it."""
    login = await require_fresh(services, person.ctx, person.login)
    await account_name.choose(services, person.ctx, login, name)
    return await again(services, person.account)


async def finds(services: Services, name: Address) -> int:
    """Whose it is; 0: nobody's."""
    found = await accounts.find(services.store, "main", "name", name.key)
    return found.id if found else 0


async def test_a_name_is_chosen_once_and_logs_in_from_then_on(services: Services, ada: Person) -> None:
    assert (await chosen(services, ada, NAME)).name == "Paula"
    assert await finds(services, LIKE) == ada.account.id
    assert "name" in await trail(services, ada.account)
    assert (await told(services))[-1] == ("name_changed", ADA.value)


async def test_a_name_that_looks_like_anothers_is_taken(services: Services, ada: Person) -> None:
    bob = await logged_in(services, await born(services, BOB))
    await chosen(services, bob, ALIKE[0])
    before = len(await written(services))
    with pytest.raises(Taken):
        await chosen(services, ada, ALIKE[1])
    assert (await again(services, ada.account)).name is None
    assert len(await written(services)) == before, "nothing has happened that anybody could be told of"


async def test_of_many_who_want_names_that_look_the_same_one_gets_it(services: Services) -> None:
    people = [await logged_in(services, await born(services, rules.email(f"p{number}@example.com"))) for number in range(20)]

    async def run(number: int, person: Person) -> str:
        try:
            await chosen(services, person, ALIKE[number % len(ALIKE)])
        except Refusal as why:
            return why.code
        return "ok"

    ends = Counter(await asyncio.gather(*(run(number, person) for number, person in enumerate(people))))
    assert ends == {"ok": 1, "taken": len(people) - 1}


async def test_it_is_not_changed_again_before_its_time(town: Town, ada: Person) -> None:
    services = town.house.services
    await chosen(services, ada, NAME)
    with pytest.raises(BadInput) as early:
        await chosen(services, ada, OTHER)
    assert (early.value.reason, early.value.details["days"]) == ("name-kept", 30)
    town.clock.advance(days=30)
    later = await logged_in(services, await again(services, ada.account))
    assert (await chosen(services, later, OTHER)).name == OTHER.value


async def test_the_former_name_stays_its_owners_until_the_next_change(town: Town, ada: Person) -> None:
    services = town.house.services
    names = [NAME, OTHER, rules.account_name("third")]
    for name in names:
        await chosen(services, await logged_in(services, await again(services, ada.account)), name)
        town.clock.advance(days=31)
    assert [await finds(services, name) == ada.account.id for name in names] == [False, True, True]
    bob = await logged_in(services, await born(services, BOB))
    with pytest.raises(Taken):
        await chosen(services, bob, OTHER)
    assert (await chosen(services, bob, NAME)).name == NAME.value


async def test_one_s_own_former_name_can_be_had_back_and_a_spelling_changed(town: Town, ada: Person) -> None:
    services = town.house.services
    for name in (NAME, OTHER, NAME, LIKE):
        person = await logged_in(services, await again(services, ada.account))
        assert (await chosen(services, person, name)).name == name.value
        town.clock.advance(days=31)
    assert [await finds(services, name) for name in (LIKE, OTHER)] == [ada.account.id, ada.account.id]


async def test_not_me_gives_the_name_before_back(town: Town, ada: Person) -> None:
    services = town.house.services
    await chosen(services, ada, NAME)
    town.clock.advance(days=31)
    await chosen(services, await logged_in(services, await again(services, ada.account)), OTHER)
    word = str((await written(services))[-1].values["not_me"]).partition("token=")[2]
    assert (await not_me.disavow(services, here(), word)).removed
    now = await again(services, ada.account)
    assert now.name == NAME.value
    assert await finds(services, OTHER) == 0
    assert await account_name.changeable_at(services, now) <= services.clock.now(), "so that the owner may choose at once"


async def test_a_login_that_has_ended_meanwhile_changes_nothing(services: Services, ada: Person) -> None:
    login = await require_fresh(services, ada.ctx, ada.login)
    await account_admin.end_sessions(services, ada.account)
    with pytest.raises(StaleLogin):
        await account_name.choose(services, ada.ctx, login, NAME)
    assert (await again(services, ada.account)).name is None
