"""Real programs for the tests: the hub and third parties' servers, each as a process of its own on loopback.

Each listens on a port the system picks (PowerDNS, which does not tell its own, on a free one) and tells that it does
in a line of its output; that line is waited for, never a time.
Not a mock of anything, and no test.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.clock import SystemClock
from hub.config import load
from hub.sdk.tool import EFFECTS
from hub.store import Store
from tests import commands, plants
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
CONNECTORS = Path(__file__).resolve().parent / "connectors"
START_SECONDS = 90.0
STOP_SECONDS = 20.0


class Program:
    """One running program; what it writes to either output is kept, line by line."""

    def __init__(self, command: Sequence[str | Path], *, cwd: Path, environment: Mapping[str, str]) -> None:
        self._name = Path(command[0]).name
        self._lines: list[str] = []
        self._told = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, name=f"output of {self._name}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def output(self) -> str:
        """What it has written so far."""
        with self._told:
            return "\n".join(self._lines)

    def wait_for(self, pattern: str, seconds: float = START_SECONDS, start: int = 0) -> re.Match[str]:
        """The first line from ``start`` on that holds ``pattern``; fails the test when none is written in time."""
        found: list[re.Match[str]] = []

        def seen() -> bool:
            found.extend(match for line in self._lines[start:] if (match := re.search(pattern, line)))
            return bool(found) or self._ended

        with self._told:
            self._told.wait_for(seen, seconds)
        if not found:
            pytest.fail(f"{self._name} wrote no line with {pattern!r}; it wrote:\n{self.output[-4000:]}")
        return found[0]

    def kill(self) -> None:
        """End it as a crash would: nothing of it runs any more."""
        self._process.kill()
        self._process.wait()
        self._reader.join(STOP_SECONDS)
        plants.note(f"the output of {self._name}", self.output)

    def stop(self) -> int:
        """End it as an operator would, by force where it does not follow; its exit code."""
        self._process.terminate()
        try:
            code = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._reader.join(STOP_SECONDS)
        plants.note(f"the output of {self._name}", self.output)
        return code

    def _read(self) -> None:
        if self._process.stdout is None:
            return
        with self._process.stdout as lines:
            for line in lines:
                with self._told:
                    self._lines.append(line.rstrip("\n"))
                    self._told.notify_all()
        with self._told:
            self._ended = True
            self._told.notify_all()


def environment(home: Path) -> dict[str, str]:
    """This process's environment without the hub's variables, with ``home`` as home folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "JUPYTER", "XDG_"))}
    return {**kept, "HOME": str(home), "NO_COLOR": "1"}


@dataclass(frozen=True, slots=True)
class RunningHub:
    """A hub that serves ``url`` (its MCP endpoint), with its config file and a folder whose connectors it watches."""

    program: Program
    url: str
    config: Path
    dropped: Path

    def command(self, *arguments: str) -> str:
        """What ``hub ARGUMENTS`` prints on this hub's data; fails the test with its error when it ends with one."""
        return command(self.config, *arguments)

    def token(self, user: str) -> str:
        """A token of ``user``, who is added first."""
        return token_of(self.config, user)


def command(config: Path, *arguments: str) -> str:
    """What ``hub ARGUMENTS --config CONFIG`` prints; fails the test with its error when it ends with one."""
    done = commands.run([*arguments, "--config", str(config)], environment(config.parent), ROOT)
    plants.answered(done.out + done.err)
    if done.code:
        pytest.fail(f"hub {' '.join(arguments)} ended with {done.code}: {done.err[-2000:]}")
    return done.out


def token_of(config: Path, user: str) -> str:
    """A token of ``user``, who is added first, as ``hub user add`` and ``hub token create`` make them. In this process:
    each command is a second of processor time."""

    async def made() -> str:
        store = Store.open(load(config, {}).store_url, SystemClock())
        try:
            await store.migrate()
            added = await store.users.add(user)
            _, secret = await store.tokens.create(added.id, "test", EFFECTS)
            return secret
        finally:
            await store.close()

    with ThreadPoolExecutor(1) as thread:
        # In a thread, as the caller's own may have a loop that runs.
        return thread.submit(asyncio.run, made()).result()


@contextmanager
def running_hub(folder: Path, settings: Mapping[str, Any] | None = None) -> Iterator[RunningHub]:
    """``hub serve`` with its data under ``folder``, the shipped connectors, those of these tests, and a folder to drop
    further ones into. ``settings`` are laid over the configuration, section by section."""
    dropped = folder / "dropped"
    dropped.mkdir(parents=True)
    held: dict[str, dict[str, Any]] = {"connectors": {"paths": [str(CONNECTORS), str(dropped)]}}
    for section, values in (settings or {}).items():
        held[section] = {**held.get(section, {}), **values}
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({"listen": {"port": 0}, "data_dir": "data", **held}), "utf-8")
    program = Program(
        [sys.executable, "-m", "hub", "serve", "--config", config], cwd=ROOT, environment=environment(folder)
    )
    try:
        ready = json.loads(program.wait_for(r"the hub is ready").string)
        yield RunningHub(program, f"http://{ready['listening'][0]}/mcp", config, dropped)
    finally:
        program.stop()


@dataclass(frozen=True, slots=True)
class RunningProgram:
    """A third party's program at ``address`` (host:port), with the ``folder`` it works in."""

    program: Program
    address: str
    folder: Path


@contextmanager
def running_jupyter(folder: Path) -> Iterator[RunningProgram]:
    """A Jupyter Server on an empty root folder, without sign-in; skips where ``make programs`` was not run."""
    server = ROOT / ".cache" / "jupyter" / "bin" / "jupyter-server"
    if not server.exists():
        pytest.skip("Jupyter Server is not installed: make programs")
    root = folder / "root"
    root.mkdir(parents=True)
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": 0,
        "ServerApp.root_dir": root,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "ServerApp.disable_check_xsrf": True,
        "IdentityProvider.token": "",
        "FileContentsManager.delete_to_trash": False,
    }
    program = Program(
        [server, *(f"--{name}={value}" for name, value in options.items())], cwd=root, environment=environment(folder)
    )
    try:
        address = program.wait_for(r"http://(127\.0\.0\.1:[1-9][0-9]*)/").group(1)
        yield RunningProgram(program, address, root)
    finally:
        program.stop()


@contextmanager
def running_prometheus(folder: Path) -> Iterator[RunningProgram]:
    """A Prometheus that scrapes itself and one target that is down; skips where it is not installed."""
    server = shutil.which("prometheus")
    if server is None:
        pytest.skip("prometheus is not on PATH: install the system's package")
    folder.mkdir(parents=True)
    targets = folder / "targets.json"
    targets.write_text("[]", "utf-8")
    # Its own port is known only once it runs; it watches the file of targets.
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [
            {"job_name": "itself", "file_sd_configs": [{"files": ["targets.json"], "refresh_interval": "1s"}]},
            {"job_name": "nothing", "static_configs": [{"targets": ["127.0.0.1:1"]}]},
        ],
    }
    rule = {"alert": "TargetDown", "expr": "up == 0", "labels": {"severity": "page"}}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), "utf-8")
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "hub", "rules": [rule]}]}), "utf-8")
    options = ("--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0")
    program = Program([server, *options], cwd=folder, environment=environment(folder))
    try:
        address = program.wait_for(r"Listening on.*address=(127\.0\.0\.1:[1-9][0-9]*)").group(1)
        replaced = targets.with_suffix(".new")
        replaced.write_text(json.dumps([{"targets": [address]}]), "utf-8")
        replaced.replace(targets)
        yield RunningProgram(program, address, folder)
    finally:
        program.stop()


@contextmanager
def running_pygeoapi(folder: Path) -> Iterator[RunningProgram]:
    """A pygeoapi with one collection that can be changed, ``places``; skips where ``make programs`` was not run."""
    tools = ROOT / ".cache" / "pygeoapi" / "bin"
    if not (tools / "flask").exists():
        pytest.skip("pygeoapi is not installed: make programs")
    folder.mkdir(parents=True)
    place = {"type": "Feature", "id": "rome", "geometry": {"type": "Point", "coordinates": [12.5, 41.9]}}
    rome = {**place, "properties": {"id": "rome", "name": "Rome"}}
    (folder / "places.json").write_text(json.dumps({"_default": {"1": rome}}), "utf-8")
    example = "https://example.org"
    unknown = dict.fromkeys(
        ("position", "address", "city", "stateorprovince", "postalcode", "country", "phone", "fax", "hours"), "-"
    )
    contact = {
        "name": "Tests",
        "email": "a@example.org",
        "url": example,
        "instructions": "-",
        "role": "owner",
        **unknown,
    }
    provider = {"type": "feature", "name": "TinyDB", "data": str(folder / "places.json"), "id_field": "id"}
    extent = {"bbox": [-180, -90, 180, 90], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}
    config = {
        "server": {
            "bind": {"host": "127.0.0.1", "port": 5000},
            "url": "http://127.0.0.1:5000",
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "languages": ["en-US"],
            "limits": {"default_items": 20, "max_items": 50},
            "map": {"url": f"{example}/{{z}}/{{x}}/{{y}}.png", "attribution": "-"},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": "Places", "description": "Places", "keywords": ["places"], "keywords_type": "theme",
                "terms_of_service": "-", "url": example,
            },
            "license": {"name": "-", "url": example},
            "provider": {"name": "Tests", "url": example},
            "contact": contact,
        },
        "resources": {
            "places": {
                "type": "collection", "title": "Places", "description": "Places", "keywords": ["places"], "links": [],
                "extents": {"spatial": extent}, "providers": [{**provider, "editable": True, "title_field": "name"}],
            }
        },
    }  # fmt: skip
    (folder / "config.yml").write_text(yaml.safe_dump(config), "utf-8")
    paths = {"PYGEOAPI_CONFIG": str(folder / "config.yml"), "PYGEOAPI_OPENAPI": str(folder / "openapi.json")}
    own = environment(folder) | paths
    describe: list[str | Path] = [tools / "pygeoapi", "openapi", "generate", "config.yml", "--format", "json"]
    subprocess.run(
        [*describe, "--output-file", "openapi.json"],
        cwd=folder, env=own, check=True, capture_output=True, timeout=START_SECONDS,
    )  # fmt: skip
    program = Program(
        [tools / "flask", "--app", "pygeoapi.flask_app", "run", "--port", "0"], cwd=folder, environment=own
    )
    try:
        address = program.wait_for(r"Running on http://(127\.0\.0\.1:[1-9][0-9]*)").group(1)
        yield RunningProgram(program, address, folder)
    finally:
        program.stop()


@contextmanager
def running_powerdns(folder: Path, key: str) -> Iterator[RunningProgram]:
    """A PowerDNS server without zones, whose API wants ``key``; skips where it is not installed."""
    server = shutil.which("pdns_server", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if server is None:
        pytest.skip("pdns_server is not on PATH: install the system's packages pdns-server and pdns-backend-lmdb")
    (folder / "data").mkdir(parents=True)
    port, other = free_port(), free_port()
    options = {
        "config-dir": folder, "launch": "lmdb", "lmdb-filename": folder / "data" / "zones", "socket-dir": folder,
        "local-address": "127.0.0.1", "local-port": other, "daemon": "no", "guardian": "no", "security-poll-suffix": "",
        "webserver": "yes", "webserver-address": "127.0.0.1", "webserver-port": port, "api": "yes", "api-key": key,
    }  # fmt: skip
    words = [f"--{name}={value}" for name, value in options.items()]
    program = Program([server, *words], cwd=folder, environment=environment(folder))
    try:
        program.wait_for(r"Done launching threads")
        yield RunningProgram(program, f"127.0.0.1:{port}", folder)
    finally:
        program.stop()
