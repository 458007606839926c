"""The hashes of people's passwords, one each.

Not the hashing (``identity/people``): what comes here is argon2id already.
"""

from sqlalchemy import delete, insert, select, update

from hub.clock import Clock
from hub.store.database import Database
from hub.store.people_tables import passwords


class Passwords:
    """The table of passwords."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def hash_of(self, user_id: str) -> str | None:
        """The person's hash; None where they have no password."""
        query = select(passwords.c.hash).where(passwords.c.user_id == user_id)
        async with self._database.read() as connection:
            found: str | None = (await connection.execute(query)).scalar_one_or_none()
            return found

    async def put(self, user_id: str, hash: str) -> None:
        """Give the person this hash in place of what they had.

        Raises ``sqlalchemy.exc.IntegrityError`` for a user that is not there.
        """
        row = {"hash": hash, "changed_at": self._clock.now()}
        async with self._database.write() as connection:
            done = await connection.execute(update(passwords).where(passwords.c.user_id == user_id).values(row))
            if not done.rowcount:
                await connection.execute(insert(passwords), {"user_id": user_id, **row})

    async def renew(self, user_id: str, old: str, new: str) -> bool:
        """Replace exactly the hash ``old`` (of the same password, with other parameters); False when it is gone."""
        mine = update(passwords).where(passwords.c.user_id == user_id, passwords.c.hash == old)
        async with self._database.write() as connection:
            return bool((await connection.execute(mine.values(hash=new))).rowcount)

    async def remove(self, user_id: str) -> bool:
        """Take the person's password away; returns whether they had one."""
        async with self._database.write() as connection:
            return bool((await connection.execute(delete(passwords).where(passwords.c.user_id == user_id))).rowcount)
