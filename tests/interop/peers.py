"""MCP clients as the tests drive them: the official SDKs of Python and TypeScript, in each era, behind one face.

Not clients of our own: each ``Peer`` hands every question to the SDK it is named after and tells what came back.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx2
import mcp_types as types
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

HERE = Path(__file__).resolve().parent
NODE = HERE / "node_modules" / ".bin" / "node"
SECONDS = 60.0

MODERN, LEGACY = "2026-07-28", "2025-11-25"

PEERS = [("python", MODERN), ("python", LEGACY), ("v2", MODERN), ("v2", LEGACY), ("v1", LEGACY)]
"""Every official client with each revision it speaks: Python's, TypeScript's present one (v2) and its last one (v1)."""

PEER_IDS = [f"{sdk}-{revision}" for sdk, revision in PEERS]


class PeerError(Exception):
    """The client raised its own error for a request: a JSON-RPC error, or an answer it does not accept."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A tool's result as the client handed it on."""

    text: str
    data: Any
    failed: bool
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str | None:
        """How the call failed, in the hub's word for it."""
        kind = self.meta.get("hub/error", {}).get("kind")
        return str(kind) if kind is not None else None


@dataclass
class Memory:
    """Where the Python SDK keeps what its sign-in brought: its ``TokenStorage``."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Peer(Protocol):
    """One connected client."""

    async def version(self) -> str:
        """The revision both sides settled on."""
        ...

    async def tools(self) -> dict[str, dict[str, Any]]:
        """The tools as listed, by name."""
        ...

    async def call(self, name: str, **arguments: Any) -> Answer:
        """Call a tool; raises ``PeerError`` where the client does."""
        ...

    async def read(self, uri: str) -> str:
        """The text of a resource; raises ``PeerError`` where the client does."""
        ...

    async def listen(self) -> None:
        """Begin to listen for changes of the list of tools; returns once the server will tell of them."""
        ...

    async def changed(self) -> None:
        """Wait until told of a change not yet waited for."""
        ...


def answer_of(result: Any) -> Answer:
    """An ``Answer`` from a ``CallToolResult`` as JSON."""
    texts = [str(block["text"]) for block in result["content"] if block["type"] == "text"]
    return Answer(
        "\n".join(texts), result.get("structuredContent"), bool(result.get("isError")), result.get("_meta", {})
    )


class PythonPeer:
    """The Python SDK's client."""

    def __init__(self, client: Client, stack: AsyncExitStack, stream_open: asyncio.Event) -> None:
        self._client = client
        self._stack = stack
        self._stream_open = stream_open
        self._changes: asyncio.Queue[None] = asyncio.Queue()
        self._subscription: Any = None

    async def version(self) -> str:
        return str(self._client.protocol_version)

    async def tools(self) -> dict[str, dict[str, Any]]:
        listed = await self._client.list_tools(cache_mode="refresh")
        return {tool.name: tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed.tools}

    async def call(self, name: str, **arguments: Any) -> Answer:
        try:
            result = await self._client.call_tool(name, arguments)
        except MCPError as wrong:
            raise PeerError(str(wrong)) from wrong
        return answer_of(result.model_dump(mode="json", by_alias=True, exclude_none=True))

    async def read(self, uri: str) -> str:
        try:
            contents = (await self._client.read_resource(uri)).contents[0]
        except MCPError as wrong:
            raise PeerError(str(wrong)) from wrong
        assert isinstance(contents, types.TextResourceContents)
        return contents.text

    async def listen(self) -> None:
        if await self.version() == MODERN:
            listening = self._client.listen(tools_list_changed=True)
            self._subscription = await self._stack.enter_async_context(listening)
        else:
            await asyncio.wait_for(self._stream_open.wait(), SECONDS)

    async def changed(self) -> None:
        waiting = self._changes.get() if self._subscription is None else anext(self._subscription)
        await asyncio.wait_for(waiting, SECONDS)

    async def heard(self, message: Any) -> None:
        """Take in what the server says unasked."""
        if isinstance(message, types.ToolListChangedNotification):
            self._changes.put_nowait(None)


class NodePeer:
    """A TypeScript SDK's client, in a Node process that does what it is told (client.mjs)."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, do: str, **details: Any) -> Any:
        """Have the client do something; what it gives. Raises ``PeerError`` with its error."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **details}).encode() + b"\n")
        return await self.answer()

    async def answer(self) -> Any:
        """The next answer of the process."""
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), SECONDS)
        if not line:
            raise PeerError("the Node client ended; its error stands above")
        told = json.loads(line)
        if "error" in told:
            raise PeerError(told["error"]["message"])
        return told["value"]

    async def version(self) -> str:
        return str((await self.ask("about"))["version"])

    async def tools(self) -> dict[str, dict[str, Any]]:
        return {tool["name"]: tool for tool in await self.ask("tools")}

    async def call(self, name: str, **arguments: Any) -> Answer:
        return answer_of(await self.ask("call", name=name, arguments=arguments))

    async def read(self, uri: str) -> str:
        return str((await self.ask("read", uri=uri))["contents"][0]["text"])

    async def listen(self) -> None:
        await self.ask("listen")

    async def changed(self) -> None:
        await self.ask("changed")


@asynccontextmanager
async def connected(sdk: str, revision: str, url: str, token: str) -> AsyncIterator[Peer]:
    """A client of ``PEERS``, connected to the hub at ``url``; skips where ``make programs`` was not run."""
    async with AsyncExitStack() as stack:
        if sdk == "python":
            yield await _python(stack, revision, url, token)
        else:
            yield await _node(stack, sdk, revision, url, token)


async def _python(stack: AsyncExitStack, revision: str, url: str, token: str) -> PythonPeer:
    stream_open = asyncio.Event()
    peers: list[PythonPeer] = []

    async def answered(reply: httpx2.Response) -> None:
        if reply.request.method == "GET" and reply.is_success:
            stream_open.set()

    async def heard(message: Any) -> None:
        for peer in peers:
            await peer.heard(message)

    async def decline(context: Any, params: Any) -> types.ElicitResult:
        return types.ElicitResult(action="decline")

    headers = {"Authorization": f"Bearer {token}"}
    http = httpx2.AsyncClient(headers=headers, event_hooks={"response": [answered]}, timeout=SECONDS)
    transport = streamable_http_client(url, http_client=await stack.enter_async_context(http))
    mode: Any = MODERN if revision == MODERN else "legacy"
    client = Client(transport, mode=mode, message_handler=heard, elicitation_callback=decline)
    peers.append(PythonPeer(await stack.enter_async_context(client), stack, stream_open))
    return peers[0]


async def _node(stack: AsyncExitStack, sdk: str, revision: str, url: str, token: str) -> NodePeer:
    process = await asyncio.create_subprocess_exec(
        node(),
        str(HERE / "client.mjs"),
        sdk,
        revision,
        url,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "HUB_TOKEN": token},
        limit=16_000_000,
    )
    stack.push_async_callback(_end, process)
    peer = NodePeer(process)
    await peer.answer()
    return peer


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), SECONDS / 4)
    except TimeoutError:
        process.kill()
        await process.wait()


def node() -> str:
    """The Node that the lock pins; skips the test where ``make programs`` was not run."""
    if not NODE.exists():
        pytest.skip("the Node clients are not installed: make programs")
    return str(NODE)
