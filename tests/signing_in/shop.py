"""An MCP server that wants a sign-in, with its authorization server, both of whose words a test chooses; and a hub.

The well-behaved ways are judged by the conformance suite (tests/conformance/client.py); this one can lie.
"""

import asyncio
import base64
import hashlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub import config
from hub.app import Hub, application
from tests.broker.scene import House
from tests.databases import furnished
from tests.oauth.scene import ShiftedClock
from tests.ports import free_port
from tests.waiting import PATIENCE

MODERN = "2026-07-28"


class HastyClock(ShiftedClock):
    """A clock on which every wait is short."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.02))


@dataclass
class Issuer:
    """An authorization server at ``url``; ``says`` is put over its metadata (None takes a member away)."""

    url: str = ""
    prefix: str = ""
    says: dict[str, Any] = field(default_factory=dict)
    iss: str | None = None
    lives: int = 3600
    refuses: str | None = None
    scopes: bool = True
    renewable: bool = True
    registrations: list[dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    live: dict[str, tuple[str, str]] = field(default_factory=dict)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _refresh: dict[str, tuple[str, str]] = field(default_factory=dict)
    _ids: Any = field(default_factory=lambda: itertools.count(1))

    def routes(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get(f"/.well-known/oauth-authorization-server{self.prefix}", self._metadata)
        app.router.add_post(f"{self.prefix}/register", self._register)
        app.router.add_get(f"{self.prefix}/authorize", self._authorize)
        app.router.add_post(f"{self.prefix}/token", self._token)
        app.router.add_post(f"{self.prefix}/revoke", self._revoke)

    async def _metadata(self, request: web.Request) -> web.Response:
        told: dict[str, Any] = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "registration_endpoint": f"{self.url}/register",
            "revocation_endpoint": f"{self.url}/revoke",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "authorization_response_iss_parameter_supported": True,
            **self.says,
        }
        return web.json_response({name: value for name, value in told.items() if value is not None})

    async def _register(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.registrations.append(asked)
        told = {
            "client_id": f"client-{len(self.registrations)}",
            "client_secret": f"planted-client-secret-{self.prefix}",
        }
        return web.json_response({**asked, **told}, status=201)

    async def _authorize(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        self.asked.append(query)
        code = f"code-{next(self._ids)}"
        self._codes[code] = query
        told = {"code": code, "state": query["state"], "iss": self.url if self.iss is None else self.iss}
        raise web.HTTPFound(f"{query['redirect_uri']}?{urlencode({key: one for key, one in told.items() if one})}")

    async def _token(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.requests.append(form)
        if self.refuses is not None:
            return web.json_response({"error": self.refuses}, status=400)
        if form["grant_type"] == "refresh_token":
            held = self._refresh.pop(form["refresh_token"], None)
            if held is None:
                return web.json_response({"error": "invalid_grant"}, status=400)
            return self._given(*held)
        code = self._codes.pop(form["code"])
        made = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        assert made == code["code_challenge"]
        return self._given(f"person-{next(self._ids)}", code.get("scope", ""))

    def _given(self, person: str, scope: str) -> web.Response:
        number = next(self._ids)
        access, refresh = f"planted-access-{self.prefix}-{number}", f"planted-refresh-{self.prefix}-{number}"
        self.live[access] = (person, scope)
        self._refresh[refresh] = (person, scope)
        told: dict[str, Any] = {"access_token": access, "token_type": "Bearer", "expires_in": self.lives}
        if self.renewable:
            told["refresh_token"] = refresh
        return web.json_response({**told, "scope": scope} if self.scopes else told)

    async def _revoke(self, request: web.Request) -> web.Response:
        self.revoked.append(str((await request.post())["token"]))
        return web.Response()


@dataclass
class Shop:
    """The MCP server. ``says`` is put over its metadata; ``wants`` are the scopes a tool needs.
    ``strike`` happens once, while a call is under way."""

    issuer: Issuer
    other: Issuer
    url: str = ""
    says: dict[str, Any] = field(default_factory=dict)
    wants: dict[str, str] = field(default_factory=dict)
    challenge: str = ""
    metadata_at: str = ""
    legacy: bool = False
    seen: list[tuple[str, str]] = field(default_factory=list)
    sessions: dict[str, str] = field(default_factory=dict)
    tools: list[dict[str, Any]] = field(default_factory=list)
    split: bool = False
    strike: Callable[[], Awaitable[Any]] | None = None

    def routes(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/.well-known/oauth-protected-resource/mcp", self._metadata)
        app.router.add_post("/mcp", self._asked)
        self.issuer.routes(app)
        self.other.routes(app)

    @property
    def origin(self) -> str:
        """Where it is."""
        return self.url.removesuffix("/mcp")

    async def _metadata(self, request: web.Request) -> web.Response:
        return web.json_response({"resource": self.url, "authorization_servers": [self.issuer.url], **self.says})

    def _person(self, request: web.Request) -> tuple[str, str] | None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        key = request.headers.get("X-Key", "")
        if key == "planted-right-key":
            return "keyholder", ""
        return self.issuer.live.get(token) or self.other.live.get(token)

    async def _asked(self, request: web.Request) -> web.StreamResponse:
        message = await request.json()
        method, params = message["method"], message.get("params", {})
        if method == "tools/call" and self.strike is not None:
            strike, self.strike = self.strike, None
            await strike()
        who = self._person(request)
        self.seen.append((method, request.headers.get("Authorization", "")))
        if who is None:
            place = self.metadata_at or f"{self.origin}/.well-known/oauth-protected-resource/mcp"
            told = f'Bearer resource_metadata="{place}"{self.challenge}'
            return web.json_response({"error": "invalid_token"}, status=401, headers={"WWW-Authenticate": told})
        wanted = self.wants.get(params.get("name", ""))
        if method == "tools/call" and wanted is not None and wanted not in who[1].split():
            told = f'Bearer error="insufficient_scope", scope="{wanted}"'
            return web.json_response({}, status=403, headers={"WWW-Authenticate": told})
        if self.legacy:
            return self._in_session(request, message, who[0])
        if method == "server/discover":
            return self._answer(message, {"supportedVersions": [MODERN], "capabilities": {"tools": {}}})
        if method == "tools/list":
            return self._answer(message, {"tools": self.tools})
        return await self._called(request, message, who[0])

    def _in_session(self, request: web.Request, message: dict[str, Any], person: str) -> web.Response:
        """The same in 2025-11-25: a session is one person's, and stays it."""
        session = request.headers.get("Mcp-Session-Id", "")
        if message["method"] == "server/discover":
            return web.json_response(
                {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "no"}}
            )
        if message["method"] == "initialize":
            session = f"session-{len(self.sessions) + 1}"
            self.sessions[session] = person
            told = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "shop"}}
            made = self._answer(message, told)
            made.headers["Mcp-Session-Id"] = session
            return made
        if self.sessions.get(session) != person:
            return web.json_response({"error": "another person's session"}, status=400)
        if "id" not in message:
            return web.Response(status=202)
        if message["method"] == "tools/list":
            return self._answer(message, {"tools": self.tools})
        text = f"{person} in {session}"
        return self._answer(message, {"content": [{"type": "text", "text": text}]})

    async def _called(self, request: web.Request, message: dict[str, Any], person: str) -> web.StreamResponse:
        arguments = message["params"].get("arguments", {})
        text = f"{person} {orjson.dumps(arguments).decode()} {request.headers.get('Authorization', '')}"
        result = {"content": [{"type": "text", "text": text}]}
        if not self.split:
            return self._answer(message, result)
        # The token comes back in pieces of a few bytes each.
        raw = orjson.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {"resultType": "complete", **result}})
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        whole = b"data: " + raw + b"\n\n"
        for at in range(0, len(whole), 7):
            await stream.write(whole[at : at + 7])
        return stream

    def _answer(self, message: dict[str, Any], result: dict[str, Any]) -> web.Response:
        told = {"jsonrpc": "2.0", "id": message["id"], "result": {"resultType": "complete", **result}}
        return web.json_response(told)

    def calls(self) -> list[str]:
        """The credentials that calls came with."""
        return [credential for method, credential in self.seen if method == "tools/call"]


@dataclass
class Place:
    """A hub whose one connector is the shop; nobody answers at ``port``, which it may reach."""

    house: House
    shop: Shop
    port: int

    @property
    def hub(self) -> Hub:
        """The hub."""
        return self.house.hub

    async def until(self, holds: Any) -> None:
        """Wait until the hub has taken something up."""
        async with asyncio.timeout(PATIENCE):
            while not holds():  # noqa: ASYNC110 - it happens in the background of the hub
                await asyncio.sleep(0.02)

    async def connect(self, name: str = "ada") -> Any:
        """``name`` connects an account by the pages, and the hub reads what the shop offers; the last page."""
        browser = await self.house.browser(name)
        page = await browser.open(await browser.begin("shop"))
        if page.status == 200:
            await self.until(lambda: "shop_look" in self.hub.registry.catalog.tools)
        return page

    async def mine(self, name: str = "ada") -> list[Any]:
        """The accounts of ``name``."""
        user = await self.house.user(name)
        return await self.hub.store.connections.list(user.id)


@asynccontextmanager
async def place_at(folder: Path, settings: str = "", port: int | None = None, **connector: Any) -> AsyncIterator[Place]:
    """The shop, and a hub on ``folder`` whose connector ``shop`` is it; ``connector`` is put over its YAML. ``port``
    may be another server's."""
    tool = {"name": "look", "description": "Looks.", "inputSchema": {"type": "object", "properties": {"what": {}}}}
    shop = Shop(Issuer(), Issuer(prefix="/other"), tools=[tool])
    app = web.Application()
    shop.routes(app)
    own, closed = free_port(), port or free_port()
    async with TestServer(app, host="localhost") as server:
        origin = str(server.make_url("/")).rstrip("/")
        shop.url, shop.issuer.url, shop.other.url = f"{origin}/mcp", origin, f"{origin}/other"
        place = folder / "apps" / "shop"
        place.mkdir(parents=True)
        told = {"kind": "mcp", "title": "Shop", "url": shop.url, "credential": {"from": "user"}, **connector}
        (place / "connector.yaml").write_bytes(orjson.dumps({key: one for key, one in told.items() if one is not None}))
        path = folder / "config.yaml"
        reached = ", ".join(f"'{host}:{port}'" for host in ("127.0.0.1", "[::1]") for port in (server.port, closed))
        path.write_text(
            f"public_url: http://localhost:{own}\ndata_dir: {folder / 'data'}\n"
            f"connectors: {{shipped: false, paths: [{folder / 'apps'}]}}\n"
            f"network: {{allow_private: {{shop: [{reached}]}}}}\n{settings}",
            "utf-8",
        )
        clock = HastyClock()
        hub = await Hub.start(furnished(config.load(path, {})), clock=clock)
        held = TestServer(application(hub), host="localhost", port=own)
        await held.start_server()
        house = House(hub, f"http://localhost:{own}", cast(Any, None), clock, folder)
        try:
            yield Place(house, shop, closed)
        finally:
            await house.close()
            await held.close()
            await hub.close()
