"""What is true of the whole installation, whichever node looks: a word to a name. Asked at start and by commands, never by a request."""

from lingpai.store.database import Query, Transaction
from lingpai.store.deferred import Insert, bindparam, delete, installation, select, update

SINCE = "0007"
"""The revision that made the table."""
OLDEST_SCHEMA = "oldest_schema"
"""The name under which `migrate` puts the oldest revision whose version may still work with the schema as it is."""

LAST_BACKUP = "last_backup"
"""The name under which `backup` puts the moment of which the last whole one is."""

_FIND = Query(select(installation.c.value).where(installation.c.name == bindparam("sought")))
_ADD = Query(lambda insert: insert(installation).values(name=bindparam("name"), value=bindparam("value")).on_conflict_do_nothing())
_AS_READ = (installation.c.name == bindparam("sought"), installation.c.value == bindparam("old"))
_REPLACE = Query(update(installation).where(*_AS_READ).values(value=bindparam("new")))
PUT = Query(lambda insert: _over(insert(installation).values(name=bindparam("name"), value=bindparam("value"))))
_REMOVE = Query(delete(installation).where(*_AS_READ))


def _over(one: Insert) -> Insert:
    return one.on_conflict_do_update(index_elements=[installation.c.name], set_={"value": one.excluded.value})


async def find(tx: Transaction, name: str) -> str | None:
    """What stands under the name; None where nothing does."""
    row = await tx.row(_FIND, sought=name)
    return row[0] if row else None


async def settle(tx: Transaction, name: str, value: str) -> str:
    """What stands under the name from now on: the value, or what another node has put there before."""
    await tx.execute(_ADD, name=name, value=value)
    found = await find(tx, name)
    assert found is not None
    return found


async def replace(tx: Transaction, name: str, *, old: str, new: str) -> bool:
    """Puts the new one in the old one's place. False: something else stands there by now."""
    return await tx.execute(_REPLACE, sought=name, old=old, new=new) == 1


async def remove(tx: Transaction, name: str, *, old: str) -> bool:
    """Takes it away: whoever settles next puts something else there. False: something else stands there by now."""
    return await tx.execute(_REMOVE, sought=name, old=old) == 1


async def backed_up(tx: Transaction, at: int) -> None:
    """There is a whole backup of what the database held at that moment."""
    await tx.execute(PUT, name=LAST_BACKUP, value=str(at))


async def last_backup(tx: Transaction) -> int | None:
    """That moment, of the backup that was made last."""
    found = await find(tx, LAST_BACKUP)
    return int(found) if found else None
