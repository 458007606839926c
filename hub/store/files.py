"""The rows of files: sealed heads and pieces, how much room they take, and when they are forgotten.

What is sealed comes and goes as it is; what it means, and who may have it, is ``hub/files``'s business.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import LargeBinary, RowMapping, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.clock import Clock
from hub.store.database import Database
from hub.store.file_tables import file_pieces, files

WRITING = timedelta(minutes=20)
"""How long a file may be in the making; longer than any upload or call may take."""

_LOCK = 0x66696C6573
"""The PostgreSQL advisory lock under which room is set aside."""

Begun = Literal["begun", "taken", "user_full", "full"]
"""What became of the wish to write a file: it may be written; there is one of its id; the user's room or the hub's is
used up."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file's row. ``head`` is sealed, None while it is being written."""

    id: str
    user_id: str
    head: str | None
    room: int
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, row: RowMapping) -> "FileRow":
        """The file of a row."""
        return cls(**row)


class Files:
    """The tables of files."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, id: str, user_id: str, room: int, *, user_most: int, most: int) -> Begun:
        """Set ``room`` bytes aside for a file that is about to be written, where there is room for it: ``user_most``
        bytes for one user, ``most`` for all, in all processes, however many begin at once.

        Raises ``StoreUnavailable``.
        """
        begun = await self._begin(id, user_id, room, user_most, most)
        if begun in ("user_full", "full") and await self.prune():
            begun = await self._begin(id, user_id, room, user_most, most)
        return begun

    async def _begin(self, id: str, user_id: str, room: int, user_most: int, most: int) -> Begun:
        now = self._clock.now()
        async with self._database.write() as connection:
            if not self._database.sqlite:
                # SQLite's write transactions are one after another anyway.
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            known = (await connection.execute(select(files.c.id).where(files.c.id == id))).one_or_none()
            if known is not None:
                return "taken"
            if await _taken(connection, user_id) + room > user_most:
                return "user_full"
            if await _taken(connection, None) + room > most:
                return "full"
            row = FileRow(id, user_id, None, room, now, now + WRITING)
            await connection.execute(insert(files), asdict(row))
        return "begun"

    async def add(self, id: str, number: int, sealed: bytes) -> None:
        """Add a piece to a file that is being written. Raises ``StoreUnavailable``."""
        async with self._database.write() as connection:
            await connection.execute(insert(file_pieces), {"file_id": id, "number": number, "sealed": sealed})

    async def finish(self, id: str, head: str, room: int, expires_at: datetime) -> bool:
        """The file is written: from now on it is found, until ``expires_at``. False where it is gone already."""
        unfinished = (files.c.id == id, files.c.head.is_(None), files.c.expires_at > self._clock.now())
        values = {"head": head, "room": room, "expires_at": expires_at}
        async with self._database.write() as connection:
            done = await connection.execute(update(files).where(*unfinished).values(values))
            return done.rowcount == 1

    async def get(self, id: str) -> FileRow | None:
        """The file with this id; None where there is none, it is not whole yet, or is forgotten."""
        whole = (files.c.id == id, files.c.head.is_not(None), files.c.expires_at > self._clock.now())
        async with self._database.read() as connection:
            row = (await connection.execute(select(files).where(*whole))).mappings().one_or_none()
            return None if row is None else FileRow.of(row)

    async def piece(self, id: str, number: int) -> bytes | None:
        """One piece, sealed; None where it is gone."""
        query = select(file_pieces.c.sealed).where(file_pieces.c.file_id == id, file_pieces.c.number == number)
        async with self._database.read() as connection:
            found: bytes | None = (await connection.execute(query)).scalar_one_or_none()
            return found

    async def all(self) -> Sequence[FileRow]:
        """Every file there is, also those that are being written. Raises ``StoreUnavailable``."""
        async with self._database.read() as connection:
            return [FileRow.of(row) for row in (await connection.execute(select(files))).mappings().all()]

    async def put_head(self, id: str, before: str, head: str) -> None:
        """Keep a head in place of ``before``, the same sealed differently."""
        async with self._database.write() as connection:
            await connection.execute(update(files).where(files.c.id == id, files.c.head == before).values(head=head))

    async def sealed_otherwise(self, id: str, mark: bytes) -> Sequence[int]:
        """The numbers of a file's pieces that do not begin with ``mark``."""
        begins = func.substr(file_pieces.c.sealed, 1, len(mark), type_=LargeBinary)
        query = select(file_pieces.c.number).where(file_pieces.c.file_id == id, begins != mark)
        async with self._database.read() as connection:
            return (await connection.execute(query.order_by(file_pieces.c.number))).scalars().all()

    async def put_piece(self, id: str, number: int, before: bytes, sealed: bytes) -> None:
        """Keep a piece in place of ``before``, the same sealed differently."""
        one = (file_pieces.c.file_id == id, file_pieces.c.number == number, file_pieces.c.sealed == before)
        async with self._database.write() as connection:
            await connection.execute(update(file_pieces).where(*one).values(sealed=sealed))

    async def delete(self, id: str) -> None:
        """Forget a file."""
        async with self._database.write() as connection:
            await connection.execute(delete(files).where(files.c.id == id))

    async def taken(self, user_id: str) -> tuple[int, datetime | None]:
        """The bytes set aside for a user's files, and when the first of those that are whole is forgotten."""
        first_whole = select(func.min(files.c.expires_at)).where(files.c.user_id == user_id, files.c.head.is_not(None))
        query = select(func.coalesce(func.sum(files.c.room), 0), first_whole.scalar_subquery())
        async with self._database.read() as connection:
            room, first = (await connection.execute(query.where(files.c.user_id == user_id))).one()
            return int(room), first

    async def prune(self) -> int:
        """Delete what is forgotten, each file in a transaction of its own, as its pieces are many; returns how many."""
        async with self._database.read() as connection:
            query = select(files.c.id).where(files.c.expires_at <= self._clock.now())
            lapsed = (await connection.execute(query)).scalars().all()
        for one in lapsed:
            await self.delete(one)
        return len(lapsed)


async def _taken(connection: AsyncConnection, user_id: str | None) -> int:
    query = select(func.coalesce(func.sum(files.c.room), 0))
    if user_id is not None:
        query = query.where(files.c.user_id == user_id)
    return int((await connection.execute(query)).scalar_one())
