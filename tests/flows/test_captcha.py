"""Drawing a captcha: of each kind, within what one client may ask for, and good for one try."""

import base64
import json
import struct
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import altcha
import msgspec
import pytest

from fakes import FakeChance, FakeClock
from flows.made import here, race
from lingpai.assembly import build
from lingpai.core.errors import BadCaptcha, BadInput, Limited, Overloaded
from lingpai.flows import Services, captcha
from lingpai.guard.captcha import CaptchaAnswer, Challenge, ChallengeKind
from lingpai.guard.captcha.picture import Pictures
from lingpai.guard.captcha.render_queue import RenderQueue
from lingpai.guard.captcha.spoken import Spoken
from lingpai.settings import CaptchaSettings
from web.town import Town, settings_for

SCOPE = "a dialect"
SIZE = captcha.PictureSize(220, 80)


@pytest.fixture
async def town(tmp_path: Path, database_url: str, clock: FakeClock, chance: FakeChance) -> AsyncIterator[Town]:
    """One where work for the browser is offered, for little work."""
    chosen = settings_for(tmp_path, database_url, captcha=CaptchaSettings(pow=True, pow_cost=100, queue=100))
    house = await build(chosen, clock, chance)
    yield Town(house, clock)
    await house.close()


class Speaker:
    """Says nothing aloud, and remembers what it was to say."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    async def say(self, digits: str, voice: str) -> bytes:
        self.said.append((digits, voice))
        return b"a sound"


def with_speaker(services: Services, speaker: Speaker) -> Services:
    spoken = Spoken(services.captchas.answers, speaker.say, services.chance)
    return replace(services, captchas=replace(services.captchas, spoken=spoken))


def solved(challenge: Challenge) -> str:
    asked = altcha.Challenge.from_dict(msgspec.json.decode(challenge.content))
    found = altcha.solve_challenge(asked)
    assert found
    return base64.b64encode(json.dumps(altcha.Payload(asked, found).to_dict()).encode()).decode()


async def answer_to(services: Services, challenge: Challenge) -> str:
    """What a person, or a browser, finds."""
    return solved(challenge) if challenge.kind == "work" else await services.captchas.peek(challenge.id) or ""


# Each kind


async def test_a_picture_has_the_size_that_was_asked_for_and_its_answer_is_good_once_where_it_was_drawn(services: Services) -> None:
    drawn = await captcha.draw(services, here(), SCOPE, "picture", captcha.PictureSize(120, 40))
    assert (drawn.kind, drawn.media_type, drawn.content[:8]) == ("picture", "image/png", b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", drawn.content[16:24]) == (120, 40)
    answer = await answer_to(services, drawn)
    await services.captchas.spend(CaptchaAnswer(SCOPE, drawn.id, answer.lower()))
    with pytest.raises(BadCaptcha):
        await services.captchas.spend(CaptchaAnswer(SCOPE, drawn.id, answer))


async def test_a_captcha_serves_nobody_but_who_asked_for_it(services: Services) -> None:
    drawn = await captcha.draw(services, here(), SCOPE, "picture", SIZE)
    answer = await answer_to(services, drawn)
    for scope in ("another dialect", SCOPE):
        with pytest.raises(BadCaptcha):
            await services.captchas.spend(CaptchaAnswer(scope, drawn.id, answer))


@pytest.mark.parametrize(("locale", "voice"), [("zh-Hans", "mandarin"), ("zh-Hant", "mandarin"), ("en", "english")])
async def test_a_spoken_one_is_read_out_in_the_language_of_who_asks(services: Services, locale: str, voice: str) -> None:
    speaker = Speaker()
    ctx = msgspec.structs.replace(here(), locale=locale)
    drawn = await captcha.draw(with_speaker(services, speaker), ctx, SCOPE, "spoken", SIZE)
    assert (drawn.kind, drawn.media_type, drawn.content) == ("spoken", "audio/wav", b"a sound")
    ((digits, spoken_by),) = speaker.said
    assert spoken_by == voice
    assert digits == await services.captchas.peek(drawn.id)
    await services.captchas.spend(CaptchaAnswer(SCOPE, drawn.id, digits))


async def test_work_for_the_browser_is_no_picture_and_its_solution_is_good_once(services: Services) -> None:
    drawn = await captcha.draw(services, here(), SCOPE, "work", SIZE)
    assert (drawn.kind, drawn.media_type) == ("work", "application/json")
    assert await services.captchas.peek(drawn.id) is None
    answer = solved(drawn)
    await services.captchas.spend(CaptchaAnswer(SCOPE, drawn.id, answer))
    with pytest.raises(BadCaptcha):
        await services.captchas.spend(CaptchaAnswer(SCOPE, drawn.id, answer))


@pytest.mark.parametrize("kind", ["picture", "work"])
async def test_of_sixty_four_right_answers_at_once_one_is_taken(services: Services, kind: ChallengeKind) -> None:
    drawn = await captcha.draw(services, here(), SCOPE, kind, SIZE)
    answer = CaptchaAnswer(SCOPE, drawn.id, await answer_to(services, drawn))
    assert await race(lambda _: services.captchas.spend(answer)) == {"ok": 1, "bad-captcha": 63}


@pytest.mark.parametrize("kind", ["picture", "work"])
async def test_a_captcha_is_good_for_five_minutes(town: Town, kind: ChallengeKind) -> None:
    services = town.house.services
    first, second = [await captcha.draw(services, here(), SCOPE, kind, SIZE) for _ in range(2)]
    answers = [CaptchaAnswer(SCOPE, each.id, await answer_to(services, each)) for each in (first, second)]
    town.clock.advance(minutes=5, seconds=-1)
    await services.captchas.spend(answers[0])
    town.clock.advance(seconds=1)
    with pytest.raises(BadCaptcha):
        await services.captchas.spend(answers[1])


# Refusals


async def test_work_is_refused_where_the_operator_does_not_offer_it_and_pictures_are_not(services: Services) -> None:
    without = replace(services, captchas=replace(services.captchas, work=None))
    with pytest.raises(BadInput) as why:
        await captcha.draw(without, here(), SCOPE, "work", SIZE)
    assert (why.value.field, why.value.reason) == ("kind", "captcha-off")
    assert (await captcha.draw(without, here(), SCOPE, "picture", SIZE)).kind == "picture"


async def test_of_sixty_four_that_one_client_asks_for_at_once_sixty_are_drawn(town: Town) -> None:
    services, mine = town.house.services, here()
    ends = await race(lambda _: captcha.draw(services, mine, SCOPE, "work", SIZE))
    assert ends == {"ok": 60, "limited": 4}
    with pytest.raises(Limited) as why:
        await captcha.draw(services, mine, SCOPE, "picture", SIZE)
    assert why.value.details == {"limit": "captcha_client", "seconds": 60}
    assert (await captcha.draw(services, here(8), SCOPE, "work", SIZE)).kind == "work", "another client is not kept waiting"
    town.clock.advance(minutes=1)
    assert (await captcha.draw(services, mine, SCOPE, "work", SIZE)).kind == "work"


async def test_one_client_hears_ten_a_minute_and_may_still_look_at_pictures(town: Town) -> None:
    speaker = Speaker()
    services = with_speaker(town.house.services, speaker)
    for _ in range(10):
        await captcha.draw(services, here(), SCOPE, "spoken", SIZE)
    with pytest.raises(Limited) as why:
        await captcha.draw(services, here(), SCOPE, "spoken", SIZE)
    assert why.value.limit == "spoken_client"
    assert len(speaker.said) == 10
    assert (await captcha.draw(services, here(), SCOPE, "picture", SIZE)).kind == "picture"
    town.clock.advance(minutes=1)
    await captcha.draw(services, here(), SCOPE, "spoken", SIZE)
    assert len({digits for digits, _ in speaker.said}) == 11


async def test_one_more_than_may_wait_to_be_drawn_is_refused_and_the_next_is_drawn_once_there_is_room(town: Town) -> None:
    services = town.house.services
    queue = RenderQueue(1, town.clock, services.chance)
    pictures = Pictures(services.captchas.answers, queue, services.chance, lambda: lambda answer, _width, _height: answer.encode())
    busy = replace(services, captchas=replace(services.captchas, pictures=pictures))
    town.clock.auto = True
    async with queue.queue.slot():
        async with queue.queue.slot():
            with pytest.raises(Overloaded) as why:
                await captcha.draw(busy, here(), SCOPE, "picture", SIZE)
            assert 1 <= why.value.seconds <= 4
        drawn = await captcha.draw(busy, here(), SCOPE, "picture", SIZE)
    queue.close()
    assert drawn.content.decode() == await services.captchas.peek(drawn.id)
