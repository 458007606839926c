"""The tables of files: what people hand to tools and get of them, kept for an hour.

Not where they are read or written (``files.py``), and nothing here can be read without the hub's key.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from hub.store.tables import Moment, metadata

files = Table(
    "files",
    metadata,
    Column("id", String(32), primary_key=True),
    # No foreign key: the local user has no row.
    Column("user_id", String(32), nullable=False),
    # Sealed, bound to row and user: name, type, size, where it came from. Null while the file is being written.
    Column("head", Text),
    # Bytes it counts for; while it is being written, as many as were set aside for it.
    Column("room", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index(None, "user_id"),
    Index(None, "expires_at"),
)

file_pieces = Table(
    "file_pieces",
    metadata,
    Column("file_id", String(32), ForeignKey("files.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    # Sealed, bound to user, file and number.
    Column("sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("file_id", "number"),
)
