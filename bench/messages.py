"""The requests the benchmark sends, in both eras, as bytes; and what an answer to them must hold.

Written as a client writes them: every header the revision asks for, a session where one was opened. Not a client.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import orjson

from bench.load import ask, post

MODERN, LEGACY = "2026-07-28", "2025-11-25"

_ACCEPT = "application/json, text/event-stream"
_CLIENT = {"name": "bench", "version": "1.0.0"}
_numbers = itertools.count(1)


def authorized(token: str) -> dict[str, str]:
    """The header that carries ``token``; none without one."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def modern(method: str, params: dict[str, Any], token: str) -> bytes:
    """One request of 2026-07-28 (basic/transports/streamable-http)."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": _CLIENT,
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
    }
    headers = {"Accept": _ACCEPT, **authorized(token), "MCP-Protocol-Version": MODERN, "Mcp-Method": method}
    if "name" in params:
        headers["Mcp-Name"] = params["name"]
    return post("/mcp", _body(method, {**params, "_meta": meta}), headers)


def legacy(method: str, params: dict[str, Any], token: str, session: str | None = None) -> bytes:
    """One request of 2025-11-25 (basic/transports), in ``session`` where there is one."""
    headers = {"Accept": _ACCEPT, **authorized(token), "MCP-Protocol-Version": LEGACY}
    if session is not None:
        headers["Mcp-Session-Id"] = session
    return post("/mcp", _body(method, params), headers)


async def session(port: int, token: str) -> str | None:
    """The session a client gets that declares it can be asked; None from a server without sessions."""
    params = {"protocolVersion": LEGACY, "capabilities": {"elicitation": {}}, "clientInfo": _CLIENT}
    headers = {"Accept": _ACCEPT, **authorized(token)}
    (answer,) = await ask(port, [post("/mcp", _body("initialize", params), headers)])
    for line in answer.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"mcp-session-id":
            return value.strip().decode()
    return None


def _body(method: str, params: dict[str, Any]) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": next(_numbers), "method": method, "params": params})


def calls(tool: str, tokens: Sequence[str], sessions: Sequence[str | None] | None = None) -> list[bytes]:
    """A call of ``tool`` for each token; of 2025-11-25 where ``sessions`` are given."""
    params = {"name": tool, "arguments": {}}
    if sessions is None:
        return [modern("tools/call", params, token) for token in tokens]
    return [legacy("tools/call", params, token, one) for token, one in zip(tokens, sessions, strict=True)]


class WrongAnswer(Exception):
    """An answer does not hold what the request asked for, so its time would mean nothing."""


def result(answer: bytes) -> dict[str, Any]:
    """The result in an answer as it came over the wire; raises ``WrongAnswer`` for an error or no JSON."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        body = b"".join(body.split(b"\r\n")[1::2])
    try:
        told = orjson.loads(body).get("result")
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict) or told.get("isError"):
        raise WrongAnswer(answer[:1000].decode(errors="replace"))
    return told


def check_call(answer: bytes, kept: Sequence[str], items: int | None) -> None:
    """Raise ``WrongAnswer`` unless a call gave one object, or that many ``items``, with the ``kept`` fields."""
    data = result(answer).get("structuredContent")
    told = [data] if items is None else (data or {}).get("items", [])
    if len(told) != (items or 1) or any(set(kept) - set(one or {}) for one in told):
        raise WrongAnswer(answer[:1000].decode(errors="replace"))
