"""The tables of accounts at apps: connections, who they are shared with, what their owners agreed to, how they ended,
whose calls are stopped, connections in the making, clients at providers, the key check.

Beside ``tables.py``, of the same metadata. Not where they are read or written: each has its own module.
"""

from sqlalchemy import Boolean, Column, Date, ForeignKey, Index, Integer, PrimaryKeyConstraint, String, Table, Text

from hub.store.tables import Moment, metadata

_USER = "users.id"
_CONNECTION = "connections.id"

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
    # Scopes its server has asked for since, joined by spaces: asked for when it is next connected.
    Column("wanted", Text),
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

registrations = Table(
    "registrations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("provider", String(20), nullable=False),
    # The authorization server it is for: a client of one is none of another's.
    Column("issuer", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("auth", String(16), nullable=False),
    # Sealed, bound to the id; null for a public client.
    Column("secret", Text),
    Column("expires_at", Moment),
    Column("created_at", Moment, nullable=False),
    Index(None, "provider"),
)

# What a connection's owner agreed to: that a connector which did not come with the hub uses it.
agreements = Table(
    "agreements",
    metadata,
    Column("connection_id", String(32), ForeignKey(_CONNECTION, ondelete="CASCADE"), nullable=False),
    Column("connector", String(20), nullable=False),
    # The digest of the connector's code they agreed to.
    Column("code", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    PrimaryKeyConstraint("connection_id", "connector"),
)

shares = Table(
    "shares",
    metadata,
    Column("connection_id", String(32), ForeignKey(_CONNECTION, ondelete="CASCADE"), nullable=False),
    # Empty for everyone.
    Column("user_id", String(32), nullable=False),
    Column("read_only", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    PrimaryKeyConstraint("connection_id", "user_id"),
)

# Rows outlive the connections and users they tell of, so there are no foreign keys here.
endings = Table(
    "endings",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("cause", String(16), nullable=False),
    # The name of who ended it; empty for the operator.
    Column("by", String(64), nullable=False),
    Column("user_id", String(32), nullable=False),
    Column("connection_id", String(32), nullable=False),
    Column("provider", String(64), nullable=False),
    Column("label", String(255), nullable=False),
    Column("revoked", Boolean, nullable=False),
    Column("tell", Text, nullable=False),
    Index(None, "at"),
)

halts = Table(
    "halts",
    metadata,
    # Whose calls are stopped; empty for everyone's.
    Column("user_id", String(32), primary_key=True),
    Column("begun_at", Moment, nullable=False),
)

connect_flows = Table(
    "connect_flows",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("user_id", String(32), ForeignKey(_USER, ondelete="CASCADE"), nullable=False),
    Column("connector", String(20), nullable=False),
    Column("provider", String(20), nullable=False),
    # waiting for the person at the vendor, choosing a tenant, connected or refused.
    Column("state", String(16), nullable=False),
    # Sealed, bound to the row and its person; empty when the flow is over.
    Column("held", Text, nullable=False),
    # What the person reads at its end.
    Column("told", Text, nullable=False),
    # When the vendor is asked again; whoever asks moves it on first.
    Column("due_at", Moment),
    Column("expires_at", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index(None, "due_at"),
    Index(None, "expires_at"),
)

key_check = Table(
    "key_check",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    # Sealed: whoever cannot open it does not have this database's key.
    Column("sealed", Text, nullable=False),
)
