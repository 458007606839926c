"""The MCP endpoint: one URL for every revision.

Lets in by ``Host``, ``Origin`` and token, reads the body, chooses the era, and turns whatever goes wrong on the way
into an answer. What methods mean is not decided here; the other routes of the hub are ``hub/web``'s.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from aiohttp import web

from hub.clock import Clock
from hub.identity import Caller
from hub.mcp_server.bodies import Bodies
from hub.mcp_server.calls import Calls
from hub.mcp_server.door import Arrivals, Authenticate, Gateway, Tasks
from hub.mcp_server.errors import INTERNAL_ERROR, INVALID_REQUEST, RpcError
from hub.mcp_server.gate import Gate
from hub.mcp_server.headers import VERSION, Accept, is_json, parse_accept
from hub.mcp_server.interests import Interests
from hub.mcp_server.legacy import Legacy
from hub.mcp_server.limits import Limits
from hub.mcp_server.listening import Listening
from hub.mcp_server.lists import Lists
from hub.mcp_server.messages import decode, error_message, request_id
from hub.mcp_server.modern import Modern, is_modern
from hub.mcp_server.neighbours import Neighbours
from hub.mcp_server.questions import Questions
from hub.mcp_server.revisions import MODERN
from hub.mcp_server.sessions import Sessions
from hub.mcp_server.whole import WholeResponse
from hub.observe import log
from hub.seal import KeyRing
from hub.store import Store, StoreUnavailable

_log = log("mcp_server")

PATHS = ("/mcp", "/mcp/")
"""Both are the endpoint; a redirect would cost clients their Authorization header."""

DOOR = "profile"
"""The part of a path below the endpoint that names a profile; absent for the whole hub."""

LIST_TTL_MS = 1000
"""How long a client may take a list for fresh: changes take effect in a running hub within a second."""


class McpServer:
    """The MCP endpoint as routes of an aiohttp application.

    ``authenticate`` says who sends a request; ``ring`` seals sessions; ``public_url`` is the hub's origin as people
    type it. ``loopback`` says that the hub listens on this machine only, and then admits no foreign ``Host``.
    ``server_info`` is what the hub calls itself (``Implementation``: name, version, title). With ``tasks`` the tasks
    extension is offered. With a ``store`` any process that shares it answers any request of a session. ``profiles``
    are those that have an endpoint of their own below ``/mcp``. ``arrivals`` follow clients until they have their
    tools.

    A client that leaves is noticed within ``Limits.poll``. aiohttp's ``handler_cancellation`` must be off, as it is by
    itself: it would end calls of 2025-11-25, which outlive their connection.
    """

    def __init__(
        self,
        gateway: Gateway,
        authenticate: Authenticate,
        ring: KeyRing,
        *,
        public_url: str,
        clock: Clock,
        server_info: Mapping[str, Any],
        loopback: bool = False,
        allowed_hosts: Collection[str] = (),
        allowed_origins: Collection[str] = (),
        limits: Limits | None = None,
        tasks: Tasks | None = None,
        store: Store | None = None,
        profiles: Collection[str] = (),
        arrivals: Arrivals | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        limits = limits or Limits()
        self._authenticate = authenticate
        self._limits = limits
        self._random = random
        self._gate = Gate(public_url, loopback=loopback, hosts=allowed_hosts, origins=allowed_origins)
        self._metadata = f"{public_url.rstrip('/')}/.well-known/oauth-protected-resource/mcp"
        self._profiles = tuple(profiles)
        self._arrivals = arrivals
        self._closing = False
        self._bodies = Bodies(limits)
        self._calls = Calls(limits)
        rows = store.sessions if store else None
        interests = Interests(ring, clock, limits, rows)
        sessions = Sessions(ring, clock, random, limits, rows)
        questions = Questions(random, ring, clock, limits, rows)
        lists = Lists(server_info, LIST_TTL_MS, arrivals)
        self._listening = Listening(gateway, authenticate, interests, server_info, limits, tasks, rows, random)
        self._neighbours = (
            Neighbours(store, self._calls, sessions, interests, questions, self._listening) if store else None
        )
        self._modern = Modern(gateway, lists, self._calls, self._listening, server_info, random, limits, tasks)
        self._legacy = Legacy(
            gateway,
            lists,
            self._calls,
            self._listening,
            sessions,
            interests,
            questions,
            server_info,
            random,
            limits,
            self._neighbours,
        )

    def routes(self, app: web.Application) -> None:
        """Add the endpoint to ``app``. The body limit is the endpoint's own, whatever the application's is."""
        paths = list(PATHS)
        if self._profiles:
            named = f"/mcp/{{{DOOR}:{'|'.join(map(re.escape, self._profiles))}}}"
            paths += [named, f"{named}/"]
        for path in paths:
            for method in ("POST", "GET", "DELETE", "OPTIONS"):
                app.router.add_route(method, path, self._enter)

    async def close(self) -> None:
        """Stop: refuse what comes, end the listening streams with their results, let calls end within the grace
        period. To be awaited before the application's sockets close (``on_shutdown``)."""
        self._closing = True
        self._listening.close()
        await self._calls.close()
        if self._neighbours is not None:
            await self._neighbours.close()

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        refusal = self._gate.refusal(request)
        if refusal is not None:
            if self._arrivals is not None:
                self._arrivals.turned_away(request, refusal.status)
            return refusal
        if request.method == "OPTIONS":
            return self._gate.preflight(request)
        headers = self._gate.browser_headers(request)
        if self._closing:
            error = RpcError(INTERNAL_ERROR, "The hub is shutting down; try again shortly.")
            return WholeResponse(503, error_message(None, error), {**headers, "Retry-After": "5"})
        try:
            caller = await self._authenticate(request)
            if caller is None:
                return self._unauthorized(request, headers)
            accept = parse_accept(request.headers.get("Accept"))
            if request.method == "POST":
                return await self._post(request, caller, headers, accept)
            if request.headers.get(VERSION) == MODERN:
                return web.Response(status=405, headers={**headers, "Allow": "POST, OPTIONS"})
            if request.method == "GET":
                return await self._legacy.listen(request, caller, headers, accept)
            return await self._legacy.end_session(request, caller, headers)
        except RpcError as error:
            told = error_message(error.request_id, error)
            response = WholeResponse(error.status, told, _retried(headers, error))
            if not request.content.is_eof():
                # What is left of the body cannot be told from a next request; the client must not send one here.
                response.force_close()
            return response
        except StoreUnavailable as wrong:
            _log.error("a token cannot be looked up", reason=str(wrong))
            text = "The hub cannot look up this token right now; try again shortly."
            told = error_message(None, RpcError(INTERNAL_ERROR, text))
            return WholeResponse(503, told, {**headers, "Retry-After": "5"})
        except Exception:  # the outermost edge of a request
            reference = self._random(6).hex()
            _log.exception("mcp request failed", reference=reference)
            text = f"Something went wrong inside the hub. Reference for its operator: {reference}."
            return WholeResponse(500, error_message(None, RpcError(INTERNAL_ERROR, text)), headers)

    def _post(
        self, request: web.Request, caller: Caller, headers: dict[str, str], accept: Accept
    ) -> Awaitable[web.StreamResponse]:
        if not is_json(request.headers.get("Content-Type")):
            raise RpcError(INVALID_REQUEST, "Send the message as application/json in UTF-8.", status=415)
        if not (accept.json or accept.events):
            text = "The answer is application/json or text/event-stream; accept both."
            raise RpcError(INVALID_REQUEST, text, status=406)
        if request.content.is_eof():
            # All of it came with the head, as most messages do: no need to watch time and room.
            return self._serve(request, caller, self._bodies.whole(request), headers, accept)
        return self._arriving(request, caller, headers, accept)

    async def _arriving(
        self, request: web.Request, caller: Caller, headers: dict[str, str], accept: Accept
    ) -> web.StreamResponse:
        async with self._bodies.arriving(request, caller.user_id) as body:
            return await self._serve(request, caller, body, headers, accept)

    async def _serve(
        self, request: web.Request, caller: Caller, body: bytes, headers: dict[str, str], accept: Accept
    ) -> web.StreamResponse:
        message = decode(body)
        era = self._modern if is_modern(message, request.headers.get(VERSION)) else self._legacy
        try:
            return await era.serve(request, caller, message, headers, accept)
        except RpcError as error:
            if self._arrivals is not None and caller.token_id in self._arrivals.newcomers:
                self._arrivals.refused(caller, error.message)
            return era.refuse(message, error, _retried(headers, error))
        except Exception:  # the outermost edge, where the id is still known
            reference = self._random(6).hex()
            _log.exception("mcp request failed", reference=reference)
            text = f"Something went wrong inside the hub. Reference for its operator: {reference}."
            return WholeResponse(200, error_message(request_id(message), RpcError(INTERNAL_ERROR, text)), headers)

    def _unauthorized(self, request: web.Request, headers: Mapping[str, str]) -> web.StreamResponse:
        """401 as OAuth clients expect it (RFC 6750, section 3; RFC 9728, section 5.1)."""
        if self._arrivals is not None:
            self._arrivals.knocked(request)
        sent = "Authorization" in request.headers
        door = request.match_info.get(DOOR)
        metadata = self._metadata if door is None else f"{self._metadata}/{door}"
        challenge = f'Bearer resource_metadata="{metadata}", scope="hub"' + (', error="invalid_token"' if sent else "")
        body = b'{"error":"invalid_token"}' if sent else b'{"error":"unauthorized"}'
        return WholeResponse(401, body, {**headers, "WWW-Authenticate": challenge})


def _retried(headers: dict[str, str], error: RpcError) -> dict[str, str]:
    """The headers of an answer to ``error``, with when to try again where that may help (RFC 9110, section 10.2.3)."""
    return {**headers, "Retry-After": "5"} if error.status in (429, 503) else headers
