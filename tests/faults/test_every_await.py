"""A caller who leaves, and a process that ends, at any moment of any call: all of it is done or nothing, and the same call again works.

The moments are those at which a call waits: for the disk, for a thread, for the server. A client that leaves ends nothing, for nobody
cancels its call; the drain at the end of a process does.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import coroutine
from typing import Any

import httpx
import pytest

from faults.scripts import script
from faults.stage import Deed, Moment, Player, Stage
from faults.trial import SCRIPTS, Clean, Playground, Wrong, copies, judged, playground, shares, undisturbed
from frontdoor import serving

__all__ = ["copies", "playground"]


@coroutine
def stepping(work: Coroutine[Any, Any, Any], step: Callable[[], None]) -> Generator[Any, Any, Any]:
    """Awaits the work, and calls `step` each time that it waits."""
    value, error = None, None
    while True:
        try:
            awaited = work.throw(error) if error else work.send(value)
        except StopIteration as done:
            return done.value
        step()
        value, error = None, None
        try:
            value = yield awaited
        except BaseException as thrown:  # noqa: BLE001 - handed on to the work
            error = thrown


@dataclass
class Interruption:
    """Something that happens when a call waits for so manieth time."""

    at: int
    happens: Callable[[], Any] = lambda: None
    seen: int = 0

    def step(self) -> None:
        self.seen += 1
        if self.seen == self.at:
            self.happens()


async def cancelled(player: Player, interruption: Interruption) -> httpx.Response | None:
    """The call, cancelled as a process that drains does it. None: it was over, and only its answer was not read."""
    task = asyncio.ensure_future(_run(stepping(player.send(), interruption.step)))
    interruption.happens = task.cancel
    try:
        return await task
    except asyncio.CancelledError:
        return None


async def _run(work: Any) -> Any:
    return await work


async def left(player: Player, interruption: Interruption) -> httpx.Response | None:
    """The call, over a real connection that its client closes."""
    async with _connected(player, interruption) as over:
        task = asyncio.ensure_future(player.send())
        interruption.happens = task.cancel
        try:
            return await task
        except asyncio.CancelledError:
            await over.wait()
            return None


@asynccontextmanager
async def _connected(player: Player, interruption: Interruption) -> AsyncIterator[asyncio.Event]:
    """While the player speaks through the real server. The event is set once the application is done with a call."""
    app, over = player.town.house.app, asyncio.Event()

    async def stepped(scope: Any, receive: Any, send: Any) -> None:
        try:
            await stepping(app(scope, receive, send), interruption.step)
        finally:
            over.set()

    browser = player.browser
    transport, base = browser._transport, browser.base_url
    async with serving(stepped) as (_, port):  # type: ignore[arg-type]  # an application like ours
        browser._transport, browser.base_url = httpx.AsyncHTTPTransport(), f"http://127.0.0.1:{port}"  # type: ignore[assignment]  # httpx's own setter
        try:
            yield over
        finally:
            await browser._transport.aclose()
            browser._transport, browser.base_url = transport, base


def number(name: str) -> int:
    """Some number of a call's, so that not all of them are disturbed at the same places."""
    return sum(name.encode())


Interrupted = Callable[[Player, Interruption], Coroutine[Any, Any, httpx.Response | None]]


@dataclass
class Trial:
    """Plays a script, and interrupts each so many of its plays, or one of each call that leaves something."""

    stage: Stage
    interrupted: Interrupted
    share: int
    played: int = 0
    happened: int = 0
    found: list[Wrong] = field(default_factory=list)

    async def run(self, deeds: tuple[Deed, ...], moment: Moment) -> None:
        for place, deed in enumerate(deeds):
            clean, following = await undisturbed(self.stage, moment, deed, f"call{place}")
            for at in await self._chosen(moment, deed) if self.share or clean.before != clean.after else ():
                await self._disturbed(moment, deed, clean, at)
            moment = following

    async def _chosen(self, moment: Moment, deed: Deed) -> list[int]:
        """Of the times that it waits those to be disturbed; with a share of 0 the middle one."""
        counted = Interruption(0)
        async with self.stage.playing(moment, deed, "counted") as player:
            await self.interrupted(player, counted)
        self.stage.ground.drop("counted")
        if not self.share:
            return [max(counted.seen // 2, 1)]
        self.played += counted.seen
        return list(range(1 + number(deed.name) % self.share, counted.seen + 1, self.share))

    async def _disturbed(self, moment: Moment, deed: Deed, clean: Clean, at: int) -> None:
        async with self.stage.playing(moment, deed, "disturbed") as player:
            interruption = Interruption(at)
            reply = await self.interrupted(player, interruption)
            self.happened += interruption.seen >= at
            wrong = await judged(player, clean, reply, unsure=True)
            self.found += [(deed.name, at, *wrong)] if wrong else []
        self.stage.ground.drop("disturbed")


@shares(0, 11)
@pytest.mark.parametrize("name", SCRIPTS)
async def test_whenever_a_process_ends_a_call_is_done_or_not_and_works_again(playground: Playground, name: str, share: int) -> None:
    await interrupt(playground, name, cancelled, share)


@shares(0, 11)
@pytest.mark.parametrize("name", ["maillink", *(pytest.param(name, marks=pytest.mark.long) for name in SCRIPTS if name != "maillink")])
async def test_whenever_a_client_leaves_its_call_is_done_or_not_and_works_again(playground: Playground, name: str, share: int) -> None:
    await interrupt(playground, name, left, share)


async def interrupt(playground: Playground, name: str, interrupted: Interrupted, share: int) -> None:
    ground, breaking = playground
    trial = Trial(Stage(ground, name, breaking.watching), interrupted, share)
    await trial.run(script(name), Moment(ground.begin()))
    assert trial.found == []
    assert trial.happened > (trial.played // share * 0.8 if share else len(script(name)) / 3)
