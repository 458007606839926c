"""How people sign in: passwords, second factors, passkeys, sessions, invitations, other sign-ins."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TABLES = (
    "sign_in_attempts",
    "ceremonies",
    "invitations",
    "web_sessions",
    "external_identities",
    "passkeys",
    "recovery_codes",
    "totp_secrets",
    "passwords",
)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "passwords",
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("hash", sa.String(255), nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_passwords"),
        _of_user("passwords"),
    )
    op.create_table(
        "totp_secrets",
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("last_step", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_totp_secrets"),
        _of_user("totp_secrets"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("hash", name="pk_recovery_codes"),
        _of_user("recovery_codes"),
    )
    op.create_table(
        "passkeys",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("credential", sa.Text, nullable=False),
        sa.Column("credential_hash", sa.String(64), nullable=False),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("sign_count", sa.Integer, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("last_used_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_passkeys"),
        sa.UniqueConstraint("credential_hash", name="uq_passkeys_credential_hash"),
        _of_user("passkeys"),
    )
    op.create_table(
        "external_identities",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("label", sa.String(255), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("last_used_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_external_identities"),
        sa.UniqueConstraint("key", name="uq_external_identities_key"),
        _of_user("external_identities"),
    )
    op.create_table(
        "web_sessions",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("strong", sa.Boolean, nullable=False),
        sa.Column("method", sa.String(64), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_web_sessions"),
        sa.UniqueConstraint("id", name="uq_web_sessions_id"),
        _of_user("web_sessions"),
    )
    op.create_table(
        "invitations",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("invited_by", sa.String(32)),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("hash", name="pk_invitations"),
        sa.UniqueConstraint("id", name="uq_invitations_id"),
    )
    op.create_table(
        "ceremonies",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("browser", sa.String(64), nullable=False),
        sa.Column("held", sa.Text, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_ceremonies"),
    )
    op.create_table(
        "sign_in_attempts",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sign_in_attempts"),
    )
    for table in ("recovery_codes", "passkeys", "external_identities", "web_sessions"):
        op.create_index(f"ix_{table}_user_id", table, ["user_id"])
    for table in ("web_sessions", "invitations", "ceremonies", "sign_in_attempts"):
        op.create_index(f"ix_{table}_expires_at", table, ["expires_at"])


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=f"fk_{table}_user_id", ondelete="CASCADE")


def downgrade() -> None:
    """Drop the tables and all that is in them."""
    for table in _TABLES:
        op.drop_table(table)
