"""Connections in the making: device codes being typed, tenants being chosen."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "connect_flows",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("connector", sa.String(20), nullable=False),
        sa.Column("provider", sa.String(20), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("held", sa.Text, nullable=False),
        sa.Column("told", sa.Text, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_connect_flows"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_connect_flows_user_id", ondelete="CASCADE"),
    )
    op.create_index("ix_connect_flows_due_at", "connect_flows", ["due_at"])
    op.create_index("ix_connect_flows_expires_at", "connect_flows", ["expires_at"])


def downgrade() -> None:
    """Drop the table and all that is in it."""
    op.drop_table("connect_flows")
