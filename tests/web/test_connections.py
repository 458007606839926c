"""Connections that send too slowly, read too slowly, or are too many; each on a real socket."""

import asyncio
import resource
import select
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest
from aiohttp import web

from hub.web.connections import SPARE_FILES, Patience, Port
from tests.waiting import PATIENCE

REQUEST = b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST_REQUEST = b"GET /%d HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@asynccontextmanager
async def listening(patience: Patience) -> AsyncIterator[int]:
    """A server that answers /N with N bytes; gives its port."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * int(request.match_info["size"]))

    app = web.Application()
    app.router.add_get("/{size}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await Port(runner, "127.0.0.1", 0, patience).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection."""
    return await asyncio.open_connection("127.0.0.1", port)


@asynccontextmanager
async def unread(port: int, *sizes: int) -> AsyncIterator[list[socket.socket]]:
    """Connections that asked for so many bytes each and read none."""
    loop = asyncio.get_running_loop()
    held = []
    try:
        for size in sizes:
            one = socket.socket()
            held.append(one)
            one.setblocking(False)
            await loop.sock_connect(one, ("127.0.0.1", port))
            await loop.sock_sendall(one, LAST_REQUEST % size)
        yield held
    finally:
        for one in held:
            one.close()


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """What still comes; what was sent to a connection that is closed already has it reset."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


async def reset(one: socket.socket) -> None:
    """Wait until the other side ended a connection, without reading from it."""
    told = select.poll()
    told.register(one, select.POLLERR | select.POLLHUP)
    assert await asyncio.to_thread(told.poll, 1000 * PATIENCE)


async def all_of(one: socket.socket) -> int:
    """How many bytes still come on a connection until it ends, or is reset."""
    count = 0
    with closing(one):
        while True:
            try:
                more = await asyncio.get_running_loop().sock_recv(one, 1_000_000)
            except ConnectionError:
                return count
            if not more:
                return count
            count += len(more)


@pytest.mark.parametrize("begun", [b"", b"GET /1 HTTP/1.1\r\nHost: local"])
async def test_a_head_that_does_not_arrive_in_time_ends_its_connection(begun: bytes) -> None:
    async with listening(Patience(head=0.2)) as port, asyncio.timeout(PATIENCE):
        reader, writer = await connected(port)
        writer.write(begun)
        assert await reader.read() == b""
        writer.close()


async def test_a_head_sent_byte_by_byte_gets_no_more_time_than_another() -> None:
    async with listening(Patience(head=0.3)) as port, asyncio.timeout(PATIENCE):
        reader, writer = await connected(port)
        ended = asyncio.create_task(rest_of(reader))
        for byte in REQUEST % 1 * 100:
            writer.write(bytes((byte,)))
            done, _ = await asyncio.wait([ended], timeout=0.02)
            if done:
                break
        assert ended.done()
        assert ended.result() == b""
        writer.close()


async def test_an_idle_connection_is_kept_longer_than_a_head_may_take() -> None:
    async with listening(Patience(head=0.1, idle=30)) as port, asyncio.timeout(PATIENCE):
        reader, writer = await connected(port)
        writer.write(REQUEST % 3)
        await reader.readuntil(b"xxx")
        silent, other = await connected(port)
        assert await silent.read() == b""  # so long a head would have taken
        writer.write(REQUEST % 3)
        assert (await reader.readuntil(b"xxx")).startswith(b"HTTP/1.1 200")
        writer.close()
        other.close()


async def test_a_connection_idle_for_too_long_is_closed() -> None:
    async with listening(Patience(idle=0.2)) as port, asyncio.timeout(PATIENCE):
        reader, writer = await connected(port)
        writer.write(REQUEST % 3)
        await reader.readuntil(b"xxx")
        assert await reader.read() == b""
        writer.close()


async def test_an_answer_nobody_reads_is_given_up() -> None:
    size = 20_000_000
    async with (
        listening(Patience(stall=0.2, pace=10**9)) as port,
        unread(port, size) as (slow,),
        asyncio.timeout(PATIENCE),
    ):
        await reset(slow)
        assert await all_of(slow) < size


async def test_an_answer_read_slowly_but_steadily_arrives_whole() -> None:
    size = 3_000_000
    patience = Patience(stall=5, pace=1_000_000)
    async with listening(patience) as port, unread(port, size) as (slow,), asyncio.timeout(PATIENCE):
        assert await all_of(slow) > size


async def test_of_too_much_unread_together_the_first_goes() -> None:
    size = 20_000_000
    async with (
        listening(Patience(stall=60, unread=30_000_000)) as port,
        unread(port, size, size, size) as (first, _, last),
        asyncio.timeout(PATIENCE),
    ):
        await reset(first)
        assert await all_of(last) > size
        assert await all_of(first) < size


async def test_a_connection_too_many_is_told_to_come_back_and_finds_a_place_later() -> None:
    async with listening(Patience(most=2)) as port, asyncio.timeout(PATIENCE):
        held = [await connected(port) for _ in range(2)]
        for reader, writer in held:
            writer.write(REQUEST % 3)
            await reader.readuntil(b"xxx")
        reader, writer = await connected(port)
        told = await reader.read()
        writer.close()
        assert told.startswith(b"HTTP/1.1 503")
        assert b"Retry-After: 5" in told
        held[0][1].close()
        await held[0][1].wait_closed()
        while True:
            reader, writer = await connected(port)
            writer.write(REQUEST % 3)
            told = await reader.readuntil(b"\r\n\r\n")
            writer.close()
            if told.startswith(b"HTTP/1.1 200"):
                break
        held[1][1].close()


@pytest.mark.parametrize("header", [b"Expect: \xff", b"Content-Type: text/plain; charset=none-such"])
async def test_a_request_that_is_no_text_is_the_clients_fault(header: bytes) -> None:
    async with listening(Patience()) as port, asyncio.timeout(PATIENCE):
        reader, writer = await connected(port)
        writer.write(b"GET /1 HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n\r\n")
        assert int((await reader.readline()).split()[1]) < 500
        writer.close()


def test_the_limit_of_open_files_is_raised_as_far_as_the_system_lets_it() -> None:
    code = (
        "import resource; from hub.web.connections import open_files;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (300, 1000));"
        "print(open_files(500), resource.getrlimit(resource.RLIMIT_NOFILE)[0], open_files(5000))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert [int(one) for one in out] == [500, 500 + SPARE_FILES, 1000 - SPARE_FILES]
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 300
