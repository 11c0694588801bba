"""A login has an end that no renewal puts off, and a session says whether it has been renewed.

A login that is there ends 90 days after it began, one by a one-time link where its last session does; none before what it was promised.
"""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, text

revision = "0005"
down_revision = "0004"
expands = False

NUMBER = BigInteger().with_variant(Integer(), "sqlite")
_FAMILY = 90 * 24 * 3_600_000


def upgrade() -> None:
    op.add_column("logins", Column("family_ends_at", NUMBER, nullable=False, server_default=text("0")))
    op.execute("UPDATE logins SET family_ends_at = ends_at")
    op.execute(f"UPDATE logins SET family_ends_at = created_at + {_FAMILY} WHERE amr <> 'link' AND ends_at < created_at + {_FAMILY}")  # noqa: S608 - a number of ours
    op.add_column("sessions", Column("renewed_at", NUMBER))


def downgrade() -> None:
    op.drop_column("sessions", "renewed_at")
    op.drop_column("logins", "family_ends_at")
