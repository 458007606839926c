"""``hub list``: the connectors, how they fare, and their tools. Not a check of them (``checking.py``)."""

import textwrap
from typing import Annotated

import orjson
import typer

from hub.cli.options import ConfigFile, run, settings
from hub.cli.pins import pins_of
from hub.clock import SystemClock
from hub.config import Config
from hub.registry import Catalog, Loaded, Registry, configured_content, places_of, to_json
from hub.servers import Pins

WORDS = {"ok": "ok", "stale": "stale", "set_aside": "set aside", "held": "held back", "disabled": "disabled"}


async def loaded_catalog(config: Config) -> Catalog:
    """The catalog of this configuration, loaded once. Raises ``ConfigError``."""
    connectors = config.connectors
    registry = Registry(
        places_of(connectors, config.data_dir),
        clock=SystemClock(),
        disabled=connectors.disabled,
        unprefixed=connectors.unprefixed,
        pinned=pins_of(config).get,
        configured=configured_content(config.commands),
    )
    return await registry.load()


def list_connectors(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: every connector with its state, reason and tools.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """List connectors and their tools.

    Each has its state, and the reason where it does not serve.
    """
    chosen = settings(config)
    catalog = run(loaded_catalog(chosen))
    if as_json:
        told = [to_json(loaded) for loaded in catalog.connectors.values()]
        typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode())
        return
    if not catalog.connectors:
        typer.echo("There are no connectors. Make one: hub new NAME")
    for loaded in catalog.connectors.values():
        typer.echo(_told(loaded))
        if loaded.compiled is not None and loaded.compiled.server is not None:
            typer.echo(textwrap.indent(_server(loaded.name, pins_of(chosen)), "    "))


def _server(name: str, pins: Pins) -> str:
    """How the MCP server behind a connector fares, as the hub last saw it."""
    pin = pins.get(name)
    if pin is None:
        return "its server has not been asked yet; a hub that runs asks it"
    lines = ["its server answers" if pin.trouble is None else pin.trouble]
    if waiting := pins.waiting(name):
        lines.append(f"changes that wait for a yes: {len(waiting)} (hub pin diff {name})")
    return "\n".join(lines)


def _told(loaded: Loaded) -> str:
    title = f"  {loaded.compiled.title}" if loaded.compiled is not None else ""
    lines = [f"{loaded.name}  [{WORDS[loaded.state]}]{title}"]
    if loaded.reason is not None:
        lines.append(textwrap.indent(loaded.reason, "    "))
    if loaded.replaces is not None:
        lines.append(f"    {loaded.path} replaces {loaded.replaces}")
    names = ", ".join(entry.full_name for entry in loaded.offer.tools)
    if names:
        lines.append(textwrap.fill(names, 100, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False))
    return "\n".join(lines)
