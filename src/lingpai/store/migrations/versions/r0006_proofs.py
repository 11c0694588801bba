"""Proofs end with what they proved: a stamp on accounts; when each way in was added, and whether it sleeps.

Of what was there before nobody knows when it was added: it counts as what its account was born with.
"""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, text

revision = "0006"
down_revision = "0005"
expands = False

NUMBER = BigInteger().with_variant(Integer(), "sqlite")

_NEW = (("identifiers", "added_at"), ("identifiers", "asleep_at"), ("questions", "works_at"), ("questions", "asleep_at"))


def upgrade() -> None:
    op.add_column("accounts", Column("security_stamp", NUMBER, nullable=False, server_default=text("0")))
    for table, name in _NEW:
        op.add_column(table, Column(name, NUMBER))
    unproved = text("kind = 'email' AND proved_at IS NULL")
    op.create_index("ix_identifiers_unproved", "identifiers", ["account_id"], sqlite_where=unproved, postgresql_where=unproved)
    # Every letter of an account, and those to an address before it had one: for the export and the deletion.
    op.drop_index("ix_letters_account", "letters")
    op.create_index("ix_letters_account", "letters", ["account_id"])
    nobodys = text("account_id IS NULL")
    op.create_index("ix_letters_nobodys", "letters", ["channel"], sqlite_where=nobodys, postgresql_where=nobodys)


def downgrade() -> None:
    op.drop_index("ix_letters_nobodys", "letters")
    op.drop_index("ix_letters_account", "letters")
    waiting = text("state = 'waiting'")
    op.create_index("ix_letters_account", "letters", ["account_id"], sqlite_where=waiting, postgresql_where=waiting)
    op.drop_index("ix_identifiers_unproved", "identifiers")
    for table, name in reversed(_NEW):
        op.drop_column(table, name)
    op.drop_column("accounts", "security_stamp")
