"""The steps of an upgrade, run by Alembic from the program itself.

Works from the installed package; there is no alembic.ini and no command line. Imported only where a database is not in
its newest form: Alembic takes a tenth of a second to import. Not the steps (``migrations/versions``), nor when they run
(``migration.py``).
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from hub.errors import ConfigError


def upgrade(connection: Connection, folder: Path, place: str) -> None:
    """Bring the database to the newest form of the steps in ``folder``; ``place`` names it in errors.

    Raises ``ConfigError`` when it was written by a newer program.
    """
    config = Config()
    # A percent sign in a folder's name would be read as the configuration's own placeholder.
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    newer = set(MigrationContext.configure(connection).get_current_heads()) - known
    if newer:
        raise ConfigError(
            f"database_url: {place} was written by a newer hub (revision {', '.join(sorted(newer))}). Start that "
            "version of the hub, or restore a backup from before the upgrade."
        )
    command.upgrade(config, "head")
