"""Connects to whichever host of a URL can be used: to the one that was good last, or, where that one fails or hesitates, to any.

The driver itself tries them one after the other, and lets one that does not answer use up the time of all.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

import asyncpg

from lingpai.settings.postgresql import each_host, target_of
from lingpai.store.postgres.faults import NoUsableHost

Connected: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SECONDS = 0.55
"""For a connection, name look-up, TLS and password included; then TimeoutError."""
HEAD_START = 0.2
"""Seconds of these that the host which was good last has for itself."""


class Hosts:
    """The hosts of a `postgresql://` URL."""

    def __init__(self, url: str, **given: Any) -> None:
        """`given`: what each connection is made with, as asyncpg.connect takes it."""
        self._given = {"target_session_attrs": target_of(url), **given}
        self._urls = list(each_host(url))

    async def connect(self, **more: Any) -> Connected:
        """A new connection. Raises what the driver says of one host, and NoUsableHost for several."""
        first, *others = self._urls
        if not others:
            return await self._one(first, SECONDS, more)
        tries = {asyncio.create_task(self._one(first, SECONDS, more)): first}
        good = None
        try:
            good = await _good(tries.keys(), HEAD_START)
            if good is None:
                tries |= {asyncio.create_task(self._one(url, SECONDS - HEAD_START, more)): url for url in others}
                good = await _good(tries.keys())
        finally:
            for one in tries.keys() - {good}:
                one.cancel()
                one.add_done_callback(_let_go)
        if good is None:
            raise NoUsableHost({_name(url): cast("Exception", one.exception()) for one, url in tries.items()})
        self._urls.sort(key=lambda url: url != tries[good])
        return good.result()

    async def _one(self, url: str, seconds: float, more: dict[str, Any]) -> Connected:
        async with asyncio.timeout(seconds):
            return await asyncpg.connect(url, **self._given, **more)


async def _good(tries: "Iterable[asyncio.Task[Connected]]", seconds: float | None = None) -> "asyncio.Task[Connected] | None":
    """The first that has connected; None: none has, in that time or at all."""
    waiting = set(tries)
    while waiting:
        done, waiting = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        good = next((one for one in done if not one.exception()), None)
        if good or not done:
            return good
    return None


def _let_go(late: "asyncio.Task[Connected]") -> None:
    """Of one that was not waited for: it may have connected all the same."""
    if not late.cancelled() and not late.exception():
        late.result().terminate()


def _name(url: str) -> str:
    """The host as a log line names it."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or parts.query
