"""Every kind of captcha promises the same, wherever what lasts minutes is kept."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import altcha
import msgspec
import pytest

from fakes import FakeChance, FakeClock
from lingpai.core.errors import BadCaptcha
from lingpai.core.model import Locale
from lingpai.ephemeral import Ephemeral
from lingpai.guard.captcha import LIFE, CaptchaAnswer, CaptchaKind, Challenge, OpenAnswers
from lingpai.guard.captcha.captchas import Captchas
from lingpai.guard.captcha.picture import Pictures
from lingpai.guard.captcha.render_queue import RenderQueue
from lingpai.guard.captcha.renderer import renderer
from lingpai.guard.captcha.spoken import Spoken
from lingpai.guard.captcha.work import Work
from lingpai.guard.crypto import SecretBox

CAPTCHA_SCOPE, ELSEWHERE = "mailcode", "session"


async def whisper(digits: str, locale: Locale) -> bytes:
    """In place of the process that draws sound, which has tests of its own."""
    return b"RIFF"


@dataclass
class Stand:
    """One kind, all kinds together, and one who solves."""

    kind: CaptchaKind
    all: Captchas

    async def solved(self, challenge: Challenge) -> str:
        if challenge.kind == "work":
            asked = altcha.Challenge.from_dict(decoded(challenge))
            found = altcha.solve_challenge(asked)
            assert found
            return altcha.Payload(asked, found).to_base64()
        assert isinstance(self.all.answers, OpenAnswers)
        return str(await self.all.answers.peek(challenge.id))

    async def passes(self, challenge: Challenge, answer: str, scope: str = CAPTCHA_SCOPE) -> bool:
        return await passed(self.kind.spend(scope, challenge.id, answer))


def decoded(challenge: Challenge) -> dict[str, object]:
    found: dict[str, object] = msgspec.json.decode(challenge.content)
    return found


async def passed(spending: Awaitable[None]) -> bool:
    try:
        await spending
    except BadCaptcha:
        return False
    return True


@pytest.fixture
def render_queue(clock: FakeClock, chance: FakeChance) -> Iterator[RenderQueue]:
    made = RenderQueue(16, clock, chance)
    yield made
    made.close()


@pytest.fixture(params=["picture", "spoken", "work"])
def stand(request: pytest.FixtureRequest, ephemeral: Ephemeral, render_queue: RenderQueue, clock: FakeClock, chance: FakeChance) -> Stand:
    secret_box = SecretBox(b"s" * 32, chance)
    answers = OpenAnswers(ephemeral, secret_box, chance)
    pictures, spoken = Pictures(answers, render_queue, chance, renderer), Spoken(answers, whisper, chance)
    work = Work(ephemeral, secret_box, render_queue, clock, chance, cost=1)
    kinds: dict[str, CaptchaKind] = {"picture": pictures, "spoken": spoken, "work": work}
    return Stand(kinds[request.param], Captchas(answers, pictures, spoken, work))


@pytest.fixture
def lapse(clock: FakeClock) -> Callable[[float], None]:
    """Lets so many seconds pass, wherever answers are kept."""
    return lambda seconds: clock.advance(seconds=seconds)


async def test_the_right_answer_passes_once(stand: Stand) -> None:
    challenge = await stand.kind.new(CAPTCHA_SCOPE)
    answer = await stand.solved(challenge)
    assert await stand.passes(challenge, answer)
    assert not await stand.passes(challenge, answer)


async def test_a_wrong_answer_spends_it_too(stand: Stand) -> None:
    challenge, other = await stand.kind.new(CAPTCHA_SCOPE), await stand.kind.new(CAPTCHA_SCOPE)
    answer = await stand.solved(challenge)
    assert not await stand.passes(challenge, wrong(answer))
    assert not await stand.passes(challenge, answer)
    assert await stand.passes(other, await stand.solved(other))


def wrong(answer: str) -> str:
    """For work: a solution to the same challenge that finds another number. It is still one try."""
    if len(answer) < 10:
        return answer[:-1] + ("1" if answer[-1] != "1" else "2")
    payload = altcha.Payload.from_base64(answer)
    payload.solution.derived_key = "00" * 32
    return payload.to_base64()


async def test_nothing_passes_for_an_answer(stand: Stand) -> None:
    for nothing in ("", " ", "\u3000", "null", "None"):
        challenge = await stand.kind.new(CAPTCHA_SCOPE)
        assert not await stand.passes(challenge, nothing)


async def test_another_challenges_answer_does_not_pass(stand: Stand) -> None:
    one, other = await stand.kind.new(CAPTCHA_SCOPE), await stand.kind.new(CAPTCHA_SCOPE)
    answer = await stand.solved(other)
    assert answer != await stand.solved(one)
    assert not await stand.passes(one, answer)


@pytest.mark.parametrize("key", ["", "A" * 22, "work-" + "A" * 22, "captcha:x", "x" * 10_000, "\x00", "号"])
async def test_an_id_that_was_never_given_does_not_pass(stand: Stand, key: str) -> None:
    answer = await stand.solved(await stand.kind.new(CAPTCHA_SCOPE))
    assert not await passed(stand.kind.spend(CAPTCHA_SCOPE, key, answer))
    assert not await passed(stand.all.spend(CaptchaAnswer(CAPTCHA_SCOPE, key, "")))


async def test_it_serves_only_the_shop_that_drew_it(stand: Stand) -> None:
    for scope in (ELSEWHERE, "", f"{CAPTCHA_SCOPE}:cookie"):
        challenge = await stand.kind.new(CAPTCHA_SCOPE)
        assert not await stand.passes(challenge, await stand.solved(challenge), scope)


async def test_it_is_good_for_five_minutes(stand: Stand, lapse: Callable[[float], None]) -> None:
    early, late = await stand.kind.new(CAPTCHA_SCOPE), await stand.kind.new(CAPTCHA_SCOPE)
    answers = [await stand.solved(early), await stand.solved(late)]
    lapse(LIFE - 10)
    assert LIFE == 300
    assert await stand.passes(early, answers[0])
    lapse(11)
    assert not await stand.passes(late, answers[1])


async def test_of_fifty_racing_uses_one_passes(stand: Stand) -> None:
    challenge = await stand.kind.new(CAPTCHA_SCOPE)
    answer = await stand.solved(challenge)
    assert sorted(await asyncio.gather(*(stand.passes(challenge, answer) for _ in range(50))))[-2:] == [False, True]


async def test_whichever_kind_it_is_it_is_spent_at_one_place(stand: Stand) -> None:
    challenge = await stand.kind.new(CAPTCHA_SCOPE)
    answer = await stand.solved(challenge)
    await stand.all.spend(CaptchaAnswer(CAPTCHA_SCOPE, challenge.id, answer))
    assert not await stand.passes(challenge, answer)


async def test_ids_and_answers_differ(stand: Stand) -> None:
    challenges = [await stand.kind.new(CAPTCHA_SCOPE) for _ in range(20)]
    assert len({challenge.id for challenge in challenges}) == 20
    assert len({await stand.solved(challenge) for challenge in challenges}) > 15
