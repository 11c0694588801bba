"""Several serving processes over one listening socket: forked, watched, restarted, ended together."""

import os
import signal
from collections.abc import Callable

import structlog

from lingpai.core.chance import Clock

Work = Callable[[int], None]
"""What a worker does, given its lifeline: a file descriptor that is at its end when the supervisor is gone. It returns when it is done."""

GRACE_SECONDS = 20.0
"""Time for the workers to end after SIGTERM; then they are killed. Longer than `serve` takes to drain."""
_SOON = 1.0
"""A worker that dies within this many seconds of its start is started again that many seconds later, and no sooner."""
_HEARD = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
_ENDS = {signal.SIGTERM, signal.SIGINT}

log = structlog.get_logger("lingpai.web")


def supervise(count: int, work: Work, clock: Clock, *, let_go: Callable[[], None] = lambda: None) -> int:
    """Keeps `count` workers running until SIGTERM or SIGINT, passes that on, waits for them, and returns the exit code 0.

    `let_go` is called before that is passed on: it closes the listening socket, which would go on taking connections in the parent.

    Call it before any thread, event loop or database connection is made: a fork must not share them.
    """
    return _Supervisor(count, work, clock, let_go).run()


class _Supervisor:
    def __init__(self, count: int, work: Work, clock: Clock, let_go: Callable[[], None]) -> None:
        self._count = count
        self._work = work
        self._clock = clock
        self._let_go = let_go
        self._born: dict[int, float] = {}
        self._lifeline, self._held = os.pipe()

    def run(self) -> int:
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        for _ in range(self._count):
            self._fork()
        while signal.sigwait(_HEARD) not in _ENDS:
            if self._restart():
                break
        self._end()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
        return 0

    def _fork(self) -> None:
        worker = os.fork()
        if worker:
            self._born[worker] = self._clock.monotonic()
            return
        code = 1
        try:
            os.close(self._held)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
            self._work(self._lifeline)
            code = 0
        except Exception:
            log.exception("worker failed")
        finally:
            os._exit(code)  # what the parent has open and buffered is the parent's to close

    def _restart(self) -> bool:
        """Replaces the dead; True when told to end meanwhile."""
        for born in self._reap():
            log.warning("worker died")
            if self._clock.monotonic() - born < _SOON and signal.sigtimedwait(_ENDS, _SOON):
                return True
            self._fork()
        return False

    def _reap(self) -> list[float]:
        """When each of those was born that have died since."""
        found = []
        while self._born:
            worker, _ = os.waitpid(-1, os.WNOHANG)
            if not worker:
                break
            found.append(self._born.pop(worker))
        return found

    def _end(self) -> None:
        self._let_go()
        self._tell(signal.SIGTERM)
        until = self._clock.monotonic() + GRACE_SECONDS
        while self._born and (left := until - self._clock.monotonic()) > 0:
            signal.sigtimedwait({signal.SIGCHLD}, left)
            self._reap()
        self._tell(signal.SIGKILL)
        while self._born:
            worker, _ = os.waitpid(-1, 0)
            self._born.pop(worker, None)
        os.close(self._held)
        os.close(self._lifeline)

    def _tell(self, number: signal.Signals) -> None:
        for worker in self._born:
            os.kill(worker, number)
