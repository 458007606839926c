"""The life of accounts: sharing, agreements for each account, endings, halts; and in the audit which account was used.

Agreements of before are given up: they did not say for which account or which code, so owners are asked once more.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_CONNECTION = ["connections.id"]


def upgrade() -> None:
    """Make the tables."""
    op.add_column("audit", sa.Column("account", sa.String(32)))
    op.drop_table("agreements")
    op.create_table(
        "agreements",
        sa.Column("connection_id", sa.String(32), nullable=False),
        sa.Column("connector", sa.String(20), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "connector", name="pk_agreements"),
        sa.ForeignKeyConstraint(["connection_id"], _CONNECTION, name="fk_agreements_connection_id", ondelete="CASCADE"),
    )
    op.create_table(
        "shares",
        sa.Column("connection_id", sa.String(32), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("read_only", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "user_id", name="pk_shares"),
        sa.ForeignKeyConstraint(["connection_id"], _CONNECTION, name="fk_shares_connection_id", ondelete="CASCADE"),
    )
    op.create_table(
        "endings",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("connection_id", sa.String(32), nullable=False),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("label", sa.String(255), nullable=False),
        sa.Column("revoked", sa.Boolean, nullable=False),
        sa.Column("tell", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_endings"),
    )
    op.create_index("ix_endings_at", "endings", ["at"])
    op.create_table(
        "halts",
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("begun_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_halts"),
    )


def downgrade() -> None:
    """Drop the tables and all that is in them."""
    for table in ("halts", "endings", "shares", "agreements"):
        op.drop_table(table)
    op.create_table(
        "agreements",
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("connector", sa.String(20), nullable=False),
        sa.Column("provider", sa.String(20), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "connector", "provider", name="pk_agreements"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_agreements_user_id", ondelete="CASCADE"),
    )
    op.drop_column("audit", "account")
