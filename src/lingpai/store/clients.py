"""Other services that may ask about JWTs. Only the digest of a service's secret is stored."""

from dataclasses import dataclass
from typing import Any

from lingpai.store.database import Query, Transaction, reader
from lingpai.store.deferred import bindparam, clients, delete, select


@dataclass(frozen=True, slots=True)
class Client:
    """One service."""

    name: str
    created_at: int


_NEW: dict[str, Any] = {name: bindparam(name) for name in ("name", "digest", "created_at")}
_ADD = Query(lambda insert: insert(clients).values(_NEW).on_conflict_do_nothing())
_DIGEST = Query(select(clients.c.digest).where(clients.c.name == bindparam("name")))
_LISTING = Query(select(clients.c.name, clients.c.created_at).order_by(clients.c.name))
_client = reader(Client, _LISTING)
_REMOVE = Query(delete(clients).where(clients.c.name == bindparam("name")))


async def add(tx: Transaction, *, name: str, digest: bytes, created_at: int) -> bool:
    """False: there is one of that name."""
    return await tx.execute(_ADD, name=name, digest=digest, created_at=created_at) == 1


async def digest(tx: Transaction, *, name: str) -> bytes | None:
    """The SHA-256 of the service's secret; None for an unknown name."""
    row = await tx.row(_DIGEST, name=name)
    return bytes(row[0]) if row else None


async def listing(tx: Transaction) -> list[Client]:
    """All of them, by name."""
    return [_client(row) for row in await tx.rows(_LISTING)]


async def remove(tx: Transaction, *, name: str) -> bool:
    """False: there was none."""
    return await tx.execute(_REMOVE, name=name) == 1
