"""All connections of one server: how many there may be, and who gives way to whom."""

import asyncio
from collections import deque
from collections.abc import Callable, Container
from typing import Literal, Protocol, cast

import structlog
from uvicorn.server import ServerState

from lingpai.core.few_lines import FewLines
from lingpai.core.metrics import Metrics

SHARE = 16
"""One in so many gives way at once, where any must: to look at all of them for each that comes would cost more than to serve it."""

AT_ONCE = 4
"""Requests that begin in one turn of the loop: each may keep it for a good part of a millisecond."""

FIRST_AT_ONCE = 32
"""Of those that go first: such a one costs a tenth of another, or less."""

Ending = Literal["idle", "unread"]
"""Why a connection gives way that is told nothing: it asks for nothing, or does not read."""

log = structlog.get_logger("lingpai.web")


class Yielding(Protocol):
    """A connection, as its server asks it to give way."""

    @property
    def ends(self) -> bool:
        """It is closed already, and only not gone."""
        ...

    def yields(self) -> tuple[int, float] | None:
        """Whom it goes before: the lowest gives way first. None: it is being answered, and stays."""
        ...

    def give_way(self) -> None:
        """It closes, and says why to whoever has begun to ask."""
        ...


class _Lane:
    """Requests of one kind, and how many of them have begun in this turn of the loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._begun = 0
        self._waiting: deque[Callable[[], None]] = deque()

    def begin(self, request: Callable[[], None]) -> None:
        if self._begun < self._most and not self._waiting:
            self._begun += 1
            request()
        else:
            self._waiting.append(request)

    def next(self) -> int:
        """Another turn; how many begin in it."""
        self._begun = 0
        while self._waiting and self._begun < self._most:
            self._begun += 1
            self._waiting.popleft()()
        return self._begun


class Turns:
    """When requests begin: so many in one turn of the loop, in the order they came, and more of those that go first (`Connections.first`).

    What waits for nothing runs to its end once it has begun, so that whoever comes after two hundred others would wait for all of them.
    Those that go first have a bound too: a crowd of them would leave no turn to anybody else.
    """

    def __init__(self) -> None:
        self._first = _Lane(FIRST_AT_ONCE)
        self._others = _Lane(AT_ONCE)
        self._turns = False
        """Whether there is to be a next one."""

    def begin(self, request: Callable[[], None], *, first: bool = False) -> None:
        """It is called now, or when it is its turn."""
        (self._first if first else self._others).begin(request)
        if not self._turns:
            self._turns = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._turns = self._first.next() + self._others.next() > 0
        if self._turns:
            asyncio.get_running_loop().call_soon(self._next)


class Connections(ServerState):
    """All connections of one server."""

    def __init__(self, most: int, first: Container[bytes] = (), metrics: Metrics | None = None) -> None:
        """`first`: paths of what goes before others. `metrics`: where it counts what it holds and ends; None: nobody asks."""
        super().__init__()
        self.metrics = metrics or Metrics()
        self._lines = FewLines("refused-more", "lingpai.web")
        self.most = most
        self.first = first
        self.turns = Turns()
        self.none = asyncio.Event()
        """Set while there is none."""
        self.none.set()
        self.plain = b""
        """What a 200 begins with (`FrontCycle.plain`); made anew with each second's Date."""
        self.leaving = False
        """Whether each connection is to end with its next reply: a proxy that keeps connections then goes elsewhere by itself."""

    def changed(self) -> None:
        """One has come, or is gone."""
        self.metrics.gauges["connections"] = len(self.connections)
        if self.connections:
            self.none.clear()
        else:
            self.none.set()

    def ended(self, why: Ending) -> None:
        """One is ended early."""
        self.metrics.count("connections_ended", why)

    def refused(self, status: int, request_id: str, client: str) -> None:
        """One is told so. The log has a line of it, but of a crowd no more than so many a second, and then how many more."""
        self.metrics.count("connections_ended", str(status))
        if self._lines.another():
            log.info("refused", status=status, request_id=request_id, client=client)

    def tick(self) -> None:
        """A second is over."""
        self._lines.tick()

    def make_room(self, new: Yielding) -> bool:
        """Whether there is room for a new one: where there is none, those give way on which nothing is answered.

        First who was refused and lingers, or was answered and has asked nothing for a second, the longest first; then, by their age, who is
        asking and not done, and who was answered a moment ago. So a crowd that holds connections open keeps nobody out who asks at once.
        """
        if len(self.connections) <= self.most:
            return True
        here = [one for one in cast("set[Yielding]", self.connections) if not one.ends]
        over = len(here) - self.most
        if over <= 0:
            return True
        found = sorted((rank, number) for number, one in enumerate(here) if one is not new and (rank := one.yields()))
        leaving = [here[number] for _, number in found[: over + self.most // SHARE]]
        for one in leaving:
            one.give_way()
        return len(leaving) >= over
