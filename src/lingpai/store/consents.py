"""What an account has agreed to: which document, in which version, when, and from where."""

from dataclasses import dataclass

from lingpai.store.database import Query, Transaction, reader
from lingpai.store.deferred import BigInteger, Text, accounts, bindparam, consents, delete, insert, select


@dataclass(frozen=True, slots=True)
class Consent:
    """One agreement."""

    document: str
    """`terms` or `privacy`."""
    version: str
    at: int
    ip: str


_ADD = Query(
    insert(consents).from_select(
        ["account_id", "document", "version", "at", "ip"],
        select(
            accounts.c.id,
            bindparam("document", type_=Text()),
            bindparam("version", type_=Text()),
            bindparam("at", type_=BigInteger()),
            bindparam("ip", type_=Text()),
        ).where(accounts.c.id == bindparam("account_id")),
    )
)
_DROP = Query(delete(consents).where(consents.c.account_id == bindparam("account_id")))
_OF = Query(
    select(consents.c.document, consents.c.version, consents.c.at, consents.c.ip)
    .where(consents.c.account_id == bindparam("account_id"))
    .order_by(consents.c.id)
)
_consent = reader(Consent, _OF)


async def add(tx: Transaction, *, account_id: int, document: str, version: str, at: int, ip: str) -> None:
    """Notes one more; earlier ones stay. Of an account that is gone nothing is noted."""
    await tx.execute(_ADD, account_id=account_id, document=document, version=version, at=at, ip=ip)


async def drop(tx: Transaction, *, account_id: int) -> None:
    """Drops what a stranger agreed to before the owner's proof."""
    await tx.execute(_DROP, account_id=account_id)


async def of(tx: Transaction, *, account_id: int) -> list[Consent]:
    """All of them, oldest first."""
    return [_consent(row) for row in await tx.rows(_OF, account_id=account_id)]
