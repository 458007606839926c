"""The hub's tables, for SQLite and PostgreSQL alike.

What they look like now; how an older database gets there is in ``migrations/``, and a test compares the two. Not
where they are read or written: each has its own module.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """A moment as ``Moment`` keeps it. Raises ``TypeError`` for a datetime without a zone."""
    return (moment - _EPOCH) // _MICROSECOND


class Moment(TypeDecorator[datetime]):
    """An aware datetime, kept as whole microseconds since the epoch: exact, and in order on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Raises ``TypeError`` for a datetime without a zone."""
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """The moment in UTC."""
        return None if value is None else _EPOCH + value * _MICROSECOND


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)

users = Table(
    "users",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(64), nullable=False),
    # The name as it is compared: case folded, so that Anna and anna are one person.
    Column("name_key", String(192), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment),
)

setup_links = Table(
    "setup_links",
    metadata,
    # SHA-256 of the secret in hex; the secret itself is only in the link.
    Column("hash", String(64), primary_key=True),
    Column("user_id", String(32), ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Index(None, "user_id"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("user_id", String(32), ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    # The effects it allows, joined by spaces.
    Column("effects", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
    # The profile it is bound to; null for none.
    Column("profile", String(64)),
    Index(None, "user_id"),
)

# Rows outlive the users and tokens they tell of, so there are no foreign keys here.
audit = Table(
    "audit",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("user_id", String(32), nullable=False),
    Column("token_id", String(32)),
    Column("connector", String(64), nullable=False),
    Column("tool", String(128), nullable=False),
    Column("effect", String(16), nullable=False),
    Column("arguments_digest", String(128), nullable=False),
    # Null while the call runs, and for ever when the hub was killed during it.
    Column("outcome", String(64)),
    Column("ms", Float),
    # The connection it was made with; null where none was needed, or none was found.
    Column("account", String(32)),
    Index(None, "at"),
    Index(None, "user_id"),
)

changes = Table(
    "changes",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("key", String(255), nullable=False),
    Column("at", Moment, nullable=False),
    Index(None, "at"),
    # Without it SQLite would give a pruned row's id again.
    sqlite_autoincrement=True,
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", String(64), primary_key=True),
    # No foreign keys: the local user has no row.
    Column("user_id", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    # Sealed, bound to row and user: the call; the questions, answers and words of the moment; how it ended.
    Column("call", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("outcome", Text),
    # The process at work on it, and until when it is believed to be alive.
    Column("owner", String(32), nullable=False),
    Column("lease_until", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index(None, "status", "lease_until"),
    Index(None, "expires_at"),
    Index(None, "owner"),
)

# Legacy sessions are sealed into their id; only that one ended, and what its client asked to be remembered, is kept.
ended_sessions = Table(
    "ended_sessions",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("expires_at", Moment, nullable=False),
    Index(None, "expires_at"),
)

session_notes = Table(
    "session_notes",
    metadata,
    Column("key", String(64), primary_key=True),
    # Sealed: the log level and the watched resources.
    Column("notes", Text, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index(None, "expires_at"),
)

# Answers of legacy clients on their way to the process that asked.
posted_answers = Table(
    "posted_answers",
    metadata,
    # SHA-256 of the question's id.
    Column("question", String(64), primary_key=True),
    Column("answer", Text, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index(None, "expires_at"),
)
