"""Who people are at other sign-ins: an issuer and its subject, which belong to one user here.

Found by issuer and subject only, never by a name or an e-mail address (OpenID Connect Core, section 5.7).
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from hub.clock import Clock
from hub.store.changes import Changes
from hub.store.database import Database
from hub.store.identifiers import Random, new_id
from hub.store.people_tables import external_identities as identities
from hub.store.tables import users
from hub.store.users import NameTaken, Role, User, checked_name, name_key


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """One person at one issuer. ``label`` is what they are called there, to be shown."""

    id: str
    issuer: str
    subject: str
    user_id: str
    label: str
    created_at: datetime
    last_used_at: datetime | None

    @classmethod
    def of(cls, row: RowMapping) -> "ExternalIdentity":
        """The identity of a row."""
        return cls(**{name: row[name] for name in cls.__slots__})


def _key(issuer: str, subject: str) -> str:
    return hashlib.sha256(json.dumps([issuer, subject]).encode()).hexdigest()


class ExternalIdentities:
    """The table of external identities."""

    def __init__(self, database: Database, changes: Changes, clock: Clock, random: Random) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock
        self._random = random

    async def user_of(self, issuer: str, subject: str) -> User | None:
        """Whose identity it is, disabled or not; None for nobody's."""
        query = select(users).join(identities, identities.c.user_id == users.c.id)
        async with self._database.read() as connection:
            found = await connection.execute(query.where(identities.c.key == _key(issuer, subject)))
            row = found.mappings().one_or_none()
            return None if row is None else User.of(row)

    async def add(self, user_id: str, issuer: str, subject: str, label: str) -> bool:
        """Give an identity to a user; False where it is someone's already."""
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(identities), self._row(user_id, issuer, subject, label))
        except IntegrityError:
            return False
        return True

    async def add_user(self, name: str, role: Role, issuer: str, subject: str, label: str) -> User:
        """A new user with this identity, both or neither.

        Raises ``NameRefused``, and ``NameTaken`` where the name or the identity is someone's already.
        """
        now = self._clock.now()
        kept = checked_name(name)
        user = User(new_id(now, self._random), kept, role, now, None)
        row: dict[str, Any] = {"id": user.id, "name": kept, "name_key": name_key(kept), "role": role, "created_at": now}
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(users), row)
                await connection.execute(insert(identities), self._row(user.id, issuer, subject, label))
                await self._changes.record(connection, "user", user.id)
        except IntegrityError:
            raise NameTaken(kept) from None
        return user

    async def used(self, issuer: str, subject: str, label: str) -> None:
        """Note a sign-in, and what the person is called there now."""
        mine = update(identities).where(identities.c.key == _key(issuer, subject))
        async with self._database.write() as connection:
            await connection.execute(mine.values(last_used_at=self._clock.now(), label=label[:255]))

    async def list(self, user_id: str) -> "list[ExternalIdentity]":
        """The person's identities, oldest first."""
        query = select(identities).where(identities.c.user_id == user_id).order_by(identities.c.created_at)
        async with self._database.read() as connection:
            return [ExternalIdentity.of(row) for row in (await connection.execute(query)).mappings()]

    async def remove(self, user_id: str, id: str) -> bool:
        """Take one identity from this person; returns whether they had it."""
        mine = delete(identities).where(identities.c.user_id == user_id, identities.c.id == id)
        async with self._database.write() as connection:
            return bool((await connection.execute(mine)).rowcount)

    def _row(self, user_id: str, issuer: str, subject: str, label: str) -> dict[str, Any]:
        now = self._clock.now()
        return {
            "id": new_id(now, self._random),
            "key": _key(issuer, subject),
            "issuer": issuer,
            "subject": subject,
            "user_id": user_id,
            "label": label[:255],
            "created_at": now,
        }
