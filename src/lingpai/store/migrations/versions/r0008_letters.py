"""Letters are found as quickly where a great many wait, or have failed.

The index of those that are due began with the time: while mails waited by the hundred thousand, each look for a text message read
all of them. By its old name, for the version before tells SQLite to take it, and may.
"""

from alembic import op
from sqlalchemy import text

from lingpai.store.migrations.indexes import ConcurrentIndex

revision = "0008"
down_revision = "0007"
expands = True

indexes = (
    ConcurrentIndex("ix_letters_due", "letters", "(channel, due_at) WHERE state = 'waiting'"),
    ConcurrentIndex("ix_letters_failed", "letters", "(expires_at) WHERE state = 'failed' AND sealed IS NOT NULL"),
)


def upgrade() -> None:
    for index in indexes:
        index.put()


def downgrade() -> None:
    waiting = text("state = 'waiting'")
    op.drop_index("ix_letters_failed", "letters")
    op.drop_index("ix_letters_due", "letters")
    op.create_index("ix_letters_due", "letters", ["due_at"], sqlite_where=waiting, postgresql_where=waiting)
