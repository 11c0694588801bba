"""The first proof of an address: the account is its prover's own, and what others set before dies with it (contract, rule 8)."""

from lingpai.core.model import Address
from lingpai.store import accounts, consents
from lingpai.store.database import Transaction


async def forget_strangers(tx: Transaction, account_id: int, proved: Address) -> None:
    """Drops every identifier but the proved one, the nickname and the consents. Password and sessions are the caller's to set and end."""
    await accounts.drop_identifiers(tx, account_id=account_id, kept=(proved.kind, proved.key))
    await accounts.rename(tx, account_id=account_id, nickname="")
    await consents.drop(tx, account_id=account_id)
