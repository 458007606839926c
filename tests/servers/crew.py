"""Twenty and more MCP servers of other people, and how each is run: from npm, from PyPI, the SDKs' own examples.

What they are asked is the same for all clients. Not a test (``test_crew.py``), and no server is written here but the
short ones that show an SDK or FastMCP at work.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
MODULES = PROGRAMS / "node_modules" / "@modelcontextprotocol"
EXAMPLES = MODULES / "sdk" / "dist" / "esm" / "examples" / "server"
PYTHON = HERE.parents[1] / ".cache" / "servers" / "bin" / "python"
FASTMCP = HERE.parents[1] / ".cache" / "fastmcp" / "bin" / "python"
PINNED_NODE = HERE.parent / "interop" / "node_modules" / ".bin" / "node"
NODE = str(PINNED_NODE) if PINNED_NODE.exists() else "node"

WEB = "{web}"
"""Stands for a page on this machine, in arguments."""


@dataclass(frozen=True)
class Server:
    """One server: ``run`` is its program. With ``path`` it listens on a port, which ``run`` and ``env`` may hold as
    ``{port}``, else it is spoken to over pipes; ``sse``: over the transport of 2024-11-05.

    ``tool`` is called with ``arguments``, else ``uri`` is read. ``lively``: its list of resources changes by itself.
    ``allow``: what the operator allows it. ``lacks``: tools it shows only to clients that take addresses to open.
    """

    name: str
    run: tuple[str, ...]
    tool: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    path: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    uri: str = ""
    sse: bool = False
    lively: bool = False
    allow: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


def _example(name: str, file: str, tool: str = "", path: str | None = "/mcp", **told: Any) -> Server:
    """One of the TypeScript SDK's examples."""
    run = (NODE, "--import", str(PROGRAMS / "steady.mjs"), str(EXAMPLES / f"{file}.js"))
    env = {} if path is None else {"LISTEN": "{port}"}
    return Server(name, run, tool, path=path, env=env, **told)


def _package(name: str) -> str:
    return str(MODULES / f"server-{name}" / "dist" / "index.js")


ADA = {"name": "Ada"}
ONCE = {"interval": 5, "count": 1}
ENTITY = {"name": "Ada", "entityType": "person", "observations": ["wrote a program"]}
THOUGHT = {"thought": "Begin.", "nextThoughtNeeded": False, "thoughtNumber": 1, "totalThoughts": 1}
HOUR = {"source_timezone": "Europe/Oslo", "time": "12:30", "target_timezone": "Asia/Tokyo"}
OFFICIAL = str(HERE / "official.py")


def crew(folder: Path) -> list[Server]:
    """The servers. ``folder`` is a folder with files under version control, which some of them show."""
    git = ("-m", "mcp_server_git", "--repository", str(folder))
    return [
        Server(
            "everything",
            (NODE, _package("everything"), "stdio"),
            "get-structured-content",
            {"location": "Chicago"},
            allow=("sampling",),
            lacks=("trigger-url-elicitation",),
        ),
        Server("filesystem", (NODE, _package("filesystem"), str(folder)), "list_directory", {"path": str(folder)}),
        Server(
            "memory",
            (NODE, _package("memory")),
            "create_entities",
            {"entities": [ENTITY]},
            env={"MEMORY_FILE_PATH": "{own}/memory.jsonl"},
        ),
        Server("thinking", (NODE, _package("sequential-thinking")), "sequentialthinking", THOUGHT),
        _example("streamable", "simpleStreamableHttp", "greet", arguments=ADA),
        _example("stateless", "simpleStatelessStreamableHttp", "start-notification-stream", arguments=ONCE),
        _example("json", "jsonResponseStreamableHttp", "multi-greet", arguments=ADA),
        _example("sse", "simpleSseServer", "start-notification-stream", arguments=ONCE, sse=True),
        _example("schemas", "mcpServerOutputSchema", "get_weather", None, arguments={"city": "Oslo", "country": "NO"}),
        _example("both", "sseAndStreamableHttpCompatibleServer", "start-notification-stream", arguments=ONCE),
        _example(
            "growing",
            "standaloneSseWithGetStreamableHttp",
            uri="https://mcp-example.com/dynamic/example-resource",
            lively=True,
        ),
        _example("polling", "ssePollingExample", "long-task"),
        _example("progress", "progressExample", "count", None, arguments={"n": 2}),
        _example(
            "sampling", "toolWithSampleServer", "summarize", None, arguments={"text": "Long."}, allow=("sampling",)
        ),
        _example("form", "elicitationFormExample", "update_shipping_address"),
        _example("hono", "honoWebStandardStreamableHttp", "greet", arguments=ADA),
        Server("modern", (NODE, str(PROGRAMS / "modern.mjs"), "{port}"), "addNumbers", {"a": 1, "b": 2}, "/mcp"),
        Server("time", (str(PYTHON), "-m", "mcp_server_time"), "convert_time", HOUR),
        Server("git", (str(PYTHON), *git), "git_log", {"repo_path": str(folder)}),
        Server(
            "fetch",
            (str(PYTHON), "-m", "mcp_server_fetch", "--ignore-robots-txt", "--allow-private-ips"),
            "fetch",
            {"url": WEB},
        ),
        Server("fast", (str(FASTMCP), str(HERE / "fast.py")), "greet", ADA),
        Server("weather", (sys.executable, OFFICIAL, "stdio"), "add", {"a": 1, "b": 2}),
        Server(
            "weather_http", (sys.executable, OFFICIAL, "streamable-http", "{port}"), "add", {"a": 1, "b": 2}, "/mcp"
        ),
    ]


def files(folder: Path) -> None:
    """Make the folder that some servers show."""
    folder.mkdir()
    (folder / "note.txt").write_text("A note.\n")
    who = {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z", "HOME": str(folder)}
    own = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
    for run in (("init", "--quiet"), ("add", "note.txt"), ("commit", "--quiet", "-m", "A note")):
        subprocess.run(("git", *own, *run), cwd=folder, env={**os.environ, **who}, check=True)


@dataclass
class Listener:
    """A server of the crew that listens on a port."""

    server: Server
    port: int
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}{self.server.path}"

    async def start(self) -> None:
        """Start it; it may take a moment until it listens."""
        given = {"port": str(self.port)}
        run = [part.format(**given) if part == "{port}" else part for part in self.server.run]
        env = {name: value.format(**given) for name, value in self.server.env.items()}
        self.process = await asyncio.create_subprocess_exec(
            *run,
            env={**os.environ, **env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def listens(self) -> None:
        """Wait until it listens."""
        async with asyncio.timeout(60):
            while True:
                with suppress(OSError):
                    (await asyncio.open_connection("127.0.0.1", self.port))[1].close()
                    return
                assert self.process is not None
                assert self.process.returncode is None, self.server.name
                await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Kill it."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


def listeners(servers: list[Server], port: Callable[[], int]) -> dict[str, Listener]:
    """Those that listen on a port, not yet started."""
    return {one.name: Listener(one, port()) for one in servers if one.path is not None}
