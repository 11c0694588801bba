"""The load generator, a process of its own: a plan on each line of standard input, what came of it on standard output.

It shares the machine with the service, so it does little: requests are made beforehand, an answer is looked at for its status alone.
"""

import asyncio
import gc
import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, cast

import msgspec
import people
import uvloop

Kind = Literal["check", "login", "registration"]


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
    lost: int
    """Connections that the service closed."""
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
        waits, held = _spread(self.right), _spread(self.refused)
        return Outcome(span, len(self.right), len(self.refused), self.others, waits, held, self.lost, busy / span, self.strange)


class Caller(asyncio.Protocol):
    """One connection, kept alive; one request at a time."""

    def __init__(self, tally: Tally, loop: asyncio.AbstractEventLoop) -> None:
        self._tally = tally
        self._loop = loop
        self._interval = tally.plan.callers / tally.plan.pace if tally.plan.pace else 0.0
        self._answer = b""
        self._request: bytes | None = None
        self._asked = self._due = 0.0
        self._over = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it
        self._due = time.monotonic()
        self._next()

    def _next(self) -> None:
        self._request = self._tally.next()
        self._ask()

    def _ask(self, since: float = 0.0) -> None:
        """`since`: when it should have asked, where the answer before came too late for that."""
        if self._request and self._transport:
            self._asked = since or time.monotonic()
            self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        answer = self._answer = self._answer + data if self._answer else data
        head = answer.find(b"\r\n\r\n")
        if head < 0 or not _is_whole(answer, head):
            return
        self._answer = b""
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

    def connection_lost(self, exc: Exception | None) -> None:
        self._tally.lost += not self._over
        self._transport = None

    def leave(self) -> None:
        """Closes, whatever is under way."""
        self._over = True
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
    coming = [asyncio.create_task(_come(caller, plan.port, start + plan.ramp * n / plan.callers)) for n, caller in enumerate(callers)]
    await _until(plan.begin)
    used = time.process_time()
    await _until(plan.end)
    used = time.process_time() - used
    for task in coming:
        task.cancel()
    tally.lost += sum(isinstance(failed, OSError) for failed in await asyncio.gather(*coming, return_exceptions=True))
    for caller in callers:
        caller.leave()
    return tally.outcome(used)


async def _come(caller: Caller, port: int, when: float) -> None:
    await _until(when)
    await asyncio.get_running_loop().create_connection(lambda: caller, "127.0.0.1", port)


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
