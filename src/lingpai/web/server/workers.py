"""Several serving processes over the same listening sockets: forked, watched, replaced, ended together."""

import os
import selectors
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from lingpai.core.chance import Clock
from lingpai.web.server.notify import ServiceManager

GRACE_SECONDS = 20.0
"""Time for a worker to end once its delay is over; then it is killed. Longer than `serve` takes to drain."""
_SOON = 1.0
"""A worker that dies within this many seconds of its start is started again that many seconds later, and no sooner."""
_BEATS_MISSED = 3
_ENDS = (signal.SIGTERM, signal.SIGINT)
_HEARD = (*_ENDS, signal.SIGHUP, signal.SIGCHLD)

log = structlog.get_logger("lingpai.web")


@dataclass(frozen=True, slots=True)
class Ties:
    """What ties a worker to its supervisor: two descriptors."""

    lifeline: int
    """At its end when the supervisor is gone."""
    pulse: int
    """Takes a byte when the worker is ready, and more as it goes on."""
    number: int = 0
    """Which of the workers it is; free again when it has ended."""
    handed: socket.socket | None = None
    """Where it is handed connections that `Company.watched` has accepted."""

    def beat(self) -> None:
        """Says that this worker is ready, or goes on; a supervisor that does not listen is its own trouble."""
        with suppress(OSError):
            os.write(self.pulse, b".")


Work = Callable[[Ties], None]
"""What a worker does. It returns when it is done."""


class Renewal(Protocol):
    """How a process becomes a newer one of itself, with the program and the settings that there are now."""

    def attempt(self) -> int:
        """Starts a process that tries them, and ends with 0 where they are fit; its id."""
        ...

    def refused(self) -> None:
        """It has ended otherwise: says so."""
        ...

    def become(self, lifeline: int | None, workers: Sequence[int]) -> None:
        """Never returns: this process, its sockets, and the workers that serve meanwhile, are the newer one's."""
        ...


@dataclass(frozen=True, slots=True)
class Predecessor:
    """What this process had before it became what it is: workers that serve until there are others."""

    lifeline: int
    workers: tuple[int, ...]


@dataclass(slots=True)
class ServingProcess:
    """One worker, as its supervisor knows it."""

    pid: int
    born: float
    pulse: int | None = None
    number: int = -1
    hands: socket.socket | None = None
    """Where it is handed connections."""
    former: bool = False
    """Whether it is of the generation before."""
    ready: bool = False
    heard: float = 0.0
    due: float | None = None
    """When it is killed, once it was told to end."""


@dataclass(frozen=True, slots=True)
class Company:
    """How many workers, what they do, and how long they may take to end."""

    count: int
    work: Work
    delay_seconds: float = 0
    on_terminal: bool = False
    let_go: Callable[[], None] = lambda: None
    """Called when they are told to stop: closes the listening sockets, which would go on taking connections in the parent."""
    ready: Callable[[], None] = lambda: None
    """Called once, when all serve."""
    watched: socket.socket | None = None
    """Where whoever watches over the node connects: a worker that is ready answers. Only this process listens there, so that it is let go
    of at once when this process becomes a newer one."""
    status: str = ""
    """What the service manager is told when they go on as they were."""


def supervise(
    company: Company, clock: Clock, manager: ServiceManager, renewal: Renewal | None = None, predecessor: Predecessor | None = None
) -> int:
    """Keeps the workers running until SIGTERM or SIGINT, passes that on, waits for them, and returns the exit code 0.

    SIGHUP: the program and the settings are tried as they are now. Where they are fit, this process becomes the newer one, starts its
    workers one after another, and as each is ready one of the former ends. Where not, everything goes on as it was.

    Call it before any thread, event loop or database connection is made: a fork must not share them.
    """
    return Supervisor(company, clock, manager, renewal, predecessor).run()


class Supervisor:
    """The parent of the workers."""

    def __init__(
        self, company: Company, clock: Clock, manager: ServiceManager, renewal: Renewal | None, predecessor: Predecessor | None
    ) -> None:
        self._company = company
        self._clock = clock
        self._manager = manager
        self._renewal = renewal
        self._processes: dict[int, ServingProcess] = {}
        self._selector = selectors.DefaultSelector()
        self._heard: set[int] = set()
        self._attempt = 0
        """The process that tries what is new; 0: there is none."""
        self._again = False
        """Whether to try once more when that one has ended."""
        self._not_before = 0.0
        self._stopping = False
        self._announced = False
        self._beaten = clock.monotonic()
        self._lifeline, self._held = os.pipe()
        self._former = predecessor.lifeline if predecessor else None
        for pid in predecessor.workers if predecessor else ():
            self._processes[pid] = ServingProcess(pid, clock.monotonic(), former=True, ready=True)

    def run(self) -> int:
        with self._hearing():
            if self._company.watched:
                self._company.watched.setblocking(False)
                self._selector.register(self._company.watched, selectors.EVENT_READ, lambda _: self._hand_over())
            while not self._stopping or self._processes:
                self._tend()
                for key, _ in self._selector.select(self._idle_seconds()):
                    key.data(key.fd)
                self._obey()
                self._reap()
        return 0

    @contextmanager
    def _hearing(self) -> Iterator[None]:
        """Signals are noted, and wake the loop. Those that were held back since before this program ran come now."""
        woken, wake = os.pipe()
        for descriptor in (woken, wake):
            os.set_blocking(descriptor, False)
        self._selector.register(woken, selectors.EVENT_READ, lambda descriptor: self._heard.update(os.read(descriptor, 512)))
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in _HEARD:
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            self._selector.close()
            for descriptor in (woken, wake, self._lifeline, self._held, *([self._former] if self._former else [])):
                os.close(descriptor)

    def _obey(self) -> None:
        heard, self._heard = self._heard, set()
        if heard.intersection(_ENDS) or (signal.SIGHUP in heard and self._company.on_terminal):
            self._stop()
        elif signal.SIGHUP in heard and self._renewal and not self._stopping:
            self._try()

    def _idle_seconds(self) -> float:
        """Seconds until something is due though nothing happens."""
        now = self._clock.monotonic()
        dues = [each.due for each in self._processes.values() if each.due is not None]
        if self._missing() and not self._stopping:
            dues.append(self._not_before)
        if self._manager.beat_seconds:
            dues.append(self._beaten + self._manager.beat_seconds)
        return max(0.0, min(dues, default=now + 3_600) - now)

    # Workers

    def _tend(self) -> None:
        now = self._clock.monotonic()
        if not self._stopping:
            self._fill(now)
            self._relieve()
        for each in self._processes.values():
            if each.due is not None and each.due <= now:
                log.warning("worker killed", pid=each.pid, why="it did not end in time")
                self._tell(each, signal.SIGKILL)
                each.due = now + GRACE_SECONDS
        if self._manager.beat_seconds and self._beaten + self._manager.beat_seconds <= now:
            self._beat(now)

    def _present(self) -> list[ServingProcess]:
        return [each for each in self._processes.values() if not each.former and each.due is None]

    def _waiting(self) -> list[ServingProcess]:
        """The former ones that have not been told to leave."""
        return [each for each in self._processes.values() if each.former and each.due is None]

    def _missing(self) -> int:
        """How many are to be started now: beside former ones that serve one at a time, which is easier on the machine."""
        present = self._present()
        missing = self._company.count - len(present)
        return min(missing, 0 if any(not each.ready for each in present) else 1) if self._waiting() else missing

    def _fill(self, now: float) -> None:
        while self._missing() > 0 and self._not_before <= now:
            self._fork()

    def _fork(self) -> None:
        pulse, beating = os.pipe()
        for descriptor in (pulse, beating):
            os.set_blocking(descriptor, False)
        number = min(set(range(self._company.count)) - {each.number for each in self._processes.values()})
        hands, handed = socket.socketpair() if self._company.watched else (None, None)
        worker = os.fork()
        if worker:
            os.close(beating)
            if handed:
                handed.close()
            self._selector.register(pulse, selectors.EVENT_READ, self._listen)
            now = self._clock.monotonic()
            self._processes[worker] = ServingProcess(worker, now, pulse, number, hands, heard=now)
            return
        code = 1
        try:
            self._be_worker(pulse, hands)
            self._company.work(Ties(self._lifeline, beating, number, handed))
            code = 0
        except Exception:
            log.exception("worker failed")
        finally:
            os._exit(code)  # what the parent has open and buffered is the parent's to close

    def _be_worker(self, pulse: int, hands: socket.socket | None) -> None:
        """In the child: nothing of what only the parent needs is left."""
        signal.set_wakeup_fd(-1)
        for number in _HEARD:
            signal.signal(number, signal.SIG_DFL)
        for descriptor in (pulse, self._held, *(each.pulse for each in self._processes.values()), self._former):
            if descriptor is not None:
                os.close(descriptor)
        for one in (hands, self._company.watched, *(each.hands for each in self._processes.values())):
            if one is not None:
                one.close()
        self._selector.close()

    def _hand_over(self) -> None:
        """To a worker that is ready; where there is none, nobody answers."""
        assert self._company.watched
        with suppress(OSError):
            accepted, _ = self._company.watched.accept()
            with accepted:
                # One that is stuck has not been heard for a while; one that was told to end still says so.
                able = [each for each in self._processes.values() if each.ready and each.hands]
                best = max(able, key=lambda each: (each.due is None, each.heard), default=None)
                if best and best.hands:
                    socket.send_fds(best.hands, [b"."], [accepted.fileno()], socket.MSG_DONTWAIT)

    def _listen(self, pulse: int) -> None:
        """A worker says that it is ready, or goes on; its end is seen elsewhere."""
        each = next(each for each in self._processes.values() if each.pulse == pulse)
        if not os.read(pulse, 512):
            self._selector.unregister(pulse)
            return
        each.ready, each.heard = True, self._clock.monotonic()
        if not self._announced and sum(one.ready for one in self._present()) == self._company.count:
            self._announced = True
            self._company.ready()

    def _relieve(self) -> None:
        """As many of the former ones as there are others in their place are told to leave."""
        ready = sum(each.ready for each in self._present())
        waiting = self._waiting()
        for each in waiting[: max(0, len(waiting) - max(0, self._company.count - ready))]:
            self._end(each, signal.SIGHUP)

    def _end(self, each: ServingProcess, number: signal.Signals) -> None:
        each.due = each.due or self._clock.monotonic() + self._company.delay_seconds + GRACE_SECONDS
        self._tell(each, number)

    @staticmethod
    def _tell(each: ServingProcess, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(each.pid, number)

    def _beat(self, now: float) -> None:
        """The service manager hears from us while each worker is heard; one that is stuck is killed, and another takes its place."""
        self._beaten = now
        for each in self._present():
            if each.ready and now - each.heard > _BEATS_MISSED * self._manager.beat_seconds:
                log.warning("worker killed", pid=each.pid, why="it is stuck")
                self._tell(each, signal.SIGKILL)
        self._manager.alive()

    def _reap(self) -> None:
        """Sees to those that have ended."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                if pid == self._attempt:
                    self._tried(status)
                elif pid in self._processes:
                    self._note_end(self._processes.pop(pid), status)

    def _note_end(self, each: ServingProcess, status: int) -> None:
        if each.pulse is not None:
            with suppress(KeyError):
                self._selector.unregister(each.pulse)
            os.close(each.pulse)
        if each.hands is not None:
            each.hands.close()
        if each.due is None:
            log.warning("worker died", **_how_it_ended(each.pid, status))
            now = self._clock.monotonic()
            self._not_before = now + _SOON if now - each.born < _SOON else now

    # The end, and what comes after it

    def _stop(self) -> None:
        if not self._stopping:
            self._stopping = True
            self._manager.stopping()
            self._company.let_go()
            if self._attempt:
                os.kill(self._attempt, signal.SIGKILL)
        for each in self._processes.values():
            self._end(each, signal.SIGTERM)

    def _try(self) -> None:
        self._again = bool(self._attempt)
        if not self._attempt and self._renewal:
            self._manager.reloading()
            self._attempt = self._renewal.attempt()

    def _tried(self, status: int) -> None:
        self._attempt = 0
        if self._stopping or not self._renewal:
            return
        if self._again:
            self._try()
        elif status:
            self._renewal.refused()
            self._manager.ready(self._company.status)
        else:
            self._renewal.become(self._held, list(self._processes))


def _how_it_ended(pid: int, status: int) -> dict[str, object]:
    """Its id, and the signal that ended it or its exit code."""
    code = os.waitstatus_to_exitcode(status)
    return {"pid": pid, "signal": signal.Signals(-code).name if code < 0 else None, "code": code if code >= 0 else None}
