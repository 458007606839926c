"""The official SDK's client with an ear on the wire: what a server answered, before the SDK made models of it.

Not a client of our own: the SDK speaks, and this remembers the results as they came. Not a test.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Self

from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CreateMessageResult, ElicitResult, JSONRPCRequest, JSONRPCResponse, TextContent

Result = dict[str, Any]

SECONDS = 60.0

ANSWER = {"name": "Ada", "street": "Main Street 1", "city": "Oslo", "state": "OS", "zipCode": "12345"}
"""What whoever is asked says."""


class _Reading:
    """A stream of messages that is listened in on."""

    def __init__(self, stream: Any, tap: "Tap") -> None:
        self._stream = stream
        self._tap = tap

    async def receive(self) -> Any:
        return self._tap.read(await self._stream.receive())

    async def aclose(self) -> None:
        await self._stream.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return self._tap.read(await self._stream.__anext__())

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *wrong: Any) -> Any:
        return await self._stream.__aexit__(*wrong)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Writing(_Reading):
    """The way back, listened in on likewise."""

    async def send(self, message: Any) -> None:
        await self._stream.send(self._tap.wrote(message))


class Tap:
    """One connected client. ``results`` are the results by method, in the order they came."""

    def __init__(self) -> None:
        self.client: Client
        self.results: dict[str, list[Result]] = {}
        self.logs: list[str] = []
        self.asked: list[str] = []
        self._methods: dict[object, str] = {}
        self._turn = asyncio.Lock()

    def read(self, message: Any) -> Any:
        """Take note of a message of the server."""
        held = getattr(message, "message", None)
        if isinstance(held, JSONRPCResponse):
            self.results.setdefault(self._methods.get(held.id, ""), []).append(held.result)
        return message

    def wrote(self, message: Any) -> Any:
        """Take note of a message of the client."""
        if isinstance(message.message, JSONRPCRequest):
            self._methods[message.message.id] = message.message.method
        return message

    async def listed(self, method: str, key: str) -> list[Result]:
        """The whole list of ``method``, item by item, as it came."""
        ask = {
            "tools/list": self.client.list_tools,
            "prompts/list": self.client.list_prompts,
            "resources/list": self.client.list_resources,
            "resources/templates/list": self.client.list_resource_templates,
        }[method]
        found: list[Result] = []
        cursor: str | None = None
        while True:
            await ask(cursor=cursor)
            page = self.results[method][-1]
            found += page[key]
            cursor = page.get("nextCursor")
            if cursor is None:
                return found

    async def called(self, name: str, arguments: Mapping[str, Any]) -> Result:
        """The result of a tool as it came."""
        async with self._turn:
            await self.client.call_tool(name, dict(arguments))
            return self.results["tools/call"][-1]

    async def read_resource(self, uri: str) -> Result:
        """The contents of a resource as they came."""
        async with self._turn:
            await self.client.read_resource(uri)
            return self.results["resources/read"][-1]


@asynccontextmanager
async def tapped(transport: AbstractAsyncContextManager[Any], mode: str = "auto", **options: Any) -> AsyncIterator[Tap]:
    """The SDK's client over ``transport``, connected in ``mode`` (``mcp.Client``)."""
    tap = Tap()

    @asynccontextmanager
    async def listened() -> AsyncIterator[Any]:
        async with transport as (read, write):
            yield _Reading(read, tap), _Writing(write, tap)

    async def elicited(context: Any, params: Any) -> ElicitResult:
        tap.asked.append(params.message)
        return ElicitResult(action="accept", content=dict(ANSWER))

    async def sampled(context: Any, params: Any) -> CreateMessageResult:
        tap.asked.append(params.messages[0].content.text)
        return CreateMessageResult(role="assistant", content=TextContent(type="text", text="In short."), model="none")

    async def logged(params: Any) -> None:
        tap.logs.append(str(params.data))

    told = {"elicitation_callback": elicited, "sampling_callback": sampled, "logging_callback": logged, **options}
    async with Client(listened(), mode=mode, **told) as client:
        tap.client = client
        yield tap


def over_pipes(run: tuple[str, ...], env: Mapping[str, str], folder: Path) -> AbstractAsyncContextManager[Any]:
    """A program, started for this client alone."""
    return stdio_client(StdioServerParameters(command=run[0], args=list(run[1:]), env=dict(env), cwd=folder))


def over_http(url: str, *, sse: bool = False) -> AbstractAsyncContextManager[Any]:
    """A server on the network; ``sse``: over the transport of 2024-11-05."""
    # By itself the SDK waits 5 s for a connection over the old transport, also while a busy machine is at other tests.
    return sse_client(url, timeout=SECONDS) if sse else streamable_http_client(url)
