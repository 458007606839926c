"""subscriptions/listen, and the GET stream of older clients."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import orjson
import pytest
from mcp_types import methods

from hub.mcp_server import Limits
from tests.mcp_server.small_hub import Served, serving
from tests.mcp_server.wire_client import MODERN, Wire, comment, events
from tests.waiting import A_SECOND, PATIENCE

TAG = "io.modelcontextprotocol/subscriptionId"


def _listen(wire: Wire, wants: Mapping[str, Any], known: Any = 1, **headers: str | None) -> Any:
    body, base = wire.modern_parts("subscriptions/listen", {"notifications": wants}, known=known)
    return wire.send(body, **base, **headers)


def _get(wire: Wire, **headers: str | None) -> Any:
    more = {"MCP_Protocol_Version": "2025-11-25", "Accept": "text/event-stream", "Content_Type": None, **headers}
    return wire.http.get(wire.url, headers=wire.headers(**more))


async def _next(stream: AsyncIterator[dict[str, Any]]) -> dict[str, Any]:
    return await asyncio.wait_for(anext(stream), PATIENCE)


@pytest.mark.parametrize("known", [7, "sub-1", 0])
async def test_the_agreed_filter_comes_first_and_everything_carries_the_subscriptions_id(
    hub: Served, known: Any
) -> None:
    wants = {"toolsListChanged": True, "promptsListChanged": False, "resourceSubscriptions": ["note://1", "note://1"]}
    async with _listen(hub.wire, wants, known) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["X-Accel-Buffering"] == "no"
        stream = events(response)
        first = await _next(stream)
        assert first["method"] == "notifications/subscriptions/acknowledged"
        assert first["params"]["notifications"] == {"toolsListChanged": True, "resourceSubscriptions": ["note://1"]}
        hub.gateway.listeners.ring("notifications/tools/list_changed")
        hub.gateway.listeners.ring("notifications/resources/updated", uri="note://1")
        seen = [first, await _next(stream), await _next(stream)]
    assert [note["method"] for note in seen[1:]] == [
        "notifications/tools/list_changed",
        "notifications/resources/updated",
    ]
    assert all(note["params"]["_meta"][TAG] == known for note in seen)
    for note in seen:
        methods.parse_server_notification(note["method"], MODERN, note["params"])


async def test_what_was_not_asked_for_is_not_sent(hub: Served) -> None:
    async with _listen(hub.wire, {"promptsListChanged": True}) as response:
        stream = events(response)
        await _next(stream)
        hub.gateway.listeners.ring("notifications/tools/list_changed")
        hub.gateway.listeners.ring("notifications/resources/list_changed")
        hub.gateway.listeners.ring("notifications/resources/updated", uri="note://1")
        hub.gateway.listeners.ring("notifications/message", level="info", data="x")
        hub.gateway.listeners.ring("notifications/prompts/list_changed")
        assert (await _next(stream))["method"] == "notifications/prompts/list_changed"


async def test_a_filter_that_asks_for_nothing_is_agreed_to(hub: Served) -> None:
    async with _listen(hub.wire, {}) as response:
        assert (await _next(events(response)))["params"]["notifications"] == {}


async def test_two_subscriptions_of_one_client_each_carry_their_own_id(hub: Served) -> None:
    async with (
        _listen(hub.wire, {"toolsListChanged": True}, 1) as one,
        _listen(hub.wire, {"toolsListChanged": True}, 2) as two,
    ):
        streams = events(one), events(two)
        for stream in streams:
            await _next(stream)
        hub.gateway.listeners.ring("notifications/tools/list_changed")
        tags = [(await _next(stream))["params"]["_meta"][TAG] for stream in streams]
    assert tags == [1, 2]


async def test_the_same_news_waiting_twice_is_told_once(hub: Served) -> None:
    async with _listen(hub.wire, {"toolsListChanged": True, "promptsListChanged": True}) as response:
        stream = events(response)
        await _next(stream)
        for _ in range(100):
            hub.gateway.listeners.ring("notifications/tools/list_changed")
        hub.gateway.listeners.ring("notifications/prompts/list_changed")
        assert (await _next(stream))["method"] == "notifications/tools/list_changed"
        assert (await _next(stream))["method"] == "notifications/prompts/list_changed"


async def test_shutdown_ends_a_subscription_with_its_result(hub: Served) -> None:
    async with _listen(hub.wire, {"toolsListChanged": True}, 3) as response:
        stream = events(response)
        await _next(stream)
        await hub.server.close()
        rest = [note async for note in stream]
    assert len(rest) == 1
    assert rest[-1]["id"] == 3
    assert rest[-1]["result"]["resultType"] == "complete"
    assert rest[-1]["result"]["_meta"][TAG] == 3
    methods.validate_server_result("subscriptions/listen", MODERN, rest[-1]["result"])


async def test_when_the_gateway_ends_a_subscription_so_does_the_stream(hub: Served) -> None:
    async with _listen(hub.wire, {"toolsListChanged": True}) as response:
        stream = events(response)
        await _next(stream)
        hub.gateway.listeners.all[0].close()
        assert "result" in [note async for note in stream][-1]


@pytest.mark.parametrize("cancellation", [True, False])
async def test_a_listener_that_leaves_is_forgotten(cancellation: bool) -> None:
    async with serving(Limits(recheck=0.02), cancellation=cancellation) as served:
        async with _listen(served.wire, {"toolsListChanged": True}) as response:
            await _next(events(response))
            response.close()
        while not served.gateway.listeners.all[0].closed:
            await served.wire.legacy("ping")


async def test_a_listener_whose_token_is_revoked_hears_nothing_more() -> None:
    async with serving(Limits(recheck=60)) as served, _listen(served.wire, {"toolsListChanged": True}) as response:
        stream = events(response)
        await _next(stream)
        served.words.clear()
        served.gateway.listeners.ring("notifications/tools/list_changed")
        assert [note async for note in stream] == []


async def test_a_silent_listener_whose_token_is_revoked_is_closed_within_a_second() -> None:
    async with serving() as served, _listen(served.wire, {}) as response:
        stream = events(response)
        await _next(stream)
        served.words.clear()
        async with asyncio.timeout(A_SECOND):
            assert [note async for note in stream] == []


async def test_a_quiet_stream_is_kept_alive() -> None:
    async with serving(Limits(keepalive=0.05)) as served, _listen(served.wire, {}) as response:
        assert await comment(response) == b": keep-alive\n"
        assert await comment(response) == b": keep-alive\n"


async def test_a_users_streams_are_bounded_and_another_users_are_their_own() -> None:
    async with serving(Limits(streams=2)) as served, _listen(served.wire, {}) as one, _get(served.wire) as two:
        assert (one.status, two.status) == (200, 200)
        async with _listen(served.wire, {}, 9) as third:
            assert third.status == 429
            assert (await third.json())["id"] == 9
        async with _get(served.wire) as third:
            assert third.status == 429
        async with _listen(served.wire.as_user("bob"), {}) as other:
            assert other.status == 200


async def test_the_resources_one_listener_watches_are_bounded_and_it_is_told_which() -> None:
    async with serving(Limits(uris=3)) as served:
        uris = [f"note://{number}" for number in range(10)]
        async with _listen(served.wire, {"resourceSubscriptions": uris}) as response:
            agreed = (await _next(events(response)))["params"]["notifications"]
    assert agreed == {"resourceSubscriptions": uris[:3]}


async def test_a_reader_that_takes_nothing_is_dropped_and_costs_bounded_memory() -> None:
    async with serving(Limits(stall=0.2, recheck=0.05)) as served:
        body, headers = served.wire.modern_parts(
            "subscriptions/listen", {"notifications": {"resourceSubscriptions": ["a"]}}
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", int(served.base.rsplit(":", 1)[1]), limit=1024)
        data = orjson.dumps(body)
        head = {**served.wire.headers(**headers), "Host": "localhost", "Content-Length": str(len(data))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        writer.write(f"POST /mcp HTTP/1.1\r\n{lines}\r\n".encode() + data)
        await served.gateway.listeners.opened.wait()
        changes = served.gateway.listeners.all[0]
        async with asyncio.timeout(PATIENCE):
            while not changes.closed:
                changes.tell({"method": "notifications/resources/updated", "params": {"uri": "a" * 1_000_000}})
                await served.wire.legacy("ping")
        writer.close()
        del reader


async def test_listen_needs_a_client_that_reads_streams(hub: Served) -> None:
    async with _listen(hub.wire, {}, Accept="application/json") as response:
        assert response.status == 406


async def test_a_legacy_client_hears_of_all_lists_and_of_the_resources_it_watches(hub: Served) -> None:
    session = await hub.wire.session()
    async with _get(hub.wire, Mcp_Session_Id=session) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        await comment(response)
        hub.gateway.listeners.ring("notifications/resources/updated", uri="note://1")
        hub.gateway.listeners.ring("notifications/tools/list_changed")
        stream = events(response)
        assert await _next(stream) == {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
        hub.gateway.listeners.opened.clear()
        await hub.wire.legacy("resources/subscribe", {"uri": "note://1"}, Mcp_Session_Id=session)
        await asyncio.wait_for(hub.gateway.listeners.opened.wait(), PATIENCE)
        assert hub.gateway.listeners.all[-1].wants.uris == {"note://1"}
        assert hub.gateway.listeners.all[0].closed
        hub.gateway.listeners.ring("notifications/resources/updated", uri="note://1")
        note = await _next(stream)
        assert note["params"] == {"uri": "note://1"}
        methods.parse_server_notification(note["method"], "2025-11-25", note["params"])
        hub.gateway.listeners.opened.clear()
        await hub.wire.legacy("resources/unsubscribe", {"uri": "note://1"}, Mcp_Session_Id=session)
        await asyncio.wait_for(hub.gateway.listeners.opened.wait(), PATIENCE)
        assert hub.gateway.listeners.all[-1].wants.uris == frozenset()


async def test_a_session_has_one_get_stream_the_newest(hub: Served) -> None:
    session = await hub.wire.session()
    async with _get(hub.wire, Mcp_Session_Id=session) as first:
        await comment(first)
        async with _get(hub.wire, Mcp_Session_Id=session) as second:
            await comment(second)
            assert [note async for note in events(first)] == []
            hub.gateway.listeners.ring("notifications/tools/list_changed")
            assert (await _next(events(second)))["method"] == "notifications/tools/list_changed"


async def test_a_get_stream_ends_with_its_session_and_with_the_hub(hub: Served) -> None:
    session = await hub.wire.session()
    async with _get(hub.wire, Mcp_Session_Id=session) as response:
        await comment(response)
        headers = hub.wire.headers(Mcp_Session_Id=session)
        async with hub.wire.http.delete(hub.wire.url, headers=headers) as deleted:
            assert deleted.status == 204
        assert [note async for note in events(response)] == []
    async with _get(hub.wire) as response:
        await comment(response)
        await hub.server.close()
        assert [note async for note in events(response)] == []


async def test_get_needs_a_client_that_reads_streams(hub: Served) -> None:
    async with _get(hub.wire, Accept="application/json") as response:
        assert response.status == 406
    async with aiohttp.ClientSession() as http, _get(Wire(http, hub.wire.url), Accept="*/*") as response:
        assert response.status == 200
