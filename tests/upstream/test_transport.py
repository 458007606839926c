"""One round trip over the real session: pinning, the pool, caps, headers and how failures are told apart."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub.clock import FixedClock
from hub.errors import OperatorNeeded, ToolError
from hub.sdk.http import Outgoing
from hub.upstream.errors import Lost, NotSent
from hub.upstream.headers import USER_AGENT
from hub.upstream.transport import STANDING_PER_HOST, AioTransport

Serve = Callable[..., Awaitable[TestServer]]
Open = Callable[..., Awaitable[AioTransport]]


def get(url: str, **headers: str) -> Outgoing:
    return Outgoing("GET", url, headers, repeatable=True)


async def peer(request: web.Request) -> web.Response:
    """Answers with the port the request came from: one number per connection."""
    assert request.transport is not None
    return web.Response(text=str(request.transport.get_extra_info("peername")[1]))


async def test_a_reply_comes_back_whole_with_lower_case_headers(serve: Serve, transport: Open) -> None:
    async def answer(request: web.Request) -> web.Response:
        response = web.Response(status=418, body=b"{}", content_type="application/json")
        response.headers.add("X-Twice", "a")
        response.headers.add("x-twice", "b")
        return response

    server = await serve(answer)
    sender = await transport(f"127.0.0.1:{server.port}")
    reply = await sender.exchange(get(str(server.make_url("/x"))), connector="t", timeout=5)
    assert (reply.status, reply.json(), reply.headers["x-twice"]) == (418, {}, "a, b")
    assert reply.headers["content-type"].startswith("application/json")


async def test_the_request_leaves_as_it_was_written(serve: Serve, transport: Open) -> None:
    seen: dict[str, Any] = {}

    async def answer(request: web.Request) -> web.Response:
        seen.update(
            raw=request.raw_path, headers=request.headers.copy(), body=await request.read(), method=request.method
        )
        return web.Response()

    server = await serve(answer)
    sender = await transport(f"127.0.0.1:{server.port}")
    path = "/a%2Fb/%7Euser/%C3%BC/../c;p=1?q=a+b%20c&x=%5B1%5D&e=&f"
    headers = {
        "X-Mine": " yes ",
        "Host": "evil.example",
        "Connection": "close, X-Hop",
        "X-Hop": "1",
        "Transfer-Encoding": "chunked",
        "Content-Length": "999",
        "Expect": "100-continue",
        "Proxy-Authorization": "Basic x",
        "Accept-Encoding": "br",
    }
    url = f"http://127.0.0.1:{server.port}{path}"
    await sender.exchange(Outgoing("POST", url, headers, b"hello"), connector="t", timeout=5)
    assert (seen["method"], seen["raw"], seen["body"]) == ("POST", path, b"hello")
    sent = seen["headers"]
    assert sent["Host"] == f"127.0.0.1:{server.port}"
    assert (sent["X-Mine"], sent["User-Agent"], sent["Content-Length"]) == ("yes", USER_AGENT, "5")
    assert "br" not in sent["Accept-Encoding"].split(", ")
    for name in ("X-Hop", "Transfer-Encoding", "Expect", "Proxy-Authorization", "Content-Type", "Cookie"):
        assert name not in sent


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "b\r\nX-Evil: 1"),
        ("X-A", "b\nc"),
        ("X-A", "b\x00c"),
        ("X-A", "b\rc"),
        ("X-A\r\nX-Evil", "1"),
        ("X A", "1"),
        ("X-A:", "1"),
        ("", "1"),
    ],
)
async def test_a_header_that_would_begin_another_is_refused(
    serve: Serve, transport: Open, name: str, value: str
) -> None:
    hits: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        hits.append(request.path)
        return web.Response()

    server = await serve(answer)
    sender = await transport(f"127.0.0.1:{server.port}")
    with pytest.raises(ToolError, match="header"):
        await sender.exchange(get(str(server.make_url("/")), **{name: value}), connector="t", timeout=5)
    assert hits == []


async def test_a_method_with_blanks_is_refused(transport: Open) -> None:
    sender = await transport()
    with pytest.raises(ToolError, match="not a method"):
        await sender.exchange(Outgoing("GET / HTTP/1.1\r\nX: y", "http://127.0.0.1/"), connector="t", timeout=5)


async def test_a_redirect_is_returned_and_cookies_are_not_kept(serve: Serve, transport: Open) -> None:
    cookies: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        return web.Response(status=302, headers={"Location": "/next", "Set-Cookie": "a=b; Path=/"})

    server = await serve(answer)
    sender = await transport(f"127.0.0.1:{server.port}")
    for _ in range(2):
        reply = await sender.exchange(get(str(server.make_url("/"))), connector="t", timeout=5)
        assert (reply.status, reply.headers["location"]) == (302, "/next")
    assert cookies == [None, None]


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "localhost.test"])
async def test_a_place_not_opened_is_refused_before_any_connection(
    serve: Serve, transport: Open, names: Any, host: str
) -> None:
    server = await serve(peer)
    names.answers["localhost.test"] = [["127.0.0.1"]]
    sender = await transport("127.0.0.1:1")
    with pytest.raises(OperatorNeeded, match="a loopback address"):
        await sender.exchange(get(f"http://{host}:{server.port}/"), connector="t", timeout=5)


async def test_a_name_is_looked_up_once_and_the_connection_pinned_to_that_answer(
    serve: Serve, transport: Open, names: Any
) -> None:
    server = await serve(peer)
    names.answers["rebind.test"] = [["127.0.0.1"], ["10.0.0.1"]]
    sender = await transport("127.0.0.0/8")
    reply = await sender.exchange(get(f"http://rebind.test:{server.port}/"), connector="t", timeout=5)
    assert reply.status == 200
    assert names.asked == ["rebind.test"]


async def test_a_name_that_turns_private_is_refused_though_its_connection_is_still_open(
    serve: Serve, transport: Open, names: Any, clock: FixedClock
) -> None:
    server = await serve(peer)
    names.answers["rebind.test"] = [["127.0.0.1"], ["10.0.0.1"]]
    sender = await transport("127.0.0.0/8")
    url = f"http://rebind.test:{server.port}/"
    await sender.exchange(get(url), connector="t", timeout=5)
    clock.advance(29)
    await sender.exchange(get(url), connector="t", timeout=5)
    assert len(names.asked) == 1
    clock.advance(2)
    with pytest.raises(OperatorNeeded, match="a private address"):
        await sender.exchange(get(url), connector="t", timeout=5)


async def test_a_known_answer_is_judged_anew_for_every_connector(serve: Serve, transport: Open, names: Any) -> None:
    server = await serve(peer)
    names.answers["nas.test"] = [["127.0.0.1"]]
    sender = await transport(f"nas.test:{server.port}")
    url = f"http://nas.test:{server.port}/"
    assert (await sender.exchange(get(url), connector="t", timeout=5)).status == 200
    with pytest.raises(OperatorNeeded, match=r"'u' may not reach nas\.test"):
        await sender.exchange(get(url), connector="u", timeout=5)
    assert names.asked == ["nas.test"]


async def test_a_connector_reuses_its_connection_and_never_anothers_private_one(
    serve: Serve, transport: Open, names: Any
) -> None:
    server = await serve(peer)
    names.answers["nas.test"] = [["127.0.0.1"]]
    place = f"nas.test:{server.port}"
    sender = await transport(allow={"t": [place], "u": [place]})
    ports = [
        (await sender.exchange(get(f"http://{place}/"), connector=connector, timeout=5)).text() for connector in "ttut"
    ]
    assert ports[0] == ports[1] == ports[3]
    assert ports[2] != ports[0]


async def test_concurrent_requests_to_one_name_ask_once(serve: Serve, transport: Open, names: Any) -> None:
    server = await serve(peer)
    names.answers["nas.test"] = [["127.0.0.1"]]
    sender = await transport(f"nas.test:{server.port}")
    url = f"http://nas.test:{server.port}/"
    await asyncio.gather(*(sender.exchange(get(url), connector="t", timeout=5) for _ in range(20)))
    assert names.asked == ["nas.test"]


async def test_an_unknown_name_was_not_sent_and_trying_again_is_of_no_use(transport: Open) -> None:
    sender = await transport()
    with pytest.raises(NotSent, match="no address") as failure:
        await sender.exchange(get("https://nowhere.test/"), connector="t", timeout=5)
    assert failure.value.permanent


async def test_a_name_without_addresses_was_not_sent(transport: Open, names: Any) -> None:
    names.answers["empty.test"] = [[]]
    sender = await transport()
    with pytest.raises(NotSent, match="no address"):
        await sender.exchange(get("https://empty.test/"), connector="t", timeout=5)


async def test_a_refused_connection_was_not_sent(serve: Serve, transport: Open) -> None:
    server = await serve(peer)
    url = str(server.make_url("/"))
    await server.close()
    sender = await transport("127.0.0.1")
    with pytest.raises(NotSent, match="the connection failed"):
        await sender.exchange(get(url), connector="t", timeout=5)


async def test_a_server_that_never_shakes_hands_was_sent_nothing(transport: Open) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        sender = await transport("127.0.0.1", connect_timeout=0.2)
        with pytest.raises(NotSent, match=r"no connection within 0\.2 s"):
            await sender.exchange(get(f"https://127.0.0.1:{port}/"), connector="t", timeout=5)


async def test_plain_text_where_tls_is_expected_was_not_sent(serve: Serve, transport: Open) -> None:
    server = await serve(peer)
    sender = await transport("127.0.0.1")
    with pytest.raises(NotSent, match="TLS"):
        await sender.exchange(get(f"https://127.0.0.1:{server.port}/"), connector="t", timeout=5)


async def test_a_server_that_hangs_up_is_lost_and_not_asked_again_by_itself(transport: Open) -> None:
    asked = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        sender = await transport("127.0.0.1")
        with pytest.raises(Lost, match="the connection broke"):
            await sender.exchange(get(f"http://127.0.0.1:{port}/"), connector="t", timeout=5)
    assert asked == 1


async def test_a_write_does_not_take_a_pooled_connection_the_server_has_ended(transport: Open) -> None:
    asked: list[bytes] = []

    async def one_answer_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).split(b" ", 1)[0])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(one_answer_each, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        sender = await transport("127.0.0.1")
        for method in ("GET", "POST", "POST", "DELETE"):
            reply = await sender.exchange(Outgoing(method, url), connector="t", timeout=5)
            assert reply.body == b"ok"
    assert asked == [b"GET", b"POST", b"POST", b"DELETE"]


async def raw_server(answer: bytes) -> asyncio.Server:
    async def write(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(write, "127.0.0.1", 0)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "cut off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort", "cut off"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nshort", "not HTTP|cut off"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "not HTTP"),
    ],
)
async def test_an_answer_that_is_not_whole_is_lost(transport: Open, answer: bytes, told: str) -> None:
    server = await raw_server(answer)
    async with server:
        port = server.sockets[0].getsockname()[1]
        sender = await transport("127.0.0.1")
        with pytest.raises(Lost, match=told):
            await sender.exchange(get(f"http://127.0.0.1:{port}/"), connector="t", timeout=5)


async def test_a_body_that_drips_times_out(serve: Serve, transport: Open) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b".")
            await asyncio.sleep(0.02)

    server = await serve(drip)
    sender = await transport("127.0.0.1")
    with pytest.raises(Lost, match=r"within 0\.3 s"):
        await sender.exchange(get(str(server.make_url("/"))), connector="t", timeout=0.3)


async def test_a_slow_host_fills_its_own_lanes_and_not_the_pool(serve: Serve, transport: Open) -> None:
    full, release = asyncio.Event(), asyncio.Event()
    inside = 0
    most = 0

    async def slow(request: web.Request) -> web.Response:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        if inside == 2:
            full.set()
        await release.wait()
        inside -= 1
        return web.Response()

    slow_server, quick_server = await serve(slow), await serve(peer)
    sender = await transport("127.0.0.1", connections=4, connections_per_host=2)
    stuck = [
        asyncio.create_task(sender.exchange(get(str(slow_server.make_url("/"))), connector="t", timeout=10))
        for _ in range(6)
    ]
    await full.wait()
    reply = await sender.exchange(get(str(quick_server.make_url("/"))), connector="t", timeout=5)
    assert reply.status == 200
    with pytest.raises(NotSent):
        await sender.exchange(get(str(slow_server.make_url("/"))), connector="t", timeout=0.1)
    release.set()
    assert {reply.status for reply in await asyncio.gather(*stuck)} == {200}
    assert most == 2


async def test_streams_that_stand_open_take_no_lane_of_requests_and_are_counted(serve: Serve, transport: Open) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b": here\n")
        await asyncio.Event().wait()
        return response

    async def both(request: web.Request) -> web.StreamResponse:
        return await endless(request) if request.path == "/stream" else web.Response()

    server = await serve(both)
    sender = await transport("127.0.0.1", connections=1, connections_per_host=1)
    stands = Outgoing("GET", str(server.make_url("/stream")), standing=True)
    async with AsyncExitStack() as stack:
        for _ in range(STANDING_PER_HOST):
            await stack.enter_async_context(sender.stream(stands, connector="t", timeout=5))
        with pytest.raises(NotSent, match="as many streams") as full:
            await stack.enter_async_context(sender.stream(stands, connector="t", timeout=5))
        assert full.value.permanent
        reply = await sender.exchange(get(str(server.make_url("/"))), connector="t", timeout=5)
        assert reply.status == 200
    async with sender.stream(stands, connector="t", timeout=5) as again:
        assert again.status == 200


async def test_a_cancelled_call_gives_its_lane_back(serve: Serve, transport: Open) -> None:
    started, release = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        started.set()
        await release.wait()
        return web.Response()

    server = await serve(slow)
    sender = await transport("127.0.0.1", connections=1, connections_per_host=1)
    call = asyncio.create_task(sender.exchange(get(str(server.make_url("/"))), connector="t", timeout=10))
    await started.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    release.set()
    assert (await sender.exchange(get(str(server.make_url("/"))), connector="t", timeout=5)).status == 200
