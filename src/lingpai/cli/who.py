"""Whom a command is about."""

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lingpai.core.model import Account
    from lingpai.store.database import Transaction


async def find_account(tx: "Transaction", realm: str, who: str) -> "Account | None":
    """By its mail, its proved phone, its name, else its number."""
    from lingpai.core import rules
    from lingpai.core.errors import BadInput
    from lingpai.store import accounts

    for rule in (rules.email, rules.phone, rules.account_name):
        with suppress(BadInput):
            address = rule(who)
            if named := await accounts.find(tx, realm, address.kind, address.key):
                return named
    numbered = await accounts.by_id(tx, number) if (number := number_of(who)) is not None else None
    return numbered if numbered and numbered.realm == realm else None


def number_of(who: str) -> int | None:
    """The account's number that was typed; None where it is something else."""
    return int(who) if who.isascii() and who.isdigit() and len(who) < 19 else None
