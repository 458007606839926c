"""``hub serve``. Not the server: that is ``hub.serving``."""

import logging
from typing import Annotated

import typer

from hub import observe
from hub.cli.options import ConfigFile, settings
from hub.serving import run as run_hub


def serve(
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Listen here instead of listen.host.", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Listen here instead of listen.port.", show_default=False)
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Run the hub until it is stopped (Ctrl-C or SIGTERM)."""
    overrides = {} if host is None else {"HUB_LISTEN__HOST": host}
    if port is not None:
        overrides["HUB_LISTEN__PORT"] = str(port)
    observe.setup(level=logging.INFO)
    run_hub(settings(config, overrides))
