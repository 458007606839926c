"""A place to run the command line in: a temporary folder with its config file and connectors."""

import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from hub.cli.program import app

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class House:
    """One hub's folder: config.yaml, data/ and connectors/."""

    folder: Path

    @property
    def config(self) -> Path:
        """The config file."""
        return self.folder / "config.yaml"

    @property
    def connectors(self) -> Path:
        """Where its connectors are."""
        return self.folder / "connectors"

    def configure(self, more: str = "") -> None:
        """Write the config file: only this folder's connectors, and ``more``."""
        self.config.write_text(
            f"public_url: https://hub.example\n{more}\n" if more else "public_url: https://hub.example\n"
        )
        with self.config.open("a") as file:
            if "connectors:" not in more:
                file.write("connectors: {shipped: false, paths: [connectors]}\n")

    def hub(self, *words: str) -> Result:
        """Run ``hub`` with these words and this folder's config file."""
        return CliRunner().invoke(app, ["--config", str(self.config), *words], prog_name="hub")

    def command(self, *words: str) -> tuple[list[str], dict[str, str]]:
        """The same as a program and its environment, for a process of its own."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        program = [sys.executable, "-m", "hub", "--config", str(self.config), *words]
        return program, {**env, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A hub's folder without connectors. What a command says of logging is undone afterwards."""
    made = House(tmp_path)
    made.connectors.mkdir()
    made.configure()
    before, level = logging.root.handlers[:], logging.root.level
    yield made
    logging.root.handlers[:] = before
    logging.root.setLevel(level)
    structlog.reset_defaults()


TICKETS = """
title: Tickets
description: Tickets of a small shop.
settings:
  address: {description: Where it is, pattern: "[a-z0-9.]+:[0-9]+", host: true}
base_url: http://{settings.address}/api
headers: {Authorization: Bearer abcdefghijkl}
tools:
  find:
    description: Find tickets by words.
    effect: read
    input:
      query: {type: string, description: Words}
      limited: {type: boolean, description: Whether to stop early}
      sizes: {type: array, items: {type: integer}, description: Sizes}
    required: [query]
    request: {path: /tickets, query: {q: "{query}", limited: "{limited}", size: "{sizes}"}}
    items: tickets
    fields: {id: id, title: title}
  add:
    description: Add a ticket with a title.
    effect: write
    summary: "Add {title}"
    input: {title: {type: string, description: The title}}
    required: [title]
    request: {method: POST, path: /tickets, body: {title: "{title}"}}
"""


@pytest.fixture
def tickets(house: House) -> House:
    """The folder with one connector, ``tickets``."""
    (house.connectors / "tickets.yaml").write_text(TICKETS)
    return house
