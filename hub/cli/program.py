"""The program ``hub``: its commands put together, and the edge where errors become one clear line.

Exit codes: 0 done, 1 an error that someone can put right, 2 a command used wrongly. Not a command itself.
"""

import errno
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from hub.cli import (
    calling,
    checking,
    clients,
    connections,
    doctor,
    importing,
    keys,
    listing,
    maintenance,
    panic,
    pins,
    providers,
    recording,
    scaffold,
    schemas,
    serving,
    tokens,
    users,
)
from hub.cli.options import ConfigFile, given
from hub.errors import HubError


class Program(TyperGroup):
    """The group of all commands; a ``HubError`` from any of them ends the program with its text."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; exit code 1 and the error's text on stderr where it raises ``HubError`` or ``OSError``."""
        try:
            return super().invoke(ctx)
        except HubError as wrong:
            typer.echo(f"Error: {wrong}", err=True)
            raise typer.Exit(1) from None
        except OSError as wrong:
            if wrong.errno == errno.EPIPE:  # whoever read our output has gone; typer ends quietly
                raise
            place = f"{wrong.filename}: " if wrong.filename is not None else ""
            typer.echo(f"Error: {place}{wrong.strerror or wrong}.", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=Program,
    help="One MCP server for many apps: serve it, and look after its connectors, users and tokens.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def root(config: ConfigFile = None) -> None:
    """One MCP server for many apps: serve it, and look after its connectors, users and tokens."""
    given.set(config)


app.command("serve")(serving.serve)
app.command("check")(checking.check)
app.command("new")(scaffold.new)
app.command("schema")(schemas.schema)
app.command("record")(recording.record)
app.command("list")(listing.list_connectors)
app.command("call")(calling.call)
app.add_typer(users.app, name="user")
app.add_typer(tokens.app, name="token")
app.add_typer(clients.app, name="client")
app.add_typer(providers.app, name="provider")
app.add_typer(connections.app, name="connection")
app.add_typer(keys.app, name="key")
app.command("recover")(keys.recover)
app.command("doctor")(doctor.doctor)
app.add_typer(importing.app, name="import")
app.add_typer(pins.app, name="pin")
app.command("panic")(panic.panic)
app.command("migrate")(maintenance.migrate)
app.command("version")(maintenance.version)


def main() -> None:
    """Run the command line; what nobody expected is told in one line too, never as a stack trace."""
    try:
        app(prog_name="hub")
    except Exception as wrong:  # the outermost edge
        typer.echo(
            f"Error: the hub failed unexpectedly ({type(wrong).__name__}: {wrong}). Please report this.", err=True
        )
        sys.exit(1)
