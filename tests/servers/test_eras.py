"""All an MCP server offers passes through the hub: servers of both eras, over HTTP and over pipes, to clients of both
eras. The servers are the TypeScript SDK's (v2 and v1), the client is the Python SDK's."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import mcp_types as types
import pytest
from aiohttp.test_utils import TestServer
from mcp.client.subscriptions import ResourcesListChanged, ResourceUpdated

from hub.app import application
from tests.ports import free_port
from tests.servers.conftest import Begin, tools, until
from tests.servers.crew import MODULES, NODE, PROGRAMS, Listener, Server
from tests.servers.taps import Tap, over_http, tapped
from tests.waiting import PATIENCE

pytestmark = pytest.mark.skipif(not MODULES.exists(), reason="the SDK is not installed (make programs installs it)")

SUMS = "my-notes+notes:///sums"
UPSTREAMS = ["modern http", "modern pipes", "classic http", "classic sse", "classic pipes"]
DOWNSTREAMS = ["2026-07-28", "legacy"]


class Changes:
    """What the client hears of changes, in either era."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()

    async def message(self, told: Any) -> None:
        """A notification before 2026-07-28."""
        if isinstance(told, types.ResourceUpdatedNotification):
            self.heard.put_nowait(str(told.params.uri))
        elif isinstance(told, types.ResourceListChangedNotification):
            self.heard.put_nowait("list")

    async def events(self, subscription: Any) -> None:
        """The events of a subscription since."""
        async for event in subscription:
            if isinstance(event, ResourceUpdated):
                self.heard.put_nowait(event.uri)
            elif isinstance(event, ResourcesListChanged):
                self.heard.put_nowait("list")


@asynccontextmanager
async def upstream(kind: str) -> AsyncIterator[dict[str, Any]]:
    """A running server of that kind, as the hub is told of it: a connector, or a program."""
    era, _, way = kind.partition(" ")
    program = str(PROGRAMS / f"{era}.mjs")
    if way == "pipes":
        yield {"connectors": {}, "commands": {"my_notes": {"run": [NODE, program], "title": "Notes"}}}
        return
    sse = way == "sse"
    run = (NODE, program, "{port}", *(["sse"] if sse else []))
    listener = Listener(Server("notes", run, path="/sse" if sse else "/mcp"), free_port())
    await listener.start()
    try:
        await listener.listens()
        yield {"connectors": {"my_notes": {"url": listener.url, "title": "Notes"}}}
    finally:
        await listener.stop()


@pytest.mark.parametrize("downstream", DOWNSTREAMS)
@pytest.mark.parametrize("kind", UPSTREAMS)
async def test_all_passes_between_the_eras(kind: str, downstream: str, begin: Begin) -> None:
    changes = Changes()
    async with AsyncExitStack() as stack:
        told = await stack.enter_async_context(upstream(kind))
        hub = await begin(**told, auth={"mode": "none"})
        served = await stack.enter_async_context(TestServer(application(hub)))
        await until(hub, lambda: "my_notes_add_numbers" in tools(hub))
        url = str(served.make_url("/mcp"))
        tap = await stack.enter_async_context(
            tapped(over_http(url), downstream, message_handler=changes.message, log_level="debug")
        )
        await everything(tap, modern=kind.startswith("modern") or downstream == "legacy")
        await changed(stack, tap, changes)


async def everything(tap: Tap, *, modern: bool) -> None:
    """Lists, calls, questions, progress, log lines, resources, prompts, completions and cancellation.

    ``modern``: the server's question can reach the client.
    """
    client = tap.client
    sums = await tap.called("my_notes_add_numbers", {"a": 1, "b": 2})
    assert sums["structuredContent"] == {"sum": 3}
    assert sums["content"][1]["uri"] == SUMS
    read = await tap.read_resource(SUMS)
    assert (read["contents"][0]["uri"], read["contents"][0]["text"]) == (SUMS, "sums")
    templates = await tap.listed("resources/templates/list", "resourceTemplates")
    assert [one["uriTemplate"] for one in templates] == ["my-notes+notes:///{day}"]
    note = await tap.read_resource("my-notes+notes:///monday")
    assert note["contents"][0]["text"] == "note of monday"
    day = types.ResourceTemplateReference(type="ref/resource", uri="my-notes+notes:///{day}")
    assert (await client.complete(day, {"name": "day", "value": "f"})).completion.values == ["friday"]
    prompt = await client.get_prompt("my_notes_report", {"about": "sums"})
    assert isinstance(prompt.messages[0].content, types.TextContent)
    assert prompt.messages[0].content.text == "Report on sums."

    asked = await tap.called("my_notes_ask_city", {})
    assert asked["content"][0]["text"] == ("Oslo" if modern else "cancel")
    assert tap.asked == (["Notes asks: Which city?"] if modern else [])

    steps: list[Any] = []

    async def stepped(progress: float, total: float | None, message: str | None) -> None:
        steps.append((progress, total, message))

    await client.call_tool("my_notes_walk", {}, progress_callback=stepped)
    assert steps == [(n, 3, f"step {n}") for n in (1, 2, 3)]
    assert tap.logs == ["line 1", "line 2", "line 3"]

    begun = asyncio.Event()

    async def waits(progress: float, total: float | None, message: str | None) -> None:
        begun.set()

    waiting = asyncio.create_task(client.call_tool("my_notes_wait", {}, progress_callback=waits))
    async with asyncio.timeout(PATIENCE):
        await begun.wait()
        waiting.cancel()
        while (await tap.called("my_notes_cancelled", {}))["content"][0]["text"] != "1":  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def changed(stack: AsyncExitStack, tap: Tap, changes: Changes) -> None:
    """A watched resource that changes is told of, and so is the list."""
    if tap.client.protocol_version == "2026-07-28":
        listening = tap.client.listen(resources_list_changed=True, resource_subscriptions=[SUMS])
        hearing = asyncio.create_task(changes.events(await stack.enter_async_context(listening)))
        stack.callback(hearing.cancel)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the SDK would have us use the new era's way
            await tap.client.subscribe_resource(SUMS)
    seen: set[str] = set()
    async with asyncio.timeout(PATIENCE):
        # The server is told a moment after the client was answered.
        while not seen >= {SUMS, "list"}:
            await tap.called("my_notes_change", {})
            with suppress(TimeoutError):
                seen.add(await asyncio.wait_for(changes.heard.get(), 0.5))
    assert SUMS.replace("sums", "more") in [one["uri"] for one in await tap.listed("resources/list", "resources")]
