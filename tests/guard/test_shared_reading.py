"""One reading for everybody who asks."""

import asyncio
from collections.abc import MutableMapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fakes import FakeClock, settle
from lingpai.core.metrics import Report
from lingpai.core.shared_reading import SharedReading
from lingpai.flows.observe import Observation
from lingpai.web.endpoints import watching


class OneReader:
    """Reads when it is let."""

    def __init__(self) -> None:
        self.readings = 0
        self.free = asyncio.Event()

    async def __call__(self, *_: object) -> Observation:
        self.readings += 1
        await self.free.wait()
        return Observation({}, 0.0, None)


async def test_many_share_one_reading_and_who_gives_up_takes_it_from_nobody() -> None:
    clock, reader = FakeClock(), OneReader()
    shared = SharedReading(reader, 5, clock)
    impatient, *others = [asyncio.create_task(shared.latest()) for _ in range(4)]
    await settle()  # they begin
    impatient.cancel()
    clock.advance(seconds=9)
    others.append(asyncio.create_task(shared.latest()))
    await settle()  # it too, while the first reading goes on
    reader.free.set()
    assert len(set(map(id, await asyncio.gather(*others)))) == 1
    assert reader.readings == 1
    await shared.latest()
    assert reader.readings == 2
    clock.advance(seconds=4)
    await shared.latest()
    assert reader.readings == 2


async def test_scrapes_that_come_together_ask_the_database_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = OneReader()
    monkeypatch.setattr(watching, "observe", reader)
    app = watching.WatchApp(cast(Any, SimpleNamespace(clock=FakeClock())), lambda: ([], Report(0)))
    answered: list[int] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        answered.append(message.get("status", 0))

    async def scrape() -> None:
        await app(cast(Any, {"method": "GET", "raw_path": b"/metrics", "headers": []}), cast(Any, None), send)

    scrapes = [asyncio.create_task(scrape()) for _ in range(3)]
    await settle()  # they begin
    reader.free.set()
    await asyncio.gather(*scrapes)
    assert (answered.count(200), reader.readings) == (3, 1)
