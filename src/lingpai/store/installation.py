"""What is true of the whole installation, whichever node looks: a word to a name. Asked at start and by commands, never by a request."""

from sqlalchemy import bindparam, delete, select, update

from lingpai.store.database import Query, Transaction
from lingpai.store.schema import installation

OLDEST_SCHEMA = "oldest_schema"
"""The name under which `migrate` puts the oldest revision whose version may still work with the schema as it is."""

_FIND = Query(select(installation.c.value).where(installation.c.name == bindparam("sought")))
_ADD = Query(lambda insert: insert(installation).values(name=bindparam("name"), value=bindparam("value")).on_conflict_do_nothing())
_AS_READ = (installation.c.name == bindparam("sought"), installation.c.value == bindparam("old"))
_REPLACE = Query(update(installation).where(*_AS_READ).values(value=bindparam("new")))
_REMOVE = Query(delete(installation).where(*_AS_READ))


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
