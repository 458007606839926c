"""``hub check``: loads connectors, lints them, replays their recordings, and says what must be put right.

The checks are ``hub.testing``'s; this chooses what is checked, and prints.
"""

from pathlib import Path
from typing import Annotated

import typer

from hub.cli.listing import loaded_catalog
from hub.cli.options import ConfigFile, run, settings
from hub.config import Config
from hub.errors import HubError
from hub.registry import Catalog, places_of
from hub.testing import Report, connectors_at, opened, report


def check(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FOLDER]...",
            help="A connector (its folder or file), a folder of connectors, or a connector's name. Default: all.",
            show_default=False,
        ),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Check connectors, without a network.

    They must load, be declared well, and do what their recordings say. Warnings are errors only for the connectors
    that come with the hub.
    """
    reports = run(_reports(settings(config), folders or []))
    for one in reports:
        typer.echo(_told(one))
    failed = sum(not one.ok for one in reports)
    recordings = sum(one.recordings for one in reports)
    typer.echo(f"checked: {len(reports)}; recordings: {recordings}; with errors: {failed}")
    if failed:
        raise typer.Exit(1)


async def _reports(config: Config, folders: list[Path]) -> list[Report]:
    if not folders:
        catalog = await loaded_catalog(config)
        return [await report(loaded, catalog) for loaded in catalog.connectors.values()]
    reports: list[Report] = []
    catalog_by_name: Catalog | None = None
    for folder in folders:
        if folder.exists():
            found = connectors_at(folder)
            if not found:
                raise HubError(
                    f"{folder} is no connector: it is x.yaml, x.py, or a folder x with connector.yaml or __init__.py."
                )
            places = places_of(config.connectors, config.data_dir)
            for path in found:
                loaded, catalog = await opened(path, places, unprefixed=config.connectors.unprefixed)
                reports.append(await report(loaded, catalog))
            continue
        if catalog_by_name is None:
            catalog_by_name = await loaded_catalog(config)
        known = catalog_by_name.connectors.get(str(folder))
        if known is None:
            names = ", ".join(catalog_by_name.connectors) or "none"
            raise HubError(
                f"There is neither a file or folder {folder} nor a connector of that name; known are: {names}."
            )
        reports.append(await report(known, catalog_by_name))
    return reports


def _told(one: Report) -> str:
    if one.disabled:
        return f"{one.name}: disabled"
    counted = f"tools: {one.tools}, recordings: {one.recordings}"
    lines = [f"{one.name}: ok ({counted})" if one.ok else f"{one.name}: FAILED"]
    for error in one.errors:
        lines.append("  error: " + error.replace("\n", "\n         "))
    if not one.shipped:
        lines += ["  warning: " + warning.replace("\n", "\n           ") for warning in one.warnings]
    return "\n".join(lines)
