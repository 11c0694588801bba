"""What a request takes back of what it has half done: to the end, however little it has left to wait."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from lingpai.core import time_budget
from lingpai.core.errors import StoreDown, StoreUnsure

_undoing: set[asyncio.Task[object]] = set()
"""What goes on, though perhaps nobody waits for it: the loop itself keeps no task alive."""


async def undo(work: Coroutine[Any, Any, object]) -> None:
    """Undoes, and waits for that as long as the request still waits for its stores; it goes on behind, with an own patience.

    Also where the request is cancelled meanwhile. What is to be undone may be a commit that is late (StoreUnsure): a request that has
    waited for that has no time left, and whoever gave up here would leave it done.
    """
    task = asyncio.create_task(_unhurried(work))
    _undoing.add(task)
    task.add_done_callback(_undoing.discard)
    await asyncio.wait([task], timeout=time_budget.unspent())
    if task.done():
        task.result()


async def _unhurried(work: Coroutine[Any, Any, object]) -> None:
    time_budget.unlimited()
    await work


@contextmanager
def unfinished() -> Iterator[None]:
    """Around a step that is for nothing without a later one: not knowing whether it is done, one knows that the whole is not.

    So StoreUnsure is StoreDown to who undoes the whole.
    """
    try:
        yield
    except StoreUnsure as why:
        raise StoreDown(why.cause) from why
