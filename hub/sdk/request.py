"""``Call``: a declared request, and ``build``, the pure function that turns it into an ``Outgoing``.

Nothing here sends. The final URL is asserted to lie under the declared prefix, with as many segments as
declared, whatever the arguments were.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import orjson

from hub.errors import ConnectorError, OperatorNeeded, ToolError
from hub.sdk import convert
from hub.sdk.content import File
from hub.sdk.http import SAFE_METHODS, Outgoing
from hub.sdk.paging import Paging
from hub.sdk.placeholders import ABSENT, Node, Pattern, Scope, fill, plain, segment
from hub.sdk.response import Reading
from hub.sdk.wire import Wire, body_of, file_of, headers_of, path_of, query_of

ArrayStyle = Literal["repeat", "comma", "brackets"]
BodyKind = Literal["body", "form", "multipart", "raw", "graphql"]


@dataclass(frozen=True, slots=True)
class Payload:
    """A request's body as declared: JSON ``body``, ``form``, ``multipart``, ``raw`` text, or ``graphql``
    variables with their ``document``."""

    kind: BodyKind
    node: Node
    document: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One declared request with how to page it and read its reply.

    ``styles`` says how arrays are written in the query, by parameter (``""`` is the default). ``send_as`` maps
    arguments to converters; ``defaults`` fill places of the path whose argument was not given. ``idempotency`` names
    the header that carries an idempotency key. ``wire`` stands for path, query and payload where a description, not an
    author, said how arguments are written.
    """

    method: str
    path: Pattern
    reading: Reading
    base_url: Pattern | None = None
    headers: Mapping[str, Pattern] = field(default_factory=dict)
    query: Node | None = None
    styles: Mapping[str, ArrayStyle] = field(default_factory=dict)
    payload: Payload | None = None
    paging: Paging | None = None
    send_as: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    idempotent: bool = False
    idempotency: str | None = None
    wire: Wire | None = None


def build(
    call: Call,
    scope: Scope,
    *,
    base_url: str,
    headers: Mapping[str, str],
    cursor: str | None = None,
    limit: int | None = None,
    new_key: Callable[[], str],
) -> Outgoing:
    """The request to send for these arguments.

    ``base_url`` and ``headers`` are the connector's, filled. ``cursor`` is None for the first page; ``new_key``
    makes boundaries and idempotency keys. Raises ``ToolError`` for an argument that cannot be sent and
    ``OperatorNeeded`` for a missing setting.
    """
    if call.send_as:
        scope = Scope(_converted(call, scope.arguments), scope.settings, scope.account)
    sent = dict(headers)
    for name, pattern in call.headers.items():
        sent[name] = _header(name, pattern, scope)
    page = call.paging.parameters(cursor, limit) if call.paging else {}
    place = call.paging.place if call.paging else "query"
    repeatable = call.method in SAFE_METHODS or call.idempotent or call.idempotency is not None
    if call.idempotency:
        sent[call.idempotency] = new_key()
    if call.wire is not None:
        return _described(call, call.wire, scope, base_url, sent, page, place, new_key, repeatable=repeatable)
    query = fill(call.query, scope) if call.query is not None else ABSENT
    pairs = [] if query is ABSENT else _pairs(query, call.styles)
    if page and place == "query":
        pairs += [(name, plain(value, name)) for name, value in page.items()]
    url = _url(base_url, call.path, scope)
    if pairs:
        url += "?" + "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    body: bytes | None = None
    if call.payload is not None:
        body, content_type = _encode(call.payload, scope, page if place != "query" else {}, new_key)
        if body is not None:
            sent.setdefault("Content-Type", content_type)
    return Outgoing(call.method, url, sent, body, repeatable)


def _described(
    call: Call,
    wire: Wire,
    scope: Scope,
    base_url: str,
    sent: dict[str, str],
    page: Mapping[str, Any],
    place: str,
    new_key: Callable[[], str],
    *,
    repeatable: bool,
) -> Outgoing:
    """The request of a described operation."""
    arguments = scope.arguments
    filled, slashes = path_of(wire, arguments)
    head = wire.path[0] if wire.path and isinstance(wire.path[0], str) else ""
    url = _below(base_url, filled, head, slashes)
    query = query_of(wire, arguments)
    if page and place == "query":
        added = "&".join(f"{quote(name, safe='')}={quote(plain(value, name), safe='')}" for name, value in page.items())
        query = f"{query}&{added}" if query else added
    if query:
        url += f"?{query}"
    sent.update(headers_of(wire, arguments))
    body, content_type = body_of(wire, arguments, page if place != "query" else {}, new_key)
    if body is not None:
        sent.setdefault("Content-Type", content_type)
    return Outgoing(call.method, url, sent, body, repeatable)


def join(base_url: str, path: Pattern, scope: Scope) -> str:
    """``base_url`` with ``path`` below it, each value one percent-encoded segment. Raises ``ToolError``."""
    return _url(base_url, path, scope)


def _url(base_url: str, path: Pattern, scope: Scope) -> str:
    literal = path.literal
    if literal is not None:
        return _literal_url(base_url, literal)
    filled = path.text(scope, segment)
    if filled is ABSENT:
        missing = [name for name in path.names if scope.get(name) is ABSENT]
        raise ToolError(f"{', '.join(missing)} is needed for this call.")
    return _filled_url(base_url, path, str(filled))


def _filled_url(base_url: str, path: Pattern, filled: str) -> str:
    """``filled`` below ``base_url``, asserted to lie under what ``path`` declares. Raises ``ToolError``."""
    declared = sum(piece.count("/") for piece in path.pieces if isinstance(piece, str))
    head = path.pieces[0] if path.pieces and isinstance(path.pieces[0], str) else ""
    return _below(base_url, filled, head, declared)


def _below(base_url: str, filled: str, head: str, declared: int) -> str:
    """``filled`` below ``base_url``; it must begin with ``head`` and have ``declared`` slashes. Raises
    ``ToolError``."""
    base = base_url.rstrip("/")
    url = f"{base}{filled}" if filled.startswith("/") or not filled else f"{base}/{filled}"
    landed = urlsplit(url)
    if (
        not url.startswith(base + head)
        or f"{landed.scheme}://{landed.netloc}{landed.path}" != url
        or filled.count("/") != declared
    ):
        raise ToolError("These arguments would lead outside the address this tool may call.")
    return url


@lru_cache(maxsize=4096)
def _literal_url(base_url: str, literal: str) -> str:
    """The URL of a path without placeholders. Nothing drops it: it says the same for ever."""
    return _below(base_url, literal, literal, literal.count("/"))


def _converted(call: Call, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        name: convert.send(call.send_as[name], value, name) if name in call.send_as and value is not None else value
        for name, value in arguments.items()
    }


def _header(name: str, pattern: Pattern, scope: Scope) -> str:
    value = pattern.text(scope, str)
    if value is ABSENT or any(char in value for char in "\r\n\0"):
        raise OperatorNeeded(f"The header {name} cannot be filled: its setting is missing or holds a line break.")
    return str(value)


def _pairs(query: Mapping[str, Any], styles: Mapping[str, ArrayStyle]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        style = styles.get(name, styles.get("", "repeat"))
        if isinstance(value, list):
            items = [plain(item, name) for item in value]
            if style == "comma":
                pairs.append((name, ",".join(items)))
            else:
                pairs += [(f"{name}[]" if style == "brackets" else name, item) for item in items]
        elif isinstance(value, Mapping) and style == "brackets":
            pairs += [(f"{name}[{key}]", plain(item, name)) for key, item in value.items()]
        else:
            pairs.append((name, plain(value, name)))
    return pairs


def _encode(
    payload: Payload, scope: Scope, page: Mapping[str, Any], new_key: Callable[[], str]
) -> tuple[bytes | None, str]:
    filled = fill(payload.node, scope)
    if payload.kind == "raw":
        if isinstance(filled, File):
            return filled.data, filled.mime_type
        return (None if filled is ABSENT else plain(filled, "the body").encode()), "text/plain; charset=utf-8"
    if payload.kind == "graphql":
        variables = {**({} if filled is ABSENT else filled), **page}
        return orjson.dumps({"query": payload.document, "variables": variables}), "application/json"
    if payload.kind == "body":
        if page:
            filled = {**({} if filled is ABSENT else filled), **page}
        return (None if filled is ABSENT else orjson.dumps(filled, default=_unplaced)), "application/json"
    fields = {**({} if filled is ABSENT else filled), **page}
    if payload.kind == "form":
        pairs = _pairs(fields, {"": "repeat"})
        text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
        return text.encode(), "application/x-www-form-urlencoded"
    return _multipart(fields, new_key().replace("-", ""))


def _unplaced(value: Any) -> Any:
    """Raises ``ConnectorError`` for a file where only JSON can stand."""
    told = "a file" if isinstance(value, File) else type(value).__name__
    raise ConnectorError(f"{told} cannot stand in a JSON body; send it by multipart or raw, or with send_as: base64.")


def _multipart(fields: Mapping[str, Any], boundary: str) -> tuple[bytes, str]:
    """RFC 7578; files with name and type."""
    out = bytearray()
    for name, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
            if isinstance(item, Mapping | File):
                data, kind, file_name = file_of(item, name)
                head += (
                    f'; filename="{_quoted(file_name)}"\r\nContent-Type: {_quoted(kind or "application/octet-stream")}'
                )
            else:
                data = plain(item, name).encode()
            out += f"--{boundary}\r\n{head}\r\n\r\n".encode() + data + b"\r\n"
    out += f"--{boundary}--\r\n".encode()
    return bytes(out), f"multipart/form-data; boundary={boundary}"


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def fill_base_url(
    pattern: Pattern, settings: Mapping[str, Any], account: Mapping[str, Any], hosts: frozenset[str]
) -> str:
    """A connector's base URL with its settings filled in.

    Only settings that declared ``host: true`` (named in ``hosts``) may stand before the path. Raises
    ``OperatorNeeded`` for a missing setting and ``ConnectorError`` when a value would change the URL's shape.
    """
    scope = Scope({}, settings, account)
    url = ""
    for piece in pattern.pieces:
        if isinstance(piece, str):
            url += piece
            continue
        value = plain(scope.get(piece[0]), piece[0])
        in_host = url.count("/") < 3
        room, _, name = piece[0].partition(".")
        if in_host and (room != "settings" or name not in hosts):
            raise ConnectorError(
                f"{{{piece[0]}}} stands in the host of base_url, but is not a setting with host: true."
            )
        url += value if in_host else segment(value)
    parts = urlsplit(url)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise ConnectorError(f"base_url {url!r} is not an absolute http or https URL without query.")
    return url
