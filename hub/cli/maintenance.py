"""``hub migrate`` and ``hub version``. Not the migrations: those are the store's."""

import typer

from hub import __version__
from hub.cli.options import ConfigFile, run, settings
from hub.cli.storage import stored


def migrate(config: ConfigFile = None) -> None:
    """Bring the database to this version's form. The hub does so itself when it starts."""

    async def work() -> None:
        async with stored(settings(config)):
            typer.echo("The database has this version's form.")

    run(work())


def version() -> None:
    """Print the hub's version."""
    typer.echo(__version__)
