"""Threads for slow work, handed over and answered with as few steps as there can be: each login meets two of them."""

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import structlog

T = TypeVar("T")
Job = tuple["asyncio.Future[Any]", Callable[[], Any]]

NICE = 19
"""The lowest priority: a loop that has something to do always goes first."""

log = structlog.get_logger("lingpai.core.threads")


class WorkerThreads:
    """Runs what it is given in the order it came, on threads of its own that end with the process.

    It bounds nothing: who hands in work has a place (`guard/passwords/hashing.py`).
    """

    def __init__(self, threads: int, name: str = "hashing", *, lowered: bool = True) -> None:
        """`name`: what the threads are called. `lowered`: they work below the event loop's own priority."""
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lowered = lowered
        self.threads = [threading.Thread(target=self._serve, name=f"{name}-{number}", daemon=True) for number in range(threads)]
        for thread in self.threads:
            thread.start()

    def hand_over(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """What the work will return or raise. Where it is cancelled before the work has begun, that is not done."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put((answer, work))
        return answer

    async def run(self, work: Callable[[], T]) -> T:
        """What the work returns or raises. Work whose caller is cancelled before it has begun is not done."""
        return await self.hand_over(work)

    def close(self) -> None:
        """Drops what has not begun, waits for what has, and ends the threads."""
        with suppress(queue.Empty):
            while job := self._jobs.get_nowait():
                _tell(job[0], job[0].cancel)
        for _ in self.threads:
            self._jobs.put(None)
        for thread in self.threads:
            thread.join()

    def _serve(self) -> None:
        if self._lowered:
            _lower()
        while job := self._jobs.get():
            _do(*job)
            del job  # a password in it must not wait for the next one


async def run_aside(work: Callable[[], T], name: str) -> T:
    """What the work returns or raises, on a thread of its own that ends with it. Whoever is cancelled, or ends, does not wait for it."""
    answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def serve() -> None:
        _lower()
        _do(answer, work)

    threading.Thread(target=serve, name=name, daemon=True).start()
    return await answer


def _do(answer: "asyncio.Future[Any]", work: Callable[[], Any]) -> None:
    if answer.cancelled():
        return
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - a thread that dies would take its share of the logins with it
        _tell(answer, _end, answer, answer.set_exception, error)
    else:
        _tell(answer, _end, answer, answer.set_result, result)


def _tell(answer: "asyncio.Future[Any]", call: Callable[..., object], *values: Any) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        answer.get_loop().call_soon_threadsafe(call, *values)


def _end(answer: "asyncio.Future[Any]", end: Callable[[Any], None], value: Any) -> None:
    if not answer.done():
        end(value)


def _lower() -> None:
    """Lowers this thread alone: on Linux a thread has a priority of its own, and lowering it needs no privilege."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
    except OSError as error:
        log.warning("a thread for slow work keeps its priority", thread=threading.current_thread().name, error=str(error))
