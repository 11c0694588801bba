"""Captchas in pictures: what is kept, what is drawn, and what asking for many of them can cost."""

import asyncio
import os
import threading
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from fakes import FakeChance, FakeClock, settle
from lingpai import settings
from lingpai.core.errors import BadCaptcha, Limited, Overloaded
from lingpai.core.threads import NICE
from lingpai.ephemeral import Entry, Ephemeral
from lingpai.ephemeral.sql import SqlEphemeral
from lingpai.guard.captcha import AnswerStore, Challenge, OpenAnswers
from lingpai.guard.captcha.picture import ALPHABET, HEIGHTS, LENGTH, WIDTHS, Pictures
from lingpai.guard.captcha.render_queue import RenderQueue
from lingpai.guard.captcha.renderer import renderer
from lingpai.guard.crypto import SecretBox
from lingpai.guard.throttling.rates import RateLimiter
from lingpai.store.sqlite import open_sqlite

CAPTCHA_SCOPE = "mailcode"
QUEUE = 16


@pytest.fixture
def render_queue(clock: FakeClock, chance: FakeChance) -> Iterator[RenderQueue]:
    made = RenderQueue(QUEUE, clock, chance)
    yield made
    made.close()


@pytest.fixture
async def ephemeral(sqlite_path: Path, clock: FakeClock, chance: FakeChance, tmp_path: Path) -> AsyncIterator[SqlEphemeral]:
    database = await open_sqlite(sqlite_path, clock, chance)
    opened = SqlEphemeral(database, clock, tmp_path / "counters.db")
    yield opened
    await opened.close()
    await database.close()


@pytest.fixture
def secret_box(chance: FakeChance) -> SecretBox:
    return SecretBox(b"s" * 32, chance)


@pytest.fixture
def answers(ephemeral: Ephemeral, secret_box: SecretBox, chance: FakeChance) -> OpenAnswers:
    return OpenAnswers(ephemeral, secret_box, chance)


@pytest.fixture
def pictures(answers: OpenAnswers, render_queue: RenderQueue, chance: FakeChance) -> Pictures:
    return Pictures(answers, render_queue, chance, renderer)


async def answer_to(answers: OpenAnswers, challenge: Challenge) -> str:
    return str(await answers.peek(challenge.id))


def opened(content: bytes) -> Image.Image:
    image = Image.open(BytesIO(content))
    image.load()
    return image


@pytest.mark.parametrize(("width", "height"), [(220, 80), (80, 30), (280, 280), (280, 30), (80, 280), (133, 47)])
async def test_a_picture_has_exactly_the_size_asked_for(pictures: Pictures, width: int, height: int) -> None:
    image = opened((await pictures.new(CAPTCHA_SCOPE, width=width, height=height)).content)
    assert (image.format, image.size) == ("PNG", (width, height))


async def test_the_usual_size_is_220_by_80(pictures: Pictures) -> None:
    challenge = await pictures.new(CAPTCHA_SCOPE)
    assert opened(challenge.content).size == (220, 80)
    assert (challenge.kind, challenge.media_type) == ("picture", "image/png")


@pytest.mark.parametrize(("width", "height"), [(79, 80), (281, 80), (220, 29), (220, 281), (0, 0), (-220, 80), (10**9, 10**9)])
async def test_another_size_is_not_drawn(pictures: Pictures, width: int, height: int) -> None:
    with pytest.raises(ValueError, match="pixels"):
        await pictures.new(CAPTCHA_SCOPE, width=width, height=height)


async def test_the_sizes_are_the_contracts() -> None:
    assert (WIDTHS[0], WIDTHS[-1], HEIGHTS[0], HEIGHTS[-1]) == (80, 280, 30, 280)


def luminance(color: tuple[int, ...]) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (value / 255 for value in color[:3])]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


async def test_the_characters_stand_out_from_the_paper(pictures: Pictures) -> None:
    """Without `_opaque` the library lays dark ink on thinly: this fails with it taken away."""
    for _ in range(20):
        image = opened((await pictures.new(CAPTCHA_SCOPE)).content).convert("RGB")
        counted = sorted(image.getcolors(220 * 80) or [], reverse=True)
        paper = counted[0][1]
        # The noise covers 2 in 100 of the picture, the characters at least 5.
        dark = sum(count for count, color in counted if (luminance(paper) + 0.05) / (luminance(color) + 0.05) >= 4.5)  # type: ignore[arg-type]  # RGB
        assert dark / (220 * 80) > 0.05


def test_no_two_characters_are_easily_taken_for_one_another() -> None:
    for alike in ("0OQD", "1IL", "2Z", "5S", "8B", "6G", "UV", "4A"):
        assert sum(sign in ALPHABET for sign in alike) <= 1
    assert not set("AEIOU") & set(ALPHABET)
    assert len(set(ALPHABET)) ** LENGTH > 80_000


async def test_case_width_and_spaces_around_make_no_difference(pictures: Pictures, answers: OpenAnswers) -> None:
    for change in (str.lower, str.upper, lambda answer: f" {answer} ", lambda answer: "".join(chr(ord(sign) + 0xFEE0) for sign in answer)):
        challenge = await pictures.new(CAPTCHA_SCOPE)
        await pictures.spend(CAPTCHA_SCOPE, challenge.id, change(await answer_to(answers, challenge)))


class Watched:
    """An Ephemeral that shows what was put."""

    def __init__(self, inner: Ephemeral) -> None:
        self.puts: list[tuple[str, Entry]] = []
        self._inner = inner
        self.take = inner.take

    async def put(self, key: str, entry: Entry, *, only_new: bool = False) -> bool:
        self.puts.append((key, entry))
        return await self._inner.put(key, entry, only_new=only_new)


async def test_outside_dev_mode_only_a_keyed_digest_is_kept(ephemeral: Ephemeral, render_queue: RenderQueue, secret_box: SecretBox) -> None:
    watched, other = Watched(ephemeral), FakeChance()
    challenge = await Pictures(AnswerStore(watched, secret_box, FakeChance()), render_queue, FakeChance(), renderer).new(CAPTCHA_SCOPE)  # type: ignore[arg-type]  # two verbs do
    answer = other.code(LENGTH, ALPHABET)
    [(key, entry)] = watched.puts
    assert entry.value == b""
    assert len(entry.proof) == 32
    assert answer.casefold().encode() not in entry.proof + key.casefold().encode() + challenge.id.casefold().encode()
    # Whoever reads the table and knows everything but the secret finds nothing by trying all answers.
    stranger = SecretBox(b"x" * 32, FakeChance())
    assert stranger.digest(challenge.id + answer.casefold(), f"captcha:{CAPTCHA_SCOPE}") != entry.proof
    assert secret_box.digest(challenge.id + answer.casefold(), f"captcha:{CAPTCHA_SCOPE}") == entry.proof


async def test_only_dev_mode_can_look_an_answer_up(answers: OpenAnswers, pictures: Pictures) -> None:
    assert not hasattr(AnswerStore, "peek")
    challenge = await pictures.new(CAPTCHA_SCOPE)
    answer = await answers.peek(challenge.id)
    assert answer
    assert set(answer) <= set(ALPHABET)
    await pictures.spend(CAPTCHA_SCOPE, challenge.id, answer)
    assert await answers.peek(challenge.id) is None
    assert await answers.peek("no such id") is None


async def test_pictures_are_drawn_on_a_lowered_thread_of_their_own(render_queue: RenderQueue) -> None:
    def where() -> tuple[str, int]:
        return threading.current_thread().name, os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert await render_queue.run(where) == ("drawing-0", NICE)


async def test_ten_thousand_asked_for_at_once_cost_no_more_than_the_queue(
    pictures: Pictures, render_queue: RenderQueue, clock: FakeClock
) -> None:
    """Seventeen are drawn; all others are refused before anything is drawn or stored for them, and hold next to nothing while held back."""
    drawn: list[str] = []
    draw, go = pictures.draw, threading.Event()

    def watched(answer: str, width: int, height: int) -> bytes:
        drawn.append(answer)
        go.wait(30)
        return draw(answer, width, height)

    pictures.draw = watched  # type: ignore[method-assign]  # watched, not replaced
    tracemalloc.start()
    asked = [asyncio.create_task(pictures.new(CAPTCHA_SCOPE)) for _ in range(10_000)]
    await settle()
    assert render_queue.queue.taken == 1 + QUEUE
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    clock.advance(seconds=1)
    go.set()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Overloaded)]
    assert (len(drawn), len(refused)) == (1 + QUEUE, 10_000 - 1 - QUEUE)
    assert most < 60_000_000
    assert render_queue.queue.taken == 0
    assert sum(len(outcome.content) for outcome in outcomes if isinstance(outcome, Challenge)) < 30_000 * (1 + QUEUE)


async def test_ten_thousand_kept_take_little_room(ephemeral: Ephemeral, secret_box: SecretBox, chance: FakeChance) -> None:
    watched = Watched(ephemeral)
    await AnswerStore(watched, secret_box, chance).remember(CAPTCHA_SCOPE, "CFHJ")  # type: ignore[arg-type]  # two verbs do
    [(key, entry)] = watched.puts
    assert 10_000 * (len(key) + len(entry.proof) + len(entry.value)) < 1_000_000
    assert entry.life == 300


async def test_of_ten_thousand_asked_for_by_one_client_sixty_a_minute_pass(ephemeral: Ephemeral, clock: FakeClock) -> None:
    limits = RateLimiter(ephemeral, settings.Limits(), clock)
    passed = 0
    for _ in range(10_000):
        try:
            await limits.spend("captcha_client", "203.0.113.7")
            passed += 1
        except Limited:
            pass
    assert passed == 60


async def test_what_a_caller_who_left_had_asked_for_is_not_drawn(pictures: Pictures, render_queue: RenderQueue) -> None:
    go, started, drawn = threading.Event(), threading.Event(), []

    def busy() -> None:
        started.set()
        go.wait(30)

    blocker = asyncio.create_task(render_queue.run(busy))
    await settle()
    assert started.wait(30)
    pictures.draw = lambda *asked: drawn.append(asked) or b""  # type: ignore[method-assign,func-returns-value]  # watched
    gone = asyncio.create_task(pictures.new(CAPTCHA_SCOPE))
    await settle()
    assert render_queue.queue.taken == 2
    gone.cancel()
    await settle()
    assert render_queue.queue.taken == 1
    go.set()
    await blocker
    assert await render_queue.run(lambda: "next") == "next"
    assert drawn == []


async def test_an_answer_that_is_endless_does_not_pass(pictures: Pictures) -> None:
    challenge = await pictures.new(CAPTCHA_SCOPE)
    with pytest.raises(BadCaptcha):
        await pictures.spend(CAPTCHA_SCOPE, challenge.id, "C" * 1_000_000)
