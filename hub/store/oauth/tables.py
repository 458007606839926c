"""The tables of the authorization server, on the metadata of all tables (``hub.store.tables``).

Codes and tokens are kept as SHA-256 of 256 random bits; client secrets that the hub made, too. Not where rows are read
or written: each table has its own module.
"""

from sqlalchemy import Column, ForeignKey, Index, String, Table, Text

from hub.store.tables import Moment, metadata

clients = Table(
    "oauth_clients",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    # A JSON list.
    Column("redirect_uris", Text, nullable=False),
    Column("auth_method", String(32), nullable=False),
    Column("secret_hash", String(64)),
    Column("created_at", Moment, nullable=False),
    # When somebody last agreed to it; null while nobody has.
    Column("used_at", Moment),
    Index(None, "used_at", "created_at"),
)

hosts = Table(
    "oauth_hosts",
    metadata,
    Column("host", String(255), primary_key=True),
    Column("state", String(16), nullable=False),
    # Who asked first, for the one who decides.
    Column("client_name", String(200), nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("decided_at", Moment),
)

codes = Table(
    "oauth_codes",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("user_id", String(32), ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("client_id", Text, nullable=False),
    Column("client_name", String(200), nullable=False),
    Column("client_kind", String(16), nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("host", String(255), nullable=False),
    Column("challenge", String(64), nullable=False),
    Column("resource", Text, nullable=False),
    Column("effects", String(64), nullable=False),
    Column("profile", String(64)),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    # What it was redeemed for; ended when the code is shown again.
    Column("grant_id", String(32)),
    Index(None, "user_id"),
    Index(None, "expires_at"),
)

grants = Table(
    "oauth_grants",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("user_id", String(32), ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("client_id", Text, nullable=False),
    Column("client_name", String(200), nullable=False),
    Column("client_kind", String(16), nullable=False),
    Column("host", String(255), nullable=False),
    Column("resource", Text, nullable=False),
    Column("effects", String(64), nullable=False),
    Column("profile", String(64)),
    # What its person calls it.
    Column("label", String(64)),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("address", String(64)),
    Column("agent", String(200)),
    # When its person was told that it is there.
    Column("told_at", Moment),
    Column("revoked_at", Moment),
    Index(None, "user_id"),
    Index(None, "expires_at"),
)

refresh_tokens = Table(
    "oauth_refresh_tokens",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("grant_id", String(32), ForeignKey("oauth_grants.id", ondelete="CASCADE"), nullable=False),
    Column("expires_at", Moment, nullable=False),
    # When it was exchanged for its successor.
    Column("used_at", Moment),
    Index(None, "grant_id"),
)

access_tokens = Table(
    "oauth_access_tokens",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("grant_id", String(32), ForeignKey("oauth_grants.id", ondelete="CASCADE"), nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index(None, "grant_id"),
    Index(None, "expires_at"),
)

consents = Table(
    "oauth_consents",
    metadata,
    # SHA-256 of user, client, host and resource.
    Column("key", String(64), primary_key=True),
    Column("user_id", String(32), ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("client_id", Text, nullable=False),
    Column("host", String(255), nullable=False),
    Column("effects", String(64), nullable=False),
    Column("profile", String(64)),
    # SHA-256 of what the profile was; another one has to be agreed to anew.
    Column("profile_digest", String(64)),
    Column("given_at", Moment, nullable=False),
    Index(None, "user_id"),
)

# How the latest clients came to the hub; some fifty rows.
handshakes = Table(
    "oauth_handshakes",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("begun_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("place", String(64), nullable=False),
    Column("client_id", Text),
    Column("client_name", String(200)),
    Column("host", String(255)),
    Column("user_name", String(64)),
    # SHA-256 of the PKCE challenge.
    Column("thread", String(64)),
    Column("grant_id", String(32)),
    # A JSON list.
    Column("steps", Text, nullable=False),
    Index(None, "begun_at"),
)
