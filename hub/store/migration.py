"""Sees to it that a database has the form this program needs.

Not the upgrade itself (``upgrade.py``), which most starts do not need.
"""

import re
import sqlite3
from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from hub.clock import Clock
from hub.errors import ConfigError
from hub.observe import log
from hub.store.database import Database, StoreUnavailable, lost, place_of, reason

FOLDER = Path(__file__).parent / "migrations"
"""Where the steps lie."""

_REVISION = re.compile(r"^revision\b[^=\n]*=\s*[\"'](.+?)[\"']", re.MULTILINE)
_BEFORE = re.compile(r"^down_revision\b[^=\n]*=\s*[\"'](.+?)[\"']", re.MULTILINE)

_LOCK = 0x6875625F6D696772
"""The PostgreSQL advisory lock that lets one replica at a time migrate."""


PATIENCE = 60.0
"""Seconds a start waits for another process that holds SQLite's lock: one that migrates, or begins to use the file."""

TOLD = 5.0
"""Seconds after which it says so."""

_AGAIN = 0.25
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

_log = log("store")


async def migrate(database: Database, clock: Clock, begin: Callable[[], Awaitable[None]] | None = None) -> None:
    """Bring ``database`` to the newest form, in one transaction, and then ``begin`` with it; a database that is there
    already is left alone. Where another process holds SQLite's lock it is waited for.

    Raises ``ConfigError`` when it cannot be reached, is no database, or was written by a newer program.
    """

    async def once() -> None:
        async with database.write() as connection:
            if not database.sqlite:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.run_sync(_upgrade, place_of(database.url))
        if begin is not None:
            await begin()

    try:
        await _patiently(once, place_of(database.url), clock)
    except StoreUnavailable as wrong:
        raise ConfigError(f"database_url: {wrong}") from None
    except lost(DBAPIError) as wrong:
        raise ConfigError(f"database_url: {place_of(database.url)} cannot be used: {reason(wrong)}.") from None


async def _patiently(work: Callable[[], Awaitable[None]], place: str, clock: Clock) -> None:
    """Do ``work``, again and again while SQLite's lock is in its way and there is patience left."""
    begun = clock.monotonic()
    told = False
    while True:
        try:
            return await work()
        except (StoreUnavailable, DBAPIError) as wrong:
            waited = clock.monotonic() - begun
            if not _locked(wrong) or waited >= PATIENCE:
                raise
        if waited >= TOLD and not told:
            _log.warning(
                f"{place} is locked by another process, perhaps one that migrates it; waiting {PATIENCE:g} s at most"
            )
            told = True
        await clock.sleep(_AGAIN)


def _locked(wrong: BaseException) -> bool:
    """Whether SQLite says that another process holds its lock (SQLite documentation, Result and Error Codes)."""
    cause = wrong.__cause__ if isinstance(wrong, StoreUnavailable) else wrong
    code = getattr(getattr(cause, "orig", None), "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _BUSY


def _upgrade(connection: Connection, place: str) -> None:
    if _current(connection) != newest():
        import_module("hub.store.upgrade").upgrade(connection, FOLDER, place)


def newest() -> set[str]:
    """The revisions of a database in its newest form: the steps no other step builds on."""
    texts = [step.read_text("utf-8") for step in (FOLDER / "versions").glob("*.py")]
    steps = {found[1] for text in texts if (found := _REVISION.search(text))}
    return steps - {found[1] for text in texts if (found := _BEFORE.search(text))}


def _current(connection: Connection) -> set[str]:
    """The revisions the database has, as Alembic notes them; none where it has not been made."""
    if not inspect(connection).has_table("alembic_version"):
        return set()
    return set(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())
