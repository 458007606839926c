"""Authorization codes, and what people have agreed to before.

Only a code's SHA-256 is kept. What a code is good for is decided above; here it is made once and claimed once.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from hub.clock import Clock
from hub.sdk.tool import EFFECTS, Effect
from hub.store.database import Database
from hub.store.oauth.tables import codes, consents

KEPT = timedelta(days=1)
"""How long a code is remembered after its end, so that one shown again is known."""


def effects_text(effects: frozenset[Effect]) -> str:
    """Effects as a column holds them."""
    return " ".join(effect for effect in EFFECTS if effect in effects)


def effects_of(text: str) -> frozenset[Effect]:
    """The effects a column holds."""
    return frozenset(cast(Effect, word) for word in text.split())


@dataclass(frozen=True, slots=True)
class Code:
    """What somebody agreed to, until their client fetches it."""

    hash: str
    user_id: str
    client_id: str
    client_name: str
    client_kind: str
    redirect_uri: str
    host: str
    challenge: str
    resource: str
    effects: frozenset[Effect]
    profile: str | None
    expires_at: datetime
    used_at: datetime | None = None
    grant_id: str | None = None

    @classmethod
    def of(cls, row: RowMapping) -> "Code":
        """The code of a row."""
        return cls(**{**row, "effects": effects_of(row["effects"])})

    def row(self) -> dict[str, Any]:
        """The row of this code."""
        held = {name: getattr(self, name) for name in self.__slots__}
        return held | {"effects": effects_text(self.effects)}


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agreed to for one client, host and resource."""

    user_id: str
    client_id: str
    host: str
    effects: frozenset[Effect]
    profile: str | None
    profile_digest: str | None


class Codes:
    """The tables of codes and of remembered consents."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, code: Code) -> bool:
        """Keep a new code; False when there is one of the same hash, which stays as it is."""
        now = self._clock.now()
        try:
            async with self._database.write() as connection:
                await connection.execute(delete(codes).where(codes.c.expires_at < now - KEPT))
                await connection.execute(insert(codes), code.row())
        except IntegrityError:
            return False
        return True

    async def get(self, hash: str) -> Code | None:
        """The code with this hash, used or not."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(codes).where(codes.c.hash == hash))).mappings().one_or_none()
            return None if row is None else Code.of(row)

    async def burn(self, hash: str) -> None:
        """Use the code up for nothing."""
        live = update(codes).where(codes.c.hash == hash, codes.c.used_at.is_(None))
        async with self._database.write() as connection:
            await connection.execute(live.values(used_at=self._clock.now()))

    # -- remembered consents ---------------------------------------------------------------------------------

    async def remember(self, consent: Consent, resource: str) -> None:
        """Keep what was agreed to, in place of what was before."""
        key = _key(consent.user_id, consent.client_id, consent.host, resource)
        row = {
            "key": key,
            "user_id": consent.user_id,
            "client_id": consent.client_id,
            "host": consent.host,
            "effects": effects_text(consent.effects),
            "profile": consent.profile,
            "profile_digest": consent.profile_digest,
            "given_at": self._clock.now(),
        }
        try:
            async with self._database.write() as connection:
                await connection.execute(delete(consents).where(consents.c.key == key))
                await connection.execute(insert(consents), row)
        except IntegrityError:
            return  # another process wrote it at the same moment

    async def remembered(self, user_id: str, client_id: str, host: str, resource: str) -> Consent | None:
        """What this person agreed to before for exactly this client, host and resource."""
        mine = select(consents).where(consents.c.key == _key(user_id, client_id, host, resource))
        async with self._database.read() as connection:
            row = (await connection.execute(mine)).mappings().one_or_none()
        if row is None:
            return None
        names = ("user_id", "client_id", "host", "profile", "profile_digest")
        return Consent(effects=effects_of(row["effects"]), **{name: row[name] for name in names})

    async def forget(self, user_id: str, client_id: str, host: str) -> None:
        """Forget what this person agreed to for a client and host: they will be asked again."""
        mine = (consents.c.user_id == user_id, consents.c.client_id == client_id, consents.c.host == host)
        async with self._database.write() as connection:
            await connection.execute(delete(consents).where(*mine))

    async def forget_host(self, host: str) -> None:
        """Forget what everybody agreed to for clients at this host; codes that wait there are used up for nothing."""
        waiting = update(codes).where(codes.c.host == host, codes.c.used_at.is_(None))
        async with self._database.write() as connection:
            await connection.execute(delete(consents).where(consents.c.host == host))
            await connection.execute(waiting.values(used_at=self._clock.now()))


def _key(*parts: str) -> str:
    # The lengths keep apart what would read the same joined.
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()
