"""What is true of the whole installation, and every node has to agree with before it serves: a word to a name."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0007"
down_revision = "0006"
expands = False


def upgrade() -> None:
    op.create_table("installation", Column("name", Text, primary_key=True), Column("value", Text, nullable=False), sqlite_with_rowid=False)


def downgrade() -> None:
    op.drop_table("installation")
