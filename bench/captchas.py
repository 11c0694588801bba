"""What captchas cost: pictures, work and sounds a second, what the event loop feels meanwhile, and the memory of the process that speaks.

`captchas.py [SECONDS]` prints it; `figures` is for other programs. In one process, on SQLite, as the service has it.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

import altcha
import msgspec
import uvloop

from lingpai.core.chance import SystemChance, SystemClock
from lingpai.ephemeral import Ephemeral
from lingpai.ephemeral.sql import SqlEphemeral
from lingpai.guard.captcha import AnswerStore
from lingpai.guard.captcha.picture import Pictures
from lingpai.guard.captcha.render_queue import RenderQueue
from lingpai.guard.captcha.renderer import renderer
from lingpai.guard.captcha.spoken import Spoken
from lingpai.guard.captcha.tts_client import TtsClient
from lingpai.guard.captcha.work import Work
from lingpai.guard.crypto import SecretBox
from lingpai.settings import CaptchaSettings
from lingpai.store.migrate import upgrade
from lingpai.store.sqlite import open_sqlite

CALLERS = 4
"""How many ask at once: the drawing thread never waits for them."""
TICK = 0.001
"""Seconds between two looks at the loop."""
CAPTCHA_SCOPE = "bench"


@dataclass(frozen=True)
class Pace:
    """How many a second, and how late the event loop was meanwhile (99 of 100 times at most; ms)."""

    rate: float
    late: float


@dataclass(frozen=True)
class Figures:
    """A second, where they are no Pace. `idle` is the loop's lateness with nothing to do; memory in MB (10^6 bytes), at its highest."""

    idle: Pace
    pictures: Pace
    work: Pace
    sounds: Pace
    spends: float
    speaker_memory: float

    def __str__(self) -> str:
        rows = [
            ("pictures/s (220 x 80)", self.pictures),
            ("ALTCHA challenges/s", self.work),
            ("sounds/s (6 digits)", self.sounds),
        ]
        lines = [f"  {name:<58} {pace.rate:<26,.1f} loop late, p99 {pace.late:.1f} ms (idle {self.idle.late:.1f})" for name, pace in rows]
        spends = f"  {'ALTCHA solutions spent/s, one after another':<58} {self.spends:,.1f}"
        return "\n".join([*lines, spends, f"  {'memory of the process that speaks':<58} {self.speaker_memory:.0f} MB at its highest"])


async def figures(seconds: float) -> Figures:
    """Measures each for so many seconds."""
    clock, chance = SystemClock(), SystemChance()
    async with AsyncExitStack() as stack:
        ephemeral = await stack.enter_async_context(_ephemeral())
        secret_box, render_queue = SecretBox(b"b" * 32, chance), RenderQueue(CALLERS, clock, chance)
        stack.callback(render_queue.close)
        speaker = TtsClient(CALLERS, clock, chance)
        stack.push_async_callback(speaker.close)
        answers = AnswerStore(ephemeral, secret_box, chance)
        pictures, spoken = Pictures(answers, render_queue, chance, renderer), Spoken(answers, speaker.say, chance)
        work = Work(ephemeral, secret_box, render_queue, clock, chance, cost=CaptchaSettings().pow_cost)
        await asyncio.gather(pictures.new(CAPTCHA_SCOPE), spoken.new(CAPTCHA_SCOPE))
        idle = await _pace(seconds, lambda: asyncio.sleep(0.1))
        drawn = await _pace(seconds, lambda: pictures.new(CAPTCHA_SCOPE))
        asked = await _pace(seconds, lambda: work.new(CAPTCHA_SCOPE))
        sounds = await _pace(seconds, lambda: spoken.new(CAPTCHA_SCOPE))
        return Figures(idle, drawn, asked, sounds, await _spends(work), _memory(speaker))
    raise AssertionError  # for mypy: the stack could swallow an exception, and does not


@asynccontextmanager
async def _ephemeral() -> AsyncIterator[Ephemeral]:
    with tempfile.TemporaryDirectory(prefix="lb-") as folder:
        file = Path(folder) / "lingpai.db"
        upgrade(f"sqlite:///{file}")
        database = await open_sqlite(file, SystemClock(), SystemChance())
        ephemeral = SqlEphemeral(database, SystemClock(), file.with_name("counters.db"))
        try:
            yield ephemeral
        finally:
            await ephemeral.close()
            await database.close()


async def _pace(seconds: float, call: Callable[[], Awaitable[object]]) -> Pace:
    end = time.monotonic() + seconds
    done = 0

    async def caller() -> None:
        nonlocal done
        while time.monotonic() < end:
            await call()
            done += 1

    start = time.monotonic()
    late, *_ = await asyncio.gather(_lateness(end), *(caller() for _ in range(CALLERS)))
    return Pace(done / (time.monotonic() - start), late)


async def _lateness(end: float) -> float:
    late = []
    while (now := time.monotonic()) < end:
        await asyncio.sleep(TICK)
        late.append(time.monotonic() - now - TICK)
    return quantiles(late, n=100)[-1] * 1_000


async def _spends(work: Work) -> float:
    challenges = [await work.new(CAPTCHA_SCOPE) for _ in range(20)]
    solved = [(challenge.id, _solved(challenge.content)) for challenge in challenges]
    start = time.monotonic()
    for key, answer in solved:
        await work.spend(CAPTCHA_SCOPE, key, answer)
    return len(solved) / (time.monotonic() - start)


def _solved(content: bytes) -> str:
    challenge = altcha.Challenge.from_dict(msgspec.json.decode(content))
    solution = altcha.solve_challenge(challenge)
    assert solution
    return altcha.Payload(challenge, solution).to_base64()


def _memory(speaker: TtsClient) -> float:
    assert speaker.process
    status = Path(f"/proc/{speaker.process.pid}/status").read_text("ascii", "replace")
    return int(status.split("VmHWM:")[1].split()[0]) * 1_024 / 1e6


if __name__ == "__main__":
    print(uvloop.run(figures(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)))
