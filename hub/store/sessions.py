"""What the processes share of legacy sessions: which ended, what their clients asked to be remembered, and answers on
their way to the process that asked.

Not the sessions themselves: those are sealed into their ids. Sealing is the wire's business, too.
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from hub.clock import Clock
from hub.store.changes import Changes
from hub.store.database import Database
from hub.store.tables import ended_sessions, posted_answers, session_notes

ENDED = "session"
"""The kind of change that tells of a session's end; the key is the session's."""

NOTED = "session_notes"
"""The kind that tells that what is remembered under a key changed."""

ANSWERED = "answer"
"""The kind that tells of an answer to be taken; the key is the question's."""

LISTENING = "listening"
"""The kind that tells that a session listens anew; the key is the session's and the stream's, with a space between."""

CANCELLED = "cancel"
"""The kind that tells of a client's cancellation; the key is the call's."""


class Sessions:
    """The tables of legacy sessions."""

    def __init__(self, database: Database, changes: Changes, clock: Clock) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock

    async def end(self, key: str, expires_at: datetime) -> None:
        """Note that a session ended; told to all. ``expires_at`` is when it would have ended by itself."""
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(ended_sessions), {"key": key, "expires_at": expires_at})
                await self._changes.record(connection, ENDED, key)
        except IntegrityError:
            return  # it ended before

    async def ended(self, key: str) -> bool:
        """Whether a session was ended."""
        query = select(ended_sessions.c.key).where(ended_sessions.c.key == key)
        async with self._database.read() as connection:
            return (await connection.execute(query)).first() is not None

    async def note(self, key: str, change: Callable[[str | None], str], expires_at: datetime) -> None:
        """Let ``change`` say what is remembered under ``key`` from what was, both sealed, while nobody else can; told
        to all. What ``change`` raises leaves it as it was."""
        try:
            await self._note(key, change, expires_at)
        except IntegrityError:
            await self._note(key, change, expires_at)  # another process made the row at the same moment

    async def _note(self, key: str, change: Callable[[str | None], str], expires_at: datetime) -> None:
        mine = session_notes.c.key == key
        async with self._database.write() as connection:
            query = select(session_notes.c.notes).where(mine).with_for_update()
            before = (await connection.execute(query)).scalar_one_or_none()
            row = {"notes": change(before), "expires_at": expires_at}
            if before is None:
                await connection.execute(insert(session_notes), {"key": key, **row})
            else:
                await connection.execute(update(session_notes).where(mine).values(row))
            await self._changes.record(connection, NOTED, key)

    async def noted(self, key: str) -> str | None:
        """What is remembered under ``key``, sealed."""
        query = select(session_notes.c.notes).where(
            session_notes.c.key == key, session_notes.c.expires_at > self._clock.now()
        )
        async with self._database.read() as connection:
            held: str | None = (await connection.execute(query)).scalar_one_or_none()
            return held

    async def post(self, question: str, answer: str, expires_at: datetime) -> None:
        """Leave a sealed answer for the process that asked; the first one stands."""
        try:
            async with self._database.write() as connection:
                row = {"question": question, "answer": answer, "expires_at": expires_at}
                await connection.execute(insert(posted_answers), row)
                await self._changes.record(connection, ANSWERED, question)
        except IntegrityError:
            return  # answered before

    async def take(self, question: str) -> str | None:
        """The sealed answer left for this question, which is then gone."""
        taken = delete(posted_answers).where(posted_answers.c.question == question).returning(posted_answers.c.answer)
        async with self._database.write() as connection:
            answer: str | None = (await connection.execute(taken)).scalar_one_or_none()
            return answer

    async def listen(self, session: str, stream: str) -> None:
        """Tell all processes that a session listens by this stream from now on, and by no other."""
        await self._changes.announce(LISTENING, f"{session} {stream}")

    async def cancel(self, call: str) -> None:
        """Tell all processes that a client cancelled this call."""
        await self._changes.announce(CANCELLED, call)

    async def prune(self) -> int:
        """Delete what has expired; returns how many rows."""
        count = 0
        tables: tuple[Table, ...] = (ended_sessions, session_notes, posted_answers)
        async with self._database.write() as connection:
            for table in tables:
                done = await connection.execute(delete(table).where(table.c.expires_at <= self._clock.now()))
                count += done.rowcount
        return count
