"""The endpoints that clients ask: the documents, registration, tokens, revocation. JSON in the shapes of their RFCs.

Open to web pages of any origin (CORS), as none of them looks at a cookie. What is right is ``hub/identity/oauth``'s.
"""

import math
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from hub.clock import Clock
from hub.identity import Profiles
from hub.identity.oauth.clients import Clients
from hub.identity.oauth.errors import OAuthError
from hub.identity.oauth.metadata import resource_document, server_document
from hub.identity.oauth.rates import Allowance
from hub.identity.oauth.registration import Registration
from hub.identity.oauth.tokens import TokenDesk
from hub.observe import log
from hub.store import StoreUnavailable
from hub.web.client_address import client_address, neighbourhood
from hub.web.oauth.arrivals import Arrivals
from hub.web.oauth.forms import body_of, form_of, once

RESOURCE_PATHS = ("/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp")
SERVER_PATHS = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")

_OPEN = {"Access-Control-Allow-Origin": "*"}
_DOCUMENT = {**_OPEN, "Cache-Control": "max-age=300"}
_ANSWER = {**_OPEN, "Cache-Control": "no-store", "Pragma": "no-cache"}
_PREFLIGHT = {
    **_OPEN,
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, MCP-Protocol-Version",
    "Access-Control-Max-Age": "600",
}
_MOST_METADATA = 20_000

_log = log("web.oauth")

Answer = Callable[[web.Request], Awaitable[web.Response]]


class Endpoints:
    """The routes for clients."""

    def __init__(
        self,
        clients: Clients,
        desk: TokenDesk,
        registration: Registration,
        clock: Clock,
        *,
        public_url: str,
        profiles: Profiles,
        arrivals: Arrivals,
    ) -> None:
        self._arrivals = arrivals
        self._clients = clients
        self._desk = desk
        self._registration = registration
        self._public_url = public_url
        self._profiles = profiles
        # Clients of many people ask from one address, so this only stops floods.
        self._allowance = Allowance(clock, 1200, 60.0)

    def routes(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        for path in SERVER_PATHS:
            app.router.add_get(path, self._server)
            app.router.add_route("OPTIONS", path, _preflight)
        answers = {"/token": self._token, "/register": self._register, "/revoke": self._revoke}
        for path, answer in answers.items():
            app.router.add_post(path, self._guarded(answer))
            app.router.add_route("OPTIONS", path, _preflight)

    async def _server(self, request: web.Request) -> web.Response:
        self._arrivals.document(request, "server")
        return web.json_response(server_document(self._public_url, list(self._profiles)), headers=_DOCUMENT)

    def _guarded(self, answer: Answer) -> Answer:
        async def guarded(request: web.Request) -> web.Response:
            try:
                wait = self._allowance.take(neighbourhood(client_address(request)))
                if wait is not None:
                    raise OAuthError("too_many_requests", "Too many requests; try again shortly.", 429, after=wait)
                return await answer(request)
            except OAuthError as wrong:
                return _failed(request, wrong)
            except StoreUnavailable as wrong:
                _log.error("an OAuth request cannot be answered", path=request.path, reason=str(wrong))
                text = "The hub cannot look this up right now; try again shortly."
                return _failed(request, OAuthError("temporarily_unavailable", text, 503, after=5.0))

        return guarded

    async def _token(self, request: web.Request) -> web.Response:
        pairs = await form_of(request)
        params = once(pairs, "resource")
        try:
            client = await self._clients.authenticate(request.headers.get("Authorization"), params, _place(request))
            resources = list(dict.fromkeys(value for key, value in pairs if key == "resource"))
            made = await self._desk.exchange(client, params, resources)
        except OAuthError as wrong:
            self._arrivals.not_redeemed(request, params, f"{wrong.code}: {wrong}")
            raise
        if params.get("grant_type") == "authorization_code":
            self._arrivals.redeemed(request, params)
        return web.json_response(made, headers=_ANSWER)

    async def _register(self, request: web.Request) -> web.Response:
        try:
            if request.content_type != "application/json":
                raise OAuthError("invalid_client_metadata", "Send the metadata as application/json.", 415)
            body = await body_of(request, _MOST_METADATA)
            made: dict[str, Any] = await self._registration.register(body, _place(request))
        except OAuthError as wrong:
            self._arrivals.not_registered(request, f"{wrong.code}: {wrong}")
            raise
        self._arrivals.registered(request, made)
        return web.json_response(made, status=201, headers=_ANSWER)

    async def _revoke(self, request: web.Request) -> web.Response:
        params = once(await form_of(request), "resource")
        client = await self._clients.authenticate(request.headers.get("Authorization"), params, _place(request))
        await self._desk.revoke(client, params.get("token", ""))
        return web.Response(headers=_ANSWER)


def resource_routes(
    app: web.Application, public_url: str, profiles: Profiles, *, issuer: bool, arrivals: Arrivals | None = None
) -> None:
    """Add the protected resource documents of the hub and its profiles; ``issuer``: the hub is the one to ask."""

    async def whole(request: web.Request) -> web.Response:
        if arrivals is not None:
            arrivals.document(request, "resource")
        return web.json_response(resource_document(public_url, None, issuer=issuer), headers=_DOCUMENT)

    async def of_profile(request: web.Request) -> web.Response:
        name = request.match_info["profile"]
        if name not in profiles:
            return web.json_response({"error": "not_found"}, status=404, headers=_OPEN)
        if arrivals is not None:
            arrivals.document(request, "resource")
        return web.json_response(resource_document(public_url, name, issuer=issuer), headers=_DOCUMENT)

    for path in RESOURCE_PATHS:
        app.router.add_get(path, whole)
        app.router.add_route("OPTIONS", path, _preflight)
    app.router.add_get(RESOURCE_PATHS[1] + "/{profile}", of_profile)
    app.router.add_route("OPTIONS", RESOURCE_PATHS[1] + "/{profile}", _preflight)


def _place(request: web.Request) -> str:
    return neighbourhood(client_address(request))


async def _preflight(request: web.Request) -> web.Response:
    return web.Response(status=204, headers=_PREFLIGHT)


def _failed(request: web.Request, wrong: OAuthError) -> web.Response:
    headers = dict(_ANSWER)
    if wrong.status == 401 and "Authorization" in request.headers:
        headers["WWW-Authenticate"] = 'Basic realm="hub"'
    if wrong.after is not None:
        headers["Retry-After"] = str(math.ceil(wrong.after))
    told = {"error": wrong.code, "error_description": str(wrong)}
    response = web.json_response(told, status=wrong.status, headers=headers)
    if wrong.status == 413:
        response.force_close()
    return response
