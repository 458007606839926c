"""Connecting in the middle of a conversation, over the wire, for each kind of client."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.broker.test_pasted import KEY, House, opened

BY_URL: dict[str, Any] = {"elicitation": {"url": {}, "form": {}}}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as found:
        yield found


async def token(house: House) -> str:
    """An access token of the person."""
    _, secret = await house.hub.store.tokens.create(house.caller.user_id, "t", house.caller.effects, None)
    return secret


async def modern(house: House, bearer: str, capabilities: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Call the tool as a client of 2026-07-28; the answer's body."""
    client, arguments = house.browser.client, {"url": "/echo"}
    return await modern_call(client, house.base, bearer, "desk_fetch", arguments, capabilities, **more)


async def modern_call(
    client: ClientSession,
    base: str,
    bearer: str,
    tool: str,
    arguments: dict[str, Any],
    capabilities: dict[str, Any],
    **more: Any,
) -> dict[str, Any]:
    """Call any tool of a hub as a client of 2026-07-28; the answer's body."""
    params = {"name": tool, "arguments": arguments, **more}
    params["_meta"] = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    }
    headers = {
        "Authorization": f"Bearer {bearer}",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": tool,
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    async with client.post(f"{base}/mcp", json=body, headers=headers) as reply:
        told: dict[str, Any] = await reply.json()
        return told


async def legacy(house: House, bearer: str, capabilities: dict[str, Any]) -> dict[str, Any]:
    """Begin a session of 2025-11-25 and call the tool; the answer's body."""
    headers = {"Authorization": f"Bearer {bearer}", "Accept": "application/json, text/event-stream"}
    hello = {"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": {"name": "t", "version": "1"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    async with house.browser.client.post(f"{house.base}/mcp", json=body, headers=headers) as reply:
        session = reply.headers.get("MCP-Session-Id")
    headers |= {"MCP-Protocol-Version": "2025-11-25", **({"MCP-Session-Id": session} if session else {})}
    params = {"name": "desk_fetch", "arguments": {"url": "/echo"}}
    body = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}
    async with house.browser.client.post(f"{house.base}/mcp", json=body, headers=headers) as reply:
        told: dict[str, Any] = await reply.json()
        return told


async def test_a_modern_client_is_asked_to_open_the_page_and_the_call_goes_on_by_itself(house: House) -> None:
    bearer = await token(house)
    asked = (await modern(house, bearer, BY_URL))["result"]
    assert asked["resultType"] == "input_required"
    question = asked["inputRequests"]["connect_desk"]
    assert question["method"] == "elicitation/create"
    assert question["params"]["mode"] == "url"
    assert question["params"]["url"].startswith(f"{house.base}/connect/desk?t=")
    answer = {"connect_desk": {"action": "accept"}}
    # The page is opened, and the account connected while the client's next call waits for it.
    waiting = asyncio.create_task(
        modern(house, bearer, BY_URL, inputResponses=answer, requestState=asked["requestState"])
    )
    assert (await house.browser.open(question["params"]["url"])).title == "Connect Desk"
    await house.paste(KEY)
    done = (await waiting)["result"]
    assert done["resultType"] == "complete"
    assert not done.get("isError")


async def test_a_modern_client_whose_user_says_no_is_told_to_go_on_without(house: House) -> None:
    bearer = await token(house)
    asked = (await modern(house, bearer, BY_URL))["result"]
    no = {"connect_desk": {"action": "decline"}}
    told = (await modern(house, bearer, BY_URL, inputResponses=no, requestState=asked["requestState"]))["result"]
    assert told["isError"]
    assert "did not want to connect" in told["content"][0]["text"]


@pytest.mark.parametrize("capabilities", [{}, {"elicitation": {}}, {"elicitation": {"form": {}}}])
async def test_a_client_that_cannot_be_led_gets_one_line_with_the_link(
    house: House, capabilities: dict[str, Any]
) -> None:
    bearer = await token(house)
    for told in (await modern(house, bearer, capabilities), await legacy(house, bearer, capabilities)):
        result = told["result"]
        assert result["isError"]
        (block,) = result["content"]
        assert "\n" not in block["text"]
        assert f"Ask the user to open {house.base}/connect/desk?t=" in block["text"]
        assert result["_meta"]["hub/error"]["kind"] == "connection_needed"


async def test_a_client_of_2025_11_25_is_led_by_the_error_made_for_it(house: House) -> None:
    told = await legacy(house, await token(house), BY_URL)
    assert told["error"]["code"] == -32042
    (one,) = told["error"]["data"]["elicitations"]
    assert one["mode"] == "url"
    assert one["elicitationId"]
    assert one["url"].startswith(f"{house.base}/connect/desk?t=")
    await house.paste(KEY)
    assert not (await legacy(house, await token(house), BY_URL))["result"].get("isError")
