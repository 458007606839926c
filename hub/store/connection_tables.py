"""The tables of accounts at apps: connections, the operator's client credentials, what owners agreed to, the key check.

Beside ``tables.py``, of the same metadata. Not where they are read or written: each has its own module.
"""

from sqlalchemy import Boolean, Column, Date, ForeignKey, Index, Integer, PrimaryKeyConstraint, String, Table, Text

from hub.store.tables import Moment, metadata

_USER = "users.id"

connections = Table(
    "connections",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("user_id", String(32), ForeignKey(_USER, ondelete="CASCADE"), nullable=False),
    Column("provider", String(20), nullable=False),
    # Which of the provider's ways to connect was taken.
    Column("method", String(64), nullable=False),
    Column("label", String(255), nullable=False),
    # What never changes about the account at the provider; empty where it cannot be asked.
    Column("subject", String(255), nullable=False),
    # Granted scopes, joined by spaces.
    Column("scopes", Text, nullable=False),
    # JSON: what the person typed that is no secret, and what the provider told besides tokens.
    Column("settings", Text, nullable=False),
    Column("fields", Text, nullable=False),
    # JSON: the hosts its owner let credentials go to.
    Column("hosts", Text, nullable=False),
    # Sealed, bound to row and user.
    Column("secret", Text, nullable=False),
    # Raised with every new secret: who writes names the one they read.
    Column("version", Integer, nullable=False),
    Column("health", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    # When the access token ends; null where it does not, or nobody says.
    Column("expires_at", Moment),
    Column("renewed_at", Moment, nullable=False),
    # Who is renewing it, and until when they are believed to be alive.
    Column("lease_owner", String(32)),
    Column("lease_until", Moment),
    # Failed renewals since the last good one.
    Column("failures", Integer, nullable=False),
    Column("failed_at", Moment),
    Column("is_default", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("used_at", Moment),
    Index(None, "user_id", "provider"),
    Index(None, "expires_at"),
)

client_credentials = Table(
    "client_credentials",
    metadata,
    Column("provider", String(20), primary_key=True),
    Column("client_id", Text, nullable=False),
    # Sealed, bound to the provider; null for a public client.
    Column("secret", Text),
    Column("secret_expires", Date),
    Column("created_at", Moment, nullable=False),
)

agreements = Table(
    "agreements",
    metadata,
    Column("user_id", String(32), ForeignKey(_USER, ondelete="CASCADE"), nullable=False),
    # A connector that did not come with the hub, and the provider whose accounts it may use.
    Column("connector", String(20), nullable=False),
    Column("provider", String(20), nullable=False),
    Column("created_at", Moment, nullable=False),
    PrimaryKeyConstraint("user_id", "connector", "provider"),
)

key_check = Table(
    "key_check",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    # Sealed: whoever cannot open it does not have this database's key.
    Column("sealed", Text, nullable=False),
)
