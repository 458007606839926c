"""2025-11-25 and before: ``initialize``, sessions, batches, and messages that answer our own questions.

The same gateway as for 2026-07-28; only the envelope differs. Sessions are needed for the back channel alone: a
client without one is served all the same.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any, NamedTuple

import orjson
from aiohttp import web

from hub.identity import Caller
from hub.mcp_server.calls import Call, Calls, Excuse, Key, Outcome, Why
from hub.mcp_server.door import Gateway
from hub.mcp_server.errors import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, RpcError
from hub.mcp_server.headers import LAST_EVENT, SESSION, VERSION, Accept
from hub.mcp_server.interests import Interests
from hub.mcp_server.limits import Limits
from hub.mcp_server.listening import Listening
from hub.mcp_server.lists import Lists
from hub.mcp_server.messages import (
    Body,
    RequestId,
    check_request,
    error_message,
    in_one,
    is_response,
    request_id,
    result_message,
    result_pieces,
)
from hub.mcp_server.methods import CALLED, LISTED, OFFERED, Inquiry, check_cursor, object_param, text_param
from hub.mcp_server.modern import unsupported
from hub.mcp_server.neighbours import Neighbours
from hub.mcp_server.questions import Questions
from hub.mcp_server.responses import Responses
from hub.mcp_server.revisions import ASSUMED, LEGACY, older_result
from hub.mcp_server.sessions import Session, Sessions, SessionUnknown, back_channel
from hub.mcp_server.stream import Answer
from hub.mcp_server.talk import LegacyTalk, level_of
from hub.mcp_server.trails import RESUMABLE, Trail, Trails
from hub.mcp_server.whole import WholeResponse
from hub.observe import log
from hub.store import StoreUnavailable

_log = log("mcp_server")

_BATCHED = ("2025-03-26", "2024-11-05")
"""The revisions that know batches."""


class Visit(NamedTuple):
    """Who sends a message, in which session, in which revision. ``key`` names the client in tables of memory."""

    caller: Caller
    session: Session | None
    version: str
    key: str

    def call_key(self, known: RequestId) -> Key:
        """The name of a request for ``notifications/cancelled``. An id is known with its type: 1 is not "1"."""
        return (self.caller.user_id, self.key, known)


class Legacy:
    """Serves the revisions that begin with ``initialize``."""

    def __init__(
        self,
        gateway: Gateway,
        lists: Lists,
        calls: Calls,
        listening: Listening,
        sessions: Sessions,
        interests: Interests,
        questions: Questions,
        server_info: Mapping[str, Any],
        random: Callable[[int], bytes],
        limits: Limits,
        neighbours: Neighbours | None = None,
    ) -> None:
        self._gateway = gateway
        self._lists = lists
        self._calls = calls
        self._listening = listening
        self._sessions = sessions
        self._interests = interests
        self._server_info = dict(server_info)
        self._random = random
        self._limits = limits
        self._questions = questions
        self._neighbours = neighbours
        self._trails = Trails(random, limits)
        self._responses = {
            version: Responses(self._dress_for(version), random, limits, modern=False) for version in LEGACY
        }
        self._direct: Mapping[str, Callable[[Visit, dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            "ping": _ping,
            "logging/setLevel": self._set_level,
            "resources/subscribe": self._subscribe,
            "resources/unsubscribe": self._unsubscribe,
        }

    async def serve(
        self, request: web.Request, caller: Caller, message: Any, headers: dict[str, str], accept: Accept
    ) -> web.StreamResponse:
        """Answer one POST. Raises ``RpcError`` where the request is refused before it is looked into."""
        if isinstance(message, list):
            return await self._batch(request, await self._visit(request, caller), message, headers, accept)
        if isinstance(message, dict) and is_response(message):
            return await self._take_response(await self._visit(request, caller), message, headers)
        check_request(message)
        known = request_id(message)
        method = message["method"]
        if known is not None and method == "initialize":
            return self._initialize(caller, known, message.get("params", {}), headers)
        visit = await self._visit(request, caller)
        if known is None:
            await self._notice(visit, message)
            return web.Response(status=202, headers=headers)
        answer = Answer(request, headers, accept, self._limits, self._trail_of(visit))
        if method not in CALLED:
            return await answer.give(*await self._at_once(visit, known, message))
        work, excuse = self._work(visit, known, message, answer)
        key = visit.call_key(known)
        return await self._calls.conduct(work, caller.user_id, excuse, answer, key=key, outlives=True)

    def refuse(self, message: Any, error: RpcError, headers: Mapping[str, str]) -> web.StreamResponse:
        """The answer to a request that was refused as a whole."""
        known = error.request_id if error.request_id is not None else request_id(message)
        return WholeResponse(error.status, error_message(known, error), headers)

    async def listen(
        self, request: web.Request, caller: Caller, headers: Mapping[str, str], accept: Accept
    ) -> web.StreamResponse:
        """Answer GET: an event stream. Raises ``RpcError``."""
        visit = await self._visit(request, caller)
        if not (accept.events or accept.anything):
            raise RpcError(INVALID_REQUEST, "GET opens an event stream; accept text/event-stream.", status=406)
        session = visit.session.key if visit.session else None
        last = request.headers.get(LAST_EVENT)
        if session is not None and last is not None:
            trail, number = self._trails.find(session, last)
            return await self._listening.resume(request, headers, caller, trail, number)
        return await self._listening.legacy(request, headers, caller, visit.key, session)

    def _trail_of(self, visit: Visit) -> Callable[[], Trail] | None:
        """What makes the trail of a call's stream: only for clients that know how to come back."""
        if visit.session is None or visit.version < RESUMABLE:
            return None
        return partial(self._trails.open, visit.session.key)

    async def end_session(self, request: web.Request, caller: Caller, headers: Mapping[str, str]) -> web.Response:
        """Answer DELETE: the session ends. Raises ``RpcError``."""
        visit = await self._visit(request, caller)
        if visit.session is None:
            raise RpcError(INVALID_REQUEST, f"DELETE ends a session; name it in {SESSION}.", status=400)
        try:
            await self._sessions.end(visit.session)
        except StoreUnavailable as wrong:
            raise _unavailable(wrong) from wrong
        self._listening.end_session(visit.session.key)
        return web.Response(status=204, headers=headers)

    async def _visit(self, request: web.Request, caller: Caller) -> Visit:
        """Who is there; raises ``RpcError``: 400 for an unknown version, 404 for a session that is no more, 503 when
        that cannot be looked up."""
        try:
            visit = await self._found(request, caller)
            if not self._interests.known(visit.key):
                await self._interests.load(visit.key)
        except StoreUnavailable as wrong:
            raise _unavailable(wrong) from wrong
        return visit

    async def _found(self, request: web.Request, caller: Caller) -> Visit:
        header = request.headers.get(VERSION)
        if header is not None and header not in LEGACY:
            raise unsupported(header)
        token = request.headers.get(SESSION)
        if token is None:
            # Several clients may share a token; what is kept under it is a convenience, never a right.
            return Visit(caller, None, header or ASSUMED, f"token:{caller.user_id}:{caller.token_id or ''}")
        try:
            session = await self._sessions.find(token, caller.bearing)
        except SessionUnknown:
            text = "This session has ended or is not known; begin again with initialize."
            raise RpcError(INVALID_REQUEST, text, status=404) from None
        return Visit(caller, session, session.version, f"session:{session.key}")

    def _initialize(
        self, caller: Caller, known: RequestId, params: dict[str, Any], headers: dict[str, str]
    ) -> web.StreamResponse:
        """The handshake (2025-11-25, basic/lifecycle): the asked-for version where the hub speaks it, else the
        newest; a session only where the client declared what the back channel is for."""
        try:
            requested = text_param(params, "protocolVersion")
            capabilities = back_channel(object_param(params, "capabilities"))
        except RpcError as error:
            return WholeResponse(200, error_message(known, error), headers)
        version = requested if requested in LEGACY else LEGACY[0]
        result: dict[str, Any] = {
            "protocolVersion": version,
            "capabilities": OFFERED,
            "serverInfo": self._server_info,
        }
        if instructions := self._gateway.instructions(caller):
            result["instructions"] = instructions
        if capabilities:
            headers = {**headers, SESSION: self._sessions.open(caller.bearing, version, capabilities)}
        return WholeResponse(200, result_message(known, orjson.dumps(result)), headers)

    def _work(
        self, visit: Visit, known: RequestId, message: Mapping[str, Any], answer: Answer
    ) -> tuple[Coroutine[Any, Any, Outcome], Excuse]:
        """A call of the gateway, and what is answered where it does not end by itself."""
        method, params = message["method"], message.get("params", {})
        meta = params.get("_meta")
        level = self._interests.level(visit.key)
        talk = LegacyTalk(
            answer, meta if isinstance(meta, dict) else {}, level, visit.session, self._questions, self._limits
        )
        responses = self._responses[visit.version]
        # What 2026-07-28 resumes with means nothing here; a legacy call never resumes.
        if "inputResponses" in params or "requestState" in params:
            params = {key: value for key, value in params.items() if key not in ("inputResponses", "requestState")}
        inquiry = Inquiry(self._gateway, visit.caller, params, talk)
        return responses.respond(known, method, CALLED[method](inquiry)), responses.excuse(known, method)

    async def _at_once(self, visit: Visit, known: RequestId, message: Mapping[str, Any]) -> Outcome:
        """Answer what runs nothing: lists, and what only changes what the hub remembers."""
        method, params = message["method"], message.get("params", {})
        responses = self._responses[visit.version]
        try:
            if (listing := LISTED.get(method)) is not None:
                check_cursor(params)
                items = listing.items(self._gateway, visit.caller)
                self._lists.told(visit.caller, listing.member, items)
                return Outcome(200, result_pieces(known, self._lists.result(listing.member, items, modern=False)))
            if (direct := self._direct.get(method)) is not None:
                return Outcome(200, result_message(known, orjson.dumps(await direct(visit, params))))
            raise RpcError(METHOD_NOT_FOUND, f"There is no method {method!r} in {visit.version}.")
        except RpcError as error:
            return responses.error(known, error)
        except StoreUnavailable as wrong:
            return responses.error(known, _unavailable(wrong))

    async def _batch(
        self, request: web.Request, visit: Visit, messages: list[Any], headers: dict[str, str], accept: Accept
    ) -> web.StreamResponse:
        """A JSON-RPC batch (2025-03-26, basic): all at once, answered together."""
        if visit.version not in _BATCHED:
            raise RpcError(INVALID_REQUEST, f"{visit.version} has no batches; send one message per POST.")
        if not 1 <= len(messages) <= self._limits.batch:
            raise RpcError(INVALID_REQUEST, f"A batch has 1 to {self._limits.batch} messages.")
        answer = Answer(request, headers, accept, self._limits)
        begun: list[Call | Outcome] = []
        requests: list[tuple[RequestId, str]] = []
        for message in messages:
            try:
                item = await self._batched(visit, message, answer)
            except RpcError as error:
                item = Outcome(200, error_message(request_id(message), error))
            if item is not None:
                begun.append(item)
            if isinstance(item, Call) and (known := request_id(message)) is not None:
                requests.append((known, message["method"]))
        if not begun:
            return web.Response(status=202, headers=headers)

        def excuse(why: Why | None) -> Outcome:
            told = [self._responses[visit.version].excuse(*one)(why).body for one in requests]
            return _together(told)

        return await self._calls.conduct(_all_of(begun), visit.caller.user_id, excuse, answer, outlives=True)

    async def _batched(self, visit: Visit, message: Any, answer: Answer) -> Call | Outcome | None:
        if isinstance(message, dict) and is_response(message):
            await self._take_response(visit, message, {})
            return None
        check_request(message)
        known = request_id(message)
        if known is None:
            await self._notice(visit, message)
            return None
        if message["method"] == "initialize":
            raise RpcError(INVALID_REQUEST, "initialize is sent alone, not in a batch.")
        if message["method"] in CALLED:
            return self._calls.start(*self._work(visit, known, message, answer), visit.call_key(known))
        return await self._at_once(visit, known, message)

    async def _take_response(self, visit: Visit, message: dict[str, Any], headers: Mapping[str, str]) -> web.Response:
        """The client's answer to a question of ours. One that comes too late is taken and ignored."""
        if visit.session is None:
            raise RpcError(INVALID_REQUEST, f"A response belongs to a session; name it in {SESSION}.")
        try:
            await self._questions.answer(visit.session.key, message)
        except StoreUnavailable as wrong:
            raise _unavailable(wrong) from wrong
        return web.Response(status=202, headers=headers)

    async def _notice(self, visit: Visit, message: Mapping[str, Any]) -> None:
        """A notification. Malformed and unknown ones are ignored (2025-11-25, basic/utilities/cancellation)."""
        if message["method"] == "notifications/cancelled":
            known = request_id({"id": message.get("params", {}).get("requestId")})
            if known is None or self._calls.cancel(visit.call_key(known)):
                return
            # Without a session two clients that count alike could be meant, so nobody else is told.
            if visit.session is not None and self._neighbours is not None:
                await self._neighbours.cancel(visit.call_key(known))

    async def _set_level(self, visit: Visit, params: dict[str, Any]) -> dict[str, Any]:
        await self._interests.set_level(visit.key, level_of(params.get("level")))
        return {}

    async def _subscribe(self, visit: Visit, params: dict[str, Any]) -> dict[str, Any]:
        if not await self._interests.watch(visit.key, text_param(params, "uri")):
            raise RpcError(INVALID_PARAMS, f"{self._limits.uris} resources are watched; unsubscribe from one first.")
        return {}

    async def _unsubscribe(self, visit: Visit, params: dict[str, Any]) -> dict[str, Any]:
        await self._interests.unwatch(visit.key, text_param(params, "uri"))
        return {}

    def _dress_for(self, version: str) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
        def dress(method: str, result: dict[str, Any]) -> dict[str, Any]:
            if result.get("resultType") != "input_required":
                return older_result(result, version)
            # A question in the result is not this era's, and must not reach a client that cannot read it.
            text = "This needs an answer from the user that this client cannot be asked for."
            if method == "tools/call":
                return {"content": [{"type": "text", "text": text}], "isError": True}
            raise RpcError(INTERNAL_ERROR, text)

        return dress


async def _ping(visit: Visit, params: dict[str, Any]) -> dict[str, Any]:
    return {}


def _unavailable(wrong: StoreUnavailable) -> RpcError:
    """What a session's request is told while the database is away; the reason stands in the operator's log."""
    _log.error("a session cannot be looked up", reason=str(wrong))
    return RpcError(INTERNAL_ERROR, "The hub cannot look up this session right now; try again shortly.", status=503)


async def _all_of(begun: list[Call | Outcome]) -> Outcome:
    """The answers of a batch, in the order of its requests; cancelled, it cancels them all."""
    calls = [item for item in begun if isinstance(item, Call)]
    try:
        for call in calls:
            await asyncio.wait((call.task,))
    except BaseException:
        for call in calls:
            call.end("left")
        raise
    return _together([(item.task.result() if isinstance(item, Call) else item).body for item in begun])


def _together(bodies: list[Body | None]) -> Outcome:
    told = [in_one(body) for body in bodies if body is not None]
    return Outcome(200, b"[" + b",".join(told) + b"]" if told else None)
