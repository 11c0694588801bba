"""The "not me" of a notice: who reads it takes back what it tells of (contract, 10.14 and 10.15)."""

import pytest
from msgspec.structs import replace as changed

from flows.births import mailed_code, opens, told, written
from flows.made import ADA, BOB, EVE, Person, again, born, here, logged_in, race, trail
from lingpai.core import rules
from lingpai.core.errors import BadCode, BadGrant, Limited, NotLoggedIn, StoreDown
from lingpai.core.model import Account, Address
from lingpai.flows import Services, account_deletion, contacts, not_me, password, questions, recover, register, sessions
from lingpai.social import SocialPerson
from lingpai.steps import social_identities
from lingpai.steps.account_change import changing
from lingpai.steps.authentication import Fresh
from lingpai.store import accounts
from web.town import PUBLIC_URL, Town

PHONE, OTHER = rules.phone("13800138000"), rules.phone("13800138001")
TEXTS, ANSWERS = ("one?", "two?", "three?"), ("elm", "oak", "rex")
NEW, NEWER = "a staple of another kind", "nine yellow umbrellas"
QQ = SocialPerson("qq", "one", "eve-one", "", "eve", "")
FAR = changed(here(60), prelogin_token="v" * 43)


@pytest.fixture
async def ada(services: Services) -> Person:
    return await logged_in(services, await born(services, ADA))


async def now(services: Services, person: Person) -> Person:
    return Person(person.ctx, await sessions.current(services, person.ctx))


def fresh(person: Person) -> Fresh:
    return Fresh(person.login.session, person.login.account, person.login.digest)


async def link(services: Services, notice: str, to: Address = ADA) -> str:
    """The word of the newest such notice's link."""
    letters = [each for each in await written(services) if (each.template, each.to) == (notice, to.value)]
    url = str(letters[-1].values["not_me"])
    assert url.startswith(f"{PUBLIC_URL}/page/not-me?token=")
    return url.rpartition("=")[2]


async def bound(services: Services, person: Person, address: Address) -> None:
    person = await now(services, person)
    await contacts.ask(services, person.ctx, person.login, address)
    await contacts.bind(services, person.ctx, person.login, address, await mailed_code(services))


async def linked(services: Services, person: Person) -> None:
    person, at = await now(services, person), services.clock.now()
    async with changing(services, person.ctx, person.account, "link", login=person.login, refusal=BadGrant, notice="linked") as change:
        await social_identities.add(change.tx, person.account.id, "main", list(social_identities.identifiers(QQ)), at=at, added_at=at)
        change.added = ("qq", at)


async def asked(services: Services, person: Person) -> None:
    person = await now(services, person)
    await questions.put(services, person.ctx, person.login, TEXTS, ANSWERS, mode="on")


async def kinds(services: Services, account: Account) -> list[str]:
    return [each.kind for each in await accounts.identifiers_of(services.store, account_id=account.id)]


async def is_out(services: Services, person: Person) -> bool:
    try:
        await sessions.current(services, person.ctx)
    except NotLoggedIn:
        return True
    return False


async def test_it_ends_every_session_takes_the_phone_away_and_lets_the_address_set_a_new_password(services: Services, ada: Person) -> None:
    await bound(services, ada, PHONE)
    word = await link(services, "phone_changed")
    assert (await not_me.peek(services, FAR, word))[0].notice == "phone_changed"
    assert not await is_out(services, ada), "looking changes nothing"
    done = await not_me.disavow(services, FAR, word)
    assert (done.removed, await kinds(services, ada.account), await is_out(services, ada)) == (True, ["email"], True)
    await recover.by_reset_grant(services, changed(FAR, prelogin_token=done.token), NEW)
    assert await opens(services, ADA, NEW)
    assert "not-me" in await trail(services, ada.account)


async def test_questions_and_a_third_party_are_taken_away_by_their_own_notice_alone(town: Town, services: Services, ada: Person) -> None:
    await asked(services, ada)
    town.clock.advance(seconds=5)
    await linked(services, ada)
    await not_me.disavow(services, FAR, await link(services, "linked"))
    assert await kinds(services, ada.account) == ["email"]
    assert await questions.has_questions(services, ada.account), "of these the other notice told"
    done = await not_me.disavow(services, FAR, await link(services, "questions_changed"))
    assert done.removed
    assert not await questions.has_questions(services, ada.account)


async def test_what_was_added_later_again_is_not_what_the_notice_told_of(town: Town, services: Services, ada: Person) -> None:
    await bound(services, ada, PHONE)
    word = await link(services, "phone_changed")
    for phone in (OTHER, PHONE):
        town.clock.advance(minutes=2)
        await bound(services, ada, phone)
    done = await not_me.disavow(services, FAR, word)
    assert (done.removed, await kinds(services, ada.account)) == (False, ["email", "phone"])


async def test_a_replaced_address_takes_the_new_one_away_and_earns_no_reset(services: Services, ada: Person) -> None:
    await bound(services, ada, EVE)
    thief = await now(services, ada)
    done = await not_me.disavow(services, FAR, await link(services, "email_changed"))
    assert (done.removed, done.token, await kinds(services, ada.account)) == (True, "", [])
    assert await is_out(services, thief)


@pytest.mark.parametrize("end", ["change", "reset", "address", "lock"])
async def test_no_reset_change_or_replaced_address_kills_it(town: Town, services: Services, ada: Person, end: str) -> None:
    await bound(services, ada, PHONE)
    word = await link(services, "phone_changed")
    town.clock.advance(minutes=2)
    if end == "reset":
        await recover.ask_code(services, here(50), ADA)
        await recover.by_code(services, here(50), ADA, await mailed_code(services), NEW)
    elif end == "change":
        person = await now(services, ada)
        await password.set_first(services, person.ctx, fresh(person), NEW)
    elif end == "address":
        await bound(services, ada, EVE)
    else:
        async with services.store.begin() as tx:
            await accounts.lock(tx, account_id=ada.account.id, at=services.clock.now())
    done = await not_me.disavow(services, FAR, word)
    assert (done.removed, "phone" in await kinds(services, ada.account)) == (True, False)
    assert bool(done.token) == (end in ("change", "reset")), "only what is the account's own address resets, and no locked account"


async def test_it_is_good_for_seven_days(town: Town, services: Services, ada: Person) -> None:
    await asked(services, ada)
    word = await link(services, "questions_changed")
    town.clock.advance(days=7, seconds=-1)
    assert await not_me.peek(services, FAR, word)
    town.clock.advance(seconds=1)
    with pytest.raises(BadGrant):
        await not_me.disavow(services, FAR, word)
    assert await questions.has_questions(services, ada.account)


async def test_of_64_callers_one_does_it(services: Services, ada: Person) -> None:
    await asked(services, ada)
    word = await link(services, "questions_changed")
    ends = await race(lambda ctx: not_me.disavow(services, ctx, word))
    assert ends == {"ok": 1, BadGrant.code: 63}
    assert (await trail(services, ada.account)).count("not-me") == 1
    with pytest.raises(BadGrant):
        await not_me.peek(services, FAR, word)
    with pytest.raises(BadGrant):
        await not_me.disavow(services, FAR, word.upper())


async def test_one_that_the_store_fails_is_good_again(services: Services, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    await asked(services, ada)
    word = await link(services, "questions_changed")

    async def lost(*_: object, **__: object) -> bool:
        raise StoreDown

    with monkeypatch.context() as broken:
        broken.setattr(accounts, "lock_row", lost)
        with pytest.raises(StoreDown):
            await not_me.disavow(services, FAR, word)
    assert (await not_me.disavow(services, FAR, word)).removed


async def test_the_right_that_an_intruder_has_earned_before_is_worth_nothing(services: Services, ada: Person) -> None:
    await asked(services, ada)
    thief = await now(services, ada)
    await contacts.ask(services, thief.ctx, thief.login, EVE)
    code = await mailed_code(services)
    await recover.ask_code(services, here(40), ADA)
    grant = await recover.earn(services, here(40), ADA, await mailed_code(services))
    await not_me.disavow(services, FAR, await link(services, "questions_changed"))
    with pytest.raises(BadGrant):
        await recover.by_reset_grant(services, changed(here(40), prelogin_token=grant), NEWER)
    with pytest.raises(BadCode):
        await contacts.bind(services, thief.ctx, thief.login, EVE, code)
    assert await kinds(services, ada.account) == ["email"]


async def test_a_deletion_is_taken_back_by_the_notice_of_it(services: Services, ada: Person) -> None:
    person = await now(services, ada)
    await account_deletion.close(services, person.ctx, fresh(person), f"{PUBLIC_URL}/page/keep?token=")
    done = await not_me.disavow(services, FAR, await link(services, "closing"))
    assert (done.removed, bool(done.token), (await again(services, ada.account.id)).deletes_at) == (True, True, None)


async def test_every_notice_that_is_mailed_carries_one_and_no_text_message_does(town: Town, services: Services, ada: Person) -> None:
    await asked(services, ada)
    await bound(services, ada, PHONE)
    await linked(services, ada)
    await questions.ask(services, FAR, ADA, mode="on", remember=True)
    token = await questions.answer(services, FAR, ANSWERS, mode="on")
    await recover.by_reset_grant(services, changed(FAR, prelogin_token=token), NEW)
    await register.ask_code(services, here(44), ADA)
    bob = await logged_in(services, await born(services, OTHER))
    await asked(services, bob)
    letters = [each for each in await written(services) if "ip" in each.values]
    mailed = {each.template for each in letters if "not_me" in each.values}
    assert mailed == {"questions_changed", "phone_changed", "linked", "questions_tried", "password_changed", "taken"}
    texted = [each for each in letters if "not_me" not in each.values]
    assert [(each.to, each.values["reset_url"]) for each in texted] == [(OTHER.value, f"{PUBLIC_URL}/forgot")]


async def test_the_mail_of_an_address_that_sleeps_ends_sessions_and_nothing_else(town: Town, services: Services) -> None:
    owner = await logged_in(services, await born(services, rules.account_name("ada.x"), PHONE))
    town.clock.advance(seconds=5)
    await bound(services, owner, EVE)
    town.clock.advance(minutes=2)
    await recover.ask_code(services, here(50), PHONE)
    await recover.by_code(services, here(50), PHONE, await mailed_code(services), NEW)
    owner = await logged_in(services, await again(services, owner.account.id))
    town.clock.advance(minutes=2)
    await bound(services, owner, BOB)
    assert ("email_changed", EVE.value) in await told(services)
    done = await not_me.disavow(services, FAR, await link(services, "email_changed", EVE))
    assert (done.removed, done.token) == (False, "")
    assert "email" in await kinds(services, owner.account)


async def test_wrong_words_are_counted_and_open_nothing(services: Services, ada: Person) -> None:
    await asked(services, ada)
    word = await link(services, "questions_changed")
    ends = []
    for _ in range(11):
        try:
            await not_me.peek(services, FAR, word[:-8] + "aaaaaaaa")
        except (BadGrant, Limited) as why:
            ends.append(why.code)
    assert ends == [BadGrant.code] * 10 + [Limited.code]
