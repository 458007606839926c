"""The sessions of signed-in browsers.

Only the SHA-256 of what the cookie holds is kept. Looked up in the database at every page, so that an ended session is
over at once in every process. Not the cookie (``web``), and not the legacy sessions of MCP clients (``sessions.py``).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, delete, insert, select, update

from hub.clock import Clock
from hub.seal import fingerprint
from hub.store.database import Database
from hub.store.identifiers import Random, new_id
from hub.store.people_tables import web_sessions
from hub.store.secrets import random_text
from hub.store.tables import users
from hub.store.users import User

IDLE = timedelta(days=14)
"""How long a session lives without being used."""

LONGEST = timedelta(days=60)
"""How long it lives at most."""

TOUCH_EVERY = timedelta(minutes=5)
"""How often at most its use is written."""


@dataclass(frozen=True, slots=True)
class WebSession:
    """One session, without its secret. ``strong``: a second factor was shown; ``method``: how they signed in."""

    id: str
    user_id: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    strong: bool
    method: str
    address: str
    agent: str

    @classmethod
    def of(cls, row: RowMapping | dict[str, Any], prefix: str = "") -> "WebSession":
        """The session of a row whose columns bear ``prefix``."""
        return cls(**{name: row[prefix + name] for name in cls.__slots__})


class WebSessions:
    """The table of web sessions."""

    def __init__(self, database: Database, clock: Clock, random: Random) -> None:
        self._database = database
        self._clock = clock
        self._random = random

    async def open(
        self, user_id: str, *, strong: bool, method: str, address: str, agent: str
    ) -> tuple[WebSession, str]:
        """A new session and the secret for its cookie. Raises ``sqlalchemy.exc.IntegrityError`` for nobody's."""
        secret = random_text(self._random)
        now = self._clock.now()
        row: dict[str, Any] = {
            "hash": fingerprint(secret),
            "id": new_id(now, self._random),
            "user_id": user_id,
            "created_at": now,
            "seen_at": now,
            "expires_at": now + LONGEST,
            "strong": strong,
            "method": method[:64],
            "address": address[:64],
            "agent": agent[:255],
        }
        async with self._database.write() as connection:
            await connection.execute(insert(web_sessions), row)
        return WebSession.of(row), secret

    async def find(self, secret: str) -> tuple[WebSession, User] | None:
        """The session with this secret and its person; None when it is over or they are disabled."""
        now = self._clock.now()
        columns = [column.label(f"session_{column.name}") for column in web_sessions.c]
        query = (
            select(*columns, *users.c)
            .join(users, users.c.id == web_sessions.c.user_id)
            .where(
                web_sessions.c.hash == fingerprint(secret),
                web_sessions.c.expires_at > now,
                web_sessions.c.seen_at > now - IDLE,
                users.c.disabled_at.is_(None),
            )
        )
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            return None
        session = WebSession.of(row, "session_")
        if now - session.seen_at >= TOUCH_EVERY:
            seen = update(web_sessions).where(web_sessions.c.id == session.id, web_sessions.c.seen_at < now)
            async with self._database.write() as connection:
                await connection.execute(seen.values(seen_at=now))
        return session, User.of(row)

    async def list(self, user_id: str) -> "list[WebSession]":
        """The person's sessions that are not over, newest use first."""
        now = self._clock.now()
        query = (
            select(*(web_sessions.c[name] for name in WebSession.__slots__))
            .where(
                web_sessions.c.user_id == user_id,
                web_sessions.c.expires_at > now,
                web_sessions.c.seen_at > now - IDLE,
            )
            .order_by(web_sessions.c.seen_at.desc(), web_sessions.c.id)
        )
        async with self._database.read() as connection:
            return [WebSession.of(row) for row in (await connection.execute(query)).mappings()]

    async def end(self, user_id: str, id: str) -> bool:
        """End one session of this person; returns whether there was one."""
        return bool(await self._delete(web_sessions.c.user_id == user_id, web_sessions.c.id == id))

    async def end_all(self, user_id: str, *, but: str | None = None) -> int:
        """End the person's sessions, except the one with the id ``but``; returns how many."""
        return await self._delete(web_sessions.c.user_id == user_id, web_sessions.c.id != (but or ""))

    async def prune(self) -> int:
        """Delete what is over; returns how many rows."""
        now = self._clock.now()
        return await self._delete((web_sessions.c.expires_at <= now) | (web_sessions.c.seen_at <= now - IDLE))

    async def _delete(self, *conditions: Any) -> int:
        async with self._database.write() as connection:
            return (await connection.execute(delete(web_sessions).where(*conditions))).rowcount
