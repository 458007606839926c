"""Connections: people's accounts at apps, one row each. The secret comes and goes sealed.

Every write that others may have cached is told as a change of kind ``connection`` whose key is the owner's id. A new
secret is written only over the one that was read (compare and swap on ``version``), and only one process at a time
renews a row (its lease). What a secret means, and when it is renewed, is decided above.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

import orjson
from sqlalchemy import RowMapping, bindparam, delete, insert, or_, select, update

from hub.clock import Clock
from hub.store.changes import Changes
from hub.store.connection_tables import agreements, connections
from hub.store.database import Database
from hub.store.identifiers import Random, new_id
from hub.store.journal import Journal, Statement
from hub.store.tables import microseconds

CHANGE = "connection"

Health = Literal["ok", "needs_sign_in", "needs_operator"]
"""Whether an account can be used, and who can put it right."""

_TOUCH = Statement(
    update(connections).where(connections.c.id == bindparam("touched")).values(used_at=bindparam("used")),
    ("touched", "used"),
    lambda posted: (posted[0], microseconds(posted[1])),
)


@dataclass(frozen=True, slots=True)
class Connection:
    """One account. ``secret`` is sealed; ``reason`` says why ``health`` is not ok, for who can mend it."""

    id: str
    user_id: str
    provider: str
    method: str
    label: str
    subject: str
    scopes: frozenset[str]
    settings: Mapping[str, str]
    fields: Mapping[str, Any]
    hosts: tuple[str, ...]
    secret: str = field(repr=False)
    version: int
    health: Health
    reason: str
    expires_at: datetime | None
    renewed_at: datetime
    lease_owner: str | None
    lease_until: datetime | None
    failures: int
    failed_at: datetime | None
    is_default: bool
    wanted: frozenset[str]
    created_at: datetime
    used_at: datetime | None

    @classmethod
    def of(cls, row: RowMapping) -> "Connection":
        """The connection of a row."""
        held = {name: row[name] for name in cls.__slots__}
        for name in ("scopes", "wanted"):
            held[name] = frozenset((row[name] or "").split())
        for name in ("settings", "fields"):
            held[name] = orjson.loads(row[name])
        held["hosts"] = tuple(orjson.loads(row["hosts"]))
        return cls(**held)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a new secret of an account comes with."""

    method: str
    label: str
    subject: str
    scopes: frozenset[str]
    settings: Mapping[str, str]
    fields: Mapping[str, Any]
    hosts: tuple[str, ...]
    expires_at: datetime | None

    def row(self) -> dict[str, Any]:
        """Its columns."""
        return {
            "method": self.method,
            "label": self.label[:255],
            "subject": self.subject[:255],
            "scopes": " ".join(sorted(self.scopes)),
            "settings": orjson.dumps(dict(self.settings)).decode(),
            "fields": orjson.dumps(dict(self.fields)).decode(),
            "hosts": orjson.dumps(list(self.hosts)).decode(),
            "expires_at": self.expires_at,
        }


class Agreement(NamedTuple):
    """An owner's yes: this connector, of this code, may use this connection."""

    connection_id: str
    connector: str
    code: str


_WELL: dict[str, Any] = {
    "health": "ok",
    "reason": "",
    "failures": 0,
    "failed_at": None,
    "lease_owner": None,
    "lease_until": None,
}


class Connections:
    """The tables of connections and agreements."""

    def __init__(self, database: Database, changes: Changes, journal: Journal, clock: Clock, random: Random) -> None:
        self._database = database
        self._changes = changes
        self._journal = journal
        self._clock = clock
        self._random = random

    def new_id(self) -> str:
        """The id of a connection to be added: its secret is sealed to it before there is a row."""
        return new_id(self._clock.now(), self._random)

    async def add(self, id: str, user_id: str, provider: str, draft: Draft, secret: str) -> None:
        """Keep a new connection; its first of this provider is the default."""
        now = self._clock.now()
        others = select(connections.c.id).where(connections.c.user_id == user_id, connections.c.provider == provider)
        async with self._database.write() as connection:
            first = (await connection.execute(others.limit(1))).first() is None
            row = {"id": id, "user_id": user_id, "provider": provider, "secret": secret, "version": 1}
            made = {"created_at": now, "renewed_at": now, "is_default": first}
            await connection.execute(insert(connections), {**row, **draft.row(), **_WELL, **made})
            await self._changes.record(connection, CHANGE, user_id)

    async def replace(self, kept: Connection, draft: Draft, secret: str) -> bool:
        """Give a connection a new secret, whatever happened to it meanwhile; False where it is gone."""
        mine = update(connections).where(connections.c.id == kept.id)
        values = {**draft.row(), **_WELL, "wanted": None, "secret": secret, "renewed_at": self._clock.now()}
        return await self._written(mine.values(**values, version=connections.c.version + 1), kept.user_id)

    async def get(self, id: str) -> Connection | None:
        """The connection with this id."""
        async with self._database.read() as connection:
            found = (await connection.execute(select(connections).where(connections.c.id == id))).mappings()
            row = found.one_or_none()
            return None if row is None else Connection.of(row)

    async def of_provider(self, provider: str) -> "list[Connection]":
        """Everybody's connections at a provider."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(connections).where(connections.c.provider == provider))
            return [Connection.of(row) for row in rows.mappings()]

    async def all(self) -> "list[Connection]":
        """Everybody's connections, by owner and provider."""
        query = select(connections).order_by(connections.c.user_id, connections.c.provider, connections.c.id)
        async with self._database.read() as connection:
            return [Connection.of(row) for row in (await connection.execute(query)).mappings()]

    async def lease(self, kept: Connection, owner: str, until: datetime) -> bool:
        """Take the right to renew the secret that was read; False where it is another's, or a renewal, good or failed,
        ended since it was read."""
        free = or_(connections.c.lease_until.is_(None), connections.c.lease_until <= self._clock.now())
        as_read = (connections.c.version == kept.version, connections.c.failures == kept.failures)
        mine = update(connections).where(connections.c.id == kept.id, *as_read, free)
        async with self._database.write() as connection:
            done = await connection.execute(mine.values(lease_owner=owner, lease_until=until))
            return done.rowcount == 1

    async def renewed(
        self,
        kept: Connection,
        secret: str,
        expires_at: datetime | None,
        scopes: frozenset[str],
        fields: Mapping[str, Any],
    ) -> bool:
        """Write the renewed secret over the one that was read, and give the lease back; False where it is no longer
        that one. The lease need not be held any more: the version alone decides."""
        mine = update(connections).where(connections.c.id == kept.id, connections.c.version == kept.version)
        values = {
            **_WELL,
            "secret": secret,
            "version": kept.version + 1,
            "expires_at": expires_at,
            "scopes": " ".join(sorted(scopes)),
            "fields": orjson.dumps(dict(fields)).decode(),
            "renewed_at": self._clock.now(),
        }
        return await self._written(mine.values(**values), kept.user_id)

    async def failed(self, kept: Connection, health: Health, reason: str) -> bool:
        """Note that the secret that was read could not be renewed, and give the lease back."""
        mine = update(connections).where(connections.c.id == kept.id, connections.c.version == kept.version)
        values = {
            "health": health,
            "reason": reason[:1000],
            "failures": connections.c.failures + 1,
            "failed_at": self._clock.now(),
            "lease_owner": None,
            "lease_until": None,
        }
        return await self._written(mine.values(**values), kept.user_id)

    async def want(self, kept: Connection, scopes: frozenset[str]) -> None:
        """Note scopes that the account's server asks for: they are asked of its owner when it is next connected."""
        wanted = " ".join(sorted(kept.wanted | scopes))
        await self._written(update(connections).where(connections.c.id == kept.id).values(wanted=wanted), kept.user_id)

    async def mend(self, provider: str) -> int:
        """Everybody's connections that waited for the operator may be tried again; returns how many."""
        theirs = (connections.c.provider == provider, connections.c.health == "needs_operator")
        async with self._database.write() as connection:
            users = (await connection.execute(select(connections.c.user_id).where(*theirs))).scalars().all()
            await connection.execute(update(connections).where(*theirs).values(health="ok", reason="", failures=0))
            for user_id in set(users):
                await self._changes.record(connection, CHANGE, user_id)
            return len(users)

    async def rename(self, user_id: str, id: str, label: str) -> bool:
        """Call the person's connection something else; returns whether they have it."""
        mine = update(connections).where(connections.c.user_id == user_id, connections.c.id == id)
        return await self._written(mine.values(label=label[:255]), user_id)

    async def make_default(self, user_id: str, provider: str, id: str | None) -> None:
        """Have this connection serve where none is named; None for none."""
        mine = update(connections).where(connections.c.user_id == user_id, connections.c.provider == provider)
        await self._written(mine.values(is_default=connections.c.id == (id or "")), user_id)

    async def remove(self, user_id: str, id: str) -> bool:
        """Delete the person's connection; returns whether they had it."""
        return await self._written(
            delete(connections).where(connections.c.user_id == user_id, connections.c.id == id), user_id
        )

    async def idle(self, before: datetime, limit: int) -> "list[Connection]":
        """Healthy connections not renewed since ``before``, the longest first."""
        due = (connections.c.renewed_at <= before, connections.c.health == "ok")
        query = select(connections).where(*due).order_by(connections.c.renewed_at).limit(limit)
        async with self._database.read() as connection:
            return [Connection.of(row) for row in (await connection.execute(query)).mappings()]

    async def abandoned(self) -> "list[Connection]":
        """Connections whose renewal was begun and never ended: its process died between sending and committing."""
        lapsed = connections.c.lease_until <= self._clock.now()
        async with self._database.read() as connection:
            return [
                Connection.of(row) for row in (await connection.execute(select(connections).where(lapsed))).mappings()
            ]

    def touch(self, id: str, at: datetime) -> None:
        """Note that it signed a call; written within a second, and nobody's cache is dropped for it."""
        self._journal.post(_TOUCH, (id, at))

    async def agree(self, user_id: str, id: str, connector: str, code: str) -> None:
        """Note that the person lets this connector, of this code, use their connection."""
        row = {"connection_id": id, "connector": connector, "code": code, "created_at": self._clock.now()}
        before = (agreements.c.connection_id == id, agreements.c.connector == connector)
        mine = select(connections.c.id).where(connections.c.id == id, connections.c.user_id == user_id)
        async with self._database.write() as connection:
            if (await connection.execute(mine)).first() is None:
                return
            await connection.execute(delete(agreements).where(*before))
            await connection.execute(insert(agreements), row)
            await self._changes.record(connection, CHANGE, user_id)

    async def agreed(self, ids: Collection[str]) -> frozenset[Agreement]:
        """What the owners of these connections agreed to."""
        query = select(agreements).where(agreements.c.connection_id.in_(ids))
        async with self._database.read() as connection:
            rows = await connection.execute(query)
            return frozenset(Agreement(row.connection_id, row.connector, row.code) for row in rows)

    async def _written(self, statement: Any, user_id: str) -> bool:
        async with self._database.write() as connection:
            done = await connection.execute(statement)
            if done.rowcount:
                await self._changes.record(connection, CHANGE, user_id)
            return bool(done.rowcount)

    async def list(self, user_id: str) -> "list[Connection]":
        """The person's connections, by provider, oldest first."""
        mine = select(connections).where(connections.c.user_id == user_id)
        async with self._database.read() as connection:
            rows = await connection.execute(mine.order_by(connections.c.provider, connections.c.id))
            return [Connection.of(row) for row in rows.mappings()]
