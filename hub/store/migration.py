"""Brings a database to the form this program needs: Alembic, run from the program itself.

Works from the installed package; there is no alembic.ini and no command line. Not the steps themselves
(``migrations/versions``).
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from hub.errors import ConfigError
from hub.store.database import LOST, Database, StoreUnavailable, place_of, reason

FOLDER = Path(__file__).parent / "migrations"
"""Where the steps lie."""

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
    config = Config()
    # A percent sign in a folder's name would be read as the configuration's own placeholder.
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    newer = set(MigrationContext.configure(connection).get_current_heads()) - known
    if newer:
        raise ConfigError(
            f"database_url: {place} was written by a newer hub (revision {', '.join(sorted(newer))}). Start that "
            "version of the hub, or restore a backup from before the upgrade."
        )
    command.upgrade(config, "head")
