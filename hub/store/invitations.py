"""Invitations: links by which someone who has no account yet gets one, once.

The first admin's is one too; it works only while there is no user at all. Only hashes are kept. Not the links of people
who have an account (``setup_links.py``): taking an invitation up makes the user and such a link.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from hub.clock import Clock
from hub.seal import fingerprint
from hub.store.changes import Changes
from hub.store.database import Database
from hub.store.identifiers import Random, new_id
from hub.store.people_tables import invitations
from hub.store.secrets import random_text
from hub.store.setup_links import PREFIX as SETUP_PREFIX
from hub.store.tables import setup_links, users
from hub.store.users import NameTaken, Role, User, checked_name, name_key

PREFIX = "invite_"
KEPT = timedelta(days=7)
"""How long used and expired invitations are remembered."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """One invitation, without its secret. ``invited_by`` None: the hub's own, for the first admin."""

    id: str
    role: Role
    name: str
    invited_by: str | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None

    @classmethod
    def of(cls, row: RowMapping | dict[str, Any]) -> "Invitation":
        """The invitation of a row."""
        return cls(**{name: row[name] for name in cls.__slots__})


class Invitations:
    """The table of invitations."""

    def __init__(self, database: Database, changes: Changes, clock: Clock, random: Random) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock
        self._random = random

    async def create(self, role: Role, name: str, invited_by: str | None, ttl: timedelta) -> tuple[Invitation, str]:
        """A new invitation, and its secret that works once within ``ttl``. ``name`` is a proposal and may be empty."""
        secret = PREFIX + random_text(self._random)
        now = self._clock.now()
        row: dict[str, Any] = {
            "hash": fingerprint(secret),
            "id": new_id(now, self._random),
            "role": role,
            "name": name[:64],
            "invited_by": invited_by,
            "created_at": now,
            "expires_at": now + ttl,
            "used_at": None,
        }
        async with self._database.write() as connection:
            await connection.execute(delete(invitations).where(invitations.c.expires_at < now - KEPT))
            await connection.execute(insert(invitations), row)
        return Invitation.of(row), secret

    async def peek(self, secret: str) -> Invitation | None:
        """The invitation, where it still works."""
        query = select(invitations).where(*self._live(secret))
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
            if row is None:
                return None
            one = Invitation.of(row)
            if one.invited_by is None and (await connection.execute(select(func.count()).select_from(users))).scalar():
                return None
            return one

    async def accept(self, secret: str, name: str, ttl: timedelta) -> tuple[User, str] | None:
        """Use the invitation up: a new user of this name, and the secret of a set-up link for them that works within
        ``ttl``. None where it does not work; of several at once only one gets a user.

        Raises ``NameRefused`` and ``NameTaken``; the invitation then still works.
        """
        kept = checked_name(name)
        now = self._clock.now()
        link = SETUP_PREFIX + random_text(self._random)
        try:
            async with self._database.write() as connection:
                found = await connection.execute(select(invitations).where(*self._live(secret)))
                row = found.mappings().one_or_none()
                if row is None:
                    return None
                if row["invited_by"] is None:
                    # Two of the hub's own, taken up at once, wait for each other unless they lock them in one order.
                    own = select(invitations.c.hash).where(invitations.c.invited_by.is_(None))
                    await connection.execute(own.order_by(invitations.c.hash).with_for_update())
                marked = update(invitations).where(*self._live(secret)).values(used_at=now)
                if (await connection.execute(marked)).rowcount != 1:
                    return None
                if row["invited_by"] is None:
                    # All of the hub's own fall with the first that is used, also where several hubs made them.
                    others = update(invitations).where(invitations.c.invited_by.is_(None))
                    await connection.execute(others.where(invitations.c.used_at.is_(None)).values(used_at=now))
                    if (await connection.execute(select(func.count()).select_from(users))).scalar():
                        return None
                user = User(new_id(now, self._random), kept, row["role"], now, None)
                person = {"id": user.id, "name": kept, "name_key": name_key(kept), "role": user.role, "created_at": now}
                await connection.execute(insert(users), person)
                made = {"hash": fingerprint(link), "user_id": user.id, "created_at": now, "expires_at": now + ttl}
                await connection.execute(insert(setup_links), made)
                await self._changes.record(connection, "user", user.id)
        except IntegrityError:
            raise NameTaken(kept) from None
        return user, link

    async def waiting(self) -> list[Invitation]:
        """The invitations made by people that can still be used, newest first."""
        now = self._clock.now()
        query = (
            select(invitations)
            .where(
                invitations.c.used_at.is_(None),
                invitations.c.expires_at > now,
                invitations.c.invited_by.is_not(None),
            )
            .order_by(invitations.c.created_at.desc())
        )
        async with self._database.read() as connection:
            return [Invitation.of(row) for row in (await connection.execute(query)).mappings()]

    async def withdraw(self, id: str) -> bool:
        """Take an invitation back; returns whether it could still be used."""
        mine = update(invitations).where(invitations.c.id == id, invitations.c.used_at.is_(None))
        async with self._database.write() as connection:
            return bool((await connection.execute(mine.values(used_at=self._clock.now()))).rowcount)

    def _live(self, secret: str) -> tuple[Any, ...]:
        return (
            invitations.c.hash == fingerprint(secret),
            invitations.c.used_at.is_(None),
            invitations.c.expires_at > self._clock.now(),
        )
