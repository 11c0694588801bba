"""The second port of a process, for whoever watches over it; and what the processes of a node share for it."""

import asyncio
import mmap
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

import msgspec
import structlog

from lingpai.core.metrics import Report, kept
from lingpai.flows import Services
from lingpai.web.endpoints.watching import Reporter, WatchApp
from lingpai.web.server.bounds import Bounds
from lingpai.web.server.serve import Server

EVERY = 1.0
"""Seconds between two reports of a process."""
STALE = 5.0
"""Seconds after which a process that has said nothing is none any more."""
_ROOM = 256 * 1_024
_HEAD = struct.Struct("=QII")
_DRAIN_SECONDS = 1.0

log = structlog.get_logger("lingpai.metrics")


class ReportBoard:
    """Memory that a supervisor and its workers share: a part for each worker, by its number, with what it has said last.

    What a worker has counted stays when it dies, and the one that takes its number goes on from there: a counter never goes back.
    Make it before they are forked.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._memory = mmap.mmap(-1, 2 * count * _ROOM)

    def write(self, number: int, report: Report) -> None:
        """In the place of the older of its last two: who reads meanwhile, or comes after a kill in the middle, has the other one."""
        turn, _ = max(self._halves(number), key=lambda half: half[0], default=(0, b""))
        data = msgspec.msgpack.encode(report)
        if len(data) > _ROOM - _HEAD.size:
            log.error("metrics.too-large", bytes=len(data))
            return
        start = (2 * number + (turn + 1) % 2) * _ROOM
        self._memory[start : start + _HEAD.size + len(data)] = _HEAD.pack(turn + 1, len(data), _checksum(turn + 1, data)) + data

    def read(self, number: int) -> Report | None:
        """None: it has said nothing yet."""
        _, data = max(self._halves(number), key=lambda half: half[0], default=(0, b""))
        return msgspec.msgpack.decode(data, type=Report) if data else None

    def _halves(self, number: int) -> Iterator[tuple[int, bytes]]:
        """Those that are whole, each with its turn."""
        for start in (2 * number * _ROOM, (2 * number + 1) * _ROOM):
            turn, size, checksum = _HEAD.unpack_from(self._memory, start)
            data = self._memory[start + _HEAD.size : start + _HEAD.size + min(size, _ROOM)]
            if size and _checksum(turn, data) == checksum:
                yield turn, data


def _checksum(turn: int, data: bytes) -> int:
    return crc32(data, turn & 0xFFFF_FFFF)


@dataclass(frozen=True, slots=True)
class Post:
    """How a process is reached by whoever watches over its node."""

    listening: socket.socket | None = None
    """Its own socket; None: a supervisor hands connections over."""
    handed: socket.socket | None = None
    """Where it hands them over."""
    board: ReportBoard | None = None
    number: int = 0
    """Which of the node's processes it is."""


class Watch:
    """The second port of a process, while it lives."""

    def __init__(self, services: Services, post: Post) -> None:
        self._services = services
        self._post = post
        self._reporter = Reporter(services)
        sockets = [post.listening] if post.listening else []
        self._server = Server(WatchApp(services, self._reports), sockets, services.clock, services.chance, Bounds())
        self._timer: asyncio.TimerHandle | None = None
        if post.board and (before := post.board.read(post.number)):
            services.metrics.resume(before)

    async def start(self) -> None:
        """It is answered when this returns."""
        await self._server.start()
        self._report()
        if self._post.handed:
            self._post.handed.setblocking(False)
            asyncio.get_running_loop().add_reader(self._post.handed, self._take)

    async def close(self) -> None:
        """Says for the last time what it has counted."""
        if self._timer:
            self._timer.cancel()
        if self._post.handed:
            asyncio.get_running_loop().remove_reader(self._post.handed)
        await self._server.drain(_DRAIN_SECONDS, last=False)
        self._write()

    def _report(self) -> None:
        if self._post.board:
            self._write()
            self._timer = asyncio.get_running_loop().call_later(EVERY, self._report)

    def _write(self) -> None:
        if self._post.board:
            self._post.board.write(self._post.number, self._reporter.report())

    def _take(self) -> None:
        """A connection that the supervisor has accepted; at the end of the line it is gone, and this process ends too."""
        assert self._post.handed
        _, descriptors, _, _ = socket.recv_fds(self._post.handed, 1, 1)
        if not descriptors:
            asyncio.get_running_loop().remove_reader(self._post.handed)
        for descriptor in descriptors:
            self._server.adopt(socket.socket(fileno=descriptor))

    def _reports(self) -> tuple[list[Report | None], Report]:
        """Its own is written first: whichever process answers, no counter goes back."""
        board, mine = self._post.board, self._reporter.report()
        if board is None:
            return [mine], mine
        self._write()
        found = [board.read(number) for number in range(board.count)]
        now = self._services.clock.monotonic()
        return [report if report and report.seen_at >= now - STALE else None for report in found], kept(filter(None, found))
