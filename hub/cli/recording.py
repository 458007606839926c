"""``hub record``: a real call of a tool, written down as a recording and replayed at once. The recording itself is
``hub.testing``'s."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.app import Hub
from hub.cli.calling import caller_of, json_object, known_tool
from hub.cli.network import opened_network
from hub.cli.options import ConfigFile, run, settings
from hub.clock import SystemClock
from hub.config import Config
from hub.errors import HubError
from hub.testing import Studio, folder_of, replay, write


def record(
    name: Annotated[str, typer.Argument(metavar="TOOL", help="The tool's full name, as hub list shows it.")],
    arguments: Annotated[str, typer.Option(metavar="JSON", help="The call's arguments, one JSON object.")] = "{}",
    case: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What this recording shows, for its file's name.", show_default=False),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where it is written. Default: the connector's recordings.", show_default=False
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The page that describes the API. Default: the address.", show_default=False),
    ] = None,
    hide_mails: Annotated[
        bool, typer.Option("--hide-mails", help="Replace e-mail addresses, each by one of its own.")
    ] = False,
    user: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose accounts are used. Default: nobody's.", show_default=False)
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Record a real call of a tool.

    The call is written down with what was sent and answered, without credentials; read it before you share it. It is
    real: a tool that writes, writes.
    """
    if case is not None and not case.replace("_", "").replace("-", "").isalnum():
        raise typer.BadParameter("letters, digits, - and _ only.", param_hint="--case")
    given = json_object(arguments, "--arguments")
    path, problem = run(_recorded(settings(config), name, given, case, into, source, hide_mails, user))
    if problem is not None:
        raise HubError(f"{path} was written, but does not replay; mend it by hand:\n{problem}")
    typer.echo(f"{path} was written, and replays. Read it before you share it.")


async def _recorded(
    config: Config,
    name: str,
    arguments: dict[str, Any],
    case: str | None,
    into: Path | None,
    source: str | None,
    hide_mails: bool,
    user: str | None,
) -> tuple[Path, str | None]:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        network = await stack.enter_async_context(opened_network(config, clock))
        hub = await Hub.start(config, transport=network)
        stack.push_async_callback(hub.close)
        catalog = hub.registry.catalog
        entry = known_tool(catalog, name)
        connector = entry.connector.name
        folder = into or folder_of(Path(catalog.connectors[connector].path))
        path = folder / (f"{entry.tool.name}.{case}.yaml" if case else f"{entry.tool.name}.yaml")
        if path.exists():
            raise HubError(f"{path} is there already; remove it, or give another --case.")
        caller = await caller_of(hub.store, user)
        accounts = hub.brokerage.broker
        studio = Studio(catalog, network, hub.store.audit, clock, caller, config.connectors.settings, accounts)
        data = await studio.record(entry.full_name, arguments, source=source, hide_mails=hide_mails)
        return path, await replay(write(path, data), catalog, connector)
