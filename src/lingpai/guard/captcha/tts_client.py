"""The process that draws sound. It is pure Python, half a second of it: on a thread it would stop the event loop again and again.

One process, started for the first sound and ended when nobody has wanted one for a while; one sound at a time, and a bounded queue.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path

import structlog

from lingpai.core.chance import Chance, Clock
from lingpai.core.errors import Overloaded
from lingpai.core.outages import reason
from lingpai.guard.admission import AdmissionQueue

PROGRAM = Path(__file__).with_name("tts_process.py")
IDLE = 120.0
"""Seconds without a sound after which the process is ended."""
TIMEOUT = 10.0
"""Seconds that a sound may take, the start of the process included; then the process hangs, and is killed."""
LARGEST = 1_000_000
"""Bytes of a sound; more is none."""

log = structlog.get_logger("lingpai.guard.speaker")


class TtsClient:
    """Draws sound in a process of its own."""

    def __init__(self, queue: int, clock: Clock, chance: Chance, *, timeout: float = TIMEOUT) -> None:
        self.queue = AdmissionQueue(1 + queue, clock, chance)
        self.process: Process | None = None
        """The one that runs, if one does."""
        self.timeout = timeout
        self._clock = clock
        self._turn = asyncio.Lock()
        self._jobs: set[asyncio.Task[bytes]] = set()
        self._rest: asyncio.Task[None] | None = None

    async def say(self, digits: str, voice: str) -> bytes:
        """The digits as a WAV, read out by a voice that `tts_process.py` has, else in English.

        Raises Overloaded where the queue is full, or the process was lost; the next call starts another.
        """
        # A caller that leaves must not leave half an answer in the pipe: what was begun is finished.
        job = asyncio.create_task(self._wait(f"{voice} {digits}\n".encode()))
        self._jobs.add(job)
        job.add_done_callback(self._done)
        return await asyncio.shield(job)

    async def close(self) -> None:
        """Drops what is being drawn or waits, and ends the process."""
        for job in tuple(self._jobs):
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        self._wake()
        await self._end()

    def _done(self, job: "asyncio.Task[bytes]") -> None:
        self._jobs.discard(job)
        if not job.cancelled():
            job.exception()  # it is the caller's, who may have left

    async def _wait(self, question: bytes) -> bytes:
        async with self.queue.slot(), self._turn:
            self._wake()
            try:
                async with asyncio.timeout(self.timeout):
                    return await self._ask(question)
            except (OSError, EOFError, ValueError) as error:  # a TimeoutError is an OSError
                log.warning("speaker-lost", reason=reason(error))
                await self._end()
                raise Overloaded from error
            finally:
                self._rest = asyncio.create_task(self._doze())

    async def _ask(self, question: bytes) -> bytes:
        if self.process is None or self.process.returncode is not None:
            self.process = await _start()
        reader, writer = self.process.stdout, self.process.stdin
        assert reader
        assert writer
        writer.write(question)
        await writer.drain()
        size = int.from_bytes(await reader.readexactly(4))
        if size > LARGEST:
            raise ValueError(f"{size} bytes of sound")
        return await reader.readexactly(size)

    def _wake(self) -> None:
        if self._rest:
            self._rest.cancel()
            self._rest = None

    async def _doze(self) -> None:
        await self._clock.sleep(IDLE)
        async with self._turn:
            await self._end()

    async def _end(self) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()  # it holds nothing that would be lost
        if process.stdin:
            process.stdin.close()
        await process.communicate()


async def _start() -> Process:
    # It finds what we find, and sees nothing else of our environment: there are secrets in it.
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return await asyncio.create_subprocess_exec(sys.executable, "-P", PROGRAM, stdin=PIPE, stdout=PIPE, env=paths)
