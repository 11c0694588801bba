"""What is refused after work was done was counted before it (contract, 14.6), and what cost nothing counts nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import replace as with_parts

import msgspec
import pytest
from msgspec.structs import replace

from flows.births import ADA, BOB, EVE, HERE, NAME, NEW, OLD, PHONE, born, entered, told
from lingpai.core import rules
from lingpai.core.errors import BadInput, BadInvite, Limited, Overloaded, Refusal, Taken, TooSoon, WrongAnswers
from lingpai.core.model import Address
from lingpai.flows import Services, captcha, questions, recover, register
from lingpai.flows.register import Application
from lingpai.guard.captcha.picture import Pictures
from lingpai.guard.captcha.render_queue import RenderQueue
from lingpai.guard.one_time.grants import GrantKind, Grants
from lingpai.guard.passwords.hashing import PasswordHasher
from lingpai.guard.throttling.sms_budgets import SmsBudgets
from web.town import Town


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was hashed so far."""
    made: list[str] = []
    plain = PasswordHasher.make

    def make(self: PasswordHasher, text: str) -> str:
        made.append(text)
        return plain(self, text)

    monkeypatch.setattr(PasswordHasher, "make", make)
    return made


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was kept for browsers so far."""
    kept: list[object] = []
    put = Grants.store_under

    async def store_under(self: Grants, kind: GrantKind, token: str, value: msgspec.Struct, life: float) -> None:
        kept.append(value)
        await put(self, kind, token, value, life)

    monkeypatch.setattr(Grants, "store_under", store_under)
    return kept


@pytest.mark.parametrize("way", ["link", "name"])
async def test_wrong_invites_are_counted_ten_a_minute_and_cost_no_hash(services: Services, hashes: list[str], way: str) -> None:
    async def guess(number: int) -> None:
        if way == "link":
            await register.by_link(services, HERE, Application(ADA, OLD, invite=f"guess {number}"))
        else:
            await register.by_name(services, HERE, Application(NAME, OLD, invite=f"guess {number}"))

    for number in range(10):
        with pytest.raises(BadInvite):
            await guess(number)
    with pytest.raises(Limited) as limited:
        await guess(10)
    assert limited.value.limit == "check_client"
    assert hashes == []


async def test_a_taken_name_costs_no_hash(services: Services, hashes: list[str]) -> None:
    await born(services, NAME)
    hashes.clear()
    for _ in range(10):
        with pytest.raises(Taken):
            await register.by_name(services, HERE, Application(NAME, NEW))
    assert hashes == []


@pytest.mark.parametrize("way", ["link", "name", "phone"])
async def test_of_sixty_four_registrations_of_one_client_at_once_ten_are_hashed(services: Services, hashes: list[str], way: str) -> None:
    async def one(number: int) -> str:
        try:
            if way == "link":
                await register.by_link(services, HERE, Application(rules.email(f"ada+{number}@example.com"), OLD))
            elif way == "name":
                await register.by_name(services, HERE, Application(rules.account_name(f"ada.{number}x"), OLD))
            else:
                await register.begin_by_phone(services, HERE, rules.phone(f"138{number:04}8000"), OLD)
        except Refusal as why:
            return why.code
        return "won"

    ends = await asyncio.gather(*(one(number) for number in range(64)))
    assert ends.count("won") <= 10
    assert ends.count("won") + ends.count("limited") == 64
    assert len(hashes) <= 10


BEGINNINGS: dict[str, Callable[[Services, Address], Awaitable[object]]] = {
    "code": lambda services, who: recover.begin_by_code(services, HERE, who),
    "entry by code": lambda services, who: recover.begin_entry_by_code(services, HERE, who),
    "entry by link": lambda services, who: recover.begin_entry_by_link(services, HERE, who, 60),
}


@pytest.mark.parametrize("way", BEGINNINGS)
@pytest.mark.parametrize("many", [True, False])
async def test_what_a_browser_begins_with_a_message_is_kept_only_once_that_is_counted(
    services: Services, kept: list[object], way: str, many: bool
) -> None:
    """Of many addresses and of one, where all but the first come too soon: nothing is put anywhere for who has asked for too much."""
    for number in range(30):
        with pytest.raises(Limited) if number >= 20 else nullcontext():
            await BEGINNINGS[way](services, rules.email(f"ada+{number}@example.com") if many else ADA)
    assert len(kept) == 20


async def test_a_registration_by_phone_that_sends_nothing_keeps_no_draft(services: Services, kept: list[object]) -> None:
    await register.begin_by_phone(services, HERE, PHONE, "")
    with pytest.raises(TooSoon):
        await register.begin_by_phone(services, HERE, PHONE, "")
    assert len(kept) == 1


async def test_what_goes_well_or_is_too_soon_counts_no_look(services: Services) -> None:
    for each in (ADA, BOB, EVE):
        await register.by_link(services, HERE, Application(each, OLD))
        with pytest.raises(TooSoon):
            await register.by_link(services, HERE, Application(each, OLD))
    for _ in range(10):
        await services.limits.spend("check_client", HERE.client)


async def texts_sent(services: Services) -> int:
    return (await SmsBudgets(services.ephemeral, services.settings.sms, services.clock).state()).sent


async def test_a_taken_phones_silent_hour_costs_no_text(town: Town) -> None:
    """Its owner has been told within the hour: nothing goes out, so nothing leaves the budget."""
    services = town.house.services
    await born(services, PHONE)
    await register.ask_code(services, HERE, PHONE)
    assert await texts_sent(services) == 1
    town.clock.advance(minutes=2)
    await register.ask_code(services, replace(HERE, client="another"), PHONE)
    assert await told(services) == [("taken", PHONE.value), ("taken", "")]
    assert await texts_sent(services) == 1


async def test_a_captcha_that_was_refused_as_overloaded_or_off_is_not_counted(town: Town) -> None:
    services = town.house.services
    queue = RenderQueue(1, town.clock, services.chance)
    pictures = Pictures(services.captchas.answers, queue, services.chance, lambda: lambda answer, _width, _height: answer.encode())
    busy = with_parts(services, captchas=with_parts(services.captchas, pictures=pictures, work=None))
    town.clock.auto = True
    async with queue.queue.slot(), queue.queue.slot():
        with pytest.raises(Overloaded):
            await captcha.draw(busy, HERE, "a dialect", "picture", captcha.PictureSize(220, 80))
        with pytest.raises(BadInput):
            await captcha.draw(busy, HERE, "a dialect", "work", captcha.PictureSize(220, 80))
    queue.close()
    town.clock.auto = False
    for _ in range(60):
        await services.limits.spend("captcha_client", HERE.client)


async def test_a_tried_question_is_told_by_text_only_within_the_budgets(town: Town) -> None:
    services = town.house.services
    account = await born(services, PHONE)
    await questions.put(services, *await entered(services, account), ("a?", "b?", "c?"), ("a", "b", "c"), mode="on")
    before = await texts_sent(services)
    _, token = await questions.ask(services, HERE, PHONE, mode="on", remember=True)
    browser = replace(HERE, prelogin_token=token)
    with pytest.raises(WrongAnswers):
        await questions.answer(services, browser, ("a", "b", "d"), mode="on")
    assert await texts_sent(services) == before + 1
    await services.ephemeral.hit("sms:day", 86_400, 1_000)
    with pytest.raises(WrongAnswers):
        await questions.answer(services, browser, ("a", "b", "d"), mode="on")
    assert [to for template, to in await told(services) if template == "questions_tried"] == [PHONE.value, ""]
