"""All that is kept of one person, read off the tables themselves, so that a new column cannot be forgotten."""

from typing import Any

from lingpai.store import accounts, outbox
from lingpai.store.database import Query, Transaction
from lingpai.store.deferred import Select, bindparam, computed, deferred, letters, metadata, select

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
TABLES = ("accounts", "audit", "letters", "consents", "identifiers", "invites", "logins", "questions", "sessions")
"""Those with rows that are somebody's own, each after those that it points to."""
IMPERSONAL = {
    "signing_keys": "the service's own",
    "clients": "other services",
    "entries": "codes, links and grants: under digests, for at most a week",
    "installation": "what all nodes agree on: nothing of anybody",
    "counters": "rate limits: for a few days at most",
}
"""Tables that say nothing of one person for longer than a few days, each with the reason. A table is personal, or stands here."""


@deferred
def _rows(name: str) -> "Select[Any]":
    """All that is not withheld of a table's rows, in the order of their keys."""
    table = computed(metadata).tables[name]
    return select(*(column for column in table.c if f"{name}.{column.name}" not in WITHHELD)).order_by(*table.primary_key)


_READ = {
    name: Query(_rows(name).where(metadata.tables[name].c[_OWNERS.get(name, "account_id")] == bindparam("account_id"))) for name in TABLES
}
_LETTER = Query(_rows("letters").where(letters.c.id == bindparam("letter")))


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
