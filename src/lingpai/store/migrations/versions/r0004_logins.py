"""A login above its sessions, with how it was proved; and an id for accounts that is text, so that old ids can come in.

Every session that is there becomes a login of its own, of the same number.
"""

from typing import Any

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    TableClause,
    Text,
    case,
    column,
    select,
    table,
    text,
)

revision = "0004"
down_revision = "0003"
expands = False

NUMBER = BigInteger().with_variant(Integer(), "sqlite")

_KEPT = ("id", "account_id", "realm", "digest", "created_at", "expires_at", "seen_at", "ip", "agent", "kind")
_COPIED = ("account_id", "realm", "kind", "ip", "agent")
"""What a login has from the session that it is made of."""
_INDEXES = ("uq_sessions_digest", "ix_sessions_account", "ix_sessions_expires")

OLDER = table("older", *(column(name) for name in _KEPT))
SESSIONS = table("sessions", *(column(name) for name in (*_KEPT, "login_id", "amr", "proved_at")))
LOGINS = table("logins", *(column(name) for name in ("id", "account_id", "realm", "kind", "amr", "created_at", "ends_at", "ip", "agent")))


def upgrade() -> None:
    op.add_column("accounts", Column("public_id", Text))
    op.execute("UPDATE accounts SET public_id = CAST(id AS TEXT)")
    op.create_index("uq_accounts_public_id", "accounts", ["realm", "public_id"], unique=True)
    _logins()
    old = SESSIONS.c
    _copy(LOGINS, SESSIONS, *_COPIED, id=old.id, amr=_amr(old.kind), created_at=old.created_at, ends_at=old.expires_at)
    if _sqlite():
        _replace()
    else:
        _alter()
    op.create_index("ix_sessions_login", "sessions", ["login_id"])


def downgrade() -> None:
    op.drop_index("ix_sessions_login", "sessions")
    if _sqlite():
        _replace_back()
    else:
        for name in ("proved_at", "amr", "login_id"):
            op.drop_column("sessions", name)
    op.drop_table("logins")
    op.drop_index("uq_accounts_public_id", "accounts")
    op.drop_column("accounts", "public_id")


def _copy(into: TableClause, taken: TableClause, *names: str, **others: ColumnElement[Any]) -> None:
    columns = {**{name: taken.c[name] for name in names}, **others}
    op.execute(into.insert().from_select(list(columns), select(*columns.values())))


def _amr(kind: ColumnElement[Any]) -> ColumnElement[str]:
    """How a login was proved was not noted, but for links."""
    return case((kind == "link", "link"), else_="")


def _sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _number(name: str) -> Column[int]:
    return Column(name, NUMBER, nullable=False)


def _id() -> Column[int]:
    return Column("id", NUMBER, primary_key=True, autoincrement=True)


def _account(name: str) -> Column[int]:
    return Column("account_id", NUMBER, ForeignKey("accounts.id", name=name, ondelete="CASCADE"), nullable=False)


def _logins() -> Table:
    return op.create_table(
        "logins",
        _id(),
        _account("fk_logins_account"),
        *(_text(name) for name in ("realm", "kind", "amr")),
        _number("created_at"),
        _number("ends_at"),
        _text("ip"),
        _text("agent"),
        Index("ix_logins_account", "account_id"),
        Index("ix_logins_ends", "ends_at"),
        sqlite_autoincrement=True,
    )


def _alter() -> None:
    """PostgreSQL takes a column that must not be empty once it is filled."""
    for new in (Column("login_id", NUMBER), Column("amr", Text), Column("proved_at", NUMBER)):
        op.add_column("sessions", new)
    old = SESSIONS.c
    op.execute(SESSIONS.update().values(login_id=old.id, amr=_amr(old.kind), proved_at=old.created_at))
    for name in ("login_id", "amr", "proved_at"):
        op.alter_column("sessions", name, nullable=False)
    op.create_foreign_key("fk_sessions_login", "sessions", "logins", ["login_id"], ["id"], ondelete="CASCADE")
    op.execute("SELECT setval(pg_get_serial_sequence('logins', 'id'), nextval(pg_get_serial_sequence('sessions', 'id')))")


def _replace() -> None:
    """SQLite adds no such column: a new table takes the old one's place."""
    _set_aside()
    login = Column("login_id", NUMBER, ForeignKey("logins.id", name="fk_sessions_login", ondelete="CASCADE"), nullable=False)
    _sessions(login, _text("amr"), _number("proved_at"))
    old = OLDER.c
    _copy(SESSIONS, OLDER, *_KEPT, login_id=old.id, amr=_amr(old.kind), proved_at=old.created_at)
    _drop_aside()
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'logins'")
    op.execute("INSERT INTO sqlite_sequence (name, seq) SELECT 'logins', seq FROM sqlite_sequence WHERE name = 'sessions'")


def _replace_back() -> None:
    """Nor does it drop one that has a foreign key."""
    _set_aside()
    _sessions()
    _copy(SESSIONS, OLDER, *_KEPT)
    _drop_aside()


def _set_aside() -> None:
    for index in _INDEXES:
        op.drop_index(index, "sessions")
    op.rename_table("sessions", "older")


def _drop_aside() -> None:
    """The new table goes on numbering where the old one was: the number of a session that ended is never used again."""
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'sessions'")
    op.execute("UPDATE sqlite_sequence SET name = 'sessions' WHERE name = 'older'")
    op.drop_table("older")


def _sessions(*further: Column[Any]) -> Table:
    return op.create_table(
        "sessions",
        _id(),
        _account("fk_sessions_account"),
        _text("realm"),
        Column("digest", LargeBinary, nullable=False),
        *(_number(name) for name in ("created_at", "expires_at", "seen_at")),
        *(_text(name) for name in ("ip", "agent")),
        Column("kind", Text, nullable=False, server_default=text("'cookie'")),
        *further,
        Index("uq_sessions_digest", "digest", unique=True),
        Index("ix_sessions_account", "account_id"),
        Index("ix_sessions_expires", "expires_at"),
        sqlite_autoincrement=True,
    )
