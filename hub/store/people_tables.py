"""The tables of how people sign in: passwords, second factors, passkeys, sessions, invitations, other sign-ins.

Beside ``tables.py``, of the same metadata. Not where they are read or written: each has its own module.
"""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from hub.store.tables import Moment, metadata

_USER = "users.id"

passwords = Table(
    "passwords",
    metadata,
    Column("user_id", String(32), ForeignKey(_USER, ondelete="CASCADE"), primary_key=True),
    # argon2id with its salt and parameters.
    Column("hash", String(255), nullable=False),
    Column("changed_at", Moment, nullable=False),
)

totp_secrets = Table(
    "totp_secrets",
    metadata,
    Column("user_id", String(32), ForeignKey(_USER, ondelete="CASCADE"), primary_key=True),
    # Sealed, bound to the user.
    Column("secret", Text, nullable=False),
    # The last time step a code was accepted for: none is accepted twice.
    Column("last_step", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("user_id", String(32), ForeignKey(_USER, ondelete="CASCADE"), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("used_at", Moment),
    Index(None, "user_id"),
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("user_id", String(32), ForeignKey(_USER, ondelete="CASCADE"), nullable=False),
    # The credential's id, base64url; up to 1023 bytes (WebAuthn, section 4), so its SHA-256 is what is unique.
    Column("credential", Text, nullable=False),
    Column("credential_hash", String(64), nullable=False, unique=True),
    # COSE, base64url.
    Column("public_key", Text, nullable=False),
    Column("sign_count", Integer, nullable=False),
    Column("name", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("last_used_at", Moment),
    Index(None, "user_id"),
)

external_identities = Table(
    "external_identities",
    metadata,
    Column("id", String(32), primary_key=True),
    # SHA-256 of issuer and subject: the one key of a person elsewhere (OpenID Connect Core, section 5.7).
    Column("key", String(64), nullable=False, unique=True),
    Column("issuer", Text, nullable=False),
    Column("subject", String(255), nullable=False),
    Column("user_id", String(32), ForeignKey(_USER, ondelete="CASCADE"), nullable=False),
    # What they are called there, to be shown; never looked up by.
    Column("label", String(255), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("last_used_at", Moment),
    Index(None, "user_id"),
)

web_sessions = Table(
    "web_sessions",
    metadata,
    # SHA-256 of what is in the cookie.
    Column("hash", String(64), primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("user_id", String(32), ForeignKey(_USER, ondelete="CASCADE"), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    # Whether a second factor was shown.
    Column("strong", Boolean, nullable=False),
    # How they signed in: password, passkey, link, or the name of an OpenID Connect sign-in.
    Column("method", String(64), nullable=False),
    Column("address", String(64), nullable=False),
    Column("agent", String(255), nullable=False),
    Index(None, "user_id"),
    Index(None, "expires_at"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    # What the link is proposed to be used as; the one invited chooses.
    Column("name", String(64), nullable=False),
    # Null for the first admin's, which the hub itself made.
    Column("invited_by", String(32)),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Index(None, "expires_at"),
)

ceremonies = Table(
    "ceremonies",
    metadata,
    # SHA-256 of the secret that goes through the browser.
    Column("hash", String(64), primary_key=True),
    Column("kind", String(32), nullable=False),
    # SHA-256 of the cookie of the browser it was begun in.
    Column("browser", String(64), nullable=False),
    # Sealed: what must be known when the browser comes back.
    Column("held", Text, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index(None, "expires_at"),
)

sign_in_attempts = Table(
    "sign_in_attempts",
    metadata,
    # SHA-256 of what is counted: an account, an address, or both.
    Column("key", String(64), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index(None, "expires_at"),
)
