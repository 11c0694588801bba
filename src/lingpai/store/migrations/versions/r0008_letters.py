"""Letters are found as quickly where a great many wait, or have failed.

The index of those that are due began with the time: while mails waited by the hundred thousand, each look for a text message read
all of them.
"""

from alembic import op
from sqlalchemy import text

revision = "0008"
down_revision = "0007"
expands = True

_WAITING = text("state = 'waiting'")
_FAILED = text("state = 'failed' AND sealed IS NOT NULL")


def upgrade() -> None:
    # By its old name: the version before tells SQLite to take it, and may.
    op.drop_index("ix_letters_due", "letters")
    op.create_index("ix_letters_due", "letters", ["channel", "due_at"], sqlite_where=_WAITING, postgresql_where=_WAITING)
    op.create_index("ix_letters_failed", "letters", ["expires_at"], sqlite_where=_FAILED, postgresql_where=_FAILED)


def downgrade() -> None:
    op.drop_index("ix_letters_failed", "letters")
    op.drop_index("ix_letters_due", "letters")
    op.create_index("ix_letters_due", "letters", ["due_at"], sqlite_where=_WAITING, postgresql_where=_WAITING)
