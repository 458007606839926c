"""``hub list``: the connectors, how they fare, and their tools. Not a check of them (``checking.py``)."""

import textwrap
from typing import Annotated

import orjson
import typer

from hub.cli.options import ConfigFile, run, settings
from hub.clock import SystemClock
from hub.config import Config
from hub.registry import Catalog, Loaded, Registry, places_of, to_json

WORDS = {"ok": "ok", "stale": "stale", "set_aside": "set aside", "held": "held back", "disabled": "disabled"}


async def loaded_catalog(config: Config) -> Catalog:
    """The catalog of this configuration, loaded once. Raises ``ConfigError``."""
    connectors = config.connectors
    registry = Registry(
        places_of(connectors, config.data_dir),
        clock=SystemClock(),
        disabled=connectors.disabled,
        unprefixed=connectors.unprefixed,
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
    catalog = run(loaded_catalog(settings(config)))
    if as_json:
        told = [to_json(loaded) for loaded in catalog.connectors.values()]
        typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode())
        return
    if not catalog.connectors:
        typer.echo("There are no connectors. Make one: hub new NAME")
    for loaded in catalog.connectors.values():
        typer.echo(_told(loaded))


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
