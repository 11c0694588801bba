"""Where what lasts minutes is kept."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from lingpai.core.chance import Chance, Clock
from lingpai.settings import Settings, sqlite_file

if TYPE_CHECKING:
    from lingpai.ephemeral import Ephemeral
    from lingpai.store.database import Database


def ephemeral(settings: Settings, store: "Database", clock: Clock, chance: Chance) -> "Ephemeral":
    """As the settings say: on Valkey, or in the database."""
    if settings.valkey_url:
        from lingpai.ephemeral.valkey import ValkeyEphemeral

        return ValkeyEphemeral(settings.valkey_url, clock, chance)
    return _in_database(settings, store, clock)


def unforgetting(stack: AsyncExitStack, settings: Settings, store: "Database", clock: Clock, kept: "Ephemeral") -> "Ephemeral":
    """For what stays spent for days: `kept`, or where that is a Valkey, which may come back empty, the database beside it."""
    if not settings.valkey_url:
        return kept
    database = _in_database(settings, store, clock)
    stack.push_async_callback(database.close)
    return database


def _in_database(settings: Settings, store: "Database", clock: Clock) -> "Ephemeral":
    from lingpai.ephemeral.sql import SqlEphemeral

    file = sqlite_file(settings)
    return SqlEphemeral(store, clock, file.with_name("counters.db") if file else None)
