"""The hub's registrations as a client at authorization servers it found by itself (RFC 7591), by provider and issuer.

Rows are added and never changed: what was registered first goes on to serve the accounts connected with it. Secrets
come and go sealed. Not the operator's own client credentials (``client_credentials.py``).
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import RowMapping, delete, insert, select

from hub.clock import Clock
from hub.store.connection_tables import registrations
from hub.store.database import Database
from hub.store.identifiers import Random, new_id


@dataclass(frozen=True, slots=True)
class Registration:
    """One client. ``secret`` is sealed to the id, None for a public client; ``auth`` is how the client shows who it is:
    ``basic``, ``body``, ``none``, or ``given`` where the row only says at which issuer the operator's client is used.
    ``expires_at`` is when the secret ends, None where it does not."""

    id: str
    provider: str
    issuer: str
    redirect_uri: str
    client_id: str
    auth: str
    secret: str | None = field(repr=False)
    expires_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, row: RowMapping) -> "Registration":
        """The registration of a row."""
        return cls(**{name: row[name] for name in cls.__slots__})


class Registrations:
    """The table of registrations."""

    def __init__(self, database: Database, clock: Clock, random: Random) -> None:
        self._database = database
        self._clock = clock
        self._random = random

    def new_id(self) -> str:
        """The id of a registration to be added: its secret is sealed to it before there is a row."""
        return new_id(self._clock.now(), self._random)

    async def add(self, made: Registration) -> None:
        """Keep a registration."""
        row = {name: getattr(made, name) for name in Registration.__slots__}
        async with self._database.write() as connection:
            await connection.execute(insert(registrations), row)

    async def list(self, provider: str) -> "list[Registration]":
        """All of one provider, the oldest first."""
        query = select(registrations).where(registrations.c.provider == provider).order_by(registrations.c.id)
        async with self._database.read() as connection:
            return [Registration.of(row) for row in (await connection.execute(query)).mappings()]

    async def remove(self, provider: str, client_id: str | None = None) -> int:
        """Forget the registrations of a provider, or those with one client id; returns how many."""
        gone = delete(registrations).where(registrations.c.provider == provider)
        if client_id is not None:
            gone = gone.where(registrations.c.client_id == client_id)
        async with self._database.write() as connection:
            return int((await connection.execute(gone)).rowcount)
