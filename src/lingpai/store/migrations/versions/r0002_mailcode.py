"""What mailcode needs: keys that sign JWTs, clients that ask about them, invites."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, Text, text

revision = "0002"
down_revision = "0001"
expands = False

NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    _keys()
    _clients()
    _invites()


def downgrade() -> None:
    op.drop_column("accounts", "invites_left")
    op.drop_column("accounts", "invited_by")
    for table in ("invites", "clients", "signing_keys"):
        op.drop_table(table)


def _number(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, NUMBER, nullable=null)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _id() -> Column[int]:
    return Column("id", NUMBER, primary_key=True, autoincrement=True)


def _keys() -> None:
    op.create_table(
        "signing_keys",
        _id(),
        _text("kid"),
        _text("follows"),
        _text("alg"),
        _text("public"),
        Column("private", LargeBinary),
        _number("created_at"),
        _number("signs_at"),
        _number("revoked_at", null=True),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_signing_keys_kid", "signing_keys", ["kid"], unique=True)
    op.create_index("uq_signing_keys_follows", "signing_keys", ["follows"], unique=True)


def _clients() -> None:
    op.create_table("clients", _id(), _text("name"), Column("digest", LargeBinary, nullable=False), _number("created_at"))
    op.create_index("uq_clients_name", "clients", ["name"], unique=True)


def _invites() -> None:
    op.create_table(
        "invites",
        _id(),
        _text("realm"),
        _text("code"),
        Column("owner_id", NUMBER, ForeignKey("accounts.id", name="fk_invites_owner", ondelete="SET NULL")),
        _number("uses"),
        _number("used"),
        _number("created_at"),
        _number("expires_at", null=True),
        _number("revoked_at", null=True),
    )
    op.create_index("uq_invites_code", "invites", ["realm", "code"], unique=True)
    op.create_index("ix_invites_owner", "invites", ["owner_id"])
    op.add_column("accounts", _number("invited_by", null=True))
    op.add_column("accounts", Column("invites_left", NUMBER, nullable=False, server_default=text("0")))
