"""The official Python SDK's client against the endpoint, in every era it speaks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import mcp_types as types
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from tests.mcp_server.small_hub import INFO, Served
from tests.waiting import PATIENCE

ERAS = ["auto", "legacy", "2026-07-28"]


@asynccontextmanager
async def connected(hub: Served, mode: str, **options: Any) -> AsyncIterator[Client]:
    """The SDK's client, signed in as ada."""
    async with httpx2.AsyncClient(headers={"Authorization": "Bearer ada-token"}) as http:
        transport = streamable_http_client(hub.wire.url, http_client=http)
        async with Client(transport, mode=mode, **options) as client:
            yield client


async def _introduce(context: Any, params: Any) -> types.ElicitResult:
    return types.ElicitResult(action="accept", content={"name": "Ada"})


@pytest.mark.parametrize("mode", ERAS)
async def test_the_sdk_lists_and_calls(hub: Served, mode: str) -> None:
    async with connected(hub, mode) as client:
        assert [tool.name for tool in (await client.list_tools()).tools][:2] == ["echo", "wait"]
        assert (await client.list_resources()).resources[0].uri == "note://1"
        assert (await client.list_resource_templates()).resource_templates[0].name == "note"
        assert (await client.list_prompts()).prompts[0].name == "greet"
        result = await client.call_tool("odd", {})
        assert result.structured_content == {"ok": True}
        read = await client.read_resource("note://1")
        assert isinstance(read.contents[0], types.TextResourceContents)
        assert read.contents[0].text == "hello"
        assert (await client.get_prompt("greet", {"who": "you"})).messages[0].role == "user"
        ref = types.PromptReference(type="ref/prompt", name="greet")
        done = await client.complete(ref, {"name": "who", "value": "park"})
        assert done.completion.values == ["park"]


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_the_sdk_settles_on_the_era_it_prefers(hub: Served, mode: str, version: str) -> None:
    async with connected(hub, mode) as client:
        assert client.protocol_version == version
        assert client.server_info is not None
        assert client.server_info.name == INFO["name"]
        assert client.instructions == "Tools for Ada."


@pytest.mark.parametrize("mode", ERAS)
async def test_the_sdk_is_asked_and_answers(hub: Served, mode: str) -> None:
    async with connected(hub, mode, elicitation_callback=_introduce) as client:
        result = await client.call_tool("ask", {})
        assert isinstance(result.content[0], types.TextContent)
        assert result.content[0].text == "Hello Ada"


@pytest.mark.parametrize("mode", ERAS)
async def test_the_sdk_hears_progress_and_logs(hub: Served, mode: str) -> None:
    heard: list[float] = []
    lines: list[str] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    async def on_log(params: types.LoggingMessageNotificationParams) -> None:
        lines.append(params.level)

    async with connected(hub, mode, logging_callback=on_log, log_level="warning") as client:
        await client.call_tool("steps", {}, progress_callback=on_progress)
        await client.call_tool("logs", {})
    assert heard == [0, 50, 100]
    assert lines == ["warning", "error"]


@pytest.mark.parametrize("mode", ERAS)
async def test_the_sdk_reads_errors(hub: Served, mode: str) -> None:
    async with connected(hub, mode) as client:
        with pytest.raises(MCPError, match="nope"):
            await client.call_tool("nope", {})
        with pytest.raises(MCPError, match="note://9") as missing:
            await client.read_resource("note://9")
        assert missing.value.error.code == (-32002 if mode == "legacy" else -32602)
        assert (await client.call_tool("refused", {})).is_error


@pytest.mark.parametrize("mode", ERAS)
async def test_the_sdk_giving_up_on_a_call_cancels_it(hub: Served, mode: str) -> None:
    async with connected(hub, mode) as client:
        calling = asyncio.ensure_future(client.call_tool("wait", {}))
        await hub.gateway.started.wait()
        calling.cancel()
        await asyncio.wait_for(hub.gateway.cancelled.wait(), PATIENCE)
        assert (await client.call_tool("odd", {})).content


async def test_the_sdk_listens_and_is_told_when_the_hub_stops(hub: Served) -> None:
    async with (
        connected(hub, "2026-07-28") as client,
        client.listen(tools_list_changed=True, resource_subscriptions=["note://1"]) as subscription,
    ):
        assert subscription.honored.tools_list_changed is True
        hub.gateway.listeners.ring("notifications/tools/list_changed")
        hub.gateway.listeners.ring("notifications/resources/updated", uri="note://1")
        heard = [type(await anext(subscription)).__name__ for _ in range(2)]
        await hub.server.close()
        assert [event async for event in subscription] == []
    assert heard == ["ToolsListChanged", "ResourceUpdated"]


@pytest.mark.filterwarnings("ignore:.*removed as of 2026-07-28")
@pytest.mark.filterwarnings("ignore:.*deprecated as of 2026-07-28")
async def test_the_sdk_hears_list_changes_in_a_legacy_session(hub: Served) -> None:
    heard = asyncio.Event()

    async def on_message(message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            heard.set()

    async with connected(hub, "legacy", message_handler=on_message, elicitation_callback=_introduce) as client:
        await asyncio.wait_for(hub.gateway.listeners.opened.wait(), PATIENCE)
        hub.gateway.listeners.ring("notifications/tools/list_changed")
        await asyncio.wait_for(heard.wait(), PATIENCE)
        await client.subscribe_resource("note://1")
        await client.set_logging_level("debug")
        await client.send_ping()
