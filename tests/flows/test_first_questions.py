"""A first set of security questions by an old login works a day later, and every proved address hears of it (contract, S30, S31)."""

import pytest
from msgspec.structs import replace as changed

from flows.births import told
from flows.made import ADA, Person, born, here, logged_in
from lingpai.core import rules
from lingpai.core.errors import StaleLogin, WrongAnswers
from lingpai.core.model import Account
from lingpai.flows import Services, questions, sessions
from lingpai.guard.sessions.issuing import IssuedSession, RedeemedLink
from web.town import Town

PHONE = rules.phone("13800138000")
TEXTS, ANSWERS, OTHERS = ("one?", "two?", "three?"), ("elm", "oak", "rex"), ("ash", "fir", "max")


async def answered(services: Services) -> bool:
    far = changed(here(60), prelogin_token="v" * 43)
    await questions.ask(services, far, ADA, mode="on", remember=True)
    try:
        return bool(await questions.answer(services, far, ANSWERS, mode="on"))
    except WrongAnswers:
        return False


async def old_login(town: Town, amr: str = "pwd") -> Person:
    services = town.house.services
    account = await born(services, ADA, PHONE)
    issued = await _issued(services, account, amr)
    ctx = here(session=issued.token)
    login = await sessions.current(services, ctx)
    town.clock.advance(minutes=10)
    return Person(ctx, login)


async def _issued(services: Services, account: Account, amr: str) -> IssuedSession:
    if amr != "link":
        return await services.session_issuer.cookie(account, here(), amr=amr)
    maker = await logged_in(services, account)
    return await services.session_issuer.cookie_by_link(account, here(), RedeemedLink(maker.login.digest, 3_600))


async def test_an_old_login_sets_the_first_ones_and_they_work_a_day_later(town: Town) -> None:
    services, person = town.house.services, await old_login(town)
    await questions.put(services, person.ctx, person.login, TEXTS, ANSWERS, mode="on")
    assert sorted(await told(services)) == [("questions_changed", PHONE.value), ("questions_changed", ADA.value)]
    town.clock.advance(days=1, seconds=-1)
    assert not await answered(services)
    town.clock.advance(seconds=1)
    assert await answered(services)


async def test_it_does_not_change_them(town: Town) -> None:
    services, person = town.house.services, await old_login(town)
    await questions.put(services, person.ctx, person.login, TEXTS, ANSWERS, mode="on")
    with pytest.raises(StaleLogin):
        await questions.put(services, person.ctx, person.login, TEXTS, OTHERS, mode="on")
    town.clock.advance(days=1)
    assert await answered(services)


@pytest.mark.parametrize("amr", ["link", "fed", "otp", ""])
async def test_a_login_that_no_password_has_opened_sets_none(town: Town, amr: str) -> None:
    person = await old_login(town, amr)
    with pytest.raises(StaleLogin):
        await questions.put(town.house.services, person.ctx, person.login, TEXTS, ANSWERS, mode="on")


async def test_those_of_a_young_login_work_at_once(town: Town) -> None:
    services = town.house.services
    person = await logged_in(services, await born(services, ADA))
    await questions.put(services, person.ctx, person.login, TEXTS, ANSWERS, mode="on")
    assert await answered(services)
