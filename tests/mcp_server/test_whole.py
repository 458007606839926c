"""Answers that leave in one write: the same to every client, whatever HTTP it speaks."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub.mcp_server.whole import DIRECT, WholeResponse, missing
from tests.waiting import PATIENCE

BODY = b'{"jsonrpc":"2.0","id":1,"result":{}}'


@pytest.fixture(params=["one write", "as aiohttp does"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[TestServer]:
    direct = request.param == "one write"

    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        if request.path == "/large":
            return WholeResponse(200, b"x" * 3_000_000, {}, direct=direct)
        headers = {"X-Mine": request.query["header"]} if "header" in request.query else {}
        response = WholeResponse(400 if request.path == "/wrong" else 200, BODY, headers, direct=direct)
        if request.path == "/last":
            response.force_close()
        return response

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    started = TestServer(app, host="127.0.0.1")
    await started.start_server()
    yield started
    await started.close()


async def exchange(server: TestServer, request: bytes, answers: int = 1) -> list[tuple[list[str], bytes]]:
    """Send ``request`` as it stands; the heads and bodies that come back, then whether the server hung up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    got = []
    async with asyncio.timeout(PATIENCE):
        for _ in range(answers):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
            (length,) = [line.split(": ")[1] for line in head if line.lower().startswith("content-length:")]
            got.append((head, await reader.readexactly(int(length))))
        if b"Connection: close" in request or b"HTTP/1.0" in request or b"/last" in request:
            assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    return got


async def test_an_answer_is_json_that_nobody_keeps(server: TestServer) -> None:
    ((head, body),) = await exchange(server, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert head[0] == "HTTP/1.1 200 OK"
    assert {"Content-Type: application/json", "Cache-Control: no-store"} <= set(head)
    assert [line for line in head if line.startswith("Date: ")]
    assert body == BODY


async def test_a_connection_serves_many_answers_in_order(server: TestServer) -> None:
    one = b"POST /%s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    got = await exchange(server, one % b"" + one % b"wrong" + one % b"", 3)
    assert [head[0] for head, _ in got] == ["HTTP/1.1 200 OK", "HTTP/1.1 400 Bad Request", "HTTP/1.1 200 OK"]


@pytest.mark.parametrize(
    "request_head",
    [
        b"POST / HTTP/1.0\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"POST /last HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_who_wants_no_more_gets_the_answer_and_the_end(server: TestServer, request_head: bytes) -> None:
    ((head, body),) = await exchange(server, request_head)
    assert "Content-Type: application/json" in head
    assert body == BODY


async def test_further_headers_are_sent(server: TestServer) -> None:
    ((head, _),) = await exchange(server, b"POST /?header=yes HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert "X-Mine: yes" in head


async def test_a_header_that_would_begin_another_is_never_sent(server: TestServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST /?header=a%0d%0aX-Evil:%20b HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        assert b"X-Evil" not in await reader.read()
    writer.close()
    await writer.wait_closed()


async def test_a_large_answer_arrives_whole_at_a_slow_reader(server: TestServer) -> None:
    ((_, body),) = await exchange(server, b"POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert body == b"x" * 3_000_000


def test_aiohttp_is_inside_what_the_one_write_leans_on() -> None:
    changed = f"aiohttp {aiohttp.__version__} has changed inside: look at hub/mcp_server/whole.py before upgrading"
    assert missing() == [], changed
    assert DIRECT, changed


def test_what_a_newer_aiohttp_no_longer_has_is_named() -> None:
    assert missing([(web.StreamResponse, ("prepare", "_gone"))]) == ["StreamResponse._gone"]
