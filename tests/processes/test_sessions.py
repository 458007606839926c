"""Legacy sessions with two processes: any request of a session may reach either."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp

from tests.mcp_server.wire_client import Wire, events, request
from tests.processes.conftest import Pair, until
from tests.waiting import A_SECOND, PATIENCE

YES = {"action": "accept", "content": {"name": "Ada"}}


@asynccontextmanager
async def called(wire: Wire, session: str, tool: str, known: str = "c") -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """A call in a session; the messages of its stream."""
    headers = {"MCP_Protocol_Version": "2025-11-25", "Mcp_Session_Id": session}
    asked = request("tools/call", {"name": tool}, known)
    async with asyncio.timeout(PATIENCE), wire.send(asked, **headers) as response:
        yield events(response)


@asynccontextmanager
async def listening(wire: Wire, session: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The session's stream for changes."""
    headers = wire.headers(Accept="text/event-stream", Mcp_Session_Id=session, MCP_Protocol_Version="2025-11-25")
    timeout = aiohttp.ClientTimeout(total=20)
    async with wire.http.get(wire.url, headers=headers, timeout=timeout) as response:
        assert response.status == 200
        yield events(response)


async def test_a_call_of_a_session_is_answered_by_the_other_process(pair: Pair) -> None:
    session = await pair.a.session()
    answer = await pair.b.legacy("tools/call", {"name": "lab_grumble"}, Mcp_Session_Id=session)
    assert answer.result["content"][0]["text"] == "said"


async def test_a_session_ended_at_one_process_is_refused_by_the_other_within_a_second(pair: Pair) -> None:
    session = await pair.a.session()
    assert (await pair.b.legacy("ping", Mcp_Session_Id=session)).status == 200
    async with pair.a.http.delete(pair.a.url, headers=pair.a.headers(Mcp_Session_Id=session)) as response:
        assert response.status == 204

    async def refused() -> bool:
        return (await pair.b.legacy("ping", Mcp_Session_Id=session)).status == 404

    assert await until(refused) < A_SECOND
    assert (await pair.a.legacy("ping", Mcp_Session_Id=session)).status == 404


async def test_the_answer_to_a_question_reaches_the_process_that_asked_through_the_other(pair: Pair) -> None:
    session = await pair.a.session()
    async with called(pair.a, session, "lab_ask") as stream:
        question = await anext(stream)
        message = {"jsonrpc": "2.0", "id": question["id"], "result": YES}
        assert (await pair.b.post(message, Mcp_Session_Id=session)).status == 202
        assert (await anext(stream))["result"]["content"][0]["text"] == "Hello Ada"


async def test_an_answer_from_another_session_is_not_carried_over(pair: Pair) -> None:
    session, other = await pair.a.session(), await pair.a.session()
    async with called(pair.a, session, "lab_ask") as stream:
        question = await anext(stream)
        forged = {"jsonrpc": "2.0", "id": question["id"], "result": {**YES, "content": {"name": "Mallory"}}}
        assert (await pair.b.post(forged, Mcp_Session_Id=other)).status == 202
        right = {"jsonrpc": "2.0", "id": question["id"], "result": YES}
        assert (await pair.b.post(right, Mcp_Session_Id=session)).status == 202
        assert (await anext(stream))["result"]["content"][0]["text"] == "Hello Ada"


async def test_a_cancellation_reaches_the_process_that_runs_the_call_through_the_other(pair: Pair) -> None:
    session = await pair.a.session()
    async with called(pair.a, session, "lab_ask", "mine") as stream:
        await anext(stream)
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "mine"}}
        assert (await pair.b.post(note, Mcp_Session_Id=session)).status == 202
        assert [message async for message in stream] == []


async def test_the_log_level_set_at_one_process_holds_at_the_other(pair: Pair) -> None:
    session = await pair.a.session()

    async def levels(wire: Wire) -> list[str]:
        answer = await wire.legacy("tools/call", {"name": "lab_grumble"}, Mcp_Session_Id=session)
        return [message["params"]["level"] for message in answer.messages[:-1]]

    assert await levels(pair.b) == ["error"]
    await pair.a.legacy("logging/setLevel", {"level": "debug"}, Mcp_Session_Id=session)

    async def heard() -> bool:
        return await levels(pair.b) == ["debug", "error"]

    assert await until(heard) < A_SECOND


async def test_a_resource_watched_at_one_process_and_announced_there_is_told_at_the_other(pair: Pair) -> None:
    session = await pair.a.session()
    long = "lab://" + "x" * 400
    async with listening(pair.b, session) as stream:
        for uri in ("lab://one", long):
            assert (await pair.a.legacy("resources/subscribe", {"uri": uri}, Mcp_Session_Id=session)).result == {}

        async def told(uri: str) -> dict[str, Any]:
            hearing = asyncio.ensure_future(anext(stream))
            # Until the wish has reached the stream's process, an announcement goes by unheard.
            while not hearing.done():
                await pair.a.legacy("tools/call", {"name": "lab_announce", "arguments": {"what": uri}})
            return await hearing

        assert (await told("lab://one"))["params"] == {"uri": "lab://one"}
        while (await told(long))["params"] != {"uri": long}:
            pass


async def test_a_list_announced_at_one_process_is_told_at_the_other(pair: Pair) -> None:
    async with listening(pair.b, await pair.a.session()) as stream:
        await pair.a.legacy("tools/call", {"name": "lab_announce", "arguments": {"what": "prompts"}})
        assert (await anext(stream))["method"] == "notifications/prompts/list_changed"


async def test_a_session_that_listens_at_the_other_process_listens_no_more_at_the_first(pair: Pair) -> None:
    session = await pair.a.session()
    async with listening(pair.a, session) as first, listening(pair.b, session) as second:
        async with asyncio.timeout(A_SECOND):
            while await anext(first, None) is not None:
                pass
        await pair.a.legacy("tools/call", {"name": "lab_announce", "arguments": {"what": "prompts"}})
        assert (await anext(second))["method"] == "notifications/prompts/list_changed"


async def test_of_two_streams_a_session_opens_at_once_at_two_processes_one_stays(pair: Pair) -> None:
    async def hear(stream: AsyncIterator[dict[str, Any]], told: asyncio.Event) -> None:
        async for _ in stream:
            told.set()

    async def at_once(session: str) -> None:
        async with AsyncExitStack() as stack:
            opening = (stack.enter_async_context(listening(wire, session)) for wire in (pair.a, pair.b))
            streams = {
                asyncio.ensure_future(hear(stream, told)): told
                for stream, told in [(one, asyncio.Event()) for one in await asyncio.gather(*opening)]
            }
            ended, stayed = await asyncio.wait(streams, timeout=2 * A_SECOND, return_when=asyncio.FIRST_COMPLETED)
            assert len(ended) == 1
            (last,) = stayed
            streams[last].clear()
            await pair.a.legacy("tools/call", {"name": "lab_announce", "arguments": {"what": "prompts"}})
            await asyncio.wait_for(streams[last].wait(), PATIENCE)
            last.cancel()

    for _ in range(3):
        await at_once(await pair.a.session())


async def test_a_question_in_a_result_of_one_process_is_resumed_by_the_other(pair: Pair) -> None:
    asked = (await pair.a.call("lab_ask", capabilities={"elicitation": {}})).result
    assert asked["resultType"] == "input_required"
    params = {
        "name": "lab_ask",
        "arguments": {},
        "inputResponses": {"person": YES},
        "requestState": asked["requestState"],
    }
    resumed = (await pair.b.modern("tools/call", params, capabilities={"elicitation": {}})).result
    assert resumed["content"][0]["text"] == "Hello Ada"
