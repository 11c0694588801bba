"""Everything that the core needs: accounts, identifiers, sessions, letters, the audit trail, and what lasts minutes."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, Text, text

revision = "0001"
down_revision = None
expands = False

NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    _people()
    _letters()
    _audit()
    _minutes()


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_table("counters")
    for table in ("entries", "audit", "letters", "sessions", "identifiers", "accounts"):
        op.drop_table(table)


def _number(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, NUMBER, nullable=null)


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


def _id() -> Column[int]:
    return Column("id", NUMBER, primary_key=True, autoincrement=True)


def _account(constraint: str) -> Column[int]:
    return Column("account_id", NUMBER, ForeignKey("accounts.id", name=constraint, ondelete="CASCADE"), nullable=False)


def _index(name: str, table: str, *columns: str, where: str | None = None, unique: bool = False) -> None:
    condition = text(where) if where else None
    op.create_index(name, table, list(columns), unique=unique, sqlite_where=condition, postgresql_where=condition)


def _people() -> None:
    op.create_table(
        "accounts",
        _id(),
        _text("realm"),
        _text("password", null=True),
        _text("nickname"),
        _text("locale"),
        _number("created_at"),
        _text("created_ip"),
        _number("locked_at", null=True),
        _number("password_changed_at", null=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "identifiers",
        _id(),
        _account("fk_identifiers_account"),
        _text("realm"),
        _text("kind"),
        _text("value"),
        _text("key"),
        _number("proved_at", null=True),
    )
    _index("uq_identifiers_account", "identifiers", "account_id", "kind", "key", unique=True)
    _index("uq_identifiers_taken", "identifiers", "realm", "kind", "key", where="kind <> 'phone' OR proved_at IS NOT NULL", unique=True)
    _sessions()


def _sessions() -> None:
    op.create_table(
        "sessions",
        _id(),
        _account("fk_sessions_account"),
        _text("realm"),
        Column("digest", LargeBinary, nullable=False),
        _number("created_at"),
        _number("expires_at"),
        _number("seen_at"),
        _text("ip"),
        _text("agent"),
        sqlite_autoincrement=True,
    )
    _index("uq_sessions_digest", "sessions", "digest", unique=True)
    _index("ix_sessions_account", "sessions", "account_id")
    _index("ix_sessions_expires", "sessions", "expires_at")


def _letters() -> None:
    op.create_table(
        "letters",
        _id(),
        _text("channel"),
        _text("template"),
        _text("recipient"),
        _text("locale"),
        Column("sealed", LargeBinary),
        _number("account_id", null=True),
        _number("created_at"),
        _number("due_at"),
        _number("expires_at"),
        _number("attempts"),
        _text("state"),
        _text("error"),
        _text("lease_owner", null=True),
        _number("lease_until", null=True),
        _number("ended_at", null=True),
        _text("subject", null=True),
        _text("text", null=True),
        _text("html", null=True),
        sqlite_autoincrement=True,
    )
    _index("ix_letters_due", "letters", "due_at", where="state = 'waiting'")
    _index("ix_letters_account", "letters", "account_id", where="state = 'waiting'")
    _index("ix_letters_owner", "letters", "lease_owner", where="lease_owner IS NOT NULL")
    _index("ix_letters_state", "letters", "state", "id")
    _index("ix_letters_ended", "letters", "ended_at")


def _audit() -> None:
    op.create_table(
        "audit",
        _id(),
        _number("at"),
        _text("realm"),
        _number("account_id", null=True),
        _text("event"),
        _text("result"),
        _text("ip"),
        _text("agent"),
        _text("request_id"),
        _text("detail"),
    )
    _index("ix_audit_account", "audit", "account_id", "id")
    _index("ix_audit_at", "audit", "at")


def _minutes() -> None:
    op.create_table(
        "entries",
        Column("key", Text, primary_key=True),
        Column("value", LargeBinary, nullable=False),
        Column("proof", LargeBinary, nullable=False),
        _number("tries"),
        _number("expires_at"),
        sqlite_with_rowid=False,
    )
    _index("ix_entries_expires", "entries", "expires_at")
    if op.get_bind().dialect.name == "postgresql":
        # SQLite keeps counters in a file of their own.
        op.create_table("counters", Column("key", Text, primary_key=True), _number("total"), _number("expires_at"), prefixes=["UNLOGGED"])
        _index("ix_counters_expires", "counters", "expires_at")
