"""The connection trace: how the latest clients came to the hub."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "oauth_handshakes",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("begun_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("place", sa.String(64), nullable=False),
        sa.Column("client_id", sa.Text),
        sa.Column("client_name", sa.String(200)),
        sa.Column("host", sa.String(255)),
        sa.Column("user_name", sa.String(64)),
        sa.Column("thread", sa.String(64)),
        sa.Column("grant_id", sa.String(32)),
        sa.Column("steps", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_oauth_handshakes"),
    )
    op.create_index("ix_oauth_handshakes_begun_at", "oauth_handshakes", ["begun_at"])


def downgrade() -> None:
    """Drop the table and all that is in it."""
    op.drop_table("oauth_handshakes")
