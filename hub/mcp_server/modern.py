"""2026-07-28: every request stands for itself.

Checks what each request must carry, then asks the gateway. Nothing is remembered between requests; sessions and
``initialize`` are ``legacy.py``'s.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson
from aiohttp import web

from hub.identity import Caller
from hub.mcp_server import tasks as task_methods
from hub.mcp_server.calls import Calls
from hub.mcp_server.door import Gateway, Tasks
from hub.mcp_server.errors import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    UNSUPPORTED_VERSION,
    RpcError,
)
from hub.mcp_server.headers import VERSION, Accept, check_mirrors, single
from hub.mcp_server.limits import Limits
from hub.mcp_server.listening import Listening, parse_wants
from hub.mcp_server.lists import Lists
from hub.mcp_server.messages import (
    RequestId,
    check_request,
    is_response,
    request_id,
    result_message,
    result_pieces,
)
from hub.mcp_server.methods import CALLED, LISTED, OFFERED, Inquiry, check_cursor, object_param
from hub.mcp_server.mirrors import Mirrors
from hub.mcp_server.responses import Responses
from hub.mcp_server.revisions import (
    META_CAPABILITIES,
    META_CLIENT,
    META_SERVER,
    META_VERSION,
    MODERN,
    SUPPORTED,
)
from hub.mcp_server.stream import Answer
from hub.mcp_server.talk import ModernTalk
from hub.mcp_server.whole import WholeResponse

_DISCOVER_TTL_MS = 60_000


def is_modern(message: Any, header: str | None) -> bool:
    """Whether a message is this era's: by its own ``_meta``, or by the version header (2026-07-28, basic/versioning).

    The method says nothing: ``initialize`` exists in both, here as an unknown method.
    """
    if header == MODERN:
        return True
    params = message.get("params") if isinstance(message, dict) else None
    meta = params.get("_meta") if isinstance(params, dict) else None
    return isinstance(meta, dict) and (META_VERSION in meta or META_CAPABILITIES in meta)


def unsupported(requested: str) -> RpcError:
    """The error for a version the hub does not speak this way, listing those it speaks."""
    data = {"supported": list(SUPPORTED), "requested": requested}
    return RpcError(UNSUPPORTED_VERSION, f"Unsupported protocol version {requested!r}.", data)


class Modern:
    """Serves the stateless era."""

    def __init__(
        self,
        gateway: Gateway,
        lists: Lists,
        calls: Calls,
        listening: Listening,
        server_info: Mapping[str, Any],
        random: Callable[[int], bytes],
        limits: Limits,
        tasks: Tasks | None = None,
    ) -> None:
        self._tasks = tasks
        self._capabilities = OFFERED if tasks is None else {**OFFERED, **task_methods.OFFERED}
        self._gateway = gateway
        self._lists = lists
        self._calls = calls
        self._listening = listening
        self._identity = {META_SERVER: dict(server_info)}
        self._limits = limits
        self._mirrors = Mirrors()
        self._responses = Responses(self._dress, random, limits, modern=True)

    async def serve(
        self, request: web.Request, caller: Caller, message: Any, headers: dict[str, str], accept: Accept
    ) -> web.StreamResponse:
        """Answer one POST. Raises ``RpcError`` where the request is refused; its id is ``request_id(message)``."""
        if isinstance(message, list):
            raise RpcError(INVALID_REQUEST, "Batches ended with 2025-06-18; send one message per POST.")
        check_request_kind(message)
        known = request_id(message)
        if known is None:
            # The revision defines no notifications from a client over HTTP; one that comes is taken and ignored.
            return web.Response(status=202, headers=headers)
        method: str = message["method"]
        params: dict[str, Any] = message.get("params", {})
        meta = self._checked_meta(request, params)
        check_mirrors(request.headers, method, params)
        if (listing := LISTED.get(method)) is not None:
            check_cursor(params)
            items = listing.items(self._gateway, caller)
            self._lists.told(caller, listing.member, items)
            body = result_pieces(known, self._lists.result(listing.member, items, modern=True))
            return await Answer(request, headers, accept, self._limits).give(200, body)
        if method == "server/discover":
            return await Answer(request, headers, accept, self._limits).give(200, self._discover(known, caller))
        if method == "subscriptions/listen":
            return await self._listen(request, caller, known, params, meta, headers, accept)
        answer = Answer(request, headers, accept, self._limits)
        if self._tasks is not None and method in task_methods.METHODS:
            task_methods.check_declared(meta[META_CAPABILITIES])
            result = task_methods.serve(self._tasks, method, caller, params)
        else:
            work = CALLED.get(method)
            if work is None:
                raise RpcError(METHOD_NOT_FOUND, f"There is no method {method!r} in {MODERN}.")
            if method == "tools/call":
                listed = self._gateway.list_tools(caller)
                self._mirrors.check(request.headers, listed, params["name"], object_param(params, "arguments"))
            talk = ModernTalk(answer, meta, meta[META_CAPABILITIES])
            result = work(Inquiry(self._gateway, caller, params, talk))
        response = self._responses.respond(known, method, result)
        return await self._calls.conduct(response, caller.user_id, self._responses.excuse(known, method), answer)

    def refuse(self, message: Any, error: RpcError, headers: Mapping[str, str]) -> web.StreamResponse:
        """The answer to a request that was refused, with its id where it has one."""
        known = error.request_id if error.request_id is not None else request_id(message)
        status, body = self._responses.error(known, error)
        return WholeResponse(status, body or b"", headers)

    def _checked_meta(self, request: web.Request, params: Mapping[str, Any]) -> dict[str, Any]:
        """The request's ``_meta``, checked (2026-07-28, basic/index, Per-request protocol fields)."""
        meta = params.get("_meta")
        if not isinstance(meta, dict):
            raise RpcError(INVALID_PARAMS, f"params._meta must be an object with {META_VERSION}.")
        version = meta.get(META_VERSION)
        if not isinstance(version, str):
            raise RpcError(INVALID_PARAMS, f"params._meta must have {META_VERSION}, a string.")
        header = single(request.headers, VERSION)
        if header is None:
            raise RpcError(HEADER_MISMATCH, f"Header mismatch: {VERSION} is missing; it must be {version!r}.")
        if header != version:
            raise RpcError(HEADER_MISMATCH, f"Header mismatch: {VERSION} is {header!r}, _meta says {version!r}.")
        if version != MODERN:
            raise unsupported(version)
        if not isinstance(meta.get(META_CAPABILITIES), dict):
            raise RpcError(INVALID_PARAMS, f"params._meta must have {META_CAPABILITIES}, an object.")
        if not isinstance(meta.get(META_CLIENT, {}), dict):
            raise RpcError(INVALID_PARAMS, f"{META_CLIENT} must be an object.")
        return meta

    def _discover(self, known: RequestId, caller: Caller) -> bytes:
        result: dict[str, Any] = {
            "resultType": "complete",
            "supportedVersions": list(SUPPORTED),
            "capabilities": self._capabilities,
            "ttlMs": _DISCOVER_TTL_MS,
            "cacheScope": "private",
            "_meta": self._identity,
        }
        if instructions := self._gateway.instructions(caller):
            result["instructions"] = instructions
        return result_message(known, orjson.dumps(result))

    async def _listen(
        self,
        request: web.Request,
        caller: Caller,
        known: RequestId,
        params: Mapping[str, Any],
        meta: Mapping[str, Any],
        headers: Mapping[str, str],
        accept: Accept,
    ) -> web.StreamResponse:
        if not (accept.events or accept.anything):
            raise RpcError(INVALID_REQUEST, "subscriptions/listen is a stream; accept text/event-stream.", status=406)
        wants = parse_wants(params, self._limits)
        if wants.tasks:
            task_methods.check_declared(meta[META_CAPABILITIES])
            theirs = await self._tasks.owned(caller, wants.tasks) if self._tasks else frozenset()
            wants = replace(wants, tasks=theirs)
        return await self._listening.listen(request, headers, known, caller, wants)

    def _dress(self, method: str, result: dict[str, Any]) -> dict[str, Any]:
        dressed = {**result, "_meta": {**(result.get("_meta") or {}), **self._identity}}
        if method == "resources/read" and result.get("resultType") == "complete":
            # What a resource holds can change at any time; 0 asks the client to read it again.
            dressed |= {"ttlMs": 0, "cacheScope": "private"}
        return dressed


def check_request_kind(message: Any) -> None:
    """Check the envelope, and that it is no response: this revision's clients have nothing to answer."""
    if isinstance(message, dict) and is_response(message):
        raise RpcError(INVALID_REQUEST, f"A client sends no responses in {MODERN}; answers travel in a new request.")
    check_request(message)
