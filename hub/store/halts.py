"""Halts: whose calls are stopped until that is lifted.

A beginning is told as a change of kind ``halt``, a lifting as one of kind ``lift``; the key is the user's id, or
``EVERYONE``. What a halt stops is decided above.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select

from hub.clock import Clock
from hub.store.changes import Changes
from hub.store.connection_tables import halts
from hub.store.database import Database

HALT, LIFT = "halt", "lift"
"""The kinds of change."""

EVERYONE = "*"
"""The key of a halt of all calls."""


@dataclass(frozen=True, slots=True)
class Halt:
    """One halt; ``user_id`` None for everyone's calls."""

    user_id: str | None
    begun_at: datetime


class Halts:
    """The table of halts."""

    def __init__(self, database: Database, changes: Changes, clock: Clock) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock

    async def begin(self, user_id: str | None) -> None:
        """Stop this person's calls, or everyone's; one that stands already begins anew."""
        row = {"user_id": user_id or "", "begun_at": self._clock.now()}
        async with self._database.write() as connection:
            await connection.execute(delete(halts).where(halts.c.user_id == row["user_id"]))
            await connection.execute(insert(halts), row)
            await self._changes.record(connection, HALT, user_id or EVERYONE)

    async def lift(self, user_id: str | None) -> bool:
        """Let this person's calls go on, or all that were stopped for everyone; returns whether they were stopped."""
        async with self._database.write() as connection:
            done = await connection.execute(delete(halts).where(halts.c.user_id == (user_id or "")))
            if done.rowcount:
                await self._changes.record(connection, LIFT, user_id or EVERYONE)
            return bool(done.rowcount)

    async def list(self) -> list[Halt]:
        """Those that stand."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(halts).order_by(halts.c.begun_at))
            return [Halt(row.user_id or None, row.begun_at) for row in rows]
