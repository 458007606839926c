"""Requests led straight to their routes: answered as aiohttp's own router would have them answered."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import ClientSession, web

from hub.web.connections import Patience, Port
from hub.web.straight import missing

NAME = web.AppKey("name", str)


async def told(request: web.Request) -> web.Response:
    """What a route knows of its request."""
    words = (request.method, request.path, dict(request.match_info), dict(request.query), request.app[NAME])
    return web.Response(text=f"{words} {request.match_info.route.resource}")


async def unexpected(request: web.Request) -> web.Response:
    return web.Response(status=417, text="not expected")


def application(*middlewares: Callable[..., Awaitable[web.StreamResponse]]) -> web.Application:
    app = web.Application(middlewares=middlewares)
    app[NAME] = "the app"
    app.router.add_get("/plain", told)
    app.router.add_post("/plain", told, expect_handler=unexpected)
    app.router.add_get("/plain/{name}", told)
    app.router.add_get("/plain/first", told)
    app.router.add_route("*", "/any", told)
    return app


@asynccontextmanager
async def served(app: web.Application, *, hubs: bool) -> AsyncIterator[str]:
    """The app behind the hub's port, or behind aiohttp's own."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = Port(runner, "127.0.0.1", 0, Patience()) if hubs else web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/plain"),
        ("HEAD", "/plain"),
        ("POST", "/plain"),
        ("DELETE", "/plain"),
        ("GET", "/plain?a=1&b=2"),
        ("GET", "/plain/"),
        ("GET", "/plain/first"),
        ("GET", "/plain/other"),
        ("GET", "/pl%61in"),
        ("GET", "//plain"),
        ("PUT", "/any"),
        ("GET", "/nothing"),
    ],
)
async def test_a_request_is_answered_as_aiohttp_would(method: str, path: str) -> None:
    answers = []
    for hubs in (True, False):
        async with served(application(), hubs=hubs) as url, ClientSession() as client:
            for _ in range(2):
                async with client.request(method, f"{url}{path}") as reply:
                    answers.append((reply.status, reply.headers.get("Allow"), await reply.text()))
    assert len(set(answers)) == 1


async def test_a_request_that_expects_a_word_first_gets_it_from_its_route() -> None:
    async with (
        served(application(), hubs=True) as url,
        ClientSession() as client,
        client.post(f"{url}/plain", data=b"much", expect100=True) as reply,
    ):
        assert (reply.status, await reply.text()) == (417, "not expected")


async def test_an_application_with_middlewares_has_every_request_pass_them() -> None:
    passed = []

    @web.middleware
    async def note(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        passed.append(request.path)
        return await handler(request)

    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(application(note), hubs=True))
        client = await stack.enter_async_context(ClientSession())
        for path in ("/plain", "/plain/first"):
            async with client.get(f"{url}{path}") as reply:
                assert reply.status == 200
    assert passed == ["/plain", "/plain/first"]


def test_the_aiohttp_that_is_installed_has_inside_what_is_needed() -> None:
    assert missing() == []
    assert missing(("freeze",)) == ["_match_info", "add_app"]
