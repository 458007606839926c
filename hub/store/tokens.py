"""The tokens a user's MCP clients show.

Only their SHA-256 is kept: they are 256 random bits, so a slow hash would add nothing (OWASP Password Storage speaks
of what people choose). Not who is calling (``identity``), nor what OAuth clients are given.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import RowMapping, bindparam, insert, select, update

from hub.clock import Clock
from hub.sdk.tool import EFFECTS, Effect
from hub.seal import fingerprint
from hub.store.changes import Changes
from hub.store.database import Database
from hub.store.identifiers import Random, new_id
from hub.store.journal import Journal, Statement
from hub.store.secrets import random_text
from hub.store.tables import microseconds, tokens, users
from hub.store.users import User, checked_name

PREFIX = "hub_"
"""What every token begins with, so that scanners find one that leaked."""

_TOUCH = Statement(
    update(tokens).where(tokens.c.id == bindparam("touched")).values(last_used_at=bindparam("used")),
    ("touched", "used"),
    lambda posted: (posted[0], microseconds(posted[1])),
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token, without its secret. ``expires_at`` None: until it is revoked; ``profile`` None: bound to none."""

    id: str
    user_id: str
    name: str
    effects: frozenset[Effect]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    hash: str = field(repr=False)
    profile: str | None = None

    @classmethod
    def of(cls, row: RowMapping | dict[str, Any], prefix: str = "") -> "Token":
        """The token of a row whose columns bear ``prefix``."""
        effects = frozenset(cast(Effect, word) for word in str(row[prefix + "effects"]).split())
        names = ("created_at", "expires_at", "last_used_at", "revoked_at", "hash", "profile")
        held = {name: row[prefix + name] for name in names}
        return cls(row[prefix + "id"], row[prefix + "user_id"], row[prefix + "name"], effects, **held)


class Tokens:
    """The table of tokens."""

    def __init__(self, database: Database, changes: Changes, journal: Journal, clock: Clock, random: Random) -> None:
        self._database = database
        self._changes = changes
        self._journal = journal
        self._clock = clock
        self._random = random

    async def create(
        self,
        user_id: str,
        name: str,
        effects: Iterable[Effect],
        expires_at: datetime | None = None,
        profile: str | None = None,
    ) -> tuple[Token, str]:
        """A new token and its secret (``hub_`` and 43 characters), which cannot be shown again.

        Raises ``NameRefused``; ``ValueError`` for no or unknown effects; ``sqlalchemy.exc.IntegrityError`` for a user
        that is not there.
        """
        allowed = frozenset(effects)
        if not allowed or not allowed <= frozenset(EFFECTS):
            raise ValueError(f"effects are one or more of {', '.join(EFFECTS)}")
        secret = PREFIX + random_text(self._random)
        now = self._clock.now()
        row: dict[str, Any] = {
            "id": new_id(now, self._random),
            "user_id": user_id,
            "name": checked_name(name),
            "hash": fingerprint(secret),
            "effects": " ".join(effect for effect in EFFECTS if effect in allowed),
            "created_at": now,
            "expires_at": expires_at,
            "profile": profile,
        }
        async with self._database.write() as connection:
            await connection.execute(insert(tokens), row)
            await self._changes.record(connection, "token", row["id"])
        return Token.of(row | {"last_used_at": None, "revoked_at": None}), secret

    async def by_hash(self, hash: str) -> tuple[Token, User] | None:
        """The token with this hash (``seal.fingerprint`` of its secret) and its user; None when unknown or revoked.

        Expired tokens and those of disabled users are returned too: whoever asks must look.
        """
        columns = [column.label(f"token_{column.name}") for column in tokens.c]
        query = select(*columns, *users.c).join(users, users.c.id == tokens.c.user_id)
        async with self._database.read() as connection:
            found = await connection.execute(query.where(tokens.c.hash == hash, tokens.c.revoked_at.is_(None)))
            row = found.mappings().one_or_none()
            return None if row is None else (Token.of(row, "token_"), User.of(row))

    async def list(self, user_id: str) -> "list[Token]":
        """The user's tokens, oldest first, revoked ones included."""
        query = select(tokens).where(tokens.c.user_id == user_id).order_by(tokens.c.created_at, tokens.c.id)
        async with self._database.read() as connection:
            return [Token.of(row) for row in (await connection.execute(query)).mappings()]

    async def revoke(self, id: str) -> bool:
        """End a token for good, in all processes within a second; returns whether it was alive."""
        live = update(tokens).where(tokens.c.id == id, tokens.c.revoked_at.is_(None))
        async with self._database.write() as connection:
            done = await connection.execute(live.values(revoked_at=self._clock.now()))
            if done.rowcount:
                await self._changes.record(connection, "token", id)
            return bool(done.rowcount)

    def touch(self, id: str, at: datetime) -> None:
        """Note that the token was used ``at``; written within a second, and nobody's cache is dropped for it."""
        self._journal.post(_TOUCH, (id, at))
