"""One-time links by which a new user sets up their sign-in.

Only the link's hash is kept; the secret is in the link alone. Not the page behind the link (``web``).
"""

from datetime import timedelta

from sqlalchemy import Select, delete, insert, select, update

from hub.clock import Clock
from hub.seal import fingerprint
from hub.store.database import Database
from hub.store.identifiers import Random
from hub.store.secrets import random_text
from hub.store.tables import setup_links, users
from hub.store.users import User

PREFIX = "setup_"
KEPT = timedelta(days=7)
"""How long used and expired links are remembered."""


class SetupLinks:
    """The table of setup links."""

    def __init__(self, database: Database, clock: Clock, random: Random) -> None:
        self._database = database
        self._clock = clock
        self._random = random

    async def create(self, user_id: str, ttl: timedelta) -> str:
        """A secret that ``take`` accepts once within ``ttl``; it cannot be shown again.

        Raises ``sqlalchemy.exc.IntegrityError`` for a user that is not there.
        """
        secret = PREFIX + random_text(self._random)
        now = self._clock.now()
        row = {"hash": fingerprint(secret), "user_id": user_id, "created_at": now, "expires_at": now + ttl}
        async with self._database.write() as connection:
            await connection.execute(delete(setup_links).where(setup_links.c.expires_at < now - KEPT))
            await connection.execute(insert(setup_links), row)
        return secret

    async def peek(self, secret: str) -> User | None:
        """Whose link it is, without using it up; None when it is unknown, used, expired or its user is disabled."""
        async with self._database.read() as connection:
            row = (await connection.execute(self._live(secret))).mappings().one_or_none()
            return None if row is None else User.of(row)

    async def take(self, secret: str) -> User | None:
        """Use the link up, and whose it was; None like ``peek``. Of several at once only one gets the user."""
        mark = update(setup_links).where(setup_links.c.hash == fingerprint(secret), setup_links.c.used_at.is_(None))
        async with self._database.write() as connection:
            row = (await connection.execute(self._live(secret))).mappings().one_or_none()
            if row is None:
                return None
            done = await connection.execute(mark.values(used_at=self._clock.now()))
            if done.rowcount != 1:
                return None
            return User.of(row)

    def _live(self, secret: str) -> Select[tuple[object, ...]]:
        return (
            select(users)
            .join(setup_links, setup_links.c.user_id == users.c.id)
            .where(
                setup_links.c.hash == fingerprint(secret),
                setup_links.c.used_at.is_(None),
                setup_links.c.expires_at > self._clock.now(),
                users.c.disabled_at.is_(None),
            )
        )
