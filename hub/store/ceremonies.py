"""Sign-ins under way: what must be known when a browser comes back from an authenticator or another sign-in.

Bound to the browser by its visit cookie, short-lived, taken once. What is held comes and goes sealed.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, insert, select

from hub.clock import Clock
from hub.seal import fingerprint
from hub.store.database import Database
from hub.store.identifiers import Random
from hub.store.people_tables import ceremonies
from hub.store.secrets import random_text


class Ceremonies:
    """The table of ceremonies."""

    def __init__(self, database: Database, clock: Clock, random: Random) -> None:
        self._database = database
        self._clock = clock
        self._random = random

    def secret(self) -> str:
        """A new secret by which a ceremony will be known."""
        return random_text(self._random)

    async def open(self, secret: str, kind: str, browser: str, held: str, ttl: timedelta) -> None:
        """Keep ``held`` for the browser whose visit is ``browser``."""
        row = {
            "hash": fingerprint(secret),
            "kind": kind,
            "browser": fingerprint(browser),
            "held": held,
            "expires_at": self._clock.now() + ttl,
        }
        async with self._database.write() as connection:
            await connection.execute(insert(ceremonies), row)

    async def peek(self, secret: str, kind: str, browser: str) -> str | None:
        """What is held, without using it up."""
        query = select(ceremonies.c.held).where(*self._live(secret, kind, browser))
        async with self._database.read() as connection:
            held: str | None = (await connection.execute(query)).scalar_one_or_none()
            return held

    async def take(self, secret: str, kind: str, browser: str) -> str | None:
        """What is held, which is then gone; of several at once only one gets it."""
        live = self._live(secret, kind, browser)
        async with self._database.write() as connection:
            held: str | None = (await connection.execute(select(ceremonies.c.held).where(*live))).scalar_one_or_none()
            gone = await connection.execute(delete(ceremonies).where(*live))
            return held if gone.rowcount == 1 else None

    async def prune(self) -> int:
        """Delete what has expired; returns how many rows."""
        async with self._database.write() as connection:
            done = await connection.execute(delete(ceremonies).where(ceremonies.c.expires_at <= self._clock.now()))
            return done.rowcount

    def _live(self, secret: str, kind: str, browser: str) -> tuple[Any, ...]:
        return (
            ceremonies.c.hash == fingerprint(secret),
            ceremonies.c.kind == kind,
            ceremonies.c.browser == fingerprint(browser),
            ceremonies.c.expires_at > self._clock.now(),
        )
