"""Other people's MCP clients on their way from nothing to a tool call, at a hub where people sign in.

Each begins without a token, asks for a browser at the page the hub's documents name, waits on loopback for the answer,
and calls a tool. Not the person at that browser (``house.py``): a client only hands them the page's URL.
"""

import asyncio
import json
import os
import re
from asyncio import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from aiohttp import web
from mcp import Client, StdioServerParameters
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata
from pydantic import AnyUrl

from tests.interop.peers import HERE, Memory, answer_of, node
from tests.programs.processes import environment
from tests.waiting import PATIENCE

TOOL, ARGUMENTS = "dates_now", {"zones": ["Asia/Tokyo"]}
SECONDS = PATIENCE
INSPECTOR = str(
    HERE / "node_modules" / "@modelcontextprotocol" / "inspector" / "clients" / "launcher" / "build" / "index.js"
)

Visit = Callable[[str], Awaitable[None]]
"""A person's browser: opens a page, and comes back when the person is through."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What a client is given: the hub's address, a person's browser, a folder for what it keeps, a port for its
    callback, and the URL of its metadata document, None where it is to register itself."""

    url: str
    visit: Visit
    home: Path
    port: int
    document: str | None


Outcome = Any
"""The tool's result, as JSON."""


# -- the Python SDK ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def callback(
    port: int, host: str = "127.0.0.1", *, leads_to: str | None = None
) -> AsyncIterator[asyncio.Queue[dict[str, str]]]:
    """A client's own server on loopback: what browsers bring to ``/callback``, in their order. ``leads_to``: where it
    leads them on to."""
    came: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    async def answer(request: web.Request) -> web.Response:
        came.put_nowait(dict(request.query))
        if leads_to is not None:
            raise web.HTTPFound(leads_to)
        return web.Response(text="You can close this window.")

    app = web.Application()
    app.router.add_get("/callback", answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    try:
        yield came
    finally:
        await runner.cleanup()


async def python_sdk(errand: Errand) -> Outcome:
    """The Python SDK's ``OAuthClientProvider``."""
    metadata = OAuthClientMetadata(
        client_name="Python SDK",
        redirect_uris=[AnyUrl(f"http://127.0.0.1:{errand.port}/callback")],
        token_endpoint_auth_method="none",
    )
    async with callback(errand.port) as came:

        async def answered() -> AuthorizationCodeResult:
            answer = await asyncio.wait_for(came.get(), SECONDS)
            return AuthorizationCodeResult(code=answer["code"], state=answer["state"], iss=answer["iss"])

        provider = OAuthClientProvider(
            errand.url, metadata, Memory(), errand.visit, answered, client_metadata_url=errand.document
        )
        async with (
            httpx2.AsyncClient(auth=provider, timeout=SECONDS) as http,
            Client(streamable_http_client(errand.url, http_client=http)) as client,
        ):
            result = await client.call_tool(TOOL, ARGUMENTS)
            return result.model_dump(mode="json", by_alias=True, exclude_none=True)


# -- programs ------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def started(home: Path, *command: str, **variables: str) -> AsyncIterator[subprocess.Process]:
    """A Node program whose errors are read with its output."""
    # No program of the system's may open a browser: the person's is the test's.
    known = {**environment(home), "PATH": str(Path(node()).parent), "BROWSER": "none", **variables}
    process = await asyncio.create_subprocess_exec(
        node(),
        *command,
        cwd=home,
        env=known,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        limit=16_000_000,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def told(lines: asyncio.StreamReader, pattern: str) -> str:
    """The first thing like ``pattern`` that a program writes; fails with what it wrote instead."""
    written = []
    async with asyncio.timeout(SECONDS):
        while line := (await lines.readline()).decode(errors="replace"):
            written.append(line)
            if found := re.search(pattern, line):
                return found[0]
    raise AssertionError("it ended without a word of it; it wrote:\n" + "".join(written)[-3000:])


def asked_for(url: str) -> str:
    """What the hub's authorization page looks like where a program writes it for a person."""
    return rf"http://{re.escape(urlsplit(url).netloc)}/authorize\?[^\s\x1b\x07]+"


async def typescript_sdk(version: str, errand: Errand) -> Outcome:
    """A TypeScript SDK's client with an ``OAuthClientProvider`` (oauth_client.mjs)."""
    command = [str(HERE / "oauth_client.mjs"), version, errand.url, TOOL, json.dumps(ARGUMENTS)]
    command += [errand.document] if errand.document else []
    async with started(errand.home, *command) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(3):
            line = await asyncio.wait_for(process.stdout.readline(), SECONDS)
            assert line, (await process.stderr.read()).decode()[-3000:]
            step = json.loads(line)
            if "visit" in step:
                await errand.visit(step["visit"])
            elif "client" in step:
                assert step["state"] == "a state of the client & more"
                assert errand.document in (None, step["client"])
            else:
                return step["result"]
        raise AssertionError("it ended without a result")


async def mcp_remote(errand: Errand) -> Outcome:
    """mcp-remote, which a client that knows only stdio speaks through."""
    options = ["--client-metadata-url", errand.document] if errand.document else []
    proxy = StdioServerParameters(
        command=node(),
        args=[
            str(HERE / "node_modules" / "mcp-remote" / "dist" / "proxy.js"),
            errand.url,
            str(errand.port),
            "--host",
            "127.0.0.1",
            "--transport",
            "http-only",
            "--auth-timeout",
            str(int(SECONDS)),
            *options,
        ],
        env={"HOME": str(errand.home), "PATH": str(Path(node()).parent), "BROWSER": "none"},
    )
    read, write = os.pipe()
    lines = asyncio.StreamReader()
    with os.fdopen(read, "rb") as reading, os.fdopen(write, "w") as writing:
        watching, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), reading
        )

        async def asked() -> None:
            await errand.visit(await told(lines, asked_for(errand.url)))

        visiting = asyncio.create_task(asked())
        try:
            async with Client(stdio_client(proxy, errlog=writing), read_timeout_seconds=SECONDS) as client:
                result = await client.call_tool(TOOL, ARGUMENTS)
                await visiting
                return result.model_dump(mode="json", by_alias=True, exclude_none=True)
        finally:
            visiting.cancel()
            watching.close()


async def inspector(errand: Errand) -> Outcome:
    """MCP Inspector's command line."""
    command = [INSPECTOR, "--cli", errand.url, "--transport", "http", "--protocol-era", "auto", "--format", "json"]
    command += ["--callback-url", f"http://127.0.0.1:{errand.port}/callback"]
    command += ["--method", "tools/call", "--tool-name", TOOL, "--tool-args-json", json.dumps(ARGUMENTS)]
    command += ["--client-metadata-url", errand.document] if errand.document else []
    # It asks for a sign-in only where it believes that there is a person.
    async with started(errand.home, *command, MCP_AUTO_OPEN_ENABLED="true") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        await errand.visit(await told(process.stderr, asked_for(errand.url)))
        printed = (await asyncio.wait_for(process.stdout.read(), SECONDS)).decode()
        assert printed, (await process.stderr.read()).decode()[-3000:]
        return json.loads(printed)["result"]


def zone(outcome: Outcome) -> str:
    """The offset that the tool found."""
    return str(answer_of(outcome).data["zones"][0]["offset"])


@asynccontextmanager
async def inspector_page(url: str, home: Path, port: int) -> AsyncIterator[str]:
    """MCP Inspector's web page on loopback, which knows the server at ``url``: its own URL."""
    command = [INSPECTOR, "--web", "--server-url", url, "--transport", "http", "--protocol-era", "auto"]
    ports = {"CLIENT_PORT": str(port), "MCP_SANDBOX_PORT": "0", "MCP_APP_ORIGIN_PORT": "0"}
    own = {"MCP_AUTO_OPEN_ENABLED": "false", "MCP_INSPECTOR_SECRET_STORE": "memory"}
    async with started(home, *command, **ports, **own) as process:
        assert process.stdout is not None
        yield await told(process.stdout, rf"http://127\.0\.0\.1:{port}\S*")
