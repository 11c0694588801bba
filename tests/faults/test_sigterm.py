"""SIGTERM: no new connections, running requests finish, leases are given back, exit 0 (contract, "Running it")."""

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import httpx
import pytest

from mailserver import STALL, mail_server
from running import SECONDS, Running, serving

BODY = b'{"email":"ada@example.com","password":"correct-horse-battery"}'
HEAD = (
    b"POST /register HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(BODY)
)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Request:
    """A request that is being answered, and lacks its body."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def finish(self) -> bytes:
        """Sends the body; all that comes back until the connection is closed."""
        self._writer.write(BODY)
        async with asyncio.timeout(SECONDS):
            return await self._reader.read()


@asynccontextmanager
async def request(running: Running) -> AsyncIterator[Request]:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(HEAD)
    async with asyncio.timeout(SECONDS):
        assert await reader.readexactly(len(CONTINUE)) == CONTINUE
    yield Request(reader, writer)
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def refused(port: int) -> None:
    """Returns once no connection is taken any more: the signal has been heard."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            except ConnectionResetError:  # taken by the kernel just before the socket was closed
                continue
            writer.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_running_request_finishes_while_new_connections_are_refused(tmp_path: Path, number: signal.Signals) -> None:
    async with serving("--dev", "--data", tmp_path) as running:
        async with request(running) as under_way:
            running.tell(number)
            await refused(running.port)
            answer = await under_way.finish()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b'"code":200' in answer
        assert await running.ended() == 0
    assert read(tmp_path / "lingpai.db", "SELECT count(*) FROM accounts") == [(1,)]


async def test_a_second_signal_changes_nothing(tmp_path: Path) -> None:
    async with serving("--dev", "--data", tmp_path) as running:
        async with request(running) as under_way:
            running.tell(signal.SIGTERM)
            await refused(running.port)
            running.tell(signal.SIGTERM)
            running.tell(signal.SIGINT)
            assert (await under_way.finish()).startswith(b"HTTP/1.1 200 ")
        assert await running.ended() == 0


async def test_a_request_that_never_ends_is_cut_off_after_ten_seconds(tmp_path: Path) -> None:
    async with serving("--dev", "--data", tmp_path) as running, request(running):
        assert await running.end() == 0
    assert read(tmp_path / "lingpai.db", "SELECT count(*) FROM accounts") == [(0,)]


async def test_several_processes_finish_their_requests_too(tmp_path: Path) -> None:
    async with serving("--dev", "--workers", "2", "--data", tmp_path) as running:
        async with request(running) as one, request(running) as other:
            running.tell(signal.SIGTERM)
            answers = await one.finish(), await other.finish()
        assert [answer[:13] for answer in answers] == [b"HTTP/1.1 200 "] * 2
        assert await running.ended() == 0


async def test_the_lease_of_a_letter_that_is_being_sent_is_given_back(sqlite_path: Path) -> None:
    async with mail_server() as mail:
        mail.says["DATA"] = [STALL]
        real = {"LINGPAI_PUBLIC_URL": "https://id.example.com", "LINGPAI_MAIL__SMTP_URL": mail.url()}
        async with serving("--data", sqlite_path.parent, **real) as running:
            async with httpx.AsyncClient(base_url=running.url) as client:
                await client.post("/register", content=BODY)
            async with asyncio.timeout(SECONDS):
                await mail.stalled.wait()
            assert read(sqlite_path, LEASES) == [("waiting", 1, True)]
            assert await running.end() == 0
    assert read(sqlite_path, LEASES) == [("waiting", 0, False)]


LEASES = "SELECT state, attempts, lease_owner IS NOT NULL AND lease_until IS NOT NULL FROM letters"


def read(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as file:
        return file.execute(query).fetchall()
