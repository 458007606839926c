"""The MCP endpoint: one URL for every revision.

Lets in by ``Host``, ``Origin`` and token, reads the body, chooses the era, and turns whatever goes wrong on the way
into an answer. What methods mean is not decided here; the other routes of the hub are ``hub/web``'s.
"""

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping
from typing import Any

from aiohttp import web

from hub.clock import Clock
from hub.identity import Caller
from hub.mcp_server.calls import Calls
from hub.mcp_server.door import Authenticate, Gateway
from hub.mcp_server.errors import INTERNAL_ERROR, INVALID_REQUEST, RpcError
from hub.mcp_server.gate import Gate
from hub.mcp_server.headers import VERSION, Accept, is_json, parse_accept
from hub.mcp_server.legacy import Legacy
from hub.mcp_server.limits import Limits
from hub.mcp_server.listening import Listening
from hub.mcp_server.lists import Lists
from hub.mcp_server.messages import decode, error_message, request_id
from hub.mcp_server.modern import Modern, is_modern
from hub.mcp_server.revisions import MODERN
from hub.mcp_server.sessions import Interests, Sessions
from hub.mcp_server.stream import json_response
from hub.observe import log
from hub.seal import KeyRing

_log = log("mcp_server")

PATHS = ("/mcp", "/mcp/")
"""Both are the endpoint; a redirect would cost clients their Authorization header."""

LIST_TTL_MS = 1000
"""How long a client may take a list for fresh: changes take effect in a running hub within a second."""


class McpServer:
    """The MCP endpoint as routes of an aiohttp application.

    ``authenticate`` says who sends a request; ``ring`` seals sessions; ``public_url`` is the hub's origin as people
    type it. ``loopback`` says that the hub listens on this machine only, and then admits no foreign ``Host``.
    ``server_info`` is what the hub calls itself (``Implementation``: name, version, title).

    Works with aiohttp's ``handler_cancellation`` on (a client that leaves is noticed at once) and off (within
    ``Limits.poll``).
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
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        limits = limits or Limits()
        self._authenticate = authenticate
        self._limits = limits
        self._random = random
        self._gate = Gate(public_url, loopback=loopback, hosts=allowed_hosts, origins=allowed_origins)
        metadata = f"{public_url.rstrip('/')}/.well-known/oauth-protected-resource/mcp"
        self._challenge = f'Bearer resource_metadata="{metadata}", scope="hub"'
        self._closing = False
        self._calls = Calls(limits)
        interests = Interests(limits)
        sessions = Sessions(ring, clock, random, limits)
        lists = Lists(server_info, LIST_TTL_MS)
        self._listening = Listening(gateway, authenticate, interests, server_info, limits)
        self._modern = Modern(gateway, lists, self._calls, self._listening, server_info, random, limits)
        self._legacy = Legacy(
            gateway, lists, self._calls, self._listening, sessions, interests, server_info, random, limits
        )

    def routes(self, app: web.Application) -> None:
        """Add the endpoint to ``app``. The body limit is the endpoint's own, whatever the application's is."""
        for path in PATHS:
            for method in ("POST", "GET", "DELETE", "OPTIONS"):
                app.router.add_route(method, path, self._enter)

    async def close(self) -> None:
        """Stop: refuse what comes, end the listening streams with their results, let calls end within the grace
        period. To be awaited before the application's sockets close (``on_shutdown``)."""
        self._closing = True
        self._listening.close()
        await self._calls.close()

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        refusal = self._gate.refusal(request)
        if refusal is not None:
            return refusal
        if request.method == "OPTIONS":
            return self._gate.preflight(request)
        headers = self._gate.browser_headers(request)
        if self._closing:
            error = RpcError(INTERNAL_ERROR, "The hub is shutting down; try again shortly.")
            return json_response(503, error_message(None, error), {**headers, "Retry-After": "5"})
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
            return self._legacy.end_session(request, caller, headers)
        except RpcError as error:
            response = json_response(error.status, error_message(error.request_id, error), headers)
            if not request.content.is_eof():
                # What is left of the body cannot be told from a next request; the client must not send one here.
                response.force_close()
            return response
        except Exception:  # the outermost edge of a request
            reference = self._random(6).hex()
            _log.exception("mcp request failed", reference=reference)
            text = f"Something went wrong inside the hub. Reference for its operator: {reference}."
            return json_response(500, error_message(None, RpcError(INTERNAL_ERROR, text)), headers)

    async def _post(
        self, request: web.Request, caller: Caller, headers: dict[str, str], accept: Accept
    ) -> web.StreamResponse:
        if not is_json(request.headers.get("Content-Type")):
            raise RpcError(INVALID_REQUEST, "Send the message as application/json in UTF-8.", status=415)
        if not (accept.json or accept.events):
            text = "The answer is application/json or text/event-stream; accept both."
            raise RpcError(INVALID_REQUEST, text, status=406)
        message = decode(await self._body(request))
        era = self._modern if is_modern(message, request.headers.get(VERSION)) else self._legacy
        try:
            return await era.serve(request, caller, message, headers, accept)
        except RpcError as error:
            return era.refuse(message, error, headers)
        except Exception:  # the outermost edge, where the id is still known
            reference = self._random(6).hex()
            _log.exception("mcp request failed", reference=reference)
            text = f"Something went wrong inside the hub. Reference for its operator: {reference}."
            return json_response(200, error_message(request_id(message), RpcError(INTERNAL_ERROR, text)), headers)

    async def _body(self, request: web.Request) -> bytes:
        """The body, decompressed; raises ``RpcError``: 413 when too long, 408 when too slow, 400 when broken."""
        most = self._limits.body
        too_long = RpcError(INVALID_REQUEST, f"The body is longer than {most} bytes.", status=413)
        if (request.content_length or 0) > most:
            raise too_long
        body = bytearray()
        try:
            if request.content.is_eof():
                # All of it came with the head, as most messages do: no need to watch the time.
                body += request.content.read_nowait()
                if len(body) > most:
                    raise too_long
                return bytes(body)
            async with asyncio.timeout(self._limits.reading):
                while chunk := await request.content.readany():
                    body += chunk
                    if len(body) > most:
                        raise too_long
        except TimeoutError:
            raise RpcError(INVALID_REQUEST, "The body did not arrive in time.", status=408) from None
        except (ConnectionError, web.RequestPayloadError):
            raise RpcError(INVALID_REQUEST, "The body broke off or is not encoded as its headers say.") from None
        return bytes(body)

    def _unauthorized(self, request: web.Request, headers: Mapping[str, str]) -> web.Response:
        """401 as OAuth clients expect it (RFC 6750, section 3; RFC 9728, section 5.1)."""
        sent = "Authorization" in request.headers
        challenge = self._challenge + (', error="invalid_token"' if sent else "")
        body = b'{"error":"invalid_token"}' if sent else b'{"error":"unauthorized"}'
        return json_response(401, body, {**headers, "WWW-Authenticate": challenge})
