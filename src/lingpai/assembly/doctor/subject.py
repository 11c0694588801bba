"""What is examined: the settings, and as much of the database as there is. Nothing is made here, and nothing changed."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lingpai.assembly import absent, connect, secrets
from lingpai.assembly.schema import FoundSchema, found_in
from lingpai.core.chance import Chance, Clock, SystemChance, SystemClock
from lingpai.core.errors import StoreDown
from lingpai.settings.load import Loaded, SettingsError
from lingpai.settings.secret import file_of

if TYPE_CHECKING:
    from lingpai.guard.crypto import SecretBox
    from lingpai.settings import Settings
    from lingpai.store.database import Database


@dataclass(frozen=True, slots=True)
class Subject:
    """One installation, as it is seen from here."""

    loaded: Loaded
    clock: Clock
    chance: Chance
    processes: int
    url: str
    """The public URL to ask; empty: none is asked."""
    secret_box: "SecretBox | None"
    """None where no secret is there or it does not fit."""
    store: "Database | None" = None
    """None where it is not there or cannot be reached."""
    schema: FoundSchema | None = None
    lost: StoreDown | None = None

    @property
    def settings(self) -> "Settings":
        return self.loaded.settings

    @property
    def usable(self) -> "Database | None":
        """The database, where its tables are those that this version knows."""
        return self.store if self.schema and self.schema.fits else None


@asynccontextmanager
async def subject(loaded: Loaded, *, processes: int, url: str) -> AsyncIterator[Subject]:
    """The installation, its database open as far as it can be."""
    clock, chance, settings = SystemClock(), SystemChance(), loaded.settings
    box = _secret_box(settings, chance)
    seen = Subject(loaded, clock, chance, processes, url, box)
    async with AsyncExitStack() as stack:
        if not absent(settings):
            try:
                store = await connect(settings, clock, chance)
                stack.push_async_callback(store.close)
                seen = replace(seen, store=store, schema=await found_in(store))
            except StoreDown as down:
                seen = replace(seen, lost=down)
        yield seen


def _secret_box(settings: "Settings", chance: Chance) -> "SecretBox | None":
    file = file_of(settings)
    if file and not file.exists():
        return None  # else one would be made
    try:
        return secrets.box(settings, chance)
    except SettingsError:
        return None
