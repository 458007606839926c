"""What the tests of limits stand on: the program itself as a process, and clients that behave badly."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from hub.clock import SystemClock
from hub.config import load
from hub.sdk.tool import EFFECTS
from hub.store import Store

SECONDS = 60
MODERN = "2026-07-28"

CONNECTOR = '''"""What the tests of limits call."""

import asyncio
from pathlib import Path

from hub.sdk import Connector

connector = Connector(title="Waits", description="Waits as long as it is told to.")
GATE = Path(__file__).parents[1] / "gate"


@connector.tool(effect="read")
async def wait(seconds: float) -> str:
    """Waits that many seconds."""
    await asyncio.sleep(seconds)
    return "waited"


@connector.tool(effect="read")
async def hold() -> str:
    """Waits until the gate is open."""
    while not GATE.exists():
        await asyncio.sleep(0.01)
    return "waited"


@connector.tool(effect="read")
async def large(characters: int) -> str:
    """Says as much as it is told to."""
    return "x" * characters


@connector.resource("waits://{what}")
async def waited(what: str) -> str:
    """Waits until the gate is open."""
    return await hold()
'''


@dataclass(frozen=True, slots=True)
class Program:
    """``hub serve`` as it runs: its process, port, tokens of two people, and the file that lets go what waits."""

    process: asyncio.subprocess.Process
    port: int
    ada: str
    bob: str
    gate: Path

    def resident(self) -> float:
        """Megabytes of resident memory."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise AssertionError("/proc tells no memory")

    def ask_to_stop(self) -> None:
        """What an operator or container engine sends."""
        self.process.send_signal(signal.SIGTERM)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection."""
        return await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)

    async def send(self, request: bytes) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON of the answer to one request on a connection of its own."""
        reader, writer = await self.connect()
        try:
            writer.write(request)
            async with asyncio.timeout(SECONDS):
                status, headers = await head_of(reader)
                body = await reader.readexactly(int(headers.get("content-length", 0)))
            return status, headers, orjson.loads(body) if body else None
        finally:
            writer.close()

    async def call(self, tool: str, arguments: Mapping[str, Any], token: str) -> dict[str, Any]:
        """The result of a call of 2026-07-28."""
        status, _, told = await self.send(calling(tool, arguments, token))
        assert status == 200, told
        result: dict[str, Any] = told["result"]
        return result


async def head_of(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """The status and headers (in lower case) of the answer that comes next."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.partition(": ") for line in lines if line)
    return int(first.split()[1]), {name.lower(): value for name, _, value in pairs}


def posting(body: bytes, token: str, headers: Mapping[str, str]) -> bytes:
    """A POST to the endpoint as bytes."""
    lines = ["POST /mcp HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}"]
    lines += ["Content-Type: application/json", "Accept: application/json, text/event-stream"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def asking(method: str, params: Mapping[str, Any], token: str) -> bytes:
    """A request of 2026-07-28 as bytes."""
    meta = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
    name = params.get("name", params.get("uri"))
    return posting(orjson.dumps(message), token, headers | ({"Mcp-Name": name} if name else {}))


def calling(tool: str, arguments: Mapping[str, Any], token: str) -> bytes:
    """A call of 2026-07-28 as bytes."""
    return asking("tools/call", {"name": tool, "arguments": arguments}, token)


Start = Callable[..., AbstractAsyncContextManager[Program]]


@pytest.fixture
def program(tmp_path: Path) -> Start:
    """Starts the program with settings of its own: ``async with program(limits={...}) as hub``."""

    @asynccontextmanager
    async def start(*, files: int | None = None, code: str = CONNECTOR, **settings: Any) -> AsyncIterator[Program]:
        connectors = tmp_path / "connectors"
        connectors.mkdir()
        (connectors / "waits.py").write_text(code)
        path = tmp_path / "config.yaml"
        listed = {"shipped": False, "paths": [str(connectors)]}
        path.write_text(yaml.safe_dump({"data_dir": "data", "listen": {"port": 0}, "connectors": listed, **settings}))
        ada, bob = await _tokens(path, "ada", "bob")
        command = [sys.executable, "-m", "hub", "serve", "--config", str(path)]
        if files is not None:
            command = ["sh", "-c", f'ulimit -n {files} && exec "$@"', "sh", *command]
        process = await asyncio.create_subprocess_exec(
            *command,
            env={name: value for name, value in os.environ.items() if not name.startswith("HUB_")},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        try:
            async with asyncio.timeout(SECONDS):
                port = await _ready(process.stderr)
            draining = asyncio.create_task(process.stderr.read())
            yield Program(process, port, ada, bob, tmp_path / "gate")
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        await draining

    return start


async def _ready(lines: asyncio.StreamReader) -> int:
    seen = b""
    async for line in lines:
        seen += line
        told = orjson.loads(line) if line.startswith(b"{") else {}
        if told.get("event") == "the hub is ready":
            return int(told["listening"][0].rpartition(":")[2])
    raise AssertionError(f"the hub ended before it was ready:\n{seen.decode()}")


async def _tokens(config: Path, *names: str) -> list[str]:
    store = Store.open(load(config, {}).store_url, SystemClock())
    try:
        await store.migrate()
        return [(await store.tokens.create((await store.users.add(name)).id, "t", EFFECTS))[1] for name in names]
    finally:
        await store.close()
