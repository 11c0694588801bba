"""What looks after a store that may be lost."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from fakes import FakeChance, FakeClock, settle
from lingpai.core.errors import StoreDown
from lingpai.core.outages import Outage, StoreWatch


class Frozen:
    """A store that takes connections and answers nobody; a probe gives it up when it is told to."""

    def __init__(self) -> None:
        self.probed = asyncio.Event()
        self.drops = 0

    async def probe(self) -> None:
        await self.probed.wait()
        raise StoreDown("slow")

    def drop(self) -> None:
        self.drops += 1


@pytest.fixture
def frozen() -> Frozen:
    return Frozen()


@pytest.fixture
async def watch(frozen: Frozen, clock: FakeClock) -> AsyncIterator[StoreWatch]:
    watch = StoreWatch(Outage("database", clock), clock, FakeChance(), frozen.probe, pause=(60, 60), drop=frozen.drop)
    yield watch
    await watch.close()


async def test_who_meets_what_came_of_a_loss_does_not_say_why_it_lasts(watch: StoreWatch, frozen: Frozen) -> None:
    watch.lost("slow", TimeoutError())
    assert watch.outage.cause is None, "one who waited for long is not the loss of everything"
    frozen.probed.set()
    await settle()
    assert (watch.outage.cause, frozen.drops) == ("slow", 1)
    watch.lost("down", ConnectionResetError("the connection that was let go of"))
    assert watch.outage.cause == "slow"
