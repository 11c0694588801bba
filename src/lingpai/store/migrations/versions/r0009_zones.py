"""An account knows where its owner's clock is, so that mails tell times as they read them there."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0009"
down_revision = "0008"
expands = True


def upgrade() -> None:
    op.add_column("accounts", Column("zone", Text))


def downgrade() -> None:
    op.drop_column("accounts", "zone")
