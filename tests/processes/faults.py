"""A door in front of a real provider's token endpoint that fails in the ways networks and providers do.

What it is told to do depends on whose token comes in; it knows that from the replies that it passed on. Not a provider:
every token is made, taken and refused by the one behind it.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs

import aiohttp
import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.waiting import PATIENCE

Fate = Literal["fine", "slow", "error", "cut", "hang", "drop", "error after", "held", "held after"]
"""What becomes of a refresh. Before the provider has seen it: ``error`` (a 500), ``cut`` (connection closed), ``hang``
and ``held`` (no answer until it is let go). After the provider has used the token up: ``slow`` (the answer takes a
while), ``drop`` (connection closed), ``error after`` (a 500) and ``held after`` (no answer until it is let go)."""

SLOW = 3.0
"""Seconds a slow provider takes: other processes are to meet the renewal under way."""

BEFORE = frozenset({"error", "cut", "hang", "held"})
"""The fates of which the provider learns nothing."""


@dataclass
class Door:
    """The door. ``arrived`` counts refreshes by account, ``used`` those that the provider honoured, ``delivered`` is
    the refresh token that last left for the hub, whole."""

    issuer: str
    http: aiohttp.ClientSession
    url: str = ""
    connecting: str = ""
    fates: dict[str, Fate] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    arrived: Counter[str] = field(default_factory=Counter)
    used: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    delivered: dict[str, str] = field(default_factory=dict)
    let_go: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, account: str, count: int, seconds: float = PATIENCE) -> None:
        """Wait until so many refreshes of the account have arrived."""
        async with asyncio.timeout(seconds), self.came:
            await self.came.wait_for(lambda: self.arrived[account] >= count)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One call of the token endpoint."""
        body = await request.read()
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if form["grant_type"] != "refresh_token":
            status, answer, _ = await self._passed(request, body, self.connecting)
            self.delivered[self.connecting] = orjson.loads(answer)["refresh_token"]
            return _told(status, answer)
        account = self.owners[form["refresh_token"]]
        fate = self.fates.get(account, "fine")
        async with self.came:
            self.arrived[account] += 1
            self.came.notify_all()
        if fate in BEFORE:
            return await self._before(request, fate, account)
        status, answer, token = await self._passed(request, body, account)
        self.used[account] += status == 200
        self.refused[account] += status != 200
        if fate == "slow":
            await asyncio.sleep(SLOW)
        elif fate == "held after":
            await self.let_go[account].wait()
        elif fate == "error after":
            return _told(500, b'{"error": "server_error"}')
        elif fate == "drop":
            return _cut(request)
        response = _told(status, answer)
        await response.prepare(request)
        await response.write_eof()
        if token:
            self.delivered[account] = token
        return response

    async def _before(self, request: web.Request, fate: Fate, account: str) -> web.StreamResponse:
        if fate == "error":
            return _told(500, b'{"error": "server_error"}')
        if fate in ("hang", "held"):
            await self.let_go[account].wait()
        return _cut(request)

    async def _passed(self, request: web.Request, body: bytes, account: str) -> tuple[int, bytes, str]:
        """Ask the provider; its status, its answer, and the refresh token in it."""
        kept = {name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers}
        async with self.http.post(f"{self.issuer}/token", data=body, headers=kept) as reply:
            answer = await reply.read()
        token = str(orjson.loads(answer).get("refresh_token", ""))
        if token:
            self.owners[token] = account
        return reply.status, answer, token


def _told(status: int, answer: bytes) -> web.Response:
    return web.Response(status=status, body=answer, content_type="application/json")


def _cut(request: web.Request) -> web.Response:
    """The connection ends without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


@asynccontextmanager
async def door_to(issuer: str, port: int) -> AsyncIterator[Door]:
    """The door of the provider at ``issuer``, on a port of this machine."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        door = Door(issuer, http, f"http://localhost:{port}")
        app = web.Application()
        app.router.add_post("/token", door.handle)
        server = TestServer(app, host="localhost", port=port)
        await server.start_server()
        try:
            yield door
        finally:
            for account in list(door.arrived):
                door.let_go[account].set()
            await server.close()
