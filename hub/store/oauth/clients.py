"""The OAuth clients that registered themselves (RFC 7591), and the redirect hosts admins decided on.

Not clients known by their metadata document or by the configuration: those need no row. What a client may do is
decided above.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, cast

import orjson
from sqlalchemy import RowMapping, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from hub.clock import Clock
from hub.store.database import Database
from hub.store.oauth.tables import clients, hosts

HostState = Literal["pending", "allowed", "denied"]
"""What was decided on a redirect host: nothing yet, yes, or no."""


@dataclass(frozen=True, slots=True)
class RegisteredClient:
    """A client as it registered. ``secret_hash`` is None for public ones."""

    id: str
    name: str
    redirect_uris: tuple[str, ...]
    auth_method: str
    created_at: datetime
    used_at: datetime | None = None
    secret_hash: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, row: RowMapping) -> "RegisteredClient":
        """The client of a row."""
        uris = tuple(orjson.loads(row["redirect_uris"]))
        held = {name: row[name] for name in ("id", "name", "auth_method", "created_at", "used_at", "secret_hash")}
        return cls(redirect_uris=uris, **held)


@dataclass(frozen=True, slots=True)
class RedirectHost:
    """A host that somebody's client wants to be sent back to, and what was decided on it."""

    host: str
    state: HostState
    client_name: str
    asked_by: str
    asked_at: datetime
    decided_at: datetime | None

    @classmethod
    def of(cls, row: RowMapping) -> "RedirectHost":
        """The host of a row."""
        return cls(
            row["host"],
            cast(HostState, row["state"]),
            row["client_name"],
            row["asked_by"],
            row["asked_at"],
            row["decided_at"],
        )


class Clients:
    """The tables of registered clients and of redirect hosts."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, client: RegisteredClient) -> None:
        """Keep a new client. Raises ``StoreUnavailable``."""
        row: dict[str, Any] = {
            "id": client.id,
            "name": client.name,
            "redirect_uris": orjson.dumps(list(client.redirect_uris)).decode(),
            "auth_method": client.auth_method,
            "secret_hash": client.secret_hash,
            "created_at": client.created_at,
            "used_at": client.used_at,
        }
        async with self._database.write() as connection:
            await connection.execute(insert(clients), row)

    async def get(self, id: str) -> RegisteredClient | None:
        """The client with this id."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(clients).where(clients.c.id == id))).mappings().one_or_none()
            return None if row is None else RegisteredClient.of(row)

    async def used(self, id: str) -> None:
        """Note that somebody agreed to the client now."""
        async with self._database.write() as connection:
            await connection.execute(update(clients).where(clients.c.id == id).values(used_at=self._clock.now()))

    async def unused(self) -> int:
        """How many clients nobody has agreed to yet."""
        query = select(func.count()).select_from(clients).where(clients.c.used_at.is_(None))
        async with self._database.read() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def prune(self, unused: timedelta, idle: timedelta) -> int:
        """Delete the clients that nobody agreed to for ``unused``, or not again for ``idle``; returns how many."""
        now = self._clock.now()
        old = or_(
            and_(clients.c.used_at.is_(None), clients.c.created_at < now - unused), clients.c.used_at < now - idle
        )
        async with self._database.write() as connection:
            return (await connection.execute(delete(clients).where(old))).rowcount

    # -- redirect hosts --------------------------------------------------------------------------------------

    async def host(self, host: str) -> RedirectHost | None:
        """What was decided on this host; None when nobody asked for it."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(hosts).where(hosts.c.host == host))).mappings().one_or_none()
            return None if row is None else RedirectHost.of(row)

    async def ask(self, host: str, client_name: str, asked_by: str) -> HostState:
        """Have the host wait for an admin's yes, unless it was asked for before; returns how it stands."""
        row = {
            "host": host,
            "state": "pending",
            "client_name": client_name,
            "asked_by": asked_by,
            "asked_at": self._clock.now(),
        }
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(hosts), row)
        except IntegrityError:
            found = await self.host(host)
            return found.state if found else "pending"
        return "pending"

    async def decide(self, host: str, state: HostState) -> None:
        """Write an admin's decision; also for a host nobody asked for yet."""
        now = self._clock.now()
        async with self._database.write() as connection:
            decided = update(hosts).where(hosts.c.host == host).values(state=state, decided_at=now)
            if not (await connection.execute(decided)).rowcount:
                row = {"host": host, "state": state, "client_name": "", "asked_by": "", "asked_at": now}
                await connection.execute(insert(hosts), row | {"decided_at": now})

    async def list_hosts(self) -> list[RedirectHost]:
        """All hosts that were asked for or decided on, by name."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(hosts).order_by(hosts.c.host))
            return [RedirectHost.of(row) for row in rows.mappings()]
