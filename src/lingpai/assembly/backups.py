"""What a backup is made of, and where one is put back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lingpai.assembly import database_url, open_store, secrets
from lingpai.core.chance import SystemChance, SystemClock
from lingpai.settings import Settings, sqlite_file
from lingpai.settings.load import SettingsError
from lingpai.settings.secret import file_of

if TYPE_CHECKING:
    from lingpai.flows.backup import BackupSource
    from lingpai.flows.restore import RestoreWork
    from lingpai.guard.crypto import SecretBox
    from lingpai.store.backup import Restored


@asynccontextmanager
async def open_source(settings: Settings) -> AsyncIterator["BackupSource"]:
    """The database, and the secret that it is used with. Raises SettingsError, WrongSchema and StoreDown."""
    from lingpai.flows.backup import BackupSource
    from lingpai.steps import secrets_in_use
    from lingpai.store.timekeeping import database_clock

    chance = SystemChance()
    async with open_store(settings) as store, database_clock(store, chance) as clock:
        await secrets.require_file(settings, store)
        secret_box = secrets.box(settings, chance)
        with secrets.in_words(settings, secret_box):
            if known := await secrets_in_use.find(store):
                secrets_in_use.judge(known, secret_box)
        file = sqlite_file(settings)
        if file:
            from lingpai.store.backup import sqlite

            snapshot = partial(sqlite.snapshot, file)
        else:
            from lingpai.store.backup import postgres

            snapshot = partial(postgres.snapshot, settings.database_url)
        yield BackupSource(store.name, version("lingpai"), clock, chance, secret_box, snapshot, store)


@asynccontextmanager
async def open_restore(settings: Settings, file: BinaryIO) -> AsyncIterator["RestoreWork"]:
    """Where the backup would go, with the secret that it wants. Changes nothing. Raises BadFile and SettingsError."""
    from lingpai.flows.restore import RestoreWork

    secret_box = box_for(settings, file)
    database_url(settings)
    kind, target = _target(settings)
    ephemeral = None
    if settings.valkey_url:
        from lingpai.ephemeral.valkey import ValkeyEphemeral

        ephemeral = ValkeyEphemeral(settings.valkey_url, SystemClock(), SystemChance())
    try:
        yield RestoreWork(kind, target, ephemeral, secret_box, SystemChance())
    finally:
        if ephemeral:
            await ephemeral.close()


def box_for(settings: Settings, file: BinaryIO) -> "SecretBox":
    """The secret box by which the backup is opened. Makes no secret where none is there. Raises BadFile and SettingsError."""
    from lingpai.guard import sealed_file

    file.seek(0)
    fingerprint = sealed_file.wanted(file)
    missing = file_of(settings)
    if missing and not missing.exists():
        expected = f"expected the secret with the fingerprint {fingerprint}, which the backup is sealed with"
        raise SettingsError([f"{missing}: not there; {expected}"])
    return secrets.box(settings, SystemChance())


def _target(settings: Settings) -> "tuple[str, Restored]":
    file: Path | None = sqlite_file(settings)
    if file:
        from lingpai.store.backup.sqlite import SqliteRestored

        return "sqlite", SqliteRestored(file)
    from lingpai.store.backup.postgres import PostgresRestored

    return "postgres", PostgresRestored(settings.database_url)
