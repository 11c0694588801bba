"""Both sides of a move from SQLite to PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lingpai.assembly.schema import FoundSchema, WrongSchema
from lingpai.core.chance import SystemChance, SystemClock
from lingpai.store.migrate import latest

if TYPE_CHECKING:
    from lingpai.flows.moving import Relocation
    from lingpai.store.database import Database


@asynccontextmanager
async def open_source(file: Path) -> AsyncIterator["Database"]:
    """The old database, whether it moves or not, at this version's own schema. Raises WrongSchema and StoreDown."""
    from lingpai.store.sqlite import open_sqlite

    if not file.exists():  # noqa: ASYNC240 - nobody else is served meanwhile
        raise WrongSchema(FoundSchema(None))
    source = await open_sqlite(file, SystemClock(), SystemChance())
    try:
        if (found := await source.version()) != latest():
            raise WrongSchema(FoundSchema(found))
        yield source
    finally:
        await source.close()


@asynccontextmanager
async def open_relocation(file: Path, url: str) -> AsyncIterator["Relocation"]:
    """Both, with the counters in the file beside the old one. Raises WrongSchema, Busy and StoreDown."""
    from lingpai.flows.moving import Relocation
    from lingpai.store.moving.arrival import open_arrival
    from lingpai.store.sqlite import open_sqlite

    async with open_source(file) as source, open_arrival(url) as arrival:
        beside = file.with_name("counters.db")
        counters = await open_sqlite(beside, SystemClock(), SystemChance()) if beside.exists() else None
        try:
            yield Relocation(source, counters, arrival, SystemClock(), SystemChance())
        finally:
            if counters:
                await counters.close()
