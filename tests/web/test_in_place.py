"""Requests in the task of their connection: each apart from the next, whatever becomes of it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextvars import ContextVar

import pytest
from aiohttp import ClientSession, TCPConnector, web

from hub.web.connections import Patience, Port
from hub.web.in_place import IN_PLACE, apart, missing

MARK: ContextVar[str] = ContextVar("mark", default="none")


async def leave_a_mark(request: web.Request) -> web.Response:
    before = MARK.get()
    MARK.set(request.path)
    await asyncio.sleep(0)
    return web.Response(text=f"{before} {MARK.get()} {id(asyncio.current_task())}")


async def fail(request: web.Request) -> web.Response:
    await asyncio.sleep(0)
    raise ValueError("wrong")


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A server whose connections are the hub's."""
    app = web.Application()
    app.router.add_get("/fail", fail)
    app.router.add_get("/{name}", leave_a_mark)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await Port(runner, "127.0.0.1", 0, Patience()).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    """A client that has one connection."""
    async with ClientSession(connector=TCPConnector(limit=1)) as client:
        yield client


async def text(client: ClientSession, url: str) -> list[str]:
    async with client.get(url) as reply:
        return (await reply.text()).split()


async def test_what_one_request_sets_in_a_context_variable_the_next_does_not_see(
    client: ClientSession, url: str
) -> None:
    first, second = await text(client, f"{url}/first"), await text(client, f"{url}/second")
    assert first[:2] == ["none", "/first"]
    assert second[:2] == ["none", "/second"]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="aiohttp begins the tasks of requests at once")
async def test_requests_of_a_connection_share_its_task(client: ClientSession, url: str) -> None:
    assert missing() == []
    assert IN_PLACE
    assert len({(await text(client, f"{url}/{name}"))[2] for name in ("first", "second", "third")}) == 1


async def test_a_request_that_fails_is_answered_and_the_connection_serves_the_next(
    client: ClientSession, url: str
) -> None:
    async with client.get(f"{url}/fail") as reply:
        assert reply.status == 500
    assert (await text(client, f"{url}/next"))[1] == "/next"


async def test_a_cancellation_reaches_the_work_which_may_see_to_it_and_go_on() -> None:
    async def work() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            return "seen to"
        return "slept"

    async def whole() -> object:
        return await apart(work())

    task = asyncio.create_task(whole())
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "seen to"


def test_a_newer_aiohttp_that_starts_requests_otherwise_is_told_by_name() -> None:
    assert missing(("_loop", "_handle_request")) == ["create_task"]
