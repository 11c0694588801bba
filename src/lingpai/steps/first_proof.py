"""The first proof of an address: the account is its prover's own, and what others set before dies with it (contract, rule 8)."""

from lingpai.core.errors import BadGrant
from lingpai.core.model import Address
from lingpai.store import accounts, addresses, consents, sessions
from lingpai.store.database import Transaction


async def take_over(tx: Transaction, realm: str, email: Address, password: str | None, now: int) -> int:
    """The account that waits at the address is its prover's own, with this password or none. In a transaction. Returns its number.

    0 where none waits there, or it is locked; or where its owner has proved it in another way meanwhile.
    """
    waiting = await accounts.find(tx, realm, email.kind, email.key)
    if waiting is None or waiting.locked_at or email.kind != "email":
        return 0
    if not await accounts.prove(tx, account_id=waiting.id, kind="email", key=email.key, at=now):
        return 0
    await forget_strangers(tx, waiting.id, email)
    await accounts.set_password(tx, account_id=waiting.id, password=password, at=now)
    await sessions.end_all(tx, account_id=waiting.id)
    return waiting.id


async def prove_by_reset(tx: Transaction, account_id: int, address: Address, now: int) -> None:
    """Whoever resets by an address has proved it; raises BadGrant where it has left the account (contract, 6.14)."""
    if await accounts.prove(tx, account_id=account_id, kind=address.kind, key=address.key, at=now):
        await forget_strangers(tx, account_id, address)
    elif not await addresses.holds(tx, account_id=account_id, kind=address.kind, key=address.key):
        raise BadGrant


async def forget_strangers(tx: Transaction, account_id: int, proved: Address) -> None:
    """Drops every identifier but the proved one, the nickname and the consents. Password and sessions are the caller's to set and end."""
    await accounts.drop_identifiers(tx, account_id=account_id, kept=(proved.kind, proved.key))
    await accounts.rename(tx, account_id=account_id, nickname="")
    await consents.drop(tx, account_id=account_id)
