"""Proofs end with what they proved: a stamp on accounts; when each way in was added, and whether it sleeps.

Of what was there before nobody knows when it was added: it counts as what its account was born with.
"""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, text

revision = "0006"
down_revision = "0005"

NUMBER = BigInteger().with_variant(Integer(), "sqlite")

_NEW = (("identifiers", "added_at"), ("identifiers", "asleep_at"), ("questions", "works_at"), ("questions", "asleep_at"))


def upgrade() -> None:
    op.add_column("accounts", Column("security_stamp", NUMBER, nullable=False, server_default=text("0")))
    for table, name in _NEW:
        op.add_column(table, Column(name, NUMBER))
    unproved = text("kind = 'email' AND proved_at IS NULL")
    op.create_index("ix_identifiers_unproved", "identifiers", ["account_id"], sqlite_where=unproved, postgresql_where=unproved)


def downgrade() -> None:
    op.drop_index("ix_identifiers_unproved", "identifiers")
    for table, name in reversed(_NEW):
        op.drop_column(table, name)
    op.drop_column("accounts", "security_stamp")
