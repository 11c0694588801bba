"""Connects to whichever host of a URL can be used: to the one that was good last, or, where that one fails or hesitates, to any.

The driver itself tries them one after the other, and lets one that does not answer use up the time of all.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

import asyncpg

from lingpai.settings.postgresql import each_host, target_of
from lingpai.store.postgres.faults import NoUsableHost

Connected: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SECONDS = 0.55
"""For a connection, name look-up, TLS and password included; then TimeoutError."""
HEAD_START = 0.2
"""Seconds of these that the host which was good last has for itself, and each that is asked anew."""


class Hosts:
    """The hosts of a `postgresql://` URL."""

    def __init__(self, url: str, **given: Any) -> None:
        """`given`: what each connection is made with, as asyncpg.connect takes it."""
        self._given = {"target_session_attrs": target_of(url), **given}
        self._urls = list(each_host(url))

    async def connect(self, *, knock: bool = False, **more: Any) -> Connected:
        """A new connection. Raises what the driver says of one host, and NoUsableHost for several.

        `knock`: a host that hesitates is asked anew meanwhile, for one that was away may be back: TCP itself says again only after a second
        (RFC 6298, section 2.1) what was lost on the way.
        """
        first, *others = self._urls
        if not others and not knock:
            return await self._one(first, SECONDS, more)
        tries: dict[asyncio.Task[Connected], str] = {}
        good = None
        try:
            for number, urls in enumerate(_rounds(first, others, knock=knock)):
                if tries and all(one.done() for one in tries) and not set(urls) - {*tries.values()}:
                    break  # each has said why not
                tries |= {asyncio.create_task(self._one(url, SECONDS - number * HEAD_START, more)): url for url in urls}
                if good := await _good(tries.keys(), HEAD_START):
                    break
            good = good or await _good(tries.keys())
        finally:
            for one in tries.keys() - {good}:
                one.cancel()
                one.add_done_callback(_let_go)
        if good is None:
            raise self._refusal(tries)
        self._urls.sort(key=lambda url: url != tries[good])
        return good.result()

    def _refusal(self, tries: "Mapping[asyncio.Task[Connected], str]") -> Exception:
        answers: dict[str, Exception] = {}
        for one, url in tries.items():
            answers.setdefault(_name(url), cast("Exception", one.exception()))
        return NoUsableHost(answers) if len(self._urls) > 1 else answers.popitem()[1]

    async def _one(self, url: str, seconds: float, more: dict[str, Any]) -> Connected:
        async with asyncio.timeout(seconds):
            return await asyncpg.connect(url, **self._given, **more)


def _rounds(first: str, others: list[str], *, knock: bool) -> list[list[str]]:
    """Whom to ask at once, and whom in addition each time that HEAD_START has passed without a connection."""
    again = [first, *others]
    return [[first], others or again, again] if knock else [[first], others]


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
