"""The request headers MCP gives a meaning: what a client accepts, and what must agree with the body.

Host and Origin are the gate's (``gate.py``); authorization is ``identity``'s.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from multidict import CIMultiDictProxy

from hub.mcp_server.errors import HEADER_MISMATCH, INVALID_PARAMS, RpcError

VERSION = "MCP-Protocol-Version"
SESSION = "Mcp-Session-Id"
METHOD = "Mcp-Method"
NAME = "Mcp-Name"
LAST_EVENT = "Last-Event-ID"

_NAMED = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    **dict.fromkeys(("tasks/get", "tasks/update", "tasks/cancel"), "taskId"),
}
"""The methods that carry ``Mcp-Name``, and the member it mirrors."""

_SENTINEL = ("=?base64?", "?=")


@dataclass(frozen=True, slots=True)
class Accept:
    """What the client can read. ``events`` only where it names the type: who sends ``*/*`` (curl) gets plain JSON
    unless there is nothing but a stream to give, for which ``anything`` suffices."""

    json: bool
    events: bool
    anything: bool


@lru_cache(maxsize=256)
def parse_accept(value: str | None) -> Accept:
    """The ``Accept`` header (RFC 9110, section 12.5.1), leniently; an absent one accepts anything."""
    if value is None or not value.strip():
        return Accept(json=True, events=False, anything=True)
    ranges = set()
    for part in value.lower().split(","):
        name, _, parameters = part.partition(";")
        if parameters.replace(" ", "") not in ("q=0", "q=0.0"):
            ranges.add(name.strip())
    anything = "*/*" in ranges
    return Accept(
        json=anything or bool(ranges & {"application/json", "application/*"}),
        events=bool(ranges & {"text/event-stream", "text/*"}),
        anything=anything,
    )


@lru_cache(maxsize=256)
def is_json(content_type: str | None) -> bool:
    """Whether a ``Content-Type`` says JSON in UTF-8."""
    name, _, parameters = (content_type or "").lower().partition(";")
    charset = parameters.replace(" ", "").partition("charset=")[2].strip('"')
    return name.strip() == "application/json" and charset in ("", "utf-8", "utf8")


def single(headers: CIMultiDictProxy[str], name: str) -> str | None:
    """The header's one value without surrounding space, or None; raises ``RpcError`` -32020 when it comes twice."""
    values = headers.getall(name, ())
    if not values:
        return None
    if len(values) > 1:
        raise RpcError(HEADER_MISMATCH, f"Header mismatch: {name} is sent {len(values)} times; send it once.")
    return values[0].strip(" \t")


def decoded(name: str, value: str) -> str:
    """A header value, decoded where it is in the Base64 form (2026-07-28, streamable-http, Value Encoding).

    Raises ``RpcError`` -32020 for invalid Base64, UTF-8 or characters.
    """
    head, tail = _SENTINEL
    if value.startswith(head) and value.endswith(tail) and len(value) >= len(head) + len(tail):
        try:
            return base64.b64decode(value[len(head) : -len(tail)], validate=True).decode()
        except (binascii.Error, ValueError):
            raise RpcError(HEADER_MISMATCH, f"Header mismatch: {name} is not valid Base64 of UTF-8.") from None
    if not value.isascii() or not value.replace("\t", " ").isprintable():
        raise RpcError(HEADER_MISMATCH, f"Header mismatch: {name} has characters that need the Base64 form.")
    return value


def check_mirrors(headers: CIMultiDictProxy[str], method: str, params: Mapping[str, Any]) -> None:
    """Check ``Mcp-Method`` and ``Mcp-Name`` against the body (2026-07-28, streamable-http, Server Validation).

    Raises ``RpcError`` -32020 when one is missing or differs, -32602 when the body lacks the member itself.
    """
    told = single(headers, METHOD)
    if told is None:
        raise RpcError(HEADER_MISMATCH, f"Header mismatch: {METHOD} is missing; it must be {method!r}.")
    if told != method:
        raise RpcError(HEADER_MISMATCH, f"Header mismatch: {METHOD} is {told!r}, the body's method is {method!r}.")
    member = _NAMED.get(method)
    if member is None:
        return
    named = params.get(member)
    if not isinstance(named, str):
        raise RpcError(INVALID_PARAMS, f"{method} needs params.{member}, a string.")
    value = single(headers, NAME)
    if value is None:
        raise RpcError(HEADER_MISMATCH, f"Header mismatch: {NAME} is missing; it must be params.{member}.")
    if decoded(NAME, value) != named:
        raise RpcError(HEADER_MISMATCH, f"Header mismatch: {NAME} is {value!r}, params.{member} is {named!r}.")
