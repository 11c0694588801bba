"""How an account is read: from one row for each of its identifiers."""

from collections.abc import Callable, Sequence
from typing import Any

from lingpai.core.model import THIRD_PARTIES, Account
from lingpai.store.database import Query, Row, picker
from lingpai.store.deferred import accounts, identifiers

joined_identifier = identifiers.alias("beside")

PASSWORD = accounts.c.password
COLUMNS = (
    accounts.c.id,
    accounts.c.realm,
    PASSWORD,
    accounts.c.nickname,
    accounts.c.locale,
    accounts.c.created_at,
    accounts.c.created_ip,
    accounts.c.locked_at,
    accounts.c.password_changed_at,
    accounts.c.avatar,
    accounts.c.deletes_at,
    accounts.c.public_id,
    accounts.c.security_stamp,
    accounts.c.zone,
    joined_identifier.c.kind.label("beside_kind"),
    joined_identifier.c.value.label("beside_value"),
    joined_identifier.c.proved_at.label("beside_proved_at"),
    joined_identifier.c.key.label("beside_key"),
    joined_identifier.c.asleep_at.label("beside_asleep_at"),
)
"""What an account is read from (`account_reader`): its own columns, and those of one identifier that lies beside it."""
_OTHERS = ("email", "email_proved_at", "phone", "phone_proved_at", "name", "linked", "email_key", "asleep")
"""An account's last fields, which its identifiers say; those before are its own columns."""
_ACCOUNT = Account.__struct_fields__[: -len(_OTHERS)]
assert Account.__struct_fields__ == (*_ACCOUNT, *_OTHERS)
_IDENTIFIER = ("beside_kind", "beside_value", "beside_proved_at", "beside_key", "beside_asleep_at")

_THIRD_PARTIES = frozenset(THIRD_PARTIES)
_NONE: tuple[Any, Any, Any] = (None, None, None)


def account_reader(query: Query) -> Callable[[Sequence[Row]], Account]:
    """Makes what reads one account from the rows of a statement that answers `COLUMNS`; there is a row for each of its identifiers.

    Of two of a kind the proved one stands, and of two proved the one that was proved first.
    """
    columns, identifier = picker(query, _ACCOUNT), picker(query, _IDENTIFIER)

    def read(rows: Sequence[Row]) -> Account:
        if len(rows) == 1:
            kind, value, proved_at, key, asleep_at = identifier(rows[0])
            if kind == "email" and asleep_at is None:
                # As most accounts are. What follows would say the same; each session check reads one.
                mail: Row = (value, proved_at, None, None, None, (), key)
                return Account(*columns(rows[0]), *mail)
        return joined(rows)

    def joined(rows: Sequence[Row]) -> Account:
        best: dict[str, Any] = {}
        asleep: tuple[tuple[Any, Any], ...] = ()
        for kind, value, proved_at, key, asleep_at in map(identifier, rows):
            if asleep_at is not None:
                asleep = (*asleep, (kind, key))
            known = best.get(kind)
            if known is None or (proved_at is not None and (known[1] is None or proved_at < known[1])):
                best[kind] = (value, proved_at, key)
        linked = () if _THIRD_PARTIES.isdisjoint(best) else tuple(sorted(_THIRD_PARTIES.intersection(best)))
        email, phone, name = best.get("email", _NONE), best.get("phone", _NONE), best.get("name", _NONE)
        others: Row = (email[0], email[1], phone[0], phone[1], name[0], linked, email[2], asleep)
        return Account(*columns(rows[0]), *others)

    return read
