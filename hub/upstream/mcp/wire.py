"""What all ways to an MCP server share: requests, answers, and who hears what comes between.

JSON-RPC 2.0 messages as plain dicts. Not a transport: those are ``http.py``, ``sse.py`` and ``commands.py``.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import orjson

from hub.upstream.errors import Lost

Message = dict[str, Any]
Conversation = Callable[[str, Mapping[str, Any]], Awaitable[Message | None]]
"""Hears what a server says while a request is under way: method and params. For a request of the server it returns
the result, or raises ``RpcError``; for a notification what it returns is not looked at."""

MODERN = "2026-07-28"
"""The revision without sessions and without requests of the server."""

METHOD_NOT_FOUND = -32601
UNSUPPORTED_VERSION = -32022

SAID_MAX = 10_000
"""Notifications and questions during one request; a server that talks without end is cut off."""

CALLS = frozenset({"tools/call", "resources/read", "prompts/get"})
"""What a server may ask questions during."""

OF_A_CALL = ("notifications/message", "elicitation/", "sampling/")
"""What belongs to a call though servers before 2026-07-28 do not say to which."""


class RpcError(Exception):
    """A server's error (JSON-RPC 2.0, section 5.1); ``message`` is its own word, cut to a line's length."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message[:2000]
        self.data = data

    @classmethod
    def of(cls, error: Any) -> "RpcError":
        """The error in an answer, whatever it holds."""
        held = error if isinstance(error, Mapping) else {}
        code, told = held.get("code"), held.get("message")
        return cls(code if isinstance(code, int) else -32603, str(told or "an error without a text"), held.get("data"))

    def member(self) -> Message:
        """The error as it travels back to a server that asked."""
        return {"code": self.code, "message": self.message}


class Unauthorized(Exception):
    """The server wants to know on whose account it is asked (HTTP 401, or 403)."""


class SessionEnded(Exception):
    """The server does not know the session any more (HTTP 404); nothing was carried out."""


class NotMcp(Exception):
    """The address answers, but with nothing of this transport; ``status`` is the HTTP status, ``reason`` a clause."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Wire(Protocol):
    """One connection to a server, whatever it runs over."""

    async def request(
        self, message: Message, hear: Conversation, *, headers: Mapping[str, str], seconds: float | None
    ) -> Message:
        """Send a request and return the response to it; ``seconds`` None waits for ever.

        Raises ``TransportError`` kinds, ``Unauthorized``, ``SessionEnded`` and ``NotMcp``.
        """
        ...

    async def notify(self, message: Message) -> None:
        """Send a notification."""
        ...

    async def listen(self, hear: Conversation) -> None:
        """Hear what the server says by itself until it ends (the eras before 2026-07-28)."""
        ...

    async def close(self) -> None:
        """End the connection, and what was started for it."""
        ...

    def settled(self, version: str) -> None:
        """From now on this revision is spoken."""
        ...


def parsed(raw: bytes | str) -> list[Message]:
    """The messages in ``raw``, one or a batch. Raises ``Lost`` for what is no JSON-RPC."""
    try:
        held = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Lost("its answer is not JSON") from None
    messages = held if isinstance(held, list) else [held]
    if not all(isinstance(one, dict) for one in messages):
        raise Lost("its answer is not JSON-RPC")
    return messages


async def heard(message: Message, hear: Conversation) -> Message | None:
    """Tell ``hear`` of a message that is no response; the response to give, where it is a request."""
    method, params = message.get("method"), message.get("params")
    if not isinstance(method, str):
        return None
    asked = "id" in message
    try:
        result = await hear(method, params if isinstance(params, dict) else {})
    except RpcError as wrong:
        return {"jsonrpc": "2.0", "id": message["id"], "error": wrong.member()} if asked else None
    return {"jsonrpc": "2.0", "id": message["id"], "result": result or {}} if asked else None
