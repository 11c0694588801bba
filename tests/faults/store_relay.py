"""A wire as between two machines: a relay before PostgreSQL or Valkey that holds each round trip back for a while, and counts it.

On loopback one statement more costs less than what a busy machine's times vary by. Between machines it costs a round trip, and so it does
here: time tells what it would tell there, and the count tells it whatever the machine does besides.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from lingpai.core.chance import SystemClock

CLOCK = SystemClock()
MOST = 1 << 16


@dataclass(frozen=True)
class Speech:
    """What a relay knows of a server's protocol."""

    question: bytes
    """Asks the server for nothing in particular."""
    is_over: Callable[[bytes], bool]
    """Whether these are all bytes of an answer, and the server waits for the next question."""


POSTGRES = Speech(b"Q\0\0\0\x0dSELECT 1\0", lambda data: data[-6:-1] == b"Z\0\0\0\x05")
VALKEY = Speech(b"PING\r\n", lambda data: data.endswith(b"\r\n"))


@dataclass
class Relay:
    """One before one server."""

    speech: Speech
    delay: float = 0
    """Seconds that each round trip takes longer from now on."""
    trips: int = 0
    """Round trips so far, of all connections."""
    more: int = 0
    """How many to make besides: each is a question of the relay's own, put to the server before the next one of the service."""
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    async def connect(self, target: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carries one connection until either end closes it."""
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        behind, out = await asyncio.open_unix_connection(target)
        link = _Link(self, reader, writer, behind, out)
        try:
            await link.carry()
        finally:
            self._open.discard(task)

    async def close(self) -> None:
        """Ends every connection."""
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)


@dataclass
class _Link:
    relay: Relay
    near: asyncio.StreamReader
    back: asyncio.StreamWriter
    far: asyncio.StreamReader
    out: asyncio.StreamWriter
    answered: bool = True
    """Whether it is the client's turn: what it says next is one more round trip."""
    ready: bool = False
    own: "asyncio.Future[None] | None" = None
    """A question of the relay's own is under way."""

    async def carry(self) -> None:
        ways = {asyncio.create_task(self._there()), asyncio.create_task(self._back())}
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for writer in (self.back, self.out):
                with suppress(OSError):
                    writer.close()

    async def _there(self) -> None:
        while data := await self.near.read(MOST):
            if self.answered:
                await self._trip()
            while self.relay.more and self.ready:
                self.relay.more -= 1
                await self._ask()
            self.answered = False
            self.out.write(data)

    async def _back(self) -> None:
        while data := await self.far.read(MOST):
            self.ready = self.relay.speech.is_over(data)
            if self.own:
                if self.ready:
                    self.own.set_result(None)
                continue
            self.answered = True
            self.back.write(data)

    async def _trip(self) -> None:
        self.relay.trips += 1
        if self.relay.delay:
            await CLOCK.sleep(self.relay.delay)

    async def _ask(self) -> None:
        self.own = asyncio.get_running_loop().create_future()
        self.out.write(self.relay.speech.question)
        await self.own
        self.own = None
        await self._trip()


@asynccontextmanager
async def relay(target: Path, here: Path, speech: Speech) -> AsyncIterator[Relay]:
    """Listens on a socket at `here`, and carries to the one at `target`."""
    made = Relay(speech)
    server = await asyncio.start_unix_server(lambda reader, writer: made.connect(target, reader, writer), here)
    try:
        yield made
    finally:
        server.close()
        await made.close()
