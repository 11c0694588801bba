"""The mail server is off for an hour and back: what waited leaves at once and once, what is past its time never, and nobody storms it."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from fakes import FakeClock
from flows.test_worker import HOUR, Scripted, Stalled, Yard, asked, running, until
from lingpai.assembly.configuration import defaults
from lingpai.core.chance import SECOND, SystemChance, SystemClock
from lingpai.ephemeral.sql import SqlEphemeral
from lingpai.post import SenderDown
from lingpai.post.breaker import WAITS
from lingpai.post.smtp import SmtpSender
from lingpai.settings import MailSettings, Rate
from lingpai.store import outbox
from lingpai.store.database import Database
from lingpai.worker import SLOTS, Worker
from mailserver import mail_server

CODES = 10 * 60 * SECOND


@pytest.fixture
def yard(database: Database, clock: FakeClock, tmp_path: Path) -> Yard:
    return Yard(database, SqlEphemeral(database, clock, tmp_path / "counters.db" if database.name == "sqlite" else None), clock)


async def posted(yard: Yard, letters: int, codes: int) -> set[str]:
    """So many letters that live a day, and among them so many codes; those of the letters' addresses."""
    every = letters // codes
    for number in range(letters):
        await yard.post(f"a{number}@example.com")
        if number % every == 0:
            await yard.post(f"code{number}@example.com", life=CODES)
    return {f"a{number}@example.com" for number in range(letters)}


async def free_port() -> int:
    async with mail_server() as gone:
        return gone.port


def sender_for(port: int) -> SmtpSender:
    return SmtpSender(f"smtp://127.0.0.1:{port}", "no-reply@id.example.com", "Lingpai")


async def drain(worker: Worker) -> None:
    while await worker.once():
        pass


async def test_after_an_hour_without_a_mail_server_all_that_waited_leaves_at_once_but_no_code_that_has_expired(yard: Yard) -> None:
    port, alive = await free_port(), await posted(yard, 80, 20)
    sender = sender_for(port)
    worker = yard.worker(sender)
    with capture_logs() as logs:
        for _ in range(360):
            await worker.once()
            yard.clock.advance(seconds=10)
        assert len(await yard.listed("sent")) == 0
        async with mail_server(port=port) as server:
            yard.clock.advance(seconds=50)
            await drain(worker)
            await drain(worker)
            await sender.close()
    assert server.recipients == dict.fromkeys(alive, 1)
    assert (len(await yard.listed("sent")), len(await yard.listed("expired")), len(await yard.listed("waiting"))) == (80, 20, 0)
    assert len(server.connections) <= SLOTS, "they carry one letter after another"
    events = Counter(line["event"] for line in logs)
    assert (events["sender-lost"], events["sender-back"]) == (1, 1)
    assert events["letter.unavailable"] <= SLOTS + HOUR / SECOND / WAITS[-1], "one letter sees whether it is back, not each"
    assert {letter.attempts for letter in await yard.listed("sent")} == {1}


async def test_the_breaker_opens_for_what_says_nothing_of_the_letter_and_probed_ever_more_slowly(yard: Yard) -> None:
    for number in range(3):
        await yard.post(f"a{number}@example.com")
    sender = Scripted(*[SenderDown("nobody")] * 6)
    worker = yard.worker(sender)
    tried = [await worker.once()]
    for _ in range(90):
        yard.clock.advance(seconds=1)
        tried.append(await worker.once())
    assert tried[0] == 3
    quiet, probed = (tried[1:5], tried[7:18], tried[24:58]), (tried[5:7], tried[18:24], tried[58:74])
    assert list(map(sum, quiet)) == [0, 0, 0]
    assert list(map(sum, probed)) == [1, 1, 1], "5, 15 and 45 seconds after the last, each a tenth more or less"
    assert len(sender.taken) == 0
    yard.clock.advance(seconds=50)
    await worker.once()
    yard.clock.advance(seconds=50)
    await drain(worker)
    assert len(sender.taken) == 3


async def test_no_more_mails_leave_than_the_rate_says_from_all_nodes_together_and_every_text_does(yard: Yard) -> None:
    settings = defaults(mail=MailSettings(rate=Rate(5, 60)))
    for number in range(8):
        await yard.post(f"a{number}@example.com")
        await yard.post("")
    for _ in range(6):
        await yard.post("+8613800138000", channel="sms", template="register_code", values={"code": "123456", "minutes": 10})
    mails, texts = Scripted(), Scripted()
    workers = [yard.worker(mails, texts=texts, settings=settings) for _ in range(2)]
    for _ in range(5):
        for worker in workers:
            await worker.once()
    assert (len(mails.taken), len(texts.taken)) == (5, 6)
    yard.clock.advance(seconds=60)
    await drain(workers[0])
    assert len(mails.taken) == 8


async def test_a_mail_server_that_stalls_holds_no_text_message_up(yard: Yard) -> None:
    stalled, texts = Stalled(), Scripted()
    async with running([yard.worker(stalled, texts=texts)], yard.clock):
        for number in range(SLOTS + 1):
            await yard.post(f"a{number}@example.com")
        yard.bell.ring()
        await until(lambda: asked(stalled, SLOTS))
        await yard.post("+8613800138000", channel="sms", template="register_code", values={"code": "123456", "minutes": 10})
        yard.bell.ring()

        async def texted() -> bool:
            return len(texts.taken) == 1

        await until(texted)
        stalled.free.set()


@pytest.mark.long
async def test_a_thousand_waiting_mails_are_out_within_thirty_seconds_of_the_first(
    database: Database, tmp_path: Path, say: Callable[[str, object], None]
) -> None:
    clock = SystemClock()
    minutes = SqlEphemeral(database, clock, tmp_path / "counters.db" if database.name == "sqlite" else None)
    yard = Yard(database, minutes, FakeClock(clock.now() - HOUR))
    alive, port = await posted(yard, 1_000, 250), await free_port()
    sender, stop = sender_for(port), asyncio.Event()
    worker = Worker(database, minutes, yard.secret_box, {"email": sender}, clock, SystemChance(), bell=yard.bell, settings=defaults())
    working = asyncio.create_task(worker.run(stop))

    async def found_out() -> bool:
        return any(letter.error for letter in await outbox.listing(database, state="waiting", limit=2_000))

    await until(found_out)
    async with mail_server(port=port) as server, asyncio.timeout(60 + WAITS[1]):
        await server.arrival()
        start = clock.monotonic()
        while len(server.arrived) < len(alive):
            await server.arrival()
        seconds = clock.monotonic() - start
        stop.set()
        await working
        await sender.close()
    say("seconds from the first of 1,000 mails to the last", f"{seconds:.1f}, on {len(server.connections)} connections")
    assert seconds < 30
    assert server.recipients == dict.fromkeys(alive, 1)
    assert len(await yard.listed("expired")) == 250
