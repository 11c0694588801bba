"""Threads for slow work, below the event loop's own priority."""

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

import structlog

T = TypeVar("T")
Job = tuple["Future[Any]", Callable[[], Any]]

NICE = 19
"""The lowest priority: a loop that has something to do always goes first."""

log = structlog.get_logger("lingpai.guard.threads")


class WorkerThreads:
    """Runs what it is given in the order it came, on threads of its own that end with the process.

    It bounds nothing: who hands in work has a place (`passwords/hashing.py`).
    """

    def __init__(self, threads: int, name: str = "hashing") -> None:
        """`name`: what the threads are called."""
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.threads = [threading.Thread(target=self._serve, name=f"{name}-{number}", daemon=True) for number in range(threads)]
        for thread in self.threads:
            thread.start()

    async def run(self, work: Callable[[], T]) -> T:
        """What the work returns or raises. Work whose caller is cancelled before it has begun is not done."""
        future: Future[T] = Future()
        self._jobs.put((future, work))
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Drops what has not begun, waits for what has, and ends the threads."""
        with suppress(queue.Empty):
            while job := self._jobs.get_nowait():
                job[0].cancel()
        for _ in self.threads:
            self._jobs.put(None)
        for thread in self.threads:
            thread.join()

    def _serve(self) -> None:
        _lower()
        while job := self._jobs.get():
            _do(*job)
            del job  # a password in it must not wait for the next one


async def run_aside(work: Callable[[], T], name: str) -> T:
    """What the work returns or raises, on a thread of its own that ends with it. Whoever is cancelled, or ends, does not wait for it."""
    future: Future[T] = Future()

    def serve() -> None:
        _lower()
        _do(future, work)

    threading.Thread(target=serve, name=name, daemon=True).start()
    return await asyncio.wrap_future(future)


def _do(future: "Future[Any]", work: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - a thread that dies would take its share of the logins with it
        future.set_exception(error)
    else:
        future.set_result(result)


def _lower() -> None:
    """Lowers this thread alone: on Linux a thread has a priority of its own, and lowering it needs no privilege."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
    except OSError as error:
        log.warning("a thread for slow work keeps its priority", thread=threading.current_thread().name, error=str(error))
