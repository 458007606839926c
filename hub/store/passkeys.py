"""People's passkeys: the public keys of their authenticators (WebAuthn).

Nothing secret is here. Not the ceremonies that make and use them (``identity/people``).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from hub.clock import Clock
from hub.seal import fingerprint
from hub.store.database import Database
from hub.store.identifiers import Random, new_id
from hub.store.people_tables import passkeys
from hub.store.tables import users
from hub.store.users import User, checked_name


@dataclass(frozen=True, slots=True)
class Passkey:
    """One passkey. ``credential`` and ``public_key`` (COSE) are base64url."""

    id: str
    user_id: str
    credential: str
    public_key: str
    sign_count: int
    name: str
    created_at: datetime
    last_used_at: datetime | None

    @classmethod
    def of(cls, row: RowMapping) -> "Passkey":
        """The passkey of a row."""
        return cls(**{name: row[name] for name in cls.__slots__})


class Passkeys:
    """The table of passkeys."""

    def __init__(self, database: Database, clock: Clock, random: Random) -> None:
        self._database = database
        self._clock = clock
        self._random = random

    async def add(self, user_id: str, name: str, credential: str, public_key: str, sign_count: int) -> Passkey | None:
        """A new passkey; None where this credential is known already. Raises ``NameRefused``."""
        now = self._clock.now()
        one = Passkey(
            new_id(now, self._random), user_id, credential, public_key, sign_count, checked_name(name), now, None
        )
        row = {key: getattr(one, key) for key in Passkey.__slots__} | {"credential_hash": fingerprint(credential)}
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(passkeys), row)
        except IntegrityError:
            return None
        return one

    async def list(self, user_id: str) -> "list[Passkey]":
        """The person's passkeys, oldest first."""
        query = select(passkeys).where(passkeys.c.user_id == user_id).order_by(passkeys.c.created_at, passkeys.c.id)
        async with self._database.read() as connection:
            return [Passkey.of(row) for row in (await connection.execute(query)).mappings()]

    async def by_credential(self, credential: str) -> tuple[Passkey, User] | None:
        """The passkey with this credential id, and whose it is, disabled or not."""
        columns = [column.label(f"person_{column.name}") for column in users.c]
        query = select(*passkeys.c, *columns).join(users, users.c.id == passkeys.c.user_id)
        query = query.where(passkeys.c.credential_hash == fingerprint(credential))
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            return None
        return Passkey.of(row), User.of({column.name: row[f"person_{column.name}"] for column in users.c})

    async def used(self, id: str, sign_count: int) -> None:
        """Note a use, and the authenticator's counter."""
        mine = update(passkeys).where(passkeys.c.id == id)
        async with self._database.write() as connection:
            await connection.execute(mine.values(sign_count=sign_count, last_used_at=self._clock.now()))

    async def remove(self, user_id: str, id: str) -> bool:
        """Forget one passkey of this person; returns whether there was one."""
        mine = delete(passkeys).where(passkeys.c.user_id == user_id, passkeys.c.id == id)
        async with self._database.write() as connection:
            return bool((await connection.execute(mine)).rowcount)

    async def remove_all(self, user_id: str) -> int:
        """Forget all of them; returns how many."""
        async with self._database.write() as connection:
            return (await connection.execute(delete(passkeys).where(passkeys.c.user_id == user_id))).rowcount
