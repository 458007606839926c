"""Answers that take time: streams, keep-alives, deadlines, clients that leave, shutdown."""

import asyncio
from typing import Any

import aiohttp
import pytest

from hub.mcp_server import Limits
from tests.mcp_server.small_hub import Served, serving
from tests.mcp_server.wire_client import Wire, comment, request, told
from tests.waiting import PATIENCE

FAST = Limits(to_stream=0.05, keepalive=0.05, poll=0.02, recheck=0.02, unwind=0.2, grace=0.2)


def _call(wire: Wire, name: str, known: Any = 1, **more: Any) -> Any:
    body, headers = wire.modern_parts("tools/call", {"name": name}, known=known, **more)
    return wire.send(body, **headers)


async def test_a_quick_answer_is_json_and_a_slow_one_becomes_a_stream_kept_alive() -> None:
    async with serving(FAST) as served:
        assert not (await served.wire.call("echo")).is_stream
        async with _call(served.wire, "wait") as response:
            assert response.headers["Content-Type"] == "text/event-stream"
            for _ in range(3):
                assert await comment(response) == b": keep-alive\n"
            served.gateway.release.set()
            answer = await told(response)
        assert answer.result["content"][0]["text"] == "released"
        assert len(answer.messages) == 1


async def test_a_slow_answer_stays_json_for_a_client_that_reads_nothing_else() -> None:
    async with serving(FAST) as served:
        body, headers = served.wire.modern_parts("tools/call", {"name": "wait"})
        sending = asyncio.create_task(served.wire.post(body, **headers, Accept="application/json"))
        await served.gateway.started.wait()
        async with _call(served.wire, "wait", 2) as other:  # by now the first is as slow as a stream needs
            await comment(other)
            served.gateway.release.set()
        answer = await sending
        assert not answer.is_stream
        assert answer.result["content"][0]["text"] == "released"


@pytest.mark.parametrize("cancellation", [True, False])
@pytest.mark.parametrize("streaming", [True, False])
async def test_a_modern_client_that_leaves_cancels_its_call(streaming: bool, cancellation: bool) -> None:
    limits = FAST if streaming else Limits(poll=0.02)
    async with serving(limits, cancellation=cancellation) as served:
        if streaming:
            async with _call(served.wire, "wait") as response:
                await comment(response)
                response.close()
        else:
            sending = asyncio.ensure_future(served.wire.call("wait"))
            await served.gateway.started.wait()
            sending.cancel()
        await asyncio.wait_for(served.gateway.cancelled.wait(), PATIENCE)
        await served.server.close()
        assert served.gateway.running == 0


async def test_a_legacy_client_that_leaves_does_not_cancel_its_call() -> None:
    async with serving(FAST) as served:
        async with served.wire.send(request("tools/call", {"name": "wait"})) as response:
            await comment(response)
            response.close()
        # The call is still there when a later request has been served and the wire had time to look.
        async with served.wire.send(request("tools/call", {"name": "wait"}, 2)) as other:
            for _ in range(4):
                await comment(other)
        assert not served.gateway.cancelled.is_set()
        assert served.gateway.running == 2
        served.gateway.release.set()
        await asyncio.wait_for(served.gateway.finished.wait(), PATIENCE)


async def test_a_legacy_call_whose_client_left_still_has_its_deadline() -> None:
    limits = Limits(to_stream=0.02, poll=0.02, deadline=0.3, keepalive=0.02)
    async with serving(limits) as served:
        async with served.wire.send(request("tools/call", {"name": "wait"})) as response:
            await comment(response)
            response.close()
        await asyncio.wait_for(served.gateway.cancelled.wait(), PATIENCE)


async def test_the_calls_a_user_leaves_behind_are_bounded() -> None:
    async with serving(Limits(to_stream=0.02, keepalive=0.02, poll=0.02, orphans=2)) as served:
        for known in range(3):
            async with served.wire.send(request("tools/call", {"name": "wait"}, known)) as response:
                await comment(response)
                response.close()
        await asyncio.wait_for(served.gateway.cancelled.wait(), PATIENCE)
        assert served.gateway.running == 2


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_cancelled_notification_ends_a_legacy_call_without_a_response(streaming: bool) -> None:
    async with serving(FAST if streaming else None) as served:
        wire = served.wire
        sending = asyncio.ensure_future(wire.legacy("tools/call", {"name": "wait"}, "r-1"))
        await served.gateway.started.wait()
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "r-1"}}
        assert (await wire.post(note)).status == 202
        answer = await sending
        assert served.gateway.cancelled.is_set()
        assert (answer.status, answer.messages) == (200, [])


@pytest.mark.parametrize(
    "params", [{"requestId": 2}, {"requestId": "1"}, {"requestId": None}, {"requestId": [1]}, {"requestId": True}, {}]
)
async def test_a_cancelled_notification_that_names_no_call_is_ignored(hub: Served, params: dict[str, Any]) -> None:
    sending = asyncio.ensure_future(hub.wire.legacy("tools/call", {"name": "wait"}, 1))
    await hub.gateway.started.wait()
    note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
    assert (await hub.wire.post(note)).status == 202
    assert not hub.gateway.cancelled.is_set()
    hub.gateway.release.set()
    assert (await sending).result["content"][0]["text"] == "released"


async def test_nobody_cancels_another_users_or_another_sessions_call(hub: Served) -> None:
    session, other = await hub.wire.session(), await hub.wire.session()
    sending = asyncio.ensure_future(hub.wire.legacy("tools/call", {"name": "wait"}, 1, Mcp_Session_Id=session))
    await hub.gateway.started.wait()
    note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    assert (await hub.wire.as_user("bob").post(note)).status == 202
    assert (await hub.wire.post(note)).status == 202
    assert (await hub.wire.post(note, Mcp_Session_Id=other)).status == 202
    assert not hub.gateway.cancelled.is_set()
    assert (await hub.wire.post(note, Mcp_Session_Id=session)).status == 202
    assert (await sending).messages == []


async def test_of_two_calls_that_cannot_be_told_apart_neither_is_cancelled(hub: Served) -> None:
    first = asyncio.ensure_future(hub.wire.legacy("tools/call", {"name": "wait"}, 1))
    second = asyncio.ensure_future(hub.wire.legacy("tools/call", {"name": "wait"}, 1))
    while hub.gateway.running < 2:
        await hub.wire.legacy("ping")
    note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    await hub.wire.post(note)
    hub.gateway.release.set()
    assert [(await one).result["content"][0]["text"] for one in (first, second)] == ["released", "released"]


@pytest.mark.parametrize("tool", ["wait", "deaf"])
async def test_a_call_out_of_time_is_a_result_the_model_can_read(tool: str) -> None:
    async with serving(Limits(deadline=0.1, unwind=0.1)) as served:
        for answer in (await served.wire.call(tool), await served.wire.legacy("tools/call", {"name": tool})):
            assert answer.status == 200
            assert answer.result["isError"] is True
            assert "No answer within 0.1 seconds" in answer.result["content"][0]["text"]
        assert served.gateway.cancelled.is_set()


async def test_log_lines_nobody_reads_are_dropped_and_hold_up_nothing() -> None:
    async with serving(Limits(congestion=64 * 1024)) as served:
        async with _call(served.wire, "flood", **{"io.modelcontextprotocol/logLevel": "debug"}) as response:
            await asyncio.wait_for(served.gateway.finished.wait(), PATIENCE)  # without a byte of it being read
            answer = await told(response)
        assert answer.result["content"][0]["text"] == "flooded"
        assert len(answer.messages) < 201


async def test_many_calls_at_once_each_get_their_own_answer(hub: Served) -> None:
    answers = await asyncio.gather(*(hub.wire.call("echo", {"n": n}, known=n) for n in range(50)))
    assert [answer.message["id"] for answer in answers] == list(range(50))
    assert [answer.result["structuredContent"] for answer in answers] == [[{"n": n}] for n in range(50)]


async def test_shutdown_lets_a_call_end_within_the_grace_period() -> None:
    async with serving(Limits(grace=5)) as served:
        sending = asyncio.ensure_future(served.wire.call("wait"))
        await served.gateway.started.wait()
        closing = asyncio.ensure_future(served.server.close())
        refused = await served.wire.call("echo")
        assert (refused.status, refused.error["code"]) == (503, -32603)
        served.gateway.release.set()
        await closing
        assert (await sending).result["content"][0]["text"] == "released"


async def test_shutdown_ends_a_call_that_does_not_and_says_so() -> None:
    async with serving(Limits(grace=0.05, unwind=0.2)) as served:
        sending = asyncio.ensure_future(served.wire.call("wait"))
        await served.gateway.started.wait()
        await served.server.close()
        assert served.gateway.cancelled.is_set()
        result = (await sending).result
        assert result["isError"] is True
        assert "shutting down" in result["content"][0]["text"]


async def test_a_client_that_leaves_in_the_middle_of_its_body_harms_nobody(hub: Served) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", int(hub.base.rsplit(":", 1)[1]))
    writer.write(
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ada-token\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await hub.wire.call("echo")).status == 200


async def test_no_task_is_left_behind_by_any_kind_of_ending() -> None:
    async with serving(Limits(to_stream=0.02, keepalive=0.02, poll=0.02, deadline=0.5, unwind=0.1)) as served:
        before = len(asyncio.all_tasks())
        await served.wire.call("echo")
        await served.wire.call("steps", progressToken=1)
        await served.wire.call("bug")
        for known in range(3):
            async with _call(served.wire, "wait", known) as response:
                await comment(response)
                response.close()
        answer = await served.wire.legacy("tools/call", {"name": "wait"}, "x")
        assert answer.result["isError"] is True
        while len(asyncio.all_tasks()) > before + 4:  # aiohttp keeps a task for each open connection
            await served.wire.legacy("ping")
        assert served.gateway.running == 0


async def test_a_stream_answers_a_browser_with_its_origin(hub: Served) -> None:
    body, headers = hub.wire.modern_parts("tools/call", {"name": "steps"}, progressToken=1)
    answer = await hub.wire.post(body, **headers, Origin="http://localhost:6274")
    assert answer.is_stream
    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:6274"


async def test_a_connection_is_used_again_after_a_stream(hub: Served) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as http:
        wire = Wire(http, hub.wire.url)
        for known in range(5):
            assert (await wire.call("steps", known=known, progressToken=1)).result["content"]
            assert (await wire.call("echo", known=known)).status == 200


async def test_what_a_tool_says_after_its_answer_is_not_sent_into_the_next_one(hub: Served) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as http:
        wire = Wire(http, hub.wire.url)
        assert (await wire.call("afterwords", progressToken=1)).result["content"][0]["text"] == "said"
        hub.gateway.release.set()
        await asyncio.wait_for(hub.gateway.finished.wait(), PATIENCE)
        answer = await wire.call("echo", {"n": 2}, known=2)
        assert (answer.message["id"], answer.is_stream) == (2, False)


async def test_a_tool_that_cancels_its_task_and_returns_is_answered_and_harms_no_other(hub: Served) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as http:
        wire = Wire(http, hub.wire.url)
        for known in range(3):
            answer = await wire.call("cancels_itself", known=known)
            assert answer.result["content"][0]["text"] == "still here"


async def test_the_connection_of_a_call_that_does_not_end_is_closed_after_its_answer() -> None:
    async with serving(Limits(deadline=0.1, unwind=0.1)) as served:
        async with _call(served.wire, "deaf") as response:
            assert response.headers["Connection"] == "close"
            assert (await told(response)).result["isError"] is True
        served.gateway.release.set()
        await asyncio.wait_for(served.gateway.finished.wait(), PATIENCE)


async def test_the_stream_of_a_call_that_can_be_come_back_to_is_the_last_on_its_connection() -> None:
    async with serving(FAST) as served:
        session = await served.wire.session()
        body = request("tools/call", {"name": "wait"})
        async with served.wire.send(body, Mcp_Session_Id=session) as response:
            assert response.headers["Connection"] == "close"
            served.gateway.release.set()
            assert (await told(response)).result["content"][0]["text"] == "released"
