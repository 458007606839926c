"""Accounts at apps: connections, client credentials, agreements, and the check of the key."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "connections",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("provider", sa.String(20), nullable=False),
        sa.Column("method", sa.String(64), nullable=False),
        sa.Column("label", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("hosts", sa.Text, nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("health", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("renewed_at", sa.BigInteger, nullable=False),
        sa.Column("lease_owner", sa.String(32)),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("failed_at", sa.BigInteger),
        sa.Column("is_default", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_connections"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_connections_user_id", ondelete="CASCADE"),
    )
    op.create_index("ix_connections_user_id", "connections", ["user_id", "provider"])
    op.create_index("ix_connections_expires_at", "connections", ["expires_at"])
    op.create_table(
        "client_credentials",
        sa.Column("provider", sa.String(20), nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("secret", sa.Text),
        sa.Column("secret_expires", sa.Date),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("provider", name="pk_client_credentials"),
    )
    op.create_table(
        "agreements",
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("connector", sa.String(20), nullable=False),
        sa.Column("provider", sa.String(20), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "connector", "provider", name="pk_agreements"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_agreements_user_id", ondelete="CASCADE"),
    )
    op.create_table(
        "key_check",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_key_check"),
    )


def downgrade() -> None:
    """Drop the tables and all that is in them."""
    for table in ("key_check", "agreements", "client_credentials", "connections"):
        op.drop_table(table)
