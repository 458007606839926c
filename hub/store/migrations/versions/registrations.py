"""The hub's registrations at authorization servers, and the scopes that servers have asked accounts for."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the column."""
    op.create_table(
        "registrations",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("provider", sa.String(20), nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("auth", sa.String(16), nullable=False),
        sa.Column("secret", sa.Text),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registrations"),
    )
    op.create_index("ix_registrations_provider", "registrations", ["provider"])
    op.add_column("connections", sa.Column("wanted", sa.Text))


def downgrade() -> None:
    """Drop what was made."""
    op.drop_column("connections", "wanted")
    op.drop_table("registrations")
