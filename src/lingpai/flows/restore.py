"""A backup is put back: read whole before anything is touched, made fit to be served where nobody serves it, and then switched to.

Whatever could only be true at the moment of the backup ends with it: logins, codes, links, grants, JWTs and the keys that signed them, and
letters that waited. Who has asked for deletion since is deleted again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal, Protocol, get_args

from lingpai.core.chance import SECOND, Chance, Clock, SystemClock, moment
from lingpai.core.errors import StoreDown
from lingpai.core.model import Account
from lingpai.flows import OPERATOR
from lingpai.guard.crypto import SecretBox
from lingpai.steps import backup_file
from lingpai.steps.backup_file import BackupContents
from lingpai.steps.deletions import DeletionLine, latest
from lingpai.store import accounts, restored
from lingpai.store.audit import AuditTrail
from lingpai.store.backup import Restored
from lingpai.store.database import Database, Transaction
from lingpai.store.migrate import latest as newest
from lingpai.store.timekeeping import database_clock

OVERLAP = 3_600 * SECOND
"""Lines of a forget file that are read though they are older than the backup: a deletion is written down before it is committed."""

Fate = Literal["deleted", "closed", "kept", "unknown"]
"""What a line of a forget file has come to: the fields of RestoreOutcome."""

RestoreRefusal = Literal["newer", "database", "ephemeral"]


class CannotRestore(Exception):
    """It is of a `newer` schema, of another kind of `database`, or what lasts minutes (`ephemeral`) could not be emptied."""

    def __init__(self, reason: RestoreRefusal) -> None:
        super().__init__(reason)
        self.reason = reason


class Emptied(Protocol):
    """Where codes and links are kept beside the database. Both raise StoreDown."""

    async def ping(self) -> None:
        """Returns when it serves."""
        ...

    async def clear(self) -> None:
        """All of it is gone."""
        ...


@dataclass(frozen=True, slots=True)
class RestoreWork:
    """Where a backup goes."""

    database: str
    target: Restored
    ephemeral: Emptied | None
    secret_box: SecretBox
    chance: Chance


@dataclass(frozen=True, slots=True)
class RestoreOutcome:
    """What came of it."""

    deleted: int = 0
    """Accounts that were deleted again."""
    closed: int = 0
    """Accounts that are to be deleted again when their time is over."""
    kept: int = 0
    """Accounts that the backup has as to be deleted, and that are not any more."""
    unknown: int = 0
    """Lines on accounts that the backup does not have: younger than it, deleted before it, or another installation's."""


def inspect(work: RestoreWork, file: BinaryIO) -> BackupContents:
    """What it is of, once all of it was read. Touches nothing. Raises BadFile and CannotRestore."""
    contents = backup_file.verify(file, work.secret_box)
    if contents.database != work.database:
        raise CannotRestore("database")
    if contents.revision > newest():
        raise CannotRestore("newer")
    return contents


async def held(work: RestoreWork) -> Mapping[str, int] | None:
    """How many accounts each realm has in what would be replaced; None: there is nothing. Raises Unusable where it is in use; StoreDown."""
    found = await work.target.held()
    async with work.target.alone():
        return found


async def restore(work: RestoreWork, file: BinaryIO, lines: Sequence[DeletionLine]) -> RestoreOutcome:
    """Puts it back, in the place of whatever was there. Raises BadFile, CannotRestore, Unusable and StoreDown."""
    async with work.target.alone():
        await _emptied(work, clear=False)
        backup = backup_file.read(file, work.secret_box)
        await work.target.fill(backup.portions)
        await work.target.migrate(backup.contents.revision)
        store = await work.target.open(SystemClock(), work.chance)
        try:
            async with database_clock(store, work.chance) as clock:
                outcome = await _made_fit(store, clock, backup.contents, lines)
        finally:
            await store.close()
        await _emptied(work, clear=True)
        await work.target.switch()
    return outcome


async def _emptied(work: RestoreWork, *, clear: bool) -> None:
    if work.ephemeral:
        try:
            await (work.ephemeral.clear() if clear else work.ephemeral.ping())
        except StoreDown:
            raise CannotRestore("ephemeral") from None


async def _made_fit(store: Database, clock: Clock, contents: BackupContents, lines: Sequence[DeletionLine]) -> RestoreOutcome:
    async with store.begin() as tx:
        await restored.end_everything(tx, store, at=clock.now())
        detail = f"backup of {moment(contents.made_at):%Y-%m-%d %H:%M:%SZ}"
        await AuditTrail(clock).note(tx, OPERATOR.within(""), "operator.restore", detail=detail)
    fates = [await _forget(store, clock, line) for line in latest(lines, contents.made_at - OVERLAP)]
    return RestoreOutcome(**{name: fates.count(name) for name in get_args(Fate)})


async def _forget(store: Database, clock: Clock, line: DeletionLine) -> Fate | None:
    """Does what the last word on an account asks for, and says what that was; None: it was so already."""
    async with store.begin() as tx:
        account = await restored.named(tx, realm=line.realm, public_id=line.id)
        if account is None:
            return "unknown"
        if line.event == "deleted":
            return await _deleted(tx, clock, account)
        locked_at = None if line.event == "kept" else line.at
        deletes_at = line.until if line.event == "asked" else None
        changed = await restored.close(tx, account_id=account.id, at=line.at, locked_at=locked_at, deletes_at=deletes_at)
    if deletes_at:
        return "closed" if changed else None
    return "kept" if changed and account.deletes_at else None


async def _deleted(tx: Transaction, clock: Clock, account: Account) -> Fate:
    await accounts.erase(tx, account_id=account.id)
    await AuditTrail(clock).note(tx, OPERATOR.within(account.realm), "operator.delete", account_id=account.id, detail="again")
    return "deleted"
