"""A process that becomes a newer one of itself: the same id, the same sockets, the program and the settings that there are now.

What is new is tried by another process first, so that one that cannot start replaces nothing.
"""

import asyncio
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO, NoReturn

import structlog

from lingpai.settings import handed

TRIAL = "--trial"
"""The hidden option of the commands that can be tried: assemble everything, and end."""
_SHOWN = 2_000
"""Characters of what a trial has written, from its end, that the log is given."""
_HELD_BACK = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

log = structlog.get_logger("lingpai.serve")


class SelfRenewal:
    """This process's own."""

    def __init__(self, sockets: Sequence[socket.socket], *, lent: bool) -> None:
        """`lent`: whether the sockets are somebody else's, as they then are to each successor."""
        self._sockets = sockets
        self._lent = lent
        self._output: BinaryIO | None = None

    def attempt(self) -> int:
        """Starts the trial; its id. What it says is kept for `refused`."""
        self._output = os.fdopen(os.memfd_create("trial"), "rb")
        nothing = os.open(os.devnull, os.O_RDWR)
        actions = [(os.POSIX_SPAWN_DUP2, nothing, 0), (os.POSIX_SPAWN_DUP2, nothing, 1), (os.POSIX_SPAWN_DUP2, self._output.fileno(), 2)]
        try:
            return os.posix_spawn(sys.executable, [*_call(), TRIAL], handed.to_others(), file_actions=actions, setsigmask=[])
        finally:
            os.close(nothing)

    def refused(self) -> None:
        """Everything stays as it is, and the log says why."""
        assert self._output
        with self._output as file:
            file.seek(0)
            output = file.read().decode("utf-8", "replace").strip()
        log.error("renewal.refused", why=output[-_SHOWN:], kept="the settings and the program as they were")

    async def fits(self) -> bool:
        """The same in one step, for a process that has a loop: whether the trial went well; else the log says why not."""
        pid = self.attempt()
        try:
            _, status = await asyncio.to_thread(os.waitpid, pid, 0)
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            raise
        if status:
            self.refused()
        return not status

    def become(self, lifeline: int | None, workers: Sequence[int]) -> NoReturn:
        """This process goes on as the newer one. Signals that come meanwhile are held back for it."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
        highest = handed.FIRST + len(self._sockets)
        kept = None if lifeline is None else fcntl.fcntl(lifeline, fcntl.F_DUPFD, highest)
        # First out of the way, then to their places: one may stand where another is to go.
        for descriptor, copy in enumerate([fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, highest) for each in self._sockets], handed.FIRST):
            os.dup2(copy, descriptor)
        environ = handed.to_successor(len(self._sockets), lent=self._lent, lifeline=kept, workers=workers)
        os.execve(sys.executable, _call(), environ)  # noqa: S606 - our own command, no shell


def _call() -> list[str]:
    return [sys.executable, *sys.orig_argv[1:]]
