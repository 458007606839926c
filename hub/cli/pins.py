"""``hub pin``: what is accepted of other MCP servers' word, and what waits. Not the servers themselves."""

import asyncio
from typing import Annotated, Any

import orjson
import typer

from hub.cli.options import ConfigFile, run, settings, table
from hub.cli.storage import stored
from hub.config import Config
from hub.errors import HubError
from hub.importers.foreign.pin import Pin
from hub.servers import CHANGE, Pins
from hub.servers.pins import effect_named

app = typer.Typer(
    help="Other MCP servers: what they say of themselves, and what of it is accepted.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The connector, as hub pin list shows it.")]


def pins_of(config: Config) -> Pins:
    """The pins of this configuration."""
    return Pins(config.data_dir / "servers")


@app.command("list")
def list_pins(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """List the servers: whether they answer, what is accepted of them, and whether a change waits."""
    pins = pins_of(settings(config))
    found = {name: _told(pins, name, pin) for name, pin in pins.all().items()}
    if as_json:
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return
    if not found:
        typer.echo("No MCP server has answered yet; hub list shows the connectors of kind mcp.")
    rows = [
        (name, one["address"], f"{one['tools']} tools", one["trouble"] or "answers", _waits(name, one["waiting"]))
        for name, one in found.items()
    ]
    typer.echo(table(rows))


@app.command("diff")
def diff(name: Name, config: ConfigFile = None) -> None:
    """Show what a server says now, against what is accepted of it."""
    pins = pins_of(settings(config))
    _known(pins, name)
    waiting = pins.waiting(name)
    for one in waiting:
        typer.echo("\n".join(one.lines()))
    if not waiting:
        typer.echo(f"Nothing of {name} waits.")
        return
    typer.echo(f"\nTo accept exactly this: hub pin accept {name} --seen {pins.mark(name)}")


@app.command("accept")
def accept(
    name: Name,
    effects: Annotated[
        list[str] | None,
        typer.Option(
            "--effect", metavar="TOOL=EFFECT", help="Accept a class of a tool, by the server's own name of it."
        ),
    ] = None,
    claimed: Annotated[
        bool, typer.Option("--claimed", help="Accept the classes the server claims for all its tools.")
    ] = False,
    moved: Annotated[
        bool, typer.Option("--moved", help="The server has another address now: forget what is accepted of it.")
    ] = False,
    seen: Annotated[
        str | None, typer.Option("--seen", metavar="MARK", help="Accept only what hub pin diff showed with this mark.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Accept what a server says now, and classes of its tools, which are write until then.

    A hub that runs takes it up within a second.
    """
    chosen = settings(config)
    pins = pins_of(chosen)
    _known(pins, name)
    given = {}
    for one in effects or []:
        tool, equals, effect = one.rpartition("=")
        if not equals:
            raise HubError(f"--effect {one}: write TOOL=EFFECT, such as search=read.")
        given[tool] = effect_named(effect)

    async def work() -> int:
        waited = len(pins.waiting(name))
        if moved:
            await asyncio.to_thread(pins.forget, name)
        else:
            await asyncio.to_thread(pins.accept, name, given, claimed=claimed, seen=seen)
        async with stored(chosen) as store:
            await store.changes.announce(CHANGE, name)
        return waited

    changes = run(work())
    if moved:
        typer.echo(f"What was accepted of {name} is forgotten; what its server says next is accepted.")
    else:
        typer.echo(f"Accepted of {name}: {changes} changes, {len(given)} classes of tools.")


def _known(pins: Pins, name: str) -> Pin:
    pin = pins.get(name)
    if pin is None:
        raise HubError(f"No server of {name!r} has answered yet; hub pin list names those that have.")
    return pin


def _told(pins: Pins, name: str, pin: Pin) -> dict[str, Any]:
    return {
        "address": pin.address,
        "tools": len((pin.accepted or {}).get("tools", ())),
        "trouble": pin.trouble,
        "since": pin.since,
        "waiting": [one.what for one in pins.waiting(name)],
        "effects": dict(pin.effects),
    }


def _waits(name: str, waiting: list[str]) -> str:
    return f"{len(waiting)} changes wait: hub pin diff {name}" if waiting else ""
