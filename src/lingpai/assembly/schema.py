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


async def found_in(store: "Database") -> FoundSchema:
    """What this database says. Raises StoreDown."""
    found = FoundSchema(await store.version())
    if not found.newer:
        return found
    from lingpai.store import installation

    return FoundSchema(found.revision, await installation.find(store, installation.OLDEST_SCHEMA))
