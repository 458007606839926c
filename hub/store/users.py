"""The people of this hub.

Not how they sign in: tokens and setup links have their own rooms, and who is calling is ``identity``'s question.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import RowMapping, Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.clock import Clock
from hub.errors import HubError
from hub.store.changes import Changes
from hub.store.database import Database
from hub.store.identifiers import Random, new_id
from hub.store.people_tables import web_sessions
from hub.store.tables import users

Role = Literal["member", "admin"]
"""What a person may do: own accounts, or besides that run the hub in the console."""

MAX_NAME = 64


class NameRefused(HubError):
    """A name that cannot be given to a user or token; says why."""


class NameTaken(NameRefused):
    """Another user bears the name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is already a user named {name!r}; choose another name.")


@dataclass(frozen=True, slots=True)
class User:
    """A person who owns accounts. ``disabled_at`` is set while they may not use the hub."""

    id: str
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None

    @property
    def enabled(self) -> bool:
        """Whether they may use the hub."""
        return self.disabled_at is None

    @classmethod
    def of(cls, row: RowMapping | dict[str, Any]) -> "User":
        """The user of a row of the table."""
        return cls(row["id"], row["name"], row["role"], row["created_at"], row["disabled_at"])


def checked_name(name: str) -> str:
    """``name`` as it is kept: composed (NFC), without spaces at the ends. Raises ``NameRefused``."""
    kept = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(kept) <= MAX_NAME:
        raise NameRefused(f"A name has 1 to {MAX_NAME} characters; this one has {len(kept)}.")
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for character in kept):
        raise NameRefused("A name has no control characters and no invisible ones.")
    return kept


def name_key(name: str) -> str:
    """The name as it is compared: in any case, and in any of Unicode's spellings."""
    return unicodedata.normalize("NFKC", name.strip()).casefold()


class Users:
    """The table of users."""

    def __init__(
        self, database: Database, changes: Changes, clock: Clock, random: Random, ending: Sequence[Table] = ()
    ) -> None:
        """``ending`` are the tables whose rows end (``revoked_at``) when the user they belong to is disabled."""
        self._database = database
        self._changes = changes
        self._clock = clock
        self._random = random
        self._ending = tuple(ending)

    async def add(self, name: str, role: Role = "member") -> User:
        """A new user. Raises ``NameRefused``, and ``NameTaken`` where another bears the name in any case."""
        now = self._clock.now()
        kept = checked_name(name)
        user = User(new_id(now, self._random), kept, role, now, None)
        row = {"id": user.id, "name": kept, "name_key": name_key(kept), "role": role, "created_at": now}
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(users), row)
                await self._changes.record(connection, "user", user.id)
        except IntegrityError:
            raise NameTaken(kept) from None
        return user

    async def get(self, id: str) -> User | None:
        """The user with this id."""
        return await self._one(users.c.id == id)

    async def by_name(self, name: str) -> User | None:
        """The user with this name, in any case."""
        return await self._one(users.c.name_key == name_key(name))

    async def list(self) -> "list[User]":
        """All users by name."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(users).order_by(users.c.name_key))
            return [User.of(row) for row in rows.mappings()]

    async def disable(self, id: str) -> bool:
        """Shut the user out until ``enable``, and end their sessions, tokens and grants for good; returns whether this
        changed anything."""
        return await self._set(id, self._clock.now())

    async def enable(self, id: str) -> bool:
        """Let the user in again; returns whether this changed anything."""
        return await self._set(id, None)

    async def _set(self, id: str, disabled_at: datetime | None) -> bool:
        before = users.c.disabled_at.is_(None) if disabled_at else users.c.disabled_at.is_not(None)
        async with self._database.write() as connection:
            done = await connection.execute(
                update(users).where(users.c.id == id, before).values(disabled_at=disabled_at)
            )
            if done.rowcount:
                await self._changes.record(connection, "user", id)
                if disabled_at is not None:
                    await self._end_all(connection, id, disabled_at)
            return bool(done.rowcount)

    async def _end_all(self, connection: AsyncConnection, id: str, at: datetime) -> None:
        await connection.execute(delete(web_sessions).where(web_sessions.c.user_id == id))
        for table in self._ending:
            live = update(table).where(table.c.user_id == id, table.c.revoked_at.is_(None))
            await connection.execute(live.values(revoked_at=at))

    async def set_role(self, id: str, role: Role) -> bool:
        """Give the user another role, and end their web sessions, which were opened under the old one; returns whether
        this changed anything."""
        other = update(users).where(users.c.id == id, users.c.role != role)
        async with self._database.write() as connection:
            done = await connection.execute(other.values(role=role))
            if done.rowcount:
                await self._changes.record(connection, "user", id)
                await connection.execute(delete(web_sessions).where(web_sessions.c.user_id == id))
            return bool(done.rowcount)

    async def count(self) -> int:
        """How many users there are."""
        async with self._database.read() as connection:
            return int((await connection.execute(select(func.count()).select_from(users))).scalar_one())

    async def _one(self, condition: Any) -> User | None:
        async with self._database.read() as connection:
            row = (await connection.execute(select(users).where(condition))).mappings().one_or_none()
            return None if row is None else User.of(row)
