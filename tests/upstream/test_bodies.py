"""Bodies of replies and requests: capped, unpacked, whole."""

import gzip
import zlib
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub.errors import ToolError
from hub.sdk.http import Outgoing
from hub.upstream.transport import AioTransport

Serve = Callable[..., Awaitable[TestServer]]
Open = Callable[..., Awaitable[AioTransport]]


def get(url: str, **headers: str) -> Outgoing:
    return Outgoing("GET", url, headers, repeatable=True)


async def test_fifty_megabytes_are_refused_as_soon_as_they_are_announced(serve: Serve, transport: Open) -> None:
    async def huge(request: web.Request) -> web.Response:
        return web.Response(body=bytes(50_000_000))

    server = await serve(huge)
    sender = await transport("127.0.0.1")
    with pytest.raises(ToolError, match=r"50\.0 MB; at most 10 MB .*Narrow"):
        await sender.exchange(get(str(server.make_url("/"))), connector="t", timeout=10)


async def test_a_stream_without_end_is_cut_at_the_cap(serve: Serve, transport: Open) -> None:
    written = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(100_000))
            written += 100_000

    server = await serve(endless)
    sender = await transport("127.0.0.1", max_body=1_000_000)
    with pytest.raises(ToolError, match="more than 1 MB"):
        await sender.exchange(get(str(server.make_url("/"))), connector="t", timeout=10)
    assert written < 50_000_000


async def test_a_stream_of_events_without_end_is_cut_off_and_what_came_is_the_answer(
    serve: Serve, transport: Open
) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            await response.write(b"data: " + b"x" * 10_000 + b"\n\n")

    server = await serve(endless)
    sender = await transport("127.0.0.1")
    reply = await sender.exchange(get(str(server.make_url("/"))), connector="t", timeout=10)
    assert reply.body.startswith(b"data: xxx")
    assert reply.body.endswith(b"\n: cut off here\n")
    assert len(reply.body) < 2_000_000


async def test_a_stream_of_events_that_ends_is_whole(serve: Serve, transport: Open) -> None:
    async def events(request: web.Request) -> web.Response:
        return web.Response(body=b"data: 1\n\ndata: 2\n\n", headers={"Content-Type": "text/event-stream"})

    server = await serve(events)
    sender = await transport("127.0.0.1")
    reply = await sender.exchange(get(str(server.make_url("/"))), connector="t", timeout=10)
    assert reply.body == b"data: 1\n\ndata: 2\n\n"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_zip_bomb_is_cut_at_the_cap(serve: Serve, transport: Open, coding: str) -> None:
    plain = bytes(200_000_000)
    packed = gzip.compress(plain, 6) if coding == "gzip" else zlib.compress(plain, 6)

    async def bomb(request: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"Content-Encoding": coding})

    server = await serve(bomb)
    sender = await transport("127.0.0.1", max_body=1_000_000)
    with pytest.raises(ToolError, match="more than 1 MB"):
        await sender.exchange(get(str(server.make_url("/"))), connector="t", timeout=20)


async def test_a_compressed_body_comes_unpacked_and_is_not_called_compressed(serve: Serve, transport: Open) -> None:
    async def packed(request: web.Request) -> web.Response:
        assert "gzip" in request.headers["Accept-Encoding"]
        return web.Response(body=gzip.compress(b"hello"), headers={"Content-Encoding": "gzip"})

    server = await serve(packed)
    sender = await transport("127.0.0.1")
    reply = await sender.exchange(get(str(server.make_url("/"))), connector="t", timeout=5)
    assert reply.body == b"hello"
    assert not {"content-encoding", "content-length"} & reply.headers.keys()


async def test_the_size_of_a_large_file_can_be_asked_by_head(serve: Serve, transport: Open) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(headers={"Content-Length": "50000000"})

    server = await serve(answer)
    sender = await transport("127.0.0.1")
    reply = await sender.exchange(Outgoing("HEAD", str(server.make_url("/"))), connector="t", timeout=5)
    assert (reply.headers["content-length"], reply.body) == ("50000000", b"")


async def test_a_large_body_arrives_whole(serve: Serve, transport: Open) -> None:
    async def count(request: web.Request) -> web.Response:
        assert request.headers["Content-Length"] == "3000000"
        return web.Response(text=str(len(await request.read())))

    server = await serve(count)
    sender = await transport("127.0.0.1")
    reply = await sender.exchange(
        Outgoing("PUT", str(server.make_url("/")), {}, bytes(3_000_000)), connector="t", timeout=10
    )
    assert reply.text() == "3000000"
