"""Connections in the making that no browser carries on: a code typed on a vendor's page, a tenant still to be chosen.

One row each, bound to its person, short-lived, and told as a change of kind ``connect_flow``. What is secret comes and
goes sealed. What a state means, and when a vendor is asked again, is decided above.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import RowMapping, and_, delete, func, insert, or_, select, update

from hub.clock import Clock
from hub.store.changes import Changes
from hub.store.connection_tables import connect_flows
from hub.store.database import Database
from hub.store.identifiers import Random, new_id

CHANGE = "connect_flow"

KEPT = timedelta(days=1)
"""How long a choice that nobody made is kept at most."""

FlowState = Literal["waiting", "choosing", "connected", "refused"]
"""waiting for the person at the vendor; choosing a tenant; and how it ended."""


@dataclass(frozen=True, slots=True)
class ConnectFlow:
    """One flow. ``held`` is sealed; ``told`` is what the person reads at its end; ``due_at`` when the vendor is asked
    again."""

    id: str
    user_id: str
    connector: str
    provider: str
    state: FlowState
    held: str = field(repr=False)
    told: str
    due_at: datetime | None
    expires_at: datetime
    created_at: datetime

    @classmethod
    def of(cls, row: RowMapping) -> "ConnectFlow":
        """The flow of a row."""
        return cls(**{name: row[name] for name in cls.__slots__})


class ConnectFlows:
    """The table of flows."""

    def __init__(self, database: Database, changes: Changes, clock: Clock, random: Random) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock
        self._random = random

    def new_id(self) -> str:
        """The id of a flow to be added: what it holds is sealed to it before there is a row."""
        return new_id(self._clock.now(), self._random)

    async def add(
        self,
        id: str,
        user_id: str,
        connector: str,
        provider: str,
        state: FlowState,
        held: str,
        expires_at: datetime,
        due_at: datetime | None = None,
    ) -> None:
        """Keep a new flow."""
        row = {
            "id": id,
            "user_id": user_id,
            "connector": connector,
            "provider": provider,
            "state": state,
            "held": held,
            "told": "",
            "due_at": due_at,
            "expires_at": expires_at,
            "created_at": self._clock.now(),
        }
        async with self._database.write() as connection:
            await connection.execute(insert(connect_flows), row)
            await self._changes.record(connection, CHANGE, user_id)

    async def get(self, user_id: str, id: str) -> ConnectFlow | None:
        """The person's flow of this id; None where they have none, or its time is over."""
        mine = (connect_flows.c.id == id, connect_flows.c.user_id == user_id)
        query = select(connect_flows).where(*mine, connect_flows.c.expires_at > self._clock.now())
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
            return None if row is None else ConnectFlow.of(row)

    async def due(self, limit: int) -> "list[ConnectFlow]":
        """Flows whose vendor is to be asked by now, the longest overdue first."""
        waiting = (connect_flows.c.state == "waiting", connect_flows.c.due_at <= self._clock.now())
        query = select(connect_flows).where(*waiting).order_by(connect_flows.c.due_at).limit(limit)
        async with self._database.read() as connection:
            return [ConnectFlow.of(row) for row in (await connection.execute(query)).mappings()]

    async def next_due(self) -> datetime | None:
        """When the next vendor is to be asked; None where nobody waits."""
        query = select(func.min(connect_flows.c.due_at)).where(connect_flows.c.state == "waiting")
        async with self._database.read() as connection:
            found: datetime | None = (await connection.execute(query)).scalar_one()
            return found

    async def lapsed(self, limit: int) -> "list[ConnectFlow]":
        """Choices that were not made in time, whose vendor is to be told by now, the oldest first."""
        now = self._clock.now()
        over = (connect_flows.c.state == "choosing", connect_flows.c.expires_at <= now)
        due = or_(connect_flows.c.due_at.is_(None), connect_flows.c.due_at <= now)
        query = select(connect_flows).where(*over, due).order_by(connect_flows.c.expires_at).limit(limit)
        async with self._database.read() as connection:
            return [ConnectFlow.of(row) for row in (await connection.execute(query)).mappings()]

    async def choosing(self, user_id: str, provider: str) -> bool:
        """Whether the person is choosing a tenant at this provider now."""
        mine = (connect_flows.c.user_id == user_id, connect_flows.c.provider == provider)
        live = (connect_flows.c.state == "choosing", connect_flows.c.expires_at > self._clock.now())
        async with self._database.read() as connection:
            query = select(connect_flows.c.id).where(*mine, *live).limit(1)
            return (await connection.execute(query)).first() is not None

    async def claim(self, flow: ConnectFlow, until: datetime) -> bool:
        """Take the right to ask the vendor this time; False where another process has taken it."""
        seen = (
            connect_flows.c.id == flow.id,
            connect_flows.c.state == flow.state,
            connect_flows.c.due_at == flow.due_at,
        )
        async with self._database.write() as connection:
            done = await connection.execute(update(connect_flows).where(*seen).values(due_at=until))
            return done.rowcount == 1

    async def move(
        self, flow: ConnectFlow, state: FlowState, *, held: str = "", told: str = "", due_at: datetime | None = None
    ) -> bool:
        """Bring a flow to another state; False where it is no longer in the one that was read."""
        seen = (connect_flows.c.id == flow.id, connect_flows.c.state == flow.state)
        values = {"state": state, "held": held, "told": told[:1000], "due_at": due_at}
        async with self._database.write() as connection:
            done = await connection.execute(update(connect_flows).where(*seen).values(**values))
            return done.rowcount == 1

    async def remove(self, flow: ConnectFlow) -> None:
        """Delete a flow that is over."""
        async with self._database.write() as connection:
            await connection.execute(delete(connect_flows).where(connect_flows.c.id == flow.id))

    async def prune(self) -> int:
        """Delete what has expired; returns how many rows. A choice that was not made holds what its vendor gave: it
        stays for ``KEPT``, until the vendor was told."""
        now = self._clock.now()
        done = (connect_flows.c.state != "choosing", connect_flows.c.expires_at <= now)
        over = or_(and_(*done), connect_flows.c.expires_at <= now - KEPT)
        async with self._database.write() as connection:
            return (await connection.execute(delete(connect_flows).where(over))).rowcount
