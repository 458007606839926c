"""What the upstream tests stand on: real servers on loopback, a resolver that answers from a script, a fixed clock."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub.clock import FixedClock
from hub.upstream.places import Network
from hub.upstream.transport import AioTransport

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ScriptedNames:
    """A resolver: each lookup of a name takes its next answer, the last one stays. Counts what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []

    async def addresses(self, host: str) -> list[str]:
        self.asked.append(host)
        if host not in self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        answers = self.answers[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def close(self) -> None:
        return None


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 7, 28, 12, 0, tzinfo=UTC))


@pytest.fixture
def names() -> ScriptedNames:
    return ScriptedNames()


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[TestServer]]]:
    """Starts a server on loopback that answers everything with one handler; ``ssl`` makes it https."""
    started: list[TestServer] = []

    async def start(handler: Handler, ssl: Any = None) -> TestServer:
        app = web.Application(client_max_size=100_000_000)
        app.router.add_route("*", "/{rest:.*}", handler)
        server = TestServer(app, host="127.0.0.1")
        await server.start_server(ssl=ssl)
        started.append(server)
        return server

    yield start
    for server in started:
        await server.close()


@pytest.fixture
async def transport(clock: FixedClock, names: ScriptedNames) -> AsyncIterator[Callable[..., Awaitable[AioTransport]]]:
    """Opens a transport with the given open places for connector ``t`` (or a whole mapping)."""
    opened: list[AioTransport] = []

    async def start(
        *places: str,
        allow: dict[str, list[str]] | None = None,
        ca_file: Any = None,
        proxy: str | None = None,
        **rest: Any,
    ) -> AioTransport:
        network = Network(allow or {"t": list(places)}, ca_file, proxy)
        made = AioTransport(network, clock=clock, resolver=names, **rest)
        opened.append(made)
        await made.open()
        return made

    yield start
    for made in opened:
        await made.close()
