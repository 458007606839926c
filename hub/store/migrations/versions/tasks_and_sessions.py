"""Tasks, and what several processes share of legacy sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("call", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
    )
    op.create_index("ix_tasks_status", "tasks", ["status", "lease_until"])
    op.create_index("ix_tasks_expires_at", "tasks", ["expires_at"])
    op.create_index("ix_tasks_owner", "tasks", ["owner"])
    _expiring("ended_sessions", "key")
    _expiring("session_notes", "key", "notes")
    _expiring("posted_answers", "question", "answer")


def _expiring(table: str, key: str, *sealed: str) -> None:
    """A table of a key, sealed texts, and until when a row is kept."""
    op.create_table(
        table,
        sa.Column(key, sa.String(64), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in sealed),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint(key, name=f"pk_{table}"),
    )
    op.create_index(f"ix_{table}_expires_at", table, ["expires_at"])


def downgrade() -> None:
    """Drop the tables and all that is in them."""
    for table in ("posted_answers", "session_notes", "ended_sessions", "tasks"):
        op.drop_table(table)
