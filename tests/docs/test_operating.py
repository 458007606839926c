"""docs/operating.md and config.example.yaml: every setting, variable, message, metric and command is the program's."""

import asyncio
import re
import shlex
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from hub import config, yaml
from hub.app import Hub
from hub.cli.program import app
from hub.clock import SystemClock
from hub.config import Config
from hub.config.keys import entry_of, section_of, variables
from hub.gateway.audit import Call
from hub.observe import Metrics
from hub.seal import KeyRing
from hub.store.tables import audit
from tests.databases import furnished
from tests.docs.pages import ROOT, Block, Page, first_cells, placed, tables

PAGE = Page.of("docs/operating.md")
SETTINGS = {row[0].strip("`"): [cell.strip("`") for cell in row[1:]] for row in tables(PAGE.section("Settings"))[0][1:]}


def keys_of(model: type[BaseModel], before: str = "") -> list[str]:
    """The dotted keys of the settings; ``<name>`` stands for a name the operator chooses."""
    found: list[str] = []
    for key, known in model.model_fields.items():
        section = section_of(known.annotation)
        entry = section_of(entry_of(known.annotation))
        if section is not None:
            found += keys_of(section, f"{before}{key}.")
        elif entry is not None:
            found += keys_of(entry, f"{before}{key}.<name>.")
        else:
            found.append(before + key)
    return found


async def typed(command: str, folder: Path) -> str:
    """What a command that begins with python3 prints in ``folder``."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *shlex.split(command)[1:], cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, command
    return out.decode()


def block(words: str) -> Block:
    """The block whose fence says ``words``."""
    (found,) = [one for one in PAGE.blocks if one.words == words]
    return found


def test_the_page_has_every_setting_and_no_other() -> None:
    assert list(SETTINGS) == keys_of(Config)


def test_every_setting_has_its_variable() -> None:
    assert {row[0] for row in SETTINGS.values()} == set(variables(Config))


def test_the_defaults_are_those_of_the_example_file() -> None:
    example = yaml.plain(yaml.load((ROOT / "config.example.yaml").read_text(), "config.example.yaml"))
    for key, (_, default, *_) in SETTINGS.items():
        if "<name>" in key:
            continue
        held: Any = example
        for step in key.split("."):
            held = held[step]
        assert yaml.load(default, key) == held, key
    assert (example["providers"], example["clients"]["registered"], example["profiles"]) == ({}, {}, {})


@pytest.mark.parametrize("words", ["config.yaml", "config.network.yaml", "config.oidc.yaml", "config.profiles.yaml"])
def test_an_example_of_settings_is_one(words: str, tmp_path: Path) -> None:
    placed([block(words)], tmp_path)
    assert config.load(tmp_path / words, {}) != config.load(None, {})


def test_a_mapping_in_one_variable_is_read_as_the_page_writes_it() -> None:
    written = re.search(r"`(HUB_NETWORK__ALLOW_PRIVATE=.+?)`", PAGE.section("Environment variables"))
    assert written is not None
    name, _, value = shlex.split(written[1])[0].partition("=")
    assert config.load(None, {name: value}).network.allow_private == {"prometheus": ("localhost:9090",)}


def test_every_message_under_troubleshooting_is_one_the_hub_says() -> None:
    code = " ".join("".join(path.read_text("utf-8") for path in sorted((ROOT / "hub").rglob("*.py"))).split())
    joined = re.sub(r'" f?"', "", code)
    quoted = {words for words in first_cells(tables(PAGE.section("Troubleshooting"))[0]) if " " in words}
    assert len(quoted) > 10
    assert [words for words in quoted if words not in joined] == []


def test_every_command_of_the_program_is_told_of() -> None:
    told = {tuple(line.split()[1:3]) for line in PAGE.text.splitlines() if line.startswith("    hub ")}
    known: set[tuple[str, ...]] = set()
    for name in ("user", "token", "client", "pin"):
        group = next(one for one in app.registered_groups if one.name == name).typer_instance
        assert group is not None
        known |= {(name, str(command.name)) for command in group.registered_commands}
    assert known - told == set()
    single = {str(command.name) for command in app.registered_commands}
    assert single - {words[0] for words in told} == set()


def test_the_metrics_are_those_of_the_program() -> None:
    metrics = Metrics()
    metrics.called("dates", "ok", 0.1)
    exposed = metrics.exposition().decode()
    for row in tables(PAGE.section("Metrics"))[0][1:]:
        name, labels = row[0].strip("`"), re.findall(r"`(\w+)`", row[1])
        assert any(
            line.startswith(name) and all(f'{label}="' in line for label in labels) for line in exposed.splitlines()
        )


def test_every_outcome_is_told_of() -> None:
    code = (ROOT / "hub/gateway/failures.py").read_text() + (ROOT / "hub/gateway/gateway.py").read_text()
    said = set(re.findall(r'(?:outcome = |\), )"([a-z_]+)"', code))
    assert {"ok", "asked", "cancelled", "internal", "tool_error"} <= said
    assert said - set(re.findall(r"`(\w+)`", PAGE.section("Metrics"))) == set()


async def test_the_audit_is_read_as_the_page_says(tmp_path: Path) -> None:
    (sql,) = [one.text for one in PAGE.blocks if one.language == "sql"]
    path = tmp_path / "config.yaml"
    path.write_text("data_dir: data\nconnectors: {shipped: false}\n")
    hub = await Hub.start(furnished(config.load(path, {})))
    user = await hub.store.users.add("ada")
    now = SystemClock().now()
    hub.store.audit.note(Call(user.id, None, "dates", "dates_now", "read", "0" * 64, now, "ok", 1.0))
    await hub.store.audit.flush()
    await hub.close()
    with sqlite3.connect(tmp_path / "data" / "hub.db") as database:
        rows = database.execute(sql).fetchall()
    assert rows == [(f"{now:%Y-%m-%d %H:%M:%S}", "ada", "dates_now", "read", "ok")]
    named = set(re.findall(r"`(\w+)`", PAGE.section("Audit")))
    assert {column.name for column in audit.c} - {"id"} <= named


async def test_the_backup_and_the_new_key_work_as_written(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("data_dir: data\nconnectors: {shipped: false}\n")
    hub = await Hub.start(furnished(config.load(path, {})))
    await hub.store.users.add("ada")
    backup, key = [block(words).commands[0] for words in ("backup", "key")]
    await typed(backup, tmp_path)
    printed = await typed(key, tmp_path)
    sealed = hub.ring.box("cursor").seal(b"before", bound="x")
    await hub.close()
    with sqlite3.connect(tmp_path / "hub-backup.db") as copy:
        assert copy.execute("SELECT name FROM users").fetchall() == [("ada",)]
    file = tmp_path / "data" / "hub.key"
    file.write_text(printed + file.read_text())
    ring = KeyRing.open(tmp_path / "data")
    assert ring.box("cursor").open(sealed, bound="x", now=0.0) == b"before"
    assert ring.box("cursor").seal(b"x", bound="x")[:6] != sealed[:6]


def test_the_commands_in_the_text_are_used_rightly() -> None:
    runner = CliRunner()
    for command in re.findall(r"`hub ((?:user|token) [a-z]+ [^`]*)`", PAGE.prose):
        words = command.split()
        shown = runner.invoke(app, [*words[:2], "--help"], env={"COLUMNS": "200"}).output
        assert [option for option in re.findall(r"--[a-z-]+", command) if option not in shown] == [], command
