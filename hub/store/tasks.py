"""The tasks: calls whose result is fetched later, each a row that any process can read, answer and cancel.

One process at a time owns a task, for as long as it renews its lease. Every change of a row is told (kind ``task``, key
the row's id). What is sealed comes and goes as text; what it means is ``hub/gateway/tasks``'s business.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import RowMapping, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.clock import Clock
from hub.store.changes import Changes
from hub.store.database import Database
from hub.store.tables import tasks

CHANGE = "task"
"""The kind of change that tells of a task."""

LIVE = ("working", "input_required")
"""The statuses of tasks that have not ended."""

LEASE = timedelta(seconds=15)
"""How long an owner that says nothing is believed to be alive."""

_LOCK = 0x7461736B
"""The first half of the PostgreSQL advisory locks that count a user's tasks one after another."""

MANY = 500
"""How many rows one statement touches at most."""


@dataclass(frozen=True, slots=True)
class Task:
    """One row. ``call``, ``state`` and ``outcome`` are sealed; ``expires_at`` is when it is forgotten."""

    id: str
    user_id: str
    status: str
    call: str
    state: str
    outcome: str | None
    owner: str
    lease_until: datetime
    created_at: datetime
    updated_at: datetime
    expires_at: datetime

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.status in LIVE

    @classmethod
    def of(cls, row: RowMapping) -> "Task":
        """The task of a row."""
        return cls(**row)


class Tasks:
    """The table of tasks."""

    def __init__(self, database: Database, changes: Changes, clock: Clock) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock

    async def add(self, task: Task, most: int | None = None) -> bool:
        """Add a row; it is durable when this returns. With ``most`` only where its user has fewer that have not ended,
        in all processes, however many are added at once; whether it was. Raises ``StoreUnavailable``."""
        async with self._database.write() as connection:
            if most is not None:
                if not self._database.sqlite:
                    # SQLite's write transactions are one after another anyway.
                    lock = text("SELECT pg_advisory_xact_lock(:lock, hashtext(:user))")
                    await connection.execute(lock, {"lock": _LOCK, "user": task.user_id})
                if await self._live_of(connection, task.user_id) >= most:
                    return False
            await connection.execute(insert(tasks), asdict(task))
            return True

    async def get(self, id: str) -> Task | None:
        """The task with this id; None when there is none or it is forgotten."""
        query = select(tasks).where(tasks.c.id == id, tasks.c.expires_at > self._clock.now())
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
            return None if row is None else Task.of(row)

    async def amend(self, id: str, change: Callable[[Task], Task | None]) -> Task | None:
        """Let ``change`` say what becomes of a row nobody else touches meanwhile, and return what it is then.

        ``change`` returning None leaves the row as it is. None when there is no such task. ``change`` must not wait.
        """
        async with self._database.write() as connection:
            query = select(tasks).where(tasks.c.id == id).with_for_update()
            row = (await connection.execute(query)).mappings().one_or_none()
            if row is None:
                return None
            before = Task.of(row)
            after = change(before)
            if after is None:
                return before
            values = {key: value for key, value in asdict(after).items() if key != "id"}
            await connection.execute(update(tasks).where(tasks.c.id == id).values(values))
            await self._changes.record(connection, CHANGE, id)
            return after

    async def renew(self, owner: str, until: datetime) -> set[str]:
        """Extend the lease of everything ``owner`` is at work on; returns the ids of what it still owns."""
        mine = (tasks.c.owner == owner, tasks.c.status.in_(LIVE))
        async with self._database.write() as connection:
            await connection.execute(update(tasks).where(*mine).values(lease_until=until))
            return set((await connection.execute(select(tasks.c.id).where(*mine))).scalars())

    async def lapsed(self) -> list[Task]:
        """Tasks whose owner has not renewed its lease in time, oldest first."""
        query = select(tasks).where(tasks.c.status.in_(LIVE), tasks.c.lease_until < self._clock.now())
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(tasks.c.lease_until).limit(MANY))
            return [Task.of(row) for row in rows.mappings()]

    async def owned(self, user_id: str, ids: Collection[str]) -> set[str]:
        """Those of ``ids`` that are this user's tasks."""
        found: set[str] = set()
        async with self._database.read() as connection:
            for part in _parts(ids):
                query = select(tasks.c.id).where(
                    tasks.c.id.in_(part), tasks.c.user_id == user_id, tasks.c.expires_at > self._clock.now()
                )
                found |= set((await connection.execute(query)).scalars())
        return found

    async def live_of(self, user_id: str) -> int:
        """How many tasks of this user have not ended, in all processes."""
        async with self._database.read() as connection:
            return await self._live_of(connection, user_id)

    @staticmethod
    async def _live_of(connection: AsyncConnection, user_id: str) -> int:
        theirs = (tasks.c.user_id == user_id, tasks.c.status.in_(LIVE))
        count: int = (await connection.execute(select(func.count()).select_from(tasks).where(*theirs))).scalar_one()
        return count

    async def prune(self) -> int:
        """Delete what is forgotten; returns how many."""
        async with self._database.write() as connection:
            done = await connection.execute(delete(tasks).where(tasks.c.expires_at <= self._clock.now()))
            return done.rowcount


def _parts(ids: Iterable[str]) -> Iterable[list[str]]:
    held = list(ids)
    return (held[at : at + MANY] for at in range(0, len(held), MANY))
