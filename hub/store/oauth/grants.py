"""Grants: what a person allowed a client, with its refresh and access tokens.

A grant is one family of tokens; ending it ends them all, told by a change of kind ``token`` whose key is the grant's
id. Only hashes of tokens are kept. When a token is good is decided above.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.clock import Clock
from hub.sdk.tool import Effect
from hub.store.changes import Changes
from hub.store.database import Database
from hub.store.identifiers import Random, new_id
from hub.store.journal import Journal, Statement
from hub.store.oauth.codes import Code, effects_of, effects_text
from hub.store.oauth.tables import access_tokens, codes, grants, refresh_tokens
from hub.store.tables import microseconds, users
from hub.store.users import User

CHANGE = "token"
"""The kind of change that tells of a grant's end: a grant is to caches what a token is."""

ACCESS_PREFIX = "hub_at_"
REFRESH_PREFIX = "hub_rt_"
"""What a grant's tokens begin with; 43 characters follow."""

KEPT = timedelta(days=30)
"""How long a grant that ended is shown to its person."""

_TOUCH = Statement(
    update(grants)
    .where(grants.c.id == bindparam("touched"))
    .values(used_at=bindparam("used"), address=bindparam("from_where"), agent=bindparam("with_what")),
    ("touched", "used", "from_where", "with_what"),
    lambda posted: (posted[0], microseconds(posted[1]), posted[2], posted[3]),
)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person allowed a client. ``effects`` and ``profile`` bound every token of it."""

    id: str
    user_id: str
    client_id: str
    client_name: str
    client_kind: str
    host: str
    resource: str
    effects: frozenset[Effect]
    profile: str | None
    label: str | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    address: str | None
    agent: str | None
    told_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, row: RowMapping, prefix: str = "") -> "Grant":
        """The grant of a row whose columns bear ``prefix``."""
        held = {name: row[prefix + name] for name in cls.__slots__}
        return cls(**{**held, "effects": effects_of(held["effects"])})


@dataclass(frozen=True, slots=True)
class Held:
    """A token's row with its grant and user. ``used_at`` is a refresh token's exchange, None for access tokens."""

    hash: str
    expires_at: datetime
    used_at: datetime | None
    grant: Grant
    user: User


@dataclass(frozen=True, slots=True)
class Pair:
    """An access and a refresh token to be kept: their hashes and ends."""

    access: str
    access_expires: datetime
    refresh: str
    refresh_expires: datetime


class Grants:
    """The tables of grants and their tokens."""

    def __init__(self, database: Database, changes: Changes, journal: Journal, clock: Clock, random: Random) -> None:
        self._database = database
        self._changes = changes
        self._journal = journal
        self._clock = clock
        self._random = random

    async def create(self, code: Code, pair: Pair) -> bool:
        """Use ``code`` up for a new grant with its first tokens, in one transaction; of several at once only one
        succeeds, and all others wait until it has."""
        now = self._clock.now()
        id = new_id(now, self._random)
        live = update(codes).where(codes.c.hash == code.hash, codes.c.used_at.is_(None))
        row: dict[str, Any] = {
            "id": id,
            "user_id": code.user_id,
            "client_id": code.client_id,
            "client_name": code.client_name,
            "client_kind": code.client_kind,
            "host": code.host,
            "resource": code.resource,
            "effects": effects_text(code.effects),
            "profile": code.profile,
            "created_at": now,
            "expires_at": pair.refresh_expires,
        }
        async with self._database.write() as connection:
            if (await connection.execute(live.values(used_at=now, grant_id=id))).rowcount != 1:
                return False
            await self._prune(connection, now)
            await connection.execute(insert(grants), row)
            await self._keep(connection, id, pair)
            return True

    async def rotate(self, hash: str, grant_id: str, pair: Pair) -> bool:
        """Exchange the refresh token of this hash for ``pair``; False when that was done before, or its grant ended.
        Of several at once only one succeeds, and all others wait until it has."""
        live = update(refresh_tokens).where(refresh_tokens.c.hash == hash, refresh_tokens.c.used_at.is_(None))
        alive = update(grants).where(grants.c.id == grant_id, grants.c.revoked_at.is_(None))
        now = self._clock.now()
        async with self._database.write() as connection:
            if (await connection.execute(live.values(used_at=now))).rowcount != 1:
                return False
            if (await connection.execute(alive.values(expires_at=pair.refresh_expires))).rowcount != 1:
                return False
            await self._prune(connection, now)
            await self._keep(connection, grant_id, pair)
            return True

    async def _keep(self, connection: AsyncConnection, grant_id: str, pair: Pair) -> None:
        access = {"hash": pair.access, "grant_id": grant_id, "expires_at": pair.access_expires}
        refresh = {"hash": pair.refresh, "grant_id": grant_id, "expires_at": pair.refresh_expires}
        await connection.execute(insert(access_tokens), access)
        await connection.execute(insert(refresh_tokens), refresh)

    async def _prune(self, connection: AsyncConnection, now: datetime) -> None:
        """Delete what nobody needs any more."""
        await connection.execute(delete(access_tokens).where(access_tokens.c.expires_at < now))
        await connection.execute(delete(refresh_tokens).where(refresh_tokens.c.expires_at < now))
        await connection.execute(delete(grants).where(grants.c.expires_at < now - KEPT))

    async def by_access(self, hash: str) -> Held | None:
        """The access token with this hash, its grant and user; also where they have ended: whoever asks must look."""
        return await self._held(access_tokens, hash)

    async def by_refresh(self, hash: str) -> Held | None:
        """The refresh token with this hash, its grant and user; also where they have ended, like ``by_access``."""
        return await self._held(refresh_tokens, hash)

    async def _held(self, table: Any, hash: str) -> Held | None:
        columns = [column.label(f"grant_{column.name}") for column in grants.c]
        own = [table.c.hash.label("token_hash"), table.c.expires_at.label("token_expires_at")]
        if table is refresh_tokens:
            own.append(table.c.used_at.label("token_used_at"))
        query = (
            select(*own, *columns, *users.c)
            .join(grants, grants.c.id == table.c.grant_id)
            .join(users, users.c.id == grants.c.user_id)
            .where(table.c.hash == hash)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            return None
        grant = Grant.of(row, "grant_")
        return Held(row["token_hash"], row["token_expires_at"], row.get("token_used_at"), grant, User.of(row))

    async def get(self, id: str) -> Grant | None:
        """The grant with this id."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(grants).where(grants.c.id == id))).mappings().one_or_none()
            return None if row is None else Grant.of(row)

    async def list(self, user_id: str) -> "list[Grant]":
        """The person's grants that have not ended, newest first."""
        live = (grants.c.user_id == user_id, grants.c.revoked_at.is_(None), grants.c.expires_at > self._clock.now())
        query = select(grants).where(*live).order_by(grants.c.created_at.desc(), grants.c.id.desc())
        async with self._database.read() as connection:
            return [Grant.of(row) for row in (await connection.execute(query)).mappings()]

    async def revoke(self, id: str) -> bool:
        """End a grant for good, in all processes within a second; returns whether it was alive."""
        live = update(grants).where(grants.c.id == id, grants.c.revoked_at.is_(None))
        async with self._database.write() as connection:
            done = await connection.execute(live.values(revoked_at=self._clock.now()))
            if done.rowcount:
                await self._changes.record(connection, CHANGE, id)
            return bool(done.rowcount)

    async def revoke_host(self, host: str) -> int:
        """End all grants of clients at this redirect host; returns how many."""
        live = (grants.c.host == host, grants.c.revoked_at.is_(None))
        async with self._database.write() as connection:
            ids = (await connection.execute(select(grants.c.id).where(*live))).scalars().all()
            await connection.execute(update(grants).where(*live).values(revoked_at=self._clock.now()))
            for id in ids:
                await self._changes.record(connection, CHANGE, id)
            return len(ids)

    async def end_access(self, hash: str, grant_id: str) -> None:
        """End one access token; its grant goes on."""
        async with self._database.write() as connection:
            done = await connection.execute(delete(access_tokens).where(access_tokens.c.hash == hash))
            if done.rowcount:
                await self._changes.record(connection, CHANGE, grant_id)

    async def name(self, id: str, label: str | None) -> None:
        """Have the grant called ``label``; None for its client's own name."""
        async with self._database.write() as connection:
            await connection.execute(update(grants).where(grants.c.id == id).values(label=label))

    async def told(self, id: str) -> None:
        """Note that the person knows of this grant."""
        untold = update(grants).where(grants.c.id == id, grants.c.told_at.is_(None))
        async with self._database.write() as connection:
            await connection.execute(untold.values(told_at=self._clock.now()))

    def touch(self, id: str, at: datetime, address: str | None, agent: str | None) -> None:
        """Note that the grant was used; written within a second, and nobody's cache is dropped for it."""
        self._journal.post(_TOUCH, (id, at, address, agent))
