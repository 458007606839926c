"""Legacy clients that lose a call's stream, or are let go, and come back for the rest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx2
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from hub.mcp_server import Limits
from tests.mcp_server.small_hub import Served, serving
from tests.mcp_server.wire_client import Wire, events, request
from tests.waiting import PATIENCE


@dataclass
class Event:
    """One server-sent event."""

    id: str | None = None
    data: str | None = None
    retry: str | None = None


async def parsed(response: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    """The events of a stream, comments left out (WHATWG HTML, server-sent events)."""
    event, empty = Event(), True
    async for line in response.content:
        word = line.decode().rstrip("\n")
        if not word:
            if not empty:
                yield event
            event, empty = Event(), True
            continue
        field, _, value = word.partition(":")
        if field in ("id", "data", "retry"):
            setattr(event, field, value.strip())
            empty = False


@asynccontextmanager
async def called(
    wire: Wire, session: str, tool: str, version: str = "2025-11-25"
) -> AsyncIterator[AsyncIterator[Event]]:
    """A call's stream."""
    headers = {"MCP_Protocol_Version": version, "Mcp_Session_Id": session}
    async with asyncio.timeout(PATIENCE), wire.send(request("tools/call", {"name": tool}, "c"), **headers) as response:
        yield parsed(response)


@asynccontextmanager
async def back(wire: Wire, session: str, last: str) -> AsyncIterator[aiohttp.ClientResponse]:
    """The client comes back."""
    headers = wire.headers(Accept="text/event-stream", Mcp_Session_Id=session, Last_Event_ID=last)
    async with asyncio.timeout(PATIENCE), wire.http.get(wire.url, headers=headers) as response:
        yield response


async def all_of(stream: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in stream]


async def test_a_stream_begins_with_an_id_to_come_back_with_and_when(hub: Served) -> None:
    async with called(hub.wire, await hub.wire.session(), "ask") as stream:
        first, question = await anext(stream), await anext(stream)
    assert first.data == ""
    assert first.id
    assert first.retry == "1000"
    assert question.id not in (None, first.id)


@pytest.mark.parametrize("version", ["2025-06-18", "2025-03-26"])
async def test_a_revision_that_knows_no_empty_event_is_sent_none(hub: Served, version: str) -> None:
    async with called(hub.wire, await hub.wire.session(version=version), "ask", version) as stream:
        question = await anext(stream)
    assert question.id is None
    assert question.data


async def test_a_client_that_was_let_go_comes_back_for_the_answer(hub: Served) -> None:
    session = await hub.wire.session()
    async with called(hub.wire, session, "drop") as stream:
        held = await all_of(stream)
    assert all("result" not in (event.data or "") for event in held)
    async with back(hub.wire, session, str(held[0].id)) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        hub.gateway.release.set()
        (answer,) = [message async for message in events(response)]
    assert answer["id"] == "c"
    assert answer["result"]["content"][0]["text"] == "kept"


async def test_an_answer_that_came_meanwhile_is_kept_and_given_again(hub: Served) -> None:
    session = await hub.wire.session()
    async with called(hub.wire, session, "drop") as stream:
        first = (await all_of(stream))[0]
    hub.gateway.release.set()
    for _ in range(2):
        async with back(hub.wire, session, str(first.id)) as response:
            (event,) = await all_of(parsed(response))
            assert "kept" in str(event.data)
    async with back(hub.wire, session, str(event.id)) as response:
        assert await all_of(parsed(response)) == []


async def test_a_question_missed_with_a_lost_connection_is_asked_again_and_can_be_answered() -> None:
    async with serving(Limits(poll=0.02)) as served:
        session = await served.wire.session()
        headers = {"MCP_Protocol_Version": "2025-11-25", "Mcp_Session_Id": session}
        async with served.wire.send(request("tools/call", {"name": "ask"}, "c"), **headers) as response:
            first = await anext(parsed(response))
            response.close()
        async with back(served.wire, session, str(first.id)) as response:
            stream = events(response)
            question = await anext(stream)
            reply = {"action": "accept", "content": {"name": "Ada"}}
            answer = {"jsonrpc": "2.0", "id": question["id"], "result": reply}
            assert (await served.wire.post(answer, Mcp_Session_Id=session)).status == 202
            assert (await anext(stream))["result"]["content"][0]["text"] == "Hello Ada"


@pytest.mark.parametrize("spoil", ["unknown-3", "", "x", "-1"])
async def test_an_id_that_is_not_kept_here_is_refused_so_that_the_client_does_not_wait(hub: Served, spoil: str) -> None:
    async with back(hub.wire, await hub.wire.session(), spoil) as response:
        assert response.status == 400


async def test_a_stream_is_come_back_to_by_its_own_session_only(hub: Served) -> None:
    session, bob = await hub.wire.session(), hub.wire.as_user("bob")
    async with called(hub.wire, session, "drop") as stream:
        first = (await all_of(stream))[0]
    async with back(hub.wire, await hub.wire.session(), str(first.id)) as response:
        assert response.status == 400
    async with back(bob, await bob.session(), str(first.id)) as response:
        assert response.status == 400
    async with back(bob, session, str(first.id)) as response:
        assert response.status == 404


async def test_what_is_kept_is_bounded_in_bytes() -> None:
    async with serving(Limits(trails=300)) as served:
        session = await served.wire.session()
        served.gateway.release.set()
        ids = []
        for _ in range(4):
            async with called(served.wire, session, "drop") as stream:
                ids.append(str((await all_of(stream))[0].id))
        async with back(served.wire, session, ids[-1]) as response:
            assert len(await all_of(parsed(response))) == 1
        async with back(served.wire, session, ids[0]) as response:
            assert response.status == 400


async def test_what_is_kept_is_forgotten_after_a_while() -> None:
    async with serving(Limits(kept=0.01)) as served:
        session = await served.wire.session()
        served.gateway.release.set()
        async with called(served.wire, session, "drop") as stream:
            first = str((await all_of(stream))[0].id)
        async with asyncio.timeout(PATIENCE):
            status = 200
            while status != 400:
                async with back(served.wire, session, first) as response:
                    status = response.status


async def test_a_client_without_a_session_is_not_let_go(hub: Served) -> None:
    hub.gateway.release.set()
    answer = await hub.wire.legacy("tools/call", {"name": "drop"})
    assert answer.result["content"][0]["text"] == "kept"
    assert b"id:" not in answer.raw.split(b"data:")[0]


async def test_the_official_client_comes_back_for_an_answer_by_itself(hub: Served) -> None:
    async def person(context: Any, params: Any) -> types.ElicitResult:
        return types.ElicitResult(action="decline")

    async with httpx2.AsyncClient(headers={"Authorization": "Bearer ada-token"}) as http:
        transport = streamable_http_client(hub.wire.url, http_client=http)
        async with asyncio.timeout(PATIENCE), Client(transport, mode="legacy", elicitation_callback=person) as client:
            calling = asyncio.create_task(client.call_tool("drop", {}))
            await hub.gateway.started.wait()
            hub.gateway.release.set()
            result = await calling
    assert isinstance(result.content[0], types.TextContent)
    assert result.content[0].text == "kept"
