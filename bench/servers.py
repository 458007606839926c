"""The processes the benchmark measures and needs, each on a free port, and what they cost.

``hub serve`` is started as a user starts it: SQLite in an empty folder, tokens and accounts of fifty users, three
connectors with 500 tools. Not the load (``load.py``) and not what is compared (``run.py``).
"""

import asyncio
import logging
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.bare import KEPT
from hub import observe
from hub.app import Hub
from hub.broker.connecting import Wanted
from hub.clock import SystemClock
from hub.config import load
from hub.sdk.tool import EFFECTS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FASTMCP = ROOT / ".cache" / "fastmcp" / "bin" / "python"

USERS = 50
TOOLS = 500
LISTED = 256
"""How many of the tools read, and so are listed to a token that may only read."""

OTHERS = 9
"""Those of them that are called and the hub's own four; one of them, the relay's, is not listed to such a token."""

START_SECONDS = 60.0
_CPU_CLOCK = 2  # CPUCLOCK_SCHED: what the kernel's scheduler counted for a process


class NoStart(Exception):
    """A server did not come up; says which, with its last words."""


@dataclass(frozen=True, slots=True)
class Server:
    """One running process."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    def cpu(self) -> float:
        """Seconds of processor time used so far, of all its threads, user and system.

        The process's own clock (clock_getcpuclockid(3)): what /proc/PID/stat tells in ticks of 10 ms.
        """
        return time.clock_gettime(~self.process.pid << 3 | _CPU_CLOCK)


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def node() -> str:
    """The Node that ``make programs`` installed, or the machine's. Raises ``NoStart`` where there is neither."""
    pinned = ROOT / "tests" / "interop" / "node_modules" / ".bin" / "node"
    found = str(pinned) if pinned.exists() else shutil.which("node")
    if found is None:
        raise NoStart("The upstream needs Node: run make programs, or install Node.")
    return found


@contextmanager
def running(name: str, command: Sequence[str], port: int, folder: Path, env: dict[str, str]) -> Iterator[Server]:
    """The process while it is needed; ready when its port answers. Raises ``NoStart``."""
    words = folder / f"{name}.log"
    with words.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own programs
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **env}
        )
        try:
            _await_port(name, process, port, words)
            yield Server(name, port, process)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_port(name: str, process: subprocess.Popen[bytes], port: int, words: Path) -> None:
    clock = SystemClock()
    end = clock.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            if process.poll() is not None or clock.monotonic() > end:
                raise NoStart(f"{name} did not start:\n{words.read_text(errors='replace')[-2000:]}") from None
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        else:
            return


def upstream(folder: Path) -> Any:
    """The app behind all servers (``upstream.mjs``)."""
    port = free_port()
    return running("upstream", [node(), str(HERE / "upstream.mjs"), str(port)], port, folder, {})


def bare(folder: Path, app: Server, listing: bytes) -> Any:
    """The yardstick (``bare.py``), which answers ``tools/list`` with ``listing``."""
    port = free_port()
    held = folder / "listing.json"
    held.write_bytes(listing)
    command = [sys.executable, str(HERE / "bare.py"), str(port), f"http://127.0.0.1:{app.port}", str(held)]
    return running("bare", command, port, folder, {})


def fastmcp(folder: Path, kind: str, target: str) -> Any:
    """FastMCP (``fastmcp_server.py``) in front of ``target``; ``kind`` is ``openapi`` or ``proxy``."""
    port = free_port()
    command = [str(FASTMCP), str(HERE / "fastmcp_server.py"), kind, str(port), target]
    env = {"FASTMCP_CHECK_FOR_UPDATES": "off", "FASTMCP_LOG_LEVEL": "ERROR"}
    return running(f"fastmcp-{kind}", command, port, folder, env)


@dataclass(frozen=True, slots=True)
class Tokens:
    """One token for everything for each of fifty users, and one that may only read."""

    users: tuple[str, ...]
    reader: str


@contextmanager
def hub(folder: Path, app: Server) -> Iterator[tuple[Server, Tokens]]:
    """The hub, with its tokens."""
    port = free_port()
    config = folder / "config.yaml"
    connectors = folder / "connectors"
    connectors.mkdir()
    (connectors / "bench.yaml").write_text(yaml.safe_dump(_bench(app.port), sort_keys=False))
    (connectors / "signed.yaml").write_text(yaml.safe_dump(_signed(app.port), sort_keys=False))
    (connectors / "crowd.yaml").write_text(yaml.safe_dump(_crowd(app.port), sort_keys=False))
    (connectors / "relay.yaml").write_text(yaml.safe_dump(_relay(app.port), sort_keys=False))
    settings = {
        "public_url": f"http://127.0.0.1:{port}",
        "listen": {"host": "127.0.0.1", "port": port},
        "data_dir": str(folder / "data"),
        "connectors": {"shipped": False, "paths": [str(connectors)]},
        "network": {
            "allow_private": {name: [f"127.0.0.1:{app.port}"] for name in ("bench", "signed", "crowd", "relay")}
        },
    }
    config.write_text(yaml.safe_dump(settings))
    tokens = asyncio.run(_tokens(config))
    command = [sys.executable, "-m", "hub", "serve", "--config", str(config)]
    with running("hub", command, port, folder, {}) as server:
        yield server, tokens


async def _tokens(config: Path) -> Tokens:
    """A token and an account at the benchmark's app for each user."""
    observe.setup(level=logging.WARNING)
    hub = await Hub.start(load(config, {}))
    try:
        made = []
        provider = hub.registry.catalog.providers["signed"]
        code = hub.registry.catalog.connectors["signed"].code
        for number in range(USERS):
            user = await hub.store.users.add(f"user{number}", "member")
            made.append((await hub.store.tokens.create(user.id, "bench", EFFECTS))[1])
            wanted = Wanted(user.id, "signed", provider, "key", {}, code=code)
            await hub.brokerage.connecting.paste(wanted, {"key": f"key-of-user-{number:04}"})
        reader = (await hub.store.tokens.create(user.id, "bench list", ["read"]))[1]
    finally:
        await hub.close()
    return Tokens(tuple(made), reader)


def _bench(port: int) -> dict[str, Any]:
    """The connector that is called: one object, and thirty items, with the fields that ``bare.py`` keeps."""
    fields = {name: name for name in KEPT}
    return {
        "contract": 1,
        "version": "1.0.0",
        "title": "Bench",
        "description": "What the benchmark calls.",
        "category": "other",
        "base_url": f"http://127.0.0.1:{port}",
        "tools": {
            "object": {
                "description": "One object of the benchmark's app.",
                "effect": "read",
                "request": {"method": "GET", "path": "/object"},
                "fields": fields,
            },
            "items": {
                "description": "Thirty objects of the benchmark's app.",
                "effect": "read",
                "request": {"method": "GET", "path": "/items"},
                "items": "items",
                "fields": fields,
            },
        },
    }


def _relay(port: int) -> dict[str, Any]:
    """The connector that is another MCP server: the app's own, of whose two tools one counts as reading."""
    return {
        "kind": "mcp",
        "title": "Relay",
        "url": f"http://127.0.0.1:{port}/mcp",
        "effects": {"object": "read"},
    }


def _signed(port: int) -> dict[str, Any]:
    """The object once more, with an account: a key that goes into a header."""
    bench = _bench(port)
    return {
        **{name: held for name, held in bench.items() if name != "tools"},
        "title": "Signed",
        "description": "What the benchmark calls with an account.",
        "auth": {
            "hosts": [f"http://127.0.0.1:{port}"],
            "methods": {
                "key": {
                    "kind": "key",
                    "fields": {"key": {"title": "Key"}},
                    "sign": {"headers": {"Authorization": "Bearer {key}"}},
                }
            },
            "revoke": {"manual": "https://example.com/keys"},
        },
        "tools": {"object": bench["tools"]["object"]},
    }


def _crowd(port: int) -> dict[str, Any]:
    """The other tools, as an API description has them: a few typed arguments each."""
    tools: dict[str, Any] = {}
    for number in range(TOOLS - OTHERS):
        reads = number < LISTED - OTHERS + 1
        tools[f"{'find' if reads else 'change'}_things_{number}"] = {
            "title": f"Things of kind {number}",
            "description": f"Works on the things of kind {number} by their words, status and date of last change.",
            "effect": "read" if reads else "write",
            **({} if reads else {"summary": "Change the thing {id}"}),
            "input": {
                "id": {"type": "string", "description": "The thing's id."},
                "words": {"type": "string", "description": "Words to look for."},
                "status": {"type": "string", "enum": ["open", "closed", "all"], "description": "Only with this."},
                "since": {"type": "string", "format": "date-time", "description": "Changed since then."},
            },
            "required": ["id"],
            "request": {
                "method": "GET" if reads else "PUT",
                "path": f"/things/{number}/{{id}}",
                "query": {"q": "{words}", "status": "{status}", "since": "{since}"},
            },
        }
    return {
        "contract": 1,
        "version": "1.0.0",
        "title": "Crowd",
        "description": "The tools that are there besides.",
        "category": "other",
        "base_url": f"http://127.0.0.1:{port}",
        "tools": tools,
    }
