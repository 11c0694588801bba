"""Whether this version and the schema of the database that it finds go together."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lingpai.store.migrate import RESTORING, latest

if TYPE_CHECKING:
    from lingpai.store.database import Database


@dataclass(frozen=True, slots=True)
class FoundSchema:
    """What a database says of its schema. Revisions are numbered, all with as many digits."""

    revision: str | None
    """None for an empty database."""
    oldest: str | None = None
    """The oldest version that may still work with it, by the revision that it knows; asked only where the schema is newer."""

    @property
    def restoring(self) -> bool:
        """Whether a backup is being put back, or was and did not come to its end."""
        return self.revision == RESTORING

    @property
    def newer(self) -> bool:
        """Whether a later version made it."""
        return self.revision is not None and not self.restoring and self.revision > latest()

    @property
    def fits(self) -> bool:
        """Whether this version works with it: it is our own, or newer by steps that only expand it."""
        return self.revision == latest() or (self.newer and self.oldest is not None and self.oldest <= latest())


class WrongSchema(Exception):
    """This version does not work with the database's schema."""

    def __init__(self, found: FoundSchema) -> None:
        super().__init__(found)
        self.found = found


class UnservedDatabase(Exception):
    """The database has moved to another one, which others serve (`left`), or is being filled (`arriving`)."""

    def __init__(self, state: str, where: str) -> None:
        """`where`: the other database."""
        super().__init__(state, where)
        self.state = state
        self.where = where


async def found_in(store: "Database") -> FoundSchema:
    """What this database says. Raises UnservedDatabase and StoreDown."""
    found = FoundSchema(await store.version())
    if found.newer:
        from lingpai.store import installation

        found = FoundSchema(found.revision, await installation.find(store, installation.OLDEST_SCHEMA))
    if found.fits:
        await _require_served(store)
    return found


async def _require_served(store: "Database") -> None:
    from lingpai.store.moving import marks

    move = await marks.find(store)
    if move and move.state in marks.UNSERVED:
        raise UnservedDatabase(move.state, move.where)
