"""What commands share: the configuration they run with, the event loop they run in, how they print tables.

Not a command.
"""

import asyncio
import logging
import os
from collections.abc import Coroutine, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from hub import observe
from hub.config import Config, load

T = TypeVar("T")

DEFAULT_FILE = Path("config.yaml")

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        envvar="HUB_CONFIG",
        help="The config file. Default: config.yaml where there is one, else the defaults.",
        show_default=False,
    ),
]

given: ContextVar[Path | None] = ContextVar("given", default=None)
"""The config file named before the command: ``hub --config FILE list``."""


def settings(file: Path | None, overrides: Mapping[str, str] | None = None) -> Config:
    """The configuration of this run; ``overrides`` are ``HUB_*`` variables that options stand for.

    Raises ``ConfigError``.
    """
    path = file or given.get() or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    return load(path, {**os.environ, **(overrides or {})})


def run(work: Coroutine[Any, Any, T], *, level: int = logging.ERROR) -> T:
    """Run a command's work to its end; the log on stderr begins at ``level``."""
    observe.setup(level=level)
    return asyncio.run(work)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns, two spaces between them; the last column is as long as it is."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))] if rows else []
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)
