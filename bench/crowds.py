"""Crowds that ask for too much, or hold connections open: a process of its own, a plan on each line of standard input.

What came of it is on standard output: answers by status, and connections that the service closed. Whoever is refused asks again at once,
whoever's connection was closed comes again after a moment: nobody is patient.
"""

import asyncio
import gc
import resource
import socket
import sys
import time
from collections import Counter
from typing import Literal, cast

import msgspec
import uvloop

Manner = Literal["ask", "slow head", "slow body", "slow reader", "huge body"]

HOLD = 1.0
"""Seconds between two bytes of whoever is slow."""
AGAIN = 0.2
"""Seconds until whoever lost a connection makes another."""
PIPELINED = 64
"""Requests that a slow reader sends at once."""
ENDLESS = bytes(20_000_000)
"""What follows a head for ever: one for all."""


class Rush(msgspec.Struct, frozen=True):
    """Who does what. `requests` are hexadecimal, and taken in turn."""

    port: int
    manner: Manner
    callers: int
    seconds: float
    requests: tuple[str, ...]


class Came(msgspec.Struct, frozen=True):
    """What came of it."""

    answers: dict[str, int]
    """By status."""
    closed: int
    """Connections that the service closed."""
    seconds: float
    busy: float
    """Share of one core that this process used."""


class Crowd:
    """All of them together."""

    def __init__(self, rush: Rush) -> None:
        self.rush = rush
        self.requests = [bytes.fromhex(one) for one in rush.requests]
        self.end = time.monotonic() + rush.seconds
        self.answers: Counter[str] = Counter()
        self.closed = 0
        self._asked = 0

    def next(self) -> bytes:
        """The next request."""
        self._asked += 1
        return self.requests[self._asked % len(self.requests)]


class Member(asyncio.Protocol):
    """One connection at a time."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._loop = asyncio.get_running_loop()
        self._data = b""
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    async def come(self) -> None:
        """Until it is over."""
        while time.monotonic() < self._crowd.end:
            try:
                await self._loop.create_connection(lambda: self, sock=await _connected(self._crowd.rush))
            except OSError:
                self._crowd.closed += 1
            else:
                return
            await asyncio.sleep(AGAIN)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it
        self._data = b""
        match self._crowd.rush.manner:
            case "ask":
                self._write(self._crowd.next())
            case "slow head" | "slow body":
                request = self._crowd.next()
                begun = request.index(b"\r\n\r\n") + (4 if self._crowd.rush.manner == "slow body" else -2)
                self._write(request[:begun])
                self._rest = request[begun:]
                self._loop.call_later(HOLD, self._dribble)
            case "slow reader":
                self._transport.pause_reading()
                self._write(b"".join(self._crowd.next() for _ in range(PIPELINED)))
            case "huge body":
                self._write(self._crowd.next())
                self._write(ENDLESS)

    def _write(self, data: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)

    def _dribble(self) -> None:
        self._write(self._rest[:1])
        self._rest = self._rest[1:] or b"x"
        if self._transport:
            self._loop.call_later(HOLD, self._dribble)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (head := self._data.find(b"\r\n\r\n")) >= 0:
            at = self._data.find(b"content-length: ", 0, head)
            length = int(self._data[at + 16 : self._data.find(b"\r\n", at, head + 2)]) if at > 0 else 0
            if len(self._data) < head + 4 + length:
                return
            self._crowd.answers[self._data[9:12].decode()] += 1
            self._data = self._data[head + 4 + length :]
            if self._crowd.rush.manner == "ask" and time.monotonic() < self._crowd.end:
                self._write(self._crowd.next())

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if time.monotonic() < self._crowd.end:
            self._crowd.closed += 1
            self._loop.call_later(AGAIN, lambda: asyncio.ensure_future(self.come()))

    def leave(self) -> None:
        """Closes, whatever is under way."""
        if self._transport:
            self._transport.abort()


async def _connected(rush: Rush) -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    if rush.manner == "slow reader":
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    try:
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", rush.port))
    except OSError:
        made.close()
        raise
    return made


async def run(rush: Rush) -> Came:
    """Carries the plan out."""
    crowd = Crowd(rush)
    members = [Member(crowd) for _ in range(rush.callers)]
    began, used = time.monotonic(), time.process_time()
    coming = []
    for number, member in enumerate(members):
        coming.append(asyncio.ensure_future(member.come()))
        if number % 50 == 49:
            await asyncio.sleep(0.005)
    await asyncio.sleep(max(crowd.end - time.monotonic(), 0))
    seconds, used = time.monotonic() - began, time.process_time() - used
    for task in coming:
        task.cancel()
    await asyncio.gather(*coming, return_exceptions=True)
    for member in members:
        member.leave()
    return Came(dict(crowd.answers), crowd.closed, seconds, used / seconds)


def main() -> None:
    """Until standard input ends."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print("{}", flush=True)
    for line in sys.stdin:
        gc.collect()
        print(msgspec.json.encode(uvloop.run(run(msgspec.json.decode(line, type=Rush)))).decode(), flush=True)


if __name__ == "__main__":
    main()
