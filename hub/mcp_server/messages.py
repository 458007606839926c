"""JSON-RPC 2.0 messages as bytes: reading what came, writing what goes.

Not a dispatcher, and no models: messages are plain dicts, checked where they are used.
"""

from typing import Any

import orjson

from hub.mcp_server.errors import INVALID_REQUEST, PARSE_ERROR, RpcError

MAX_DEPTH = 64
"""How deep a request's arrays and objects may nest."""

RequestId = str | int


def decode(body: bytes) -> Any:
    """The JSON value in ``body``.

    Raises ``RpcError`` -32700 for what is not JSON in UTF-8 and -32600 for JSON nested deeper than ``MAX_DEPTH``.
    Never recurses, so depth cannot exhaust the stack.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as wrong:
        if "recursion" in str(wrong).lower():
            raise _too_deep() from None
        raise RpcError(PARSE_ERROR, f"The body is not JSON in UTF-8: {wrong}") from None
    # Fewer brackets than the limit cannot nest deeper; only others are walked.
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise _too_deep(request_id(value))
    return value


def _too_deep(known: RequestId | None = None) -> RpcError:
    message = f"The message nests arrays and objects deeper than {MAX_DEPTH}."
    return RpcError(INVALID_REQUEST, message, request_id=known)


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limit):
        below = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
        if not below:
            return False
        level = below
    return True


def request_id(message: Any) -> RequestId | None:
    """The message's id where it has a proper one (a string or an integer), else None."""
    if isinstance(message, dict):
        found: RequestId | None = message.get("id")
        kind = type(found)  # of JSON, where a bool must not pass for an integer
        if kind is str or kind is int:
            return found
    return None


def is_response(message: dict[str, Any]) -> bool:
    """Whether ``message`` answers a request of ours."""
    return "method" not in message and ("result" in message or "error" in message)


def check_request(message: Any) -> None:
    """Check the envelope of a request or notification; raises ``RpcError`` -32600 saying what is wrong."""
    if not isinstance(message, dict):
        raise RpcError(INVALID_REQUEST, "A JSON-RPC message is an object.")
    if message.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, 'A JSON-RPC message has "jsonrpc": "2.0".')
    if not isinstance(message.get("method"), str):
        raise RpcError(INVALID_REQUEST, 'A JSON-RPC request has a "method", a string.')
    if "id" in message and request_id(message) is None:
        raise RpcError(INVALID_REQUEST, 'A request\'s "id" is a string or an integer.')
    if not isinstance(message.get("params", {}), dict):
        raise RpcError(INVALID_REQUEST, 'A request\'s "params" are an object.')


Body = bytes | tuple[bytes, ...]
"""A message, or its pieces in order, where putting them together can be left to the one write that sends them."""


def result_message(known: RequestId, result: bytes) -> bytes:
    """A success response around a result that is JSON already."""
    return b"".join(result_pieces(known, result))


def result_pieces(known: RequestId, result: bytes) -> tuple[bytes, ...]:
    """The same in pieces, for a result that is long."""
    return (b'{"jsonrpc":"2.0","id":', orjson.dumps(known), b',"result":', result, b"}")


def in_one(body: Body) -> bytes:
    """A message in one piece."""
    return body if isinstance(body, bytes) else b"".join(body)


def error_message(known: RequestId | None, error: RpcError) -> bytes:
    """An error response; without ``id`` where the request's could not be read (2026-07-28, basic/index)."""
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        body["data"] = error.data
    head: dict[str, Any] = {"jsonrpc": "2.0"} if known is None else {"jsonrpc": "2.0", "id": known}
    try:
        return orjson.dumps({**head, "error": body})
    except orjson.JSONEncodeError:
        # It repeats a header whose bytes are not UTF-8.
        return orjson.dumps(_as_text({**head, "error": body}))


def _as_text(value: Any) -> Any:
    """``value`` with whatever in its texts is no text written as escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_as_text(key): _as_text(held) for key, held in value.items()}
    return [_as_text(held) for held in value] if isinstance(value, list | tuple) else value


def notification_message(method: str, params: dict[str, Any] | None = None) -> bytes:
    """A notification."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        message["params"] = params
    return orjson.dumps(message)


def request_message(known: RequestId, method: str, params: dict[str, Any]) -> bytes:
    """A request of the server to the client (legacy only)."""
    return orjson.dumps({"jsonrpc": "2.0", "id": known, "method": method, "params": params})
