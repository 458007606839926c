"""How accounts ended: by whom, why, and whether the vendor confirmed it. Kept for 90 days, for admins.

Not the ending itself (``hub/broker/ending.py``).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, insert, select

from hub.clock import Clock
from hub.store.connection_tables import endings
from hub.store.database import Database
from hub.store.identifiers import Random, new_id

KEPT = timedelta(days=90)
"""How long rows are kept."""

Cause = Literal["disconnected", "revoked", "disabled", "panic", "abandoned"]
"""Why: by its owner, by an admin, because its owner was shut out, by ``hub panic``, because its tenant was never
chosen."""


@dataclass(frozen=True, slots=True)
class Ending:
    """One account that ended. ``by`` is the name of who ended it, empty for the operator; ``revoked`` says whether the
    vendor confirmed its end, ``tell`` what is left to do where not."""

    at: datetime
    cause: Cause
    by: str
    user_id: str
    connection_id: str
    provider: str
    label: str
    revoked: bool
    tell: str


class Endings:
    """The table of endings."""

    def __init__(self, database: Database, clock: Clock, random: Random) -> None:
        self._database = database
        self._clock = clock
        self._random = random

    async def add(self, one: Ending) -> None:
        """Keep one."""
        row = {name: getattr(one, name) for name in one.__slots__} | {"id": new_id(one.at, self._random)}
        async with self._database.write() as connection:
            await connection.execute(insert(endings), row)

    async def recent(self, n: int) -> list[Ending]:
        """The newest ``n``, newest first."""
        query = select(endings).order_by(endings.c.at.desc(), endings.c.id.desc()).limit(n)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings()
            return [Ending(**{name: row[name] for name in Ending.__slots__}) for row in rows]

    async def prune(self) -> int:
        """Delete what is older than ``KEPT``; returns how many rows."""
        async with self._database.write() as connection:
            done = await connection.execute(delete(endings).where(endings.c.at < self._clock.now() - KEPT))
            return done.rowcount
