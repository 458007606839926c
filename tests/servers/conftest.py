"""A hub without its socket that reaches MCP servers on loopback, real ones and one that lies as a test bids it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub import config
from hub.app import Hub
from hub.identity import local_caller
from hub.sdk.talk import Silence, Talk
from tests.databases import furnished
from tests.ports import free_port
from tests.waiting import PATIENCE

OFFICIAL = Path(__file__).parent / "official.py"
"""The official SDK's server, started with a transport and a port."""

MODERN = "2026-07-28"
Begin = Callable[..., Awaitable[Hub]]


@pytest.fixture
async def begin(tmp_path: Path) -> AsyncIterator[Begin]:
    """Starts the hub with these connectors (by name, their YAML as JSON) and this configuration."""
    hubs: list[tuple[Hub, asyncio.Task[None]]] = []

    async def start(connectors: dict[str, dict[str, Any]], **settings: Any) -> Hub:
        for name, told in connectors.items():
            folder = tmp_path / "connectors" / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "connector.yaml").write_bytes(orjson.dumps({"kind": "mcp", "title": name.title(), **told}))
        path = tmp_path / "config.yaml"
        path.write_bytes(
            orjson.dumps(
                {
                    "data_dir": "data",
                    "connectors": {"shipped": False, "paths": ["connectors"]},
                    "network": {"allow_private": {name: ["127.0.0.0/8"] for name in connectors}},
                    **settings,
                }
            )
        )
        hub = await Hub.start(furnished(config.load(path, {})))
        hubs.append((hub, asyncio.create_task(hub.servers.keep())))
        return hub

    yield start
    for hub, keeping in hubs:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        await hub.close()


async def until(hub: Hub, holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until ``holds``, looking whenever the catalog changes and a little in between."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in other processes, too
            await asyncio.sleep(0.02)


def tools(hub: Hub) -> dict[str, dict[str, Any]]:
    """The tools as the local user sees them."""
    return {one["name"]: one for one in hub.gateway.list_tools(local_caller())}


async def call(hub: Hub, name: str, talk: Talk | None = None, /, **arguments: Any) -> dict[str, Any]:
    """Call a tool as the local user."""
    return await hub.gateway.call_tool(local_caller(), name, arguments, talk or Silence())


@dataclass
class Liar:
    """An MCP server of 2026-07-28 whose every word a test chooses; remembers what it was asked."""

    url: str = ""
    tools: list[dict[str, Any]] = field(default_factory=list)
    result: Any = field(default_factory=lambda: {"content": [{"type": "text", "text": "done"}]})
    instructions: str = "Be nice."
    answer: Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse | None]] | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        message = await request.json()
        self.asked.append(message)
        self.headers.append(dict(request.headers))
        if self.answer is not None and (made := await self.answer(request, message)) is not None:
            return made
        method = message["method"]
        result: dict[str, Any]
        if method == "server/discover":
            result = {
                "supportedVersions": [MODERN],
                "capabilities": {"tools": {}},
                "instructions": self.instructions,
                "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "liar", "version": "1"}},
            }
        elif method == "tools/list":
            result = {"tools": self.tools}
        elif method == "tools/call":
            result = self.result
        else:
            error = {"code": -32601, "message": "no such method"}
            return web.json_response({"jsonrpc": "2.0", "id": message["id"], "error": error}, status=404)
        return web.json_response(
            {"jsonrpc": "2.0", "id": message["id"], "result": {"resultType": "complete", **result}}
        )

    def calls(self) -> list[dict[str, Any]]:
        """The params of the calls it got."""
        return [one["params"] for one in self.asked if one["method"] == "tools/call"]


def tool(name: str = "look", **told: Any) -> dict[str, Any]:
    """A tool's definition."""
    return {"name": name, "description": f"Does {name}.", "inputSchema": {"type": "object", "properties": {}}, **told}


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    """The lying server, running."""
    held = Liar(tools=[tool()])
    app = web.Application()
    app.router.add_route("*", "/mcp", held.handle)
    async with TestServer(app) as server:
        held.url = str(server.make_url("/mcp"))
        yield held


@dataclass
class Program:
    """A program serving MCP over HTTP."""

    url: str
    process: asyncio.subprocess.Process


@pytest.fixture
async def official() -> AsyncIterator[Callable[[str], Awaitable[Program]]]:
    """Starts the official SDK's server over a transport: streamable-http, legacy (the same, handshake only) or sse."""
    running: list[asyncio.subprocess.Process] = []

    async def start(transport: str) -> Program:
        port = free_port()
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(OFFICIAL), transport, str(port), stderr=asyncio.subprocess.PIPE
        )
        running.append(process)
        assert process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while b"running on" not in await process.stderr.readline():
                assert process.returncode is None
        return Program(f"http://127.0.0.1:{port}/{'sse' if transport == 'sse' else 'mcp'}", process)

    yield start
    for process in running:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
