"""The operator's client credentials at providers, as given by ``hub provider set``. Secrets come and go sealed.

Not those of the configuration, which win. A write is told as a change of kind ``client_credential``.
"""

from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import RowMapping, delete, insert, select

from hub.clock import Clock
from hub.store.changes import Changes
from hub.store.connection_tables import client_credentials
from hub.store.database import Database

CHANGE = "client_credential"


@dataclass(frozen=True, slots=True)
class KeptClient:
    """One client credential; ``secret`` is sealed, None for a public client."""

    provider: str
    client_id: str
    secret: str | None = field(repr=False)
    secret_expires: date | None
    created_at: datetime

    @classmethod
    def of(cls, row: RowMapping) -> "KeptClient":
        """The credential of a row."""
        return cls(**{name: row[name] for name in cls.__slots__})


class ClientCredentials:
    """The table of client credentials."""

    def __init__(self, database: Database, changes: Changes, clock: Clock) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock

    async def put(self, provider: str, client_id: str, secret: str | None, secret_expires: date | None) -> None:
        """Keep a credential in place of the one there was."""
        row = {
            "provider": provider,
            "client_id": client_id,
            "secret": secret,
            "secret_expires": secret_expires,
            "created_at": self._clock.now(),
        }
        async with self._database.write() as connection:
            await connection.execute(delete(client_credentials).where(client_credentials.c.provider == provider))
            await connection.execute(insert(client_credentials), row)
            await self._changes.record(connection, CHANGE, provider)

    async def get(self, provider: str) -> KeptClient | None:
        """The credential at this provider."""
        query = select(client_credentials).where(client_credentials.c.provider == provider)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
            return None if row is None else KeptClient.of(row)

    async def list(self) -> "list[KeptClient]":
        """All of them, by provider."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(client_credentials).order_by(client_credentials.c.provider))
            return [KeptClient.of(row) for row in rows.mappings()]

    async def remove(self, provider: str) -> bool:
        """Forget the credential; returns whether there was one."""
        async with self._database.write() as connection:
            done = await connection.execute(delete(client_credentials).where(client_credentials.c.provider == provider))
            if done.rowcount:
                await self._changes.record(connection, CHANGE, provider)
            return bool(done.rowcount)
