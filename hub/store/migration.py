"""Sees to it that a database has the form this program needs.

Not the upgrade itself (``upgrade.py``), which most starts do not need.
"""

import re
from importlib import import_module
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from hub.errors import ConfigError
from hub.store.database import LOST, Database, StoreUnavailable, place_of, reason

FOLDER = Path(__file__).parent / "migrations"
"""Where the steps lie."""

_REVISION = re.compile(r"^revision\b[^=\n]*=\s*[\"'](.+?)[\"']", re.MULTILINE)
_BEFORE = re.compile(r"^down_revision\b[^=\n]*=\s*[\"'](.+?)[\"']", re.MULTILINE)

_LOCK = 0x6875625F6D696772
"""The PostgreSQL advisory lock that lets one replica at a time migrate."""


async def migrate(database: Database) -> None:
    """Bring ``database`` to the newest form, in one transaction; a database that is there already is left alone.

    Raises ``ConfigError`` when it cannot be reached, is no database, or was written by a newer program.
    """
    try:
        async with database.write() as connection:
            if not database.sqlite:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.run_sync(_upgrade, place_of(database.url))
    except StoreUnavailable as wrong:
        raise ConfigError(f"database_url: {wrong}") from None
    except (DBAPIError, *LOST) as wrong:
        raise ConfigError(f"database_url: {place_of(database.url)} cannot be used: {reason(wrong)}.") from None


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
