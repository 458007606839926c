"""The connection to the database: one engine for SQLite or PostgreSQL, reads and writes as transactions.

SQLite runs in WAL mode with ``synchronous=FULL`` for every commit: an audit intent must survive a power cut once it is
acknowledged, writes are few or grouped, and one rule for all is easier to trust than two. Writers of one process wait
for each other here, so that SQLite's own lock is fought over only between processes.

Not the place where any table is known.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hub.errors import ConfigError, OperatorNeeded

_LOST = (OperationalError, InterfaceError, PoolTimeout, OSError, TimeoutError)


def lost(*besides: type[Exception]) -> tuple[type[Exception], ...]:
    """``besides``, and what drivers raise when the database is not there, refuses the connection, is full or takes too
    long. The driver of PostgreSQL is asked only where it is loaded: a hub on SQLite does not wait for it."""
    driver: Any = sys.modules.get("asyncpg")
    drivers = () if driver is None else (driver.PostgresError, driver.InterfaceError)
    return *besides, *_LOST, *drivers


BUSY_MS = 5_000
"""How long SQLite waits for another process's write, in milliseconds."""

_IMMEDIATE = "hub_write"
_TELLS = "hub_tells"


def tell(connection: AsyncConnection) -> None:
    """Mark a write as one to be heard of: ``after_commit`` is awaited once it is committed."""
    _notes(connection)[_TELLS] = True


def _notes(connection: AsyncConnection) -> dict[str, Any]:
    """What is remembered with a connection."""
    return cast(Connection, connection.sync_connection).info


class StoreUnavailable(OperatorNeeded):
    """The database does not answer or cannot be written, while the hub runs."""


def parse(url: str) -> URL:
    """The database's URL with the driver the hub uses.

    Takes ``sqlite:///file`` and ``postgresql://user:password@host/name``, with or without a driver. Raises
    ``ConfigError``, which never repeats the URL because it may hold a password.
    """
    allowed = "allowed: sqlite+aiosqlite:///path/to/file or postgresql+asyncpg://user:password@host:5432/name"
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError(f"database_url: found something that is not a database URL; {allowed}.") from None
    kind = parsed.get_backend_name()
    if kind == "sqlite" and parsed.drivername in ("sqlite", "sqlite+aiosqlite"):
        if parsed.database in (None, "", ":memory:"):
            raise ConfigError(f"database_url: found a database in memory, which nothing outlives; {allowed}.")
        return parsed.set(drivername="sqlite+aiosqlite")
    if kind in ("postgresql", "postgres") and parsed.drivername in ("postgresql", "postgres", "postgresql+asyncpg"):
        query = {("ssl" if key == "sslmode" else key): value for key, value in parsed.query.items()}
        return parsed.set(drivername="postgresql+asyncpg", query=query)
    raise ConfigError(f"database_url: found {parsed.drivername}; {allowed}.")


def place_of(url: URL) -> str:
    """Where the database is, for error texts, without user and password."""
    if url.get_backend_name() == "sqlite":
        return f"the SQLite database {url.database}"
    host = url.host or str(url.query.get("host", "localhost"))
    return f"the PostgreSQL database {url.database} at {host}:{url.port or 5432}"


class Database:
    """One database. Connects at the first use; ``close`` it at the end."""

    def __init__(self, url: str, busy_ms: int = BUSY_MS) -> None:
        """``busy_ms`` is how long SQLite waits for another process's write. Raises ``ConfigError`` for a URL the hub
        cannot use."""
        self.url = parse(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self.after_commit: Callable[[], Awaitable[None]] | None = None
        """Awaited after every committed write that was marked by ``tell``, outside of it."""
        self._writing = asyncio.Lock()
        options: dict[str, Any]
        if self.sqlite:
            # The connection used last knows most of the file's pages still; the others only as they were.
            options = {"connect_args": {"timeout": busy_ms / 1000}, "pool_use_lifo": True}
        else:
            settings = {"application_name": "hub"}
            options = {
                "pool_pre_ping": True,
                "pool_timeout": 10,
                "connect_args": {"timeout": 10, "command_timeout": 30, "server_settings": settings},
            }
        self.engine: AsyncEngine = create_async_engine(self.url, **options)
        self._writer = self.engine.execution_options(**{_IMMEDIATE: True})
        if self.sqlite:
            event.listen(self.engine.sync_engine, "connect", partial(_prepare, busy_ms))
            event.listen(self.engine.sync_engine, "begin", _begin)

    @property
    def path(self) -> Path | None:
        """The SQLite file; None for PostgreSQL."""
        return Path(str(self.url.database)).absolute() if self.sqlite else None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read with. Raises ``StoreUnavailable``."""
        with _lost_as_unavailable(self.url):
            async with self.engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed at the end of the block, rolled back by an exception.

        On SQLite it takes the write lock at once, so that it never has to start over. Raises ``StoreUnavailable``.
        """
        with _lost_as_unavailable(self.url):
            async with self._transaction() as connection:
                _notes(connection).pop(_TELLS, None)
                yield connection
                tells = _notes(connection).pop(_TELLS, False)
        if tells and self.after_commit is not None:
            # The commit stands; whoever watches hears of it by polling when this fails.
            with suppress(StoreUnavailable):
                await self.after_commit()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        if self.sqlite:
            async with self._writing, self._writer.begin() as connection:
                yield connection
        else:
            async with self.engine.begin() as connection:
                yield connection

    async def ping(self) -> None:
        """Ask for a sign of life. Raises ``StoreUnavailable``."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


@contextmanager
def _lost_as_unavailable(url: URL) -> Iterator[None]:
    """Turns the drivers' many ways of saying "not there" into one ``StoreUnavailable``."""
    try:
        yield
    except lost(DBAPIError) as wrong:
        if is_lost(wrong):
            raise StoreUnavailable(f"{place_of(url)} does not answer: {reason(wrong)}.") from wrong
        raise


def is_lost(wrong: BaseException) -> bool:
    """Whether an error is about the database as a whole, not about the row or the statement."""
    if isinstance(wrong, DBAPIError):
        state = getattr(wrong.orig, "sqlstate", None)
        if state:
            # Classes of SQLSTATE (ISO 9075): 22 wrong data, 23 a constraint, 42 a wrong statement.
            return str(state)[:2] not in ("22", "23", "42")
        return wrong.connection_invalidated or isinstance(wrong, OperationalError | InterfaceError)
    return isinstance(wrong, lost())


def reason(wrong: BaseException) -> str:
    """The driver's own words, in one line, without the statement and its values."""
    cause = wrong.orig if isinstance(wrong, DBAPIError) and wrong.orig is not None else wrong
    words = str(cause).strip().splitlines()
    told = words[0] if words else type(cause).__name__
    return told.partition(">: ")[2] or told


def _prepare(busy_ms: int, connection: Any, _record: object) -> None:
    # The driver's own transactions begin late and only before writes; ``_begin`` says when instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={busy_ms}"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get(_IMMEDIATE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
