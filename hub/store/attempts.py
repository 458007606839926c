"""How often something was tried: counters that all processes share and that outlive a restart.

An attempt is counted before it is made, so that many at once cannot pass together. Not what is counted, nor how often
is too often: whoever asks says so.
"""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from hub.clock import Clock
from hub.store.database import Database
from hub.store.people_tables import sign_in_attempts as attempts


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class Attempts:
    """The table of counters."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def count(self, key: str, limit: int, window: timedelta) -> datetime | None:
        """Count one attempt. None where it is one of the first ``limit`` since the counter began, which lasts
        ``window``; else until when it lasts."""
        try:
            return await self._count(_hash(key), limit, window)
        except IntegrityError:
            return await self._count(_hash(key), limit, window)  # another process made the row at the same moment

    async def _count(self, key: str, limit: int, window: timedelta) -> datetime | None:
        now = self._clock.now()
        mine = attempts.c.key == key
        async with self._database.write() as connection:
            more = update(attempts).where(mine, attempts.c.expires_at > now, attempts.c.count < limit)
            counted = more.values(count=attempts.c.count + 1)
            if (await connection.execute(counted)).rowcount:
                return None
            over = delete(attempts).where(mine, attempts.c.expires_at <= now)
            await connection.execute(over)
            until: datetime | None = (
                await connection.execute(select(attempts.c.expires_at).where(mine))
            ).scalar_one_or_none()
            if until is not None:
                # Another process may have made the row since the first look: then this attempt is one more of it.
                return None if (await connection.execute(counted)).rowcount else until
            await connection.execute(insert(attempts), {"key": key, "count": 1, "expires_at": now + window})
            return None

    async def forgive(self, *keys: str) -> None:
        """Take one attempt back from each counter: it was a good one."""
        mine = update(attempts).where(attempts.c.key.in_([_hash(key) for key in keys]), attempts.c.count > 0)
        async with self._database.write() as connection:
            await connection.execute(mine.values(count=attempts.c.count - 1))

    async def clear(self, *keys: str) -> None:
        """Forget these counters."""
        async with self._database.write() as connection:
            await connection.execute(delete(attempts).where(attempts.c.key.in_([_hash(key) for key in keys])))

    async def prune(self) -> int:
        """Delete the counters that are over; returns how many."""
        async with self._database.write() as connection:
            done = await connection.execute(delete(attempts).where(attempts.c.expires_at <= self._clock.now()))
            return done.rowcount
