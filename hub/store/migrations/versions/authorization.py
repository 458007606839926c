"""The hub as OAuth authorization server: clients, codes, consents, grants and their tokens; tokens of a profile."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLES = (
    "oauth_consents",
    "oauth_access_tokens",
    "oauth_refresh_tokens",
    "oauth_grants",
    "oauth_codes",
    "oauth_hosts",
    "oauth_clients",
)


def upgrade() -> None:
    """Make the tables, and the column of tokens."""
    op.add_column("tokens", sa.Column("profile", sa.String(64)))
    op.create_table(
        "oauth_clients",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("redirect_uris", sa.Text, nullable=False),
        sa.Column("auth_method", sa.String(32), nullable=False),
        sa.Column("secret_hash", sa.String(64)),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_oauth_clients"),
    )
    op.create_index("ix_oauth_clients_used_at", "oauth_clients", ["used_at", "created_at"])
    op.create_table(
        "oauth_hosts",
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("client_name", sa.String(200), nullable=False),
        sa.Column("asked_by", sa.String(64), nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("decided_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("host", name="pk_oauth_hosts"),
    )
    op.create_table(
        "oauth_codes",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("client_name", sa.String(200), nullable=False),
        sa.Column("client_kind", sa.String(16), nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("challenge", sa.String(64), nullable=False),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("effects", sa.String(64), nullable=False),
        sa.Column("profile", sa.String(64)),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.Column("grant_id", sa.String(32)),
        sa.PrimaryKeyConstraint("hash", name="pk_oauth_codes"),
        _of_user("oauth_codes"),
    )
    op.create_table(
        "oauth_grants",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("client_name", sa.String(200), nullable=False),
        sa.Column("client_kind", sa.String(16), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("effects", sa.String(64), nullable=False),
        sa.Column("profile", sa.String(64)),
        sa.Column("label", sa.String(64)),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.Column("address", sa.String(64)),
        sa.Column("agent", sa.String(200)),
        sa.Column("told_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_oauth_grants"),
        _of_user("oauth_grants"),
    )
    op.create_table(
        "oauth_refresh_tokens",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("grant_id", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("hash", name="pk_oauth_refresh_tokens"),
        _of_grant("oauth_refresh_tokens"),
    )
    op.create_table(
        "oauth_access_tokens",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("grant_id", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_oauth_access_tokens"),
        _of_grant("oauth_access_tokens"),
    )
    op.create_table(
        "oauth_consents",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("effects", sa.String(64), nullable=False),
        sa.Column("profile", sa.String(64)),
        sa.Column("profile_digest", sa.String(64)),
        sa.Column("given_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_oauth_consents"),
        _of_user("oauth_consents"),
    )
    for table in ("oauth_codes", "oauth_grants", "oauth_consents"):
        op.create_index(f"ix_{table}_user_id", table, ["user_id"])
    for table in ("oauth_refresh_tokens", "oauth_access_tokens"):
        op.create_index(f"ix_{table}_grant_id", table, ["grant_id"])
    for table in ("oauth_codes", "oauth_grants", "oauth_access_tokens"):
        op.create_index(f"ix_{table}_expires_at", table, ["expires_at"])


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=f"fk_{table}_user_id", ondelete="CASCADE")


def _of_grant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["grant_id"], ["oauth_grants.id"], name=f"fk_{table}_grant_id", ondelete="CASCADE")


def downgrade() -> None:
    """Drop the tables and all that is in them, and the column."""
    for table in _TABLES:
        op.drop_table(table)
    with op.batch_alter_table("tokens") as batch:
        batch.drop_column("profile")
