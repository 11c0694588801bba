"""What session, hiyouth and the hosted pages need: security questions, consents, avatars, and accounts that wait for their deletion."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Text, text

revision = "0003"
down_revision = "0002"
expands = False

NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("accounts", Column("avatar", Text, nullable=False, server_default=text("''")))
    op.add_column("accounts", Column("deletes_at", NUMBER))
    waiting = text("deletes_at IS NOT NULL")
    op.create_index("ix_accounts_deletes", "accounts", ["deletes_at"], sqlite_where=waiting, postgresql_where=waiting)
    # What is there before cannot be told apart any more; a JWT's is gone within its lifetime.
    op.add_column("sessions", Column("kind", Text, nullable=False, server_default=text("'cookie'")))
    _questions()
    _consents()


def downgrade() -> None:
    op.drop_table("consents")
    op.drop_table("questions")
    op.drop_index("ix_accounts_deletes", "accounts")
    op.drop_column("sessions", "kind")
    op.drop_column("accounts", "deletes_at")
    op.drop_column("accounts", "avatar")


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _number(name: str) -> Column[int]:
    return Column(name, NUMBER, nullable=False)


def _questions() -> None:
    op.create_table(
        "questions",
        Column("account_id", NUMBER, ForeignKey("accounts.id", name="fk_questions_account", ondelete="CASCADE"), primary_key=True),
        *(_text(name) for name in ("one", "two", "three", "answers")),
        _number("set_at"),
    )


def _consents() -> None:
    op.create_table(
        "consents",
        Column("id", NUMBER, primary_key=True, autoincrement=True),
        Column("account_id", NUMBER, ForeignKey("accounts.id", name="fk_consents_account", ondelete="CASCADE"), nullable=False),
        _text("document"),
        _text("version"),
        _number("at"),
        _text("ip"),
        Index("ix_consents_account", "account_id"),
    )
