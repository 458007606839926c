"""The client's end of one request, as the gateway sees it: progress, log lines, and questions where it can be asked.

Implements ``hub.sdk.talk.Talk`` for both eras. What a question says is the tool's; how an answer finds its way back
is ``questions.py``'s.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from hub.errors import ToolError
from hub.mcp_server.errors import INVALID_PARAMS, RpcError
from hub.mcp_server.limits import Limits
from hub.mcp_server.messages import notification_message, request_message
from hub.mcp_server.questions import Questions, Reply
from hub.mcp_server.revisions import META_LOG_LEVEL
from hub.mcp_server.sessions import Session
from hub.mcp_server.stream import Answer
from hub.sdk.talk import LEVELS, Level

_RANK = {level: rank for rank, level in enumerate(LEVELS)}


def level_of(value: Any) -> Level:
    """``value`` as a log level; raises ``RpcError`` -32602 naming the levels."""
    if isinstance(value, str) and value in _RANK:
        return LEVELS[_RANK[value]]
    raise RpcError(INVALID_PARAMS, f"{value!r} is not a log level; use one of {', '.join(LEVELS)}.")


def progress_token(meta: Mapping[str, Any]) -> str | int | None:
    """The token a client gave to hear of progress (basic/patterns/progress), or None."""
    token = meta.get("progressToken")
    return token if isinstance(token, str | int) and not isinstance(token, bool) else None


class ModernTalk:
    """2026-07-28: what this request's ``_meta`` allows, and nothing else. Questions travel in the result."""

    waits = False

    def __init__(self, answer: Answer, meta: Mapping[str, Any], capabilities: Mapping[str, Any]) -> None:
        """Raises ``RpcError`` -32602 for an unknown log level."""
        self.capabilities = capabilities
        self._answer = answer
        self._token = progress_token(meta)
        asked = meta.get(META_LOG_LEVEL)
        self._lowest = None if asked is None else _RANK[level_of(asked)]

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:
        """See ``Talk.progress``."""
        if self._token is not None:
            await self._answer.notify(_progress(self._token, progress, total, message))

    async def log(self, level: Level, data: Any, logger: str) -> None:
        """See ``Talk.log``."""
        if self._lowest is not None and _RANK[level] >= self._lowest:
            await self._answer.notify(_log(level, data, logger))

    async def ask(self, requests: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Never called, as ``waits`` is false: a stateless stream must not carry requests."""
        raise ToolError("This client is asked through the result, not while the call runs.")


class LegacyTalk:
    """2025-11-25 and before: questions go out on the call's stream, answers come in as messages of the session.

    ``capabilities`` are the session's, and empty where there is no session or no stream to ask on.
    """

    def __init__(
        self,
        answer: Answer,
        meta: Mapping[str, Any],
        level: Level,
        session: Session | None,
        questions: Questions,
        limits: Limits,
    ) -> None:
        self._answer = answer
        self._token = progress_token(meta)
        self._lowest = _RANK[level]
        self._session = session if answer.streams else None
        knows = session is not None and session.version >= "2025-11-25"
        self._declared: Mapping[str, Any] = session.capabilities if session is not None and knows else {}
        self._questions = questions
        self._limits = limits
        self.capabilities: Mapping[str, Any] = self._session.capabilities if self._session else {}

    @property
    def declared(self) -> Mapping[str, Any]:
        """See ``ErrorTalk.declared``: nothing before 2025-11-25, which has no such error."""
        return self._declared

    @property
    def waits(self) -> bool:
        """Whether there is a back channel."""
        return self._session is not None

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:
        """See ``Talk.progress``."""
        if self._token is not None:
            await self._answer.notify(_progress(self._token, progress, total, message))

    async def log(self, level: Level, data: Any, logger: str) -> None:
        """See ``Talk.log``."""
        if _RANK[level] >= self._lowest:
            await self._answer.notify(_log(level, data, logger))

    async def ask(self, requests: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """See ``Talk.ask``. All questions go out at once; ``Limits.question`` is the time for all answers."""
        session = self._session
        if session is None:
            raise ToolError("This client cannot be asked.")
        for request in requests.values():
            self._check_declared(session, request)
        with self._questions.open(session.key, len(requests)) as asked:
            try:
                async with asyncio.timeout(self._limits.question):
                    for (number, _), request in zip(asked, requests.values(), strict=True):
                        params = _older_params(session.version, request)
                        if not await self._answer.send(request_message(number, request["method"], params)):
                            raise ToolError("The client went away before it could be asked.")
                    answers = [await self._awaited(reply) for _, reply in asked]
            except TimeoutError:
                for number, _ in asked:
                    gone = {"requestId": number, "reason": "no answer in time"}
                    await self._answer.send(notification_message("notifications/cancelled", gone))
                raise ToolError(f"The client did not answer within {self._limits.question:g} seconds.") from None
        return dict(zip(requests, answers, strict=True))

    async def _awaited(self, reply: Reply) -> dict[str, Any]:
        while not reply.done():
            await asyncio.wait((reply,), timeout=self._limits.poll)
            if not reply.done() and self._answer.deserted:
                raise ToolError("The client went away before it answered.")
        return reply.result()

    async def hang_up(self) -> None:
        """See ``ResumableTalk.hang_up``."""
        await self._answer.hang_up()

    def _check_declared(self, session: Session, request: Mapping[str, Any]) -> None:
        """No kind or mode of question the client did not declare (2025-11-25, client/elicitation, Capabilities)."""
        method = str(request["method"])
        kind = method.partition("/")[0]
        declared = session.capabilities.get(kind)
        if declared is None:
            raise ToolError(f"The client did not declare {kind}.")
        if kind == "elicitation":
            mode = request.get("params", {}).get("mode", "form")
            # An empty declaration means forms only.
            if mode not in (declared or {"form": {}}):
                raise ToolError(f"The client cannot be asked by {mode}.")


def _older_params(version: str, request: Mapping[str, Any]) -> dict[str, Any]:
    params = dict(request.get("params", {}))
    if version < "2025-11-25" and request["method"] == "elicitation/create":
        params.pop("mode", None)
    return params


def _progress(token: str | int, progress: float, total: float | None, message: str | None) -> bytes:
    params: dict[str, Any] = {"progressToken": token, "progress": progress}
    if total is not None:
        params["total"] = total
    if message is not None:
        params["message"] = message
    return notification_message("notifications/progress", params)


def _log(level: Level, data: Any, logger: str) -> bytes:
    try:
        return notification_message("notifications/message", {"level": level, "logger": logger, "data": data})
    except (orjson.JSONEncodeError, RecursionError):
        # A log line must not end the call it is about.
        return notification_message(
            "notifications/message", {"level": level, "logger": logger, "data": repr(data)[:2000]}
        )
