"""All that lies sealed in the database for long, whatever room it is of: to seal it anew, or to give it up.

What is sealed for minutes or hours (steps of browsers, tasks, cursors) is not here: it ends by itself. Files are
sealed anew by ``hub.files.resealing``.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from hub.store.changes import EVERYTHING, Changes
from hub.store.connection_tables import client_credentials, connect_flows, connections, key_check, registrations
from hub.store.database import Database
from hub.store.file_tables import files
from hub.store.people_tables import ceremonies, totp_secrets
from hub.store.tables import posted_answers, session_notes, tasks

Reseal = Callable[[str, str, str], str]
"""Given the purpose, what it is bound to and the sealed text: the same sealed with the newest key."""


class Sealed:
    """The sealed columns."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    async def check(self) -> str | None:
        """What was sealed with the key of this database; None where nothing was yet."""
        async with self._database.read() as connection:
            found: str | None = (await connection.execute(select(key_check.c.sealed))).scalar_one_or_none()
            return found

    async def first_check(self, sealed: str) -> str:
        """Keep what the key is known by where nothing is kept yet; returns what is kept from now on, which may be what
        another process put there in the same moment."""
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(key_check), {"id": 1, "sealed": sealed})
        except IntegrityError:
            return await self.check() or sealed
        return sealed

    async def put_check(self, sealed: str) -> None:
        """Keep what the key is known by, in place of what was kept."""
        async with self._database.write() as connection:
            await connection.execute(delete(key_check))
            await connection.execute(insert(key_check), {"id": 1, "sealed": sealed})

    async def reseal(self, reseal: Reseal) -> int:
        """Seal every row anew, each in a transaction of its own, so that nobody waits long; returns how many."""
        rooms: tuple[tuple[Any, Any, str, Callable[[Any], str]], ...] = (
            (connections, connections.c.id, "connection", lambda row: f"{row.id}:{row.user_id}"),
            (client_credentials, client_credentials.c.provider, "client credential", lambda row: str(row.provider)),
            (registrations, registrations.c.id, "client credential", lambda row: str(row.id)),
            (totp_secrets, totp_secrets.c.user_id, "totp", lambda row: str(row.user_id)),
        )
        count = 0
        for table, key, purpose, bound in rooms:
            async with self._database.read() as connection:
                keys = (await connection.execute(select(key).where(table.c.secret.is_not(None)))).scalars().all()
            for one in keys:
                async with self._database.write() as connection:
                    row = (await connection.execute(select(table).where(key == one))).one_or_none()
                    if row is None or row.secret is None:
                        continue
                    fresh = reseal(purpose, bound(row), row.secret)
                    # Other columns and the version stay: it is the same secret, and nobody's cache is wrong.
                    await connection.execute(update(table).where(key == one).values(secret=fresh))
                    count += 1
        return count

    async def forget(self) -> dict[str, int]:
        """Give up all that is sealed: connections stay and need a sign-in, the rest goes. Returns what was given up."""
        gone = {"connections": 0, "client credentials": 0, "second factors": 0}
        async with self._database.write() as connection:
            count = select(func.count()).select_from(connections)
            gone["connections"] = int((await connection.execute(count)).scalar_one())
            reason = "The hub's key was lost and its secrets were given up."
            lost = {"secret": "", "health": "needs_sign_in", "reason": reason, "lease_owner": None, "lease_until": None}
            await connection.execute(update(connections).values(**lost, version=connections.c.version + 1))
            gone["client credentials"] = (await connection.execute(delete(client_credentials))).rowcount
            await connection.execute(delete(registrations))
            gone["second factors"] = (await connection.execute(delete(totp_secrets))).rowcount
            for table in (key_check, ceremonies, connect_flows, tasks, session_notes, posted_answers, files):
                await connection.execute(delete(table))
            await self._changes.record(connection, EVERYTHING, EVERYTHING)
        return gone
