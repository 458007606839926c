"""The rules of ``Upstream`` over the real transport."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.test_utils import TestServer

from hub.clock import FixedClock
from hub.sdk.http import Outgoing, Reach
from hub.upstream.transport import AioTransport
from hub.upstream.upstream import Upstream

Serve = Callable[..., Awaitable[TestServer]]
Open = Callable[..., Awaitable[AioTransport]]


async def test_a_rate_limited_post_arrives_twice_with_its_body(
    serve: Serve, transport: Open, clock: FixedClock
) -> None:
    bodies: list[bytes] = []

    async def limited(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response(status=429, headers={"Retry-After": "20"}) if len(bodies) == 1 else web.Response()

    server = await serve(limited)
    sender = Upstream(await transport("127.0.0.1"), clock)
    reach = Reach("t", (f"127.0.0.1:{server.port}",), plain=True)
    reply = await sender.send(Outgoing("POST", str(server.make_url("/")), {}, b"body"), reach)
    assert (reply.status, bodies, clock.monotonic()) == (200, [b"body", b"body"], 20)


async def test_an_upload_survives_a_307_within_the_reach(serve: Serve, transport: Open, clock: FixedClock) -> None:
    async def store(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.method} {len(await request.read())}")

    target = await serve(store)

    async def away(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=307, headers={"Location": str(target.make_url("/there"))})

    server = await serve(away)
    sender = Upstream(await transport("127.0.0.1"), clock)
    reach = Reach("t", (f"127.0.0.1:{server.port}", f"127.0.0.1:{target.port}"), plain=True)
    reply = await sender.send(Outgoing("PUT", str(server.make_url("/")), {}, bytes(2_000_000)), reach)
    assert reply.text() == "PUT 2000000"
