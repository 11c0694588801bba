"""The keys that sign JWTs. The private part is sealed; what a key may do at an instant is judged in `guard/sessions/signing_keys.py`."""

from dataclasses import dataclass
from typing import Any

from lingpai.store.database import Query, Transaction, reader
from lingpai.store.deferred import bindparam, delete, select, signing_keys, update


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key. Its row's number says which of two is the newer."""

    id: int
    kid: str
    alg: str
    public: str
    """The public JWK, as JSON."""
    private: bytes | None
    """The private JWK, sealed; None once it is revoked, or once the secret is lost that it was sealed with."""
    created_at: int
    signs_at: int
    """From when it may sign; it is published before that."""
    revoked_at: int | None


_NAMES = ("kid", "alg", "public", "private", "created_at", "signs_at")
_ALL = Query(select(*(signing_keys.c[name] for name in ("id", *_NAMES, "revoked_at"))).order_by(signing_keys.c.id))
_key = reader(SigningKey, _ALL)
_NEW: dict[str, Any] = {name: bindparam(name) for name in ("follows", *_NAMES)}
_ADD = Query(lambda insert: insert(signing_keys).values(_NEW).on_conflict_do_nothing())
_REVOKE = Query(
    update(signing_keys)
    .where(signing_keys.c.kid == bindparam("sought"), signing_keys.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("at"), private=None)
)
_RESEAL = Query(
    update(signing_keys)
    .where(signing_keys.c.kid == bindparam("sought"), signing_keys.c.private == bindparam("old"))
    .values(private=bindparam("new"))
)
_DROP = Query(delete(signing_keys).where(signing_keys.c.kid == bindparam("kid")))


async def listing(tx: Transaction) -> list[SigningKey]:
    """All of them, oldest first."""
    return [_key(row) for row in await tx.rows(_ALL)]


async def add(
    tx: Transaction, *, kid: str, follows: str, alg: str, public: str, private: bytes, created_at: int, signs_at: int
) -> bool:  # fmt: skip
    """A new key; `follows` is the newest there was (empty: none). One conditional statement: False, another has come after that one."""
    added = await tx.execute(
        _ADD, kid=kid, follows=follows, alg=alg, public=public, private=private, created_at=created_at, signs_at=signs_at
    )
    return added == 1


async def revoke(tx: Transaction, *, kid: str, at: int) -> bool:
    """It is dead, and its private part erased. False: there is none, or it was revoked before."""
    return await tx.execute(_REVOKE, sought=kid, at=at) == 1


async def reseal(tx: Transaction, *, kid: str, old: bytes, new: bytes | None) -> bool:
    """Its private part, sealed anew, or erased: then it signs no more, and is believed as before. False: it is another by now."""
    return await tx.execute(_RESEAL, sought=kid, old=old, new=new) == 1


async def drop(tx: Transaction, *, kid: str) -> None:
    """Forgets a key whose JWTs are all over. Never the newest: the next one follows it."""
    await tx.execute(_DROP, kid=kid)
