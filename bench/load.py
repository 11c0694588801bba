"""The load generator, a process of its own: a plan on each line of standard input, what came of it on standard output.

It shares the machine with the service, so it does little: requests are made beforehand, an answer is looked at for its status alone.
"""

import asyncio
import gc
import itertools
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, cast

import msgspec
import people
import uvloop

Kind = Literal["check", "login", "registration"]

AGAIN = 0.2
"""Seconds until whoever lost a connection with a request on it asks again."""
SOON = 0.1
"""Seconds that a request may wait at the end and yet be as one that was not made."""
LEAST = 0.99
"""The share of what was asked that must be answered with success, or what took how long says nothing."""


class Plan(msgspec.Struct, frozen=True):
    """Who asks what. Instants are `time.monotonic()`, which all processes of a machine share; spans are seconds."""

    port: int
    kind: Kind
    callers: int
    begin: float
    """From here on answers count. Callers start before, evenly spread over `ramp`."""
    end: float
    most: int
    """Requests after which no more are made, whatever the time."""
    first: int = 0
    """The number of the first account that asks."""
    ramp: float = 0.3
    pace: float = 0
    """Requests a second of all callers together; 0: each asks again when it is answered."""
    patient: bool = False
    """Whether a 503 is answered by waiting for as long as Retry-After says, or by asking again at once."""
    requests: str = ""
    """A file with a JSON list of what is asked, where that is not what `people` make of `kind`."""
    mark: str = '"code":200'
    """What an answer that says success has in it, beside a status of success."""


class Spread(msgspec.Struct, frozen=True):
    """How long answers took, in milliseconds."""

    low: float = 0
    p50: float = 0
    p99: float = 0
    high: float = 0


class Outcome(msgspec.Struct, frozen=True):
    """What came of a plan between its begin and its end."""

    seconds: float
    right: int
    """Answers that say success."""
    refused: int
    """Answers 503."""
    other: int
    waits: Spread
    held: Spread
    """The waits for a 503."""
    unanswered: int
    """Requests that had no answer at the end, and those that were due behind them; each is among the waits with its age."""
    hung: int
    """Callers who had no answer in all of the time."""
    lost: int
    """Connections that the service closed or refused when there was something to ask."""
    busy: float
    """Share of one core that this process used."""
    strange: str
    """The first answer that was neither success nor 503."""

    @property
    def rate(self) -> float:
        """Successes a second."""
        return self.right / self.seconds

    @property
    def offered(self) -> float:
        """Answers of any kind a second."""
        return (self.right + self.refused + self.other) / self.seconds

    @property
    def share(self) -> float:
        """Successes, of all that was asked."""
        return self.right / max(self.right + self.refused + self.other + self.unanswered + self.lost, 1)


def _made(plan: Plan) -> list[bytes]:
    make: Callable[[int], bytes] = getattr(people, plan.kind)
    many = plan.most if plan.kind == "registration" else people.ACCOUNTS
    return [make(number) for number in range(plan.first, plan.first + many)]


def _written(file: str) -> list[bytes]:
    return [request.encode() for request in msgspec.json.decode(Path(file).read_bytes(), type=list[str])]


class Tally:
    """Counts answers while the plan says so."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._mark = plan.mark.encode()
        self._requests = itertools.cycle(_written(plan.requests) if plan.requests else _made(plan))
        self._left = plan.most
        self.right: list[float] = []
        self.refused: list[float] = []
        self.others = 0
        self.strange = ""
        self.unanswered: list[float] = []
        self.lost = 0

    def next(self) -> bytes | None:
        """The next request; None when it is over."""
        self._left -= 1
        return next(self._requests) if self._left >= 0 and time.monotonic() < self.plan.end else None

    def note(self, answer: bytes, asked: float, now: float) -> None:
        """Takes an answer down."""
        if not self.plan.begin <= now <= self.plan.end:
            return
        if answer.startswith(b"HTTP/1.1 2") and self._mark in answer:
            self.right.append(now - asked)
        elif answer.startswith(b"HTTP/1.1 503"):
            self.refused.append(now - asked)
        else:
            self.others += 1
            self.strange = self.strange or answer[:600].decode("utf-8", "replace")

    def outcome(self, busy: float) -> Outcome:
        """The sums."""
        span = self.plan.end - self.plan.begin
        waits, held = _spread([*self.right, *self.unanswered]), _spread(self.refused)
        counts = len(self.right), len(self.refused), self.others
        hung = sum(age >= span for age in self.unanswered)
        return Outcome(span, *counts, waits, held, len(self.unanswered), hung, self.lost, busy / span, self.strange)


class Wire(asyncio.Protocol):
    """One connection of a caller."""

    def __init__(self, caller: "Caller") -> None:
        self._caller = caller
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it
        self._caller.connected(self.transport)

    def data_received(self, data: bytes) -> None:
        self._caller.hear(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._caller.parted(self.transport)


class Caller:
    """One request at a time, on a connection that is kept for as long as the service keeps it; then on another."""

    def __init__(self, tally: Tally, loop: asyncio.AbstractEventLoop) -> None:
        self._tally = tally
        self._loop = loop
        self._interval = tally.plan.callers / tally.plan.pace if tally.plan.pace else 0.0
        self._answer = b""
        self._request: bytes | None = None
        self._waits = False
        """For an answer."""
        self._asked = 0.0
        self._due = tally.plan.begin
        self._over = False
        self._transport: asyncio.Transport | None = None
        self._coming: asyncio.Task[None] | None = None

    async def come(self, when: float) -> None:
        """Begins."""
        await _until(when)
        self._due = time.monotonic()
        self._next()

    def _next(self) -> None:
        self._request = self._tally.next()
        self._ask()

    def _ask(self, since: float = 0.0) -> None:
        """`since`: when it should have asked, where the answer before came too late for that."""
        if not self._request or self._over:
            return
        self._asked = since or time.monotonic()
        self._waits = True
        if self._transport:
            self._transport.write(self._request)
        else:
            self._coming = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            await self._loop.create_connection(lambda: Wire(self), "127.0.0.1", self._tally.plan.port)
        except OSError:
            self._lose()

    def connected(self, transport: asyncio.Transport) -> None:
        """There is something to ask, or it would not have connected."""
        self._transport, self._answer = transport, b""
        if self._over:
            transport.abort()
        elif self._request:
            transport.write(self._request)

    def hear(self, data: bytes) -> None:
        """A part of an answer."""
        answer = self._answer = self._answer + data if self._answer else data
        head = answer.find(b"\r\n\r\n")
        if head < 0 or not _is_whole(answer, head):
            return
        self._answer, self._waits = b"", False
        if answer.find(b"onnection: close", 0, head) > 0:
            self._transport = None
        now = time.monotonic()
        self._tally.note(answer, self._asked, now)
        if self._interval:
            self._keep_pace(now)
        elif answer.startswith(b"HTTP/1.1 503"):
            self._again(answer)
        else:
            self._next()

    def _again(self, answer: bytes) -> None:
        if time.monotonic() >= self._tally.plan.end:
            return
        if self._tally.plan.patient:
            self._loop.call_later(_seconds(answer), self._ask)
        else:
            self._ask()

    def _keep_pace(self, now: float) -> None:
        self._due += self._interval
        self._request = self._tally.next()
        if self._due > now:
            self._loop.call_later(self._due - now, self._ask)
        else:
            self._ask(self._due)

    def parted(self, transport: asyncio.Transport | None) -> None:
        """A connection is closed. One that had nothing to do is no loss: the next request makes another, as clients do."""
        if transport is not self._transport:
            return
        self._transport = None
        if self._waits and not self._over:
            self._lose()

    def _lose(self) -> None:
        self._waits = False
        self._tally.lost += 1
        self._loop.call_later(AGAIN, self._go_on)

    def _go_on(self) -> None:
        if self._interval:
            self._keep_pace(time.monotonic())
        else:
            self._next()

    def ages(self, end: float) -> Iterator[float]:
        """Of what has no answer at the end: what it waits for and, where it keeps a pace, what was due behind that."""
        if self._waits:
            yield end - self._asked
        if self._interval:
            due = self._due + self._interval if self._waits else self._due
            yield from (end - due - n * self._interval for n in range(math.ceil((end - due) / self._interval)))

    def leave(self) -> None:
        """Closes, whatever is under way."""
        self._over = True
        if self._coming:
            self._coming.cancel()
        if self._transport:
            self._transport.abort()


def _is_whole(answer: bytes, head: int) -> bool:
    at = answer.find(b"content-length: ", 0, head)
    if at < 0:
        return _is_whole_elsewhere(answer, head)
    return len(answer) >= head + 4 + int(answer[at + 16 : answer.find(b"\r\n", at, head + 2)])


def _is_whole_elsewhere(answer: bytes, head: int) -> bool:
    """Of others than this service and its bare handler, who write names in small letters and say how long their answers are."""
    lines = answer[:head].lower().split(b"\r\n")
    if b"transfer-encoding: chunked" in lines:
        return answer.endswith(b"0\r\n\r\n")
    return len(answer) >= head + 4 + next((int(line[16:]) for line in lines if line.startswith(b"content-length: ")), 0)


def _seconds(answer: bytes) -> int:
    at = answer.find(b"retry-after: ")
    return int(answer[at + 13 : answer.find(b"\r\n", at)]) if at > 0 else 1


def _spread(waits: list[float]) -> Spread:
    if not waits:
        return Spread()
    waits = sorted(wait * 1_000 for wait in waits)
    return Spread(waits[0], waits[len(waits) // 2], waits[min(len(waits) * 99 // 100, len(waits) - 1)], waits[-1])


async def run(plan: Plan) -> Outcome:
    """Carries the plan out."""
    tally = Tally(plan)
    loop = asyncio.get_running_loop()
    callers = [Caller(tally, loop) for _ in range(plan.callers)]
    start = plan.begin - plan.ramp
    coming = [asyncio.create_task(caller.come(start + plan.ramp * n / plan.callers)) for n, caller in enumerate(callers)]
    await _until(plan.begin)
    used = time.process_time()
    await _until(plan.end)
    used = time.process_time() - used
    tally.unanswered = [age for caller in callers for age in caller.ages(plan.end) if age >= SOON]
    for task in coming:
        task.cancel()
    await asyncio.gather(*coming, return_exceptions=True)
    for caller in callers:
        caller.leave()
    return tally.outcome(used)


async def _until(when: float) -> None:
    await asyncio.sleep(max(when - time.monotonic(), 0))


def main() -> None:
    """Until standard input ends."""
    print("{}", flush=True)
    for line in sys.stdin:
        plan = msgspec.json.decode(line, type=Plan)
        gc.collect()
        gc.disable()
        outcome = uvloop.run(run(plan))
        gc.enable()
        print(msgspec.json.encode(outcome).decode(), flush=True)


if __name__ == "__main__":
    main()
