"""Spoken captchas, drawn in a process of their own: bounded, started late, ended early, replaced when it is lost."""

import asyncio
import io
import os
import signal
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fakes import FakeChance, FakeClock, settle
from lingpai.core.errors import Overloaded
from lingpai.core.model import Locale
from lingpai.ephemeral.sql import SqlEphemeral
from lingpai.guard.captcha import OpenAnswers
from lingpai.guard.captcha.spoken import Spoken
from lingpai.guard.captcha.tts_client import IDLE, TtsClient
from lingpai.guard.captcha.tts_process import VOICES
from lingpai.guard.crypto import SecretBox
from lingpai.store.sqlite import open_sqlite

CAPTCHA_SCOPE = "page"
QUEUE = 2


@pytest.fixture
async def speaker(clock: FakeClock, chance: FakeChance) -> AsyncIterator[TtsClient]:
    made = TtsClient(QUEUE, clock, chance, timeout=30)
    yield made
    await made.close()


@pytest.fixture
async def ephemeral(sqlite_path: Path, clock: FakeClock, chance: FakeChance, tmp_path: Path) -> AsyncIterator[SqlEphemeral]:
    database = await open_sqlite(sqlite_path, clock, chance)
    opened = SqlEphemeral(database, clock, tmp_path / "counters.db")
    yield opened
    await opened.close()
    await database.close()


def pid(speaker: TtsClient) -> int:
    assert speaker.process
    return speaker.process.pid


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def about(speaker: TtsClient, what: str) -> bytes:
    return Path(f"/proc/{pid(speaker)}/{what}").read_bytes()


def seconds(sound: bytes) -> float:
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 1, 8_000)
        return file.getnframes() / 8_000


@pytest.mark.parametrize("locale", ["zh-Hans", "en"])
async def test_digits_are_read_out_and_typed(speaker: TtsClient, ephemeral: SqlEphemeral, chance: FakeChance, locale: Locale) -> None:
    answers = OpenAnswers(ephemeral, SecretBox(b"s" * 32, chance), chance)
    spoken = Spoken(answers, speaker.say, chance)
    challenge = await spoken.new(CAPTCHA_SCOPE, locale=locale)
    assert 8 < seconds(challenge.content) < 30
    assert len(challenge.content) < 250_000
    assert (challenge.kind, challenge.media_type) == ("spoken", "audio/wav")
    digits = await answers.peek(challenge.id)
    assert digits
    assert (len(digits), digits.isdecimal()) == (6, True)
    await spoken.spend(CAPTCHA_SCOPE, challenge.id, digits)


async def test_the_same_digits_never_sound_the_same(speaker: TtsClient) -> None:
    assert await speaker.say("402913", "mandarin") != await speaker.say("402913", "mandarin")


async def test_more_digits_take_longer(speaker: TtsClient) -> None:
    short, long = await speaker.say("1", "mandarin"), await speaker.say("12345678", "mandarin")
    assert seconds(long) - seconds(short) > 7


def test_every_chinese_digit_is_recorded_by_both_voices() -> None:
    folder = Path(str(VOICES["mandarin"]))
    for digit in "0123456789":
        voices = sorted(file.name for file in (folder / digit).iterdir())
        assert voices == ["man.wav", "woman.wav"]
        assert all(0.2 < seconds((folder / digit / voice).read_bytes()) < 0.8 for voice in voices)
    assert sum(file.stat().st_size for file in folder.rglob("*.wav")) < 100_000


async def test_the_process_starts_with_the_first_sound_and_stays(speaker: TtsClient) -> None:
    assert speaker.process is None
    await speaker.say("1", "english")
    first = pid(speaker)
    await speaker.say("2", "english")
    assert pid(speaker) == first


async def test_the_process_is_ended_when_nobody_wants_a_sound(speaker: TtsClient, clock: FakeClock) -> None:
    await speaker.say("1", "english")
    first = pid(speaker)
    await clock.elapse(seconds=IDLE - 1)
    await speaker.say("1", "english")
    await clock.elapse(seconds=IDLE - 1)
    assert alive(first)
    process = speaker.process
    assert process
    await clock.elapse(seconds=2)
    async with asyncio.timeout(30):
        assert await process.wait() == -signal.SIGKILL
    assert speaker.process is None
    assert await speaker.say("1", "english")


async def test_closing_ends_the_process(speaker: TtsClient) -> None:
    await speaker.say("1", "english")
    first = pid(speaker)
    await speaker.close()
    assert not alive(first)
    assert speaker.process is None


async def test_one_more_than_the_queue_is_refused_before_anything_is_drawn(speaker: TtsClient, clock: FakeClock) -> None:
    await speaker.say("1", "english")
    os.kill(pid(speaker), signal.SIGSTOP)
    waiting = [asyncio.create_task(speaker.say("1", "english")) for _ in range(1 + QUEUE)]
    await settle()
    crowd = [asyncio.create_task(speaker.say("1", "english")) for _ in range(100)]
    await settle()
    assert speaker.queue.taken == 1 + QUEUE
    clock.advance(seconds=1)
    outcomes = await asyncio.gather(*crowd, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Overloaded}
    os.kill(pid(speaker), signal.SIGCONT)
    assert all(await asyncio.gather(*waiting))
    assert speaker.queue.taken == 0


async def test_a_process_that_hangs_is_killed_and_replaced(speaker: TtsClient) -> None:
    await speaker.say("1", "english")
    hanging = pid(speaker)
    os.kill(hanging, signal.SIGSTOP)
    speaker.timeout = 0.1
    with pytest.raises(Overloaded):
        await speaker.say("1", "english")
    assert not alive(hanging)
    speaker.timeout = 30
    assert await speaker.say("1", "english")
    assert pid(speaker) != hanging


async def test_a_process_that_died_is_replaced(speaker: TtsClient) -> None:
    await speaker.say("1", "english")
    assert speaker.process
    os.kill(pid(speaker), signal.SIGKILL)
    await speaker.process.wait()
    assert await speaker.say("1", "english")


async def test_what_the_process_cannot_read_costs_one_answer_and_no_more(speaker: TtsClient) -> None:
    with pytest.raises(Overloaded):
        await speaker.say("?", "english")
    assert await speaker.say("1", "english")


async def test_a_caller_who_leaves_does_not_mix_up_the_others(speaker: TtsClient) -> None:
    await speaker.say("1", "english")
    os.kill(pid(speaker), signal.SIGSTOP)
    gone = asyncio.create_task(speaker.say("11111111", "english"))
    stays = asyncio.create_task(speaker.say("1", "english"))
    await settle()
    gone.cancel()
    await settle()
    os.kill(pid(speaker), signal.SIGCONT)
    assert seconds(await stays) < 8


async def test_the_process_lowers_itself_and_sees_nothing_of_our_secrets(speaker: TtsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINGPAI_SECRET", "made up for this test alone, and long enough")
    await speaker.say("1", "english")
    assert os.getpriority(os.PRIO_PROCESS, pid(speaker)) == 19
    assert b"LINGPAI" not in about(speaker, "environ")


async def test_the_process_is_small(speaker: TtsClient) -> None:
    await speaker.say("1", "english")
    await speaker.say("1", "mandarin")
    assert int(about(speaker, "status").split(b"VmHWM:")[1].split()[0]) < 30_000  # KiB


async def test_the_process_ends_with_its_input(speaker: TtsClient) -> None:
    await speaker.say("1", "english")
    process = speaker.process
    assert process
    assert process.stdin
    process.stdin.close()
    async with asyncio.timeout(30):
        assert await process.wait() == 0
