"""Shares: connections that others than their owner may use, for reading only or for everything.

A share holds only while the owner is an admin who is not shut out. A write is told as a change of kind ``connection``
whose key is ``SHARED``. What a share allows is decided above.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import delete, insert, select

from hub.clock import Clock
from hub.store.changes import Changes
from hub.store.connection_tables import connections, shares
from hub.store.connections import CHANGE, Connection
from hub.store.database import Database
from hub.store.tables import users

SHARED = "*"
"""The key of a change of what is shared: it may concern anyone."""


@dataclass(frozen=True, slots=True)
class Share:
    """One connection shared with one person, or with everyone (``user_id`` None)."""

    connection_id: str
    user_id: str | None
    read_only: bool


@dataclass(frozen=True, slots=True)
class Shared:
    """A connection as one it is shared with has it; ``owner`` is its owner's name."""

    connection: Connection
    owner: str
    read_only: bool


class Shares:
    """The table of shares."""

    def __init__(self, database: Database, changes: Changes, clock: Clock) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock

    async def put(self, share: Share) -> None:
        """Share a connection, in place of how it was shared with the same before."""
        key = (shares.c.connection_id == share.connection_id, shares.c.user_id == (share.user_id or ""))
        row = {"connection_id": share.connection_id, "user_id": share.user_id or "", "read_only": share.read_only}
        async with self._database.write() as connection:
            await connection.execute(delete(shares).where(*key))
            await connection.execute(insert(shares), {**row, "created_at": self._clock.now()})
            await self._changes.record(connection, CHANGE, SHARED)

    async def replace(self, connection_id: str, wanted: Sequence[Share]) -> None:
        """Share a connection as these say, in place of however it was shared before; with nobody where there are
        none."""
        now = self._clock.now()
        rows = [
            {
                "connection_id": connection_id,
                "user_id": one.user_id or "",
                "read_only": one.read_only,
                "created_at": now,
            }
            for one in wanted
        ]
        async with self._database.write() as connection:
            await connection.execute(delete(shares).where(shares.c.connection_id == connection_id))
            if rows:
                await connection.execute(insert(shares), rows)
            await self._changes.record(connection, CHANGE, SHARED)

    async def of(self, connection_id: str) -> list[Share]:
        """How one connection is shared."""
        query = select(shares).where(shares.c.connection_id == connection_id).order_by(shares.c.user_id)
        async with self._database.read() as connection:
            return [
                Share(row.connection_id, row.user_id or None, row.read_only) for row in await connection.execute(query)
            ]

    async def remove(self, connection_id: str) -> bool:
        """Share a connection with nobody any more; returns whether it was shared."""
        async with self._database.write() as connection:
            done = await connection.execute(delete(shares).where(shares.c.connection_id == connection_id))
            if done.rowcount:
                await self._changes.record(connection, CHANGE, SHARED)
            return bool(done.rowcount)

    async def all(self) -> list[Share]:
        """All of them."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(shares).order_by(shares.c.connection_id, shares.c.user_id))
            return [Share(row.connection_id, row.user_id or None, row.read_only) for row in rows]

    async def with_user(self, user_id: str) -> list[Shared]:
        """The connections of others that this person may use, by provider, oldest first."""
        query = (
            select(connections, users.c.name.label("owner"), shares.c.read_only)
            .join(shares, shares.c.connection_id == connections.c.id)
            .join(users, users.c.id == connections.c.user_id)
            .where(shares.c.user_id.in_(("", user_id)), connections.c.user_id != user_id)
            .where(users.c.role == "admin", users.c.disabled_at.is_(None))
            .order_by(connections.c.provider, connections.c.id)
        )
        found: dict[str, Shared] = {}
        async with self._database.read() as connection:
            for row in (await connection.execute(query)).mappings():
                one = Shared(Connection.of(row), row["owner"], row["read_only"])
                before = found.get(one.connection.id)
                # Of two shares that concern the person the wider one holds.
                only = one.read_only and (before is None or before.read_only)
                found[one.connection.id] = replace(one, read_only=only)
        return list(found.values())
