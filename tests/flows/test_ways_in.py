"""Ways in that an intruder may have added sleep after the owner's reset (contract, 10.4 and 10.5)."""

import pytest
from msgspec.structs import replace as changed

from flows.births import mailed_code, opens, told, written
from flows.made import ADA, EVE, Person, again, born, here, logged_in, trail
from lingpai.core import rules
from lingpai.core.errors import BadCode, ProviderSaysNo, StaleLogin, WrongAnswers
from lingpai.core.model import Address
from lingpai.flows import Services, contacts, password, questions, recover, sessions, ways_in
from lingpai.social import SocialPerson
from lingpai.steps import social_identities
from lingpai.steps.authentication import Fresh
from lingpai.store import accounts
from web.town import Town

PHONE = rules.phone("13800138000")
TEXTS, ANSWERS = ("one?", "two?", "three?"), ("elm", "oak", "rex")
NEW = "a staple of another kind"
QQ = SocialPerson("qq", "one", "eve-one", "", "eve", "")


@pytest.fixture
async def ada(services: Services) -> Person:
    return await logged_in(services, await born(services, ADA))


async def now(services: Services, person: Person) -> Person:
    return Person(person.ctx, await sessions.current(services, person.ctx))


def fresh(person: Person) -> Fresh:
    return Fresh(person.login.session, person.login.account, person.login.digest)


async def bound(services: Services, person: Person, address: Address) -> None:
    person = await now(services, person)
    await contacts.ask(services, person.ctx, person.login, address)
    await contacts.bind(services, person.ctx, person.login, address, await mailed_code(services))


async def invaded(town: Town, person: Person) -> None:
    """A phone, questions and a third party's person come to the account."""
    services = town.house.services
    town.clock.advance(seconds=5)
    await bound(services, person, PHONE)
    person = await now(services, person)
    await questions.put(services, person.ctx, person.login, TEXTS, ANSWERS, mode="on")
    at = services.clock.now()
    async with services.store.begin() as tx:
        await social_identities.add(tx, person.account.id, "main", list(social_identities.identifiers(QQ)), at=at, added_at=at)


async def reset_by(services: Services, who: Address) -> None:
    await recover.ask_code(services, here(50), who)
    await recover.by_code(services, here(50), who, await mailed_code(services), NEW)


async def asleep(services: Services, person: Person) -> list[str]:
    return [way.kind for way in await ways_in.asleep(services, person.account)]


async def answers_open(services: Services) -> bool:
    far = changed(here(60), prelogin_token="v" * 43)
    texts, _ = await questions.ask(services, far, ADA, mode="on", remember=True)
    try:
        await questions.answer(services, far, ANSWERS, mode="on")
    except WrongAnswers:
        assert texts != TEXTS, "they are not shown either"
        return False
    return True


async def person_enters(services: Services) -> bool:
    try:
        found = await social_identities.find(services.store, "main", QQ)
    except ProviderSaysNo:
        return False
    return bool(found.accounts)


async def phone_resets(town: Town) -> bool:
    services = town.house.services
    town.clock.advance(seconds=61)
    before = len(await told(services))
    await recover.ask_code(services, here(70), PHONE)
    ends = (await told(services))[before:]
    return ends == [("reset_code", PHONE.value)]


async def test_what_was_added_later_than_the_way_that_resets_lets_nobody_in_until_it_is_confirmed(town: Town, ada: Person) -> None:
    services = town.house.services
    await invaded(town, ada)
    assert (await answers_open(services), await person_enters(services)) == (True, True)
    town.clock.advance(minutes=2)
    await reset_by(services, ADA)
    assert await asleep(services, ada) == ["phone", "qq", "questions"]
    assert (await answers_open(services), await person_enters(services), await phone_resets(town)) == (False, False, False)
    assert await opens(services, PHONE, NEW), "a sleeping phone still names its account beside the password"
    owner = await logged_in(services, await again(services, ada.account.id))
    for way in await ways_in.asleep(services, owner.account):
        await ways_in.wake(services, owner.ctx, fresh(owner), way.number)
    town.clock.advance(days=1)
    assert await asleep(services, ada) == []
    assert (await answers_open(services), await person_enters(services), await phone_resets(town)) == (True, True, True)
    assert (await trail(services, ada.account)).count("way.wake") == 3


async def test_a_reset_and_its_notice_list_what_sleeps_and_what_stays_with_masked_addresses(town: Town, ada: Person) -> None:
    services = town.house.services
    await invaded(town, ada)
    town.clock.advance(minutes=2)
    await recover.ask_code(services, here(50), ADA)
    done = await recover.by_code(services, here(50), ADA, await mailed_code(services), NEW)
    listed = [(way.kind, way.value, way.asleep) for way in done.ways]
    assert listed == [("email", "a***@example.com", False), ("phone", "+8613***00", True), ("qq", "", True), ("questions", "", True)]
    said = (await written(services))[-1].values
    assert said["asleep"] == "pages.phone +8613***00\nprovider.qq \npages.me.questions.title "
    assert said["stays"] == "pages.email a***@example.com"
    assert str(said["security_url"]).endswith("/me/security")


async def test_a_change_lists_nothing(town: Town, ada: Person) -> None:
    services = town.house.services
    person = await now(services, ada)
    await password.set_first(services, person.ctx, fresh(person), NEW)
    assert "stays" not in (await written(services))[-1].values


async def test_what_sleeps_is_removed_by_its_owner_and_nothing_else_is(town: Town, ada: Person) -> None:
    services = town.house.services
    await invaded(town, ada)
    town.clock.advance(minutes=2)
    await reset_by(services, ADA)
    owner = await logged_in(services, await again(services, ada.account.id))
    numbers = [each.id for each in await accounts.identifiers_of(services.store, account_id=ada.account.id)]
    for number in (*numbers, 0):
        current = await now(services, owner)
        await ways_in.remove(services, current.ctx, fresh(current), number)
    assert [each.kind for each in await accounts.identifiers_of(services.store, account_id=ada.account.id)] == ["email"]
    assert not await questions.has_questions(services, ada.account)


async def test_what_is_older_stays_and_so_does_what_is_older_than_thirty_days(town: Town, ada: Person) -> None:
    services = town.house.services
    await invaded(town, ada)
    town.clock.advance(days=30, seconds=1)
    await reset_by(services, ADA)
    assert await asleep(services, ada) == []


async def test_a_reset_by_the_younger_way_keeps_the_older_ones(town: Town, ada: Person) -> None:
    services = town.house.services
    await invaded(town, ada)
    town.clock.advance(minutes=2)
    await reset_by(services, PHONE)
    assert "email" not in await asleep(services, ada)
    assert "phone" not in await asleep(services, ada)
    assert (await told(services))[-1] == ("password_changed", ADA.value), "and the proved mail is told of it"


async def test_a_change_and_a_reset_by_questions_put_nothing_to_sleep(town: Town, ada: Person) -> None:
    services = town.house.services
    await invaded(town, ada)
    person = await now(services, ada)
    await password.set_first(services, person.ctx, fresh(person), NEW)
    far = changed(here(60), prelogin_token="v" * 43)
    await questions.ask(services, far, ADA, mode="on", remember=True)
    token = await questions.answer(services, far, ANSWERS, mode="on")
    await recover.by_reset_grant(services, changed(far, prelogin_token=token), "nine yellow umbrellas")
    assert await asleep(services, ada) == []


async def test_a_code_that_a_younger_phone_had_asked_for_is_dead_and_a_name_leads_to_no_sleeping_mail(
    town: Town, services: Services
) -> None:
    name = rules.account_name("ada.x")
    person = await logged_in(services, await born(services, name, PHONE))
    town.clock.advance(seconds=5)
    await bound(services, person, EVE)
    await recover.ask_code(services, here(40), EVE)
    code = await mailed_code(services)
    await reset_by(services, PHONE)
    with pytest.raises(BadCode):
        await recover.by_code(services, here(40), EVE, code, NEW)
    town.clock.advance(seconds=61)
    for who in (name, EVE):
        await recover.ask_code(services, here(41), who)
    await recover.ask_link(services, here(42), ADA)
    assert ("reset_code", EVE.value) not in (await told(services))[3:]


async def test_a_login_from_before_a_reset_wakes_nothing(town: Town, ada: Person) -> None:
    services = town.house.services
    await invaded(town, ada)
    thief = await now(services, ada)
    town.clock.advance(minutes=2)
    await reset_by(services, ADA)
    with pytest.raises(StaleLogin):
        await ways_in.wake(services, thief.ctx, fresh(thief), 0)
    assert "questions" in await asleep(services, ada)
