"""All that is kept of one person, read off the tables themselves, so that a new column cannot be forgotten."""

from typing import Any

from sqlalchemy import Table, bindparam, select

from lingpai.store import accounts, outbox
from lingpai.store.database import Query, Transaction
from lingpai.store.schema import letters, metadata

WITHHELD = frozenset(
    (
        "accounts.password",
        "identifiers.key",
        "letters.html",
        "letters.lease_owner",
        "letters.lease_until",
        "letters.sealed",
        "letters.text",
        "questions.answers",
        "sessions.digest",
    )
)
"""What is no use to its owner and of use to a thief, or the service's own bookkeeping."""
_OWNERS = {"accounts": "id", "invites": "owner_id"}
"""The column that says whose a row is, where it is not `account_id`."""


def _owner(table: Table) -> str:
    return _OWNERS.get(table.name, "account_id")


TABLES = tuple(table for table in metadata.sorted_tables if _owner(table) in table.c)
IMPERSONAL = {
    "signing_keys": "the service's own",
    "clients": "other services",
    "entries": "codes, links and grants: under digests, for at most a week",
    "installation": "what all nodes agree on: nothing of anybody",
    "counters": "rate limits: for a few days at most",
}
"""Tables that say nothing of one person for longer than a few days, each with the reason. A table is personal, or stands here."""
_COLUMNS = {table.name: [column for column in table.c if f"{table.name}.{column.name}" not in WITHHELD] for table in TABLES}
_READ = {
    table.name: Query(select(*_COLUMNS[table.name]).where(table.c[_owner(table)] == bindparam("account_id")).order_by(*table.primary_key))
    for table in TABLES
}


_LETTER = Query(select(*_COLUMNS["letters"]).where(letters.c.id == bindparam("letter")))


async def everything(tx: Transaction, *, account_id: int) -> dict[str, list[dict[str, Any]]]:
    """Every row that is the account's own, by table; what is withheld is named in `WITHHELD`."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, query in _READ.items():
        found[name] = [dict(zip(query.names, row, strict=True)) for row in await tx.rows(query, account_id=account_id)]
    # Codes that prove an address are written before it is anybody's.
    for letter in await outbox.nobodys(tx, await accounts.identifiers_of(tx, account_id=account_id)):
        found["letters"] += [dict(zip(_LETTER.names, row, strict=True)) for row in await tx.rows(_LETTER, letter=letter)]
    found["letters"].sort(key=lambda row: row["id"])
    return found
