"""The wire: how a described operation's arguments become a path, a query, headers and a body.

A hand-written request says this with placeholders (``placeholders.py``); a description says it with styles, and these
are all of them: OpenAPI 3.1, "Style Values" and "Encoding Object", Swagger 2.0 "collectionFormat", RFC 6570 for
``{+name}``. Pure functions of the arguments: nothing here sends, and nothing is read from a description.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

import orjson

from hub.errors import ToolError
from hub.sdk.content import File
from hub.sdk.placeholders import plain, segment

BodyKind = Literal["json", "form", "multipart", "text", "binary"]
Place = Literal["path", "query", "header", "cookie"]
Style = Literal[
    "simple", "label", "matrix", "form", "spaceDelimited", "pipeDelimited", "tabDelimited", "deepObject", "json"
]
"""``json`` is a parameter with ``content`` instead of a style; ``tabDelimited`` is Swagger 2.0's ``tsv``."""

_DELIMITERS = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C", "tabDelimited": "%09"}
_RESERVED_QUERY = ":/?[]@!$'()*,;~"
_RESERVED_PATH = "~:@!$&'()*+,;="


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: the tool's ``argument``, its ``name`` on the wire, and how it is written there.

    ``reserved`` leaves reserved characters as they are (``allowReserved``; in a path ``{+name}``, whose slashes part
    segments, each of which is checked).
    """

    argument: str
    name: str
    place: Place
    style: Style = "form"
    explode: bool = True
    reserved: bool = False


@dataclass(frozen=True, slots=True)
class Encoding:
    """How one field of a form or multipart body is written; ``media`` is the part's own content type."""

    style: Style = "form"
    explode: bool = True
    media: str | None = None


@dataclass(frozen=True, slots=True)
class WireBody:
    """A body: ``whole`` names the argument that is all of it, else ``fields`` are (argument, wire name) pairs.

    ``pinned`` fields are always sent. ``required`` sends an empty one rather than none. ``others`` are the further
    media types, ranges among them, that a file as the whole body may have.
    """

    kind: BodyKind
    media: str
    whole: str | None = None
    fields: tuple[tuple[str, str], ...] = ()
    encodings: Mapping[str, Encoding] = field(default_factory=dict)
    pinned: Mapping[str, Any] = field(default_factory=dict)
    required: bool = False
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wire:
    """A described request. ``path`` alternates literals and parameters; ``query`` is always sent; ``renames`` leads
    from property names as the model sees them to those on the wire, at any depth."""

    path: tuple[str | Parameter, ...]
    parameters: tuple[Parameter, ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    body: WireBody | None = None
    renames: Mapping[str, str] = field(default_factory=dict)


def path_of(wire: Wire, arguments: Mapping[str, Any]) -> tuple[str, int]:
    """The path, percent-encoded, and how many slashes it must have. Raises ``ToolError`` for a value that would leave
    its place, or is missing."""
    out, slashes = "", 0
    for piece in wire.path:
        if isinstance(piece, str):
            out += piece
            slashes += piece.count("/")
            continue
        value = arguments.get(piece.argument)
        if value is None:
            raise ToolError(f"{piece.argument} is needed for this call.")
        written = _in_path(piece, value)
        slashes += written.count("/") if piece.reserved else 0
        out += written
    return out, slashes


def _in_path(one: Parameter, value: Any) -> str:
    if one.reserved:
        steps = plain(value, one.argument).strip("/").split("/")
        return "/".join(quote(_checked(step), safe=_RESERVED_PATH) for step in steps)
    if isinstance(value, Mapping):
        if one.explode:
            items = [f"{segment(str(key))}={segment(plain(item, one.argument))}" for key, item in value.items()]
        else:
            items = [segment(text) for pair in value.items() for text in (str(pair[0]), plain(pair[1], one.argument))]
    else:
        values = value if isinstance(value, list) else [value]
        items = [segment(plain(item, one.argument)) for item in values]
    if not items:
        raise ToolError(f"{one.argument} must not be empty; it is part of the address.")
    if one.style == "label":
        return "." + ("." if one.explode else ",").join(items)
    if one.style == "matrix":
        name = quote(one.name, safe="~")
        if isinstance(value, Mapping) and one.explode:
            return "".join(f";{item}" for item in items)
        return "".join(f";{name}={item}" for item in items) if one.explode else f";{name}={','.join(items)}"
    return ",".join(items)


def _checked(step: str) -> str:
    segment(step)  # raises for what would leave the path
    return step


def query_of(wire: Wire, arguments: Mapping[str, Any]) -> str:
    """The query, percent-encoded, without ``?``. Raises ``ToolError`` for a value its style cannot write."""
    pairs = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in wire.query]
    for one in wire.parameters:
        if one.place == "query" and arguments.get(one.argument) is not None:
            value = renamed(arguments[one.argument], wire.renames)
            pairs += written(one.name, value, one.style, explode=one.explode, reserved=one.reserved)
    return "&".join(pairs)


def written(name: str, value: Any, style: Style, *, explode: bool, reserved: bool = False) -> list[str]:
    """One parameter or form field as encoded ``name=value`` pairs. Raises ``ToolError``."""
    safe = _RESERVED_QUERY if reserved else "~"
    key = quote(name, safe="~")

    def text(item: Any) -> str:
        nested = isinstance(item, Mapping | list)
        return quote(orjson.dumps(item).decode() if nested else plain(item, name), safe=safe)

    if style == "json":
        return [f"{key}={quote(orjson.dumps(value).decode(), safe=safe)}"]
    if style == "deepObject":
        return [f"{quote(at, safe='~[]')}={text(item)}" for at, item in _deep(name, value)]
    if isinstance(value, Mapping):
        if explode and style == "form":
            return [f"{quote(str(at), safe='~')}={text(item)}" for at, item in value.items() if item is not None]
        flat = [part for at, item in value.items() for part in (quote(str(at), safe="~"), text(item))]
        return [f"{key}={_DELIMITERS.get(style, ',').join(flat)}"]
    if isinstance(value, list):
        if explode and style == "form":
            return [f"{key}={text(item)}" for item in value]
        return [f"{key}={_DELIMITERS.get(style, ',').join(text(item) for item in value)}"] if value else []
    return [f"{key}={text(value)}"]


def _deep(at: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _deep(f"{at}[{key}]", item)
    elif isinstance(value, list):
        nested = any(isinstance(item, Mapping | list) for item in value)
        for number, item in enumerate(value):
            yield from _deep(f"{at}[{number}]" if nested else f"{at}[]", item)
    elif value is not None:
        yield at, value


def headers_of(wire: Wire, arguments: Mapping[str, Any]) -> dict[str, str]:
    """The headers and cookies that arguments ask for. Raises ``ToolError`` for what cannot stand in a header."""
    out: dict[str, str] = {}
    cookies: list[str] = []
    for one in wire.parameters:
        value = arguments.get(one.argument)
        if value is None or one.place not in ("header", "cookie"):
            continue
        if one.place == "cookie":
            cookies += written(one.name, value, one.style, explode=one.explode)
            continue
        if one.style == "json":
            text = orjson.dumps(value).decode()
        elif isinstance(value, Mapping):
            pairs = [(str(key), plain(item, one.argument)) for key, item in value.items()]
            text = ",".join(f"{key}={item}" if one.explode else f"{key},{item}" for key, item in pairs)
        else:
            text = ",".join(plain(item, one.argument) for item in (value if isinstance(value, list) else [value]))
        if not text.isprintable() or not text.isascii():
            raise ToolError(
                f"{one.argument} must be plain ASCII text on one line; it is sent as the header {one.name}."
            )
        out[one.name] = text
    if cookies:
        out["Cookie"] = "; ".join(cookies)
    return out


def renamed(value: Any, renames: Mapping[str, str]) -> Any:
    """``value`` with property names as they are on the wire."""
    if not renames:
        return value
    if isinstance(value, Mapping):
        return {renames.get(key, key): renamed(item, renames) for key, item in value.items()}
    return [renamed(item, renames) for item in value] if isinstance(value, list) else value


def body_of(
    wire: Wire, arguments: Mapping[str, Any], page: Mapping[str, Any], new_key: Callable[[], str]
) -> tuple[bytes | None, str]:
    """The body and its content type; no body where nothing of it was given. ``page`` is added to its fields.

    Raises ``ToolError`` for a file that is none, or a field that its encoding cannot write.
    """
    body = wire.body
    if body is None:
        return None, ""
    if body.whole is not None:
        value = renamed(arguments.get(body.whole), wire.renames)
        absent = body.whole not in arguments
    else:
        value = {
            wire_name: renamed(arguments[name], wire.renames) for name, wire_name in body.fields if name in arguments
        }
        absent = not value and not body.pinned
    if (body.pinned or page) and (value is None or isinstance(value, Mapping)):
        value = {**body.pinned, **(value or {}), **page}
        absent = absent and not page
    if absent:
        if not body.required or body.kind in ("text", "binary"):
            return None, ""
        value = {}
    if body.kind == "json":
        return orjson.dumps(value), body.media
    if body.kind == "text":
        kind = body.media if "charset" in body.media else f"{body.media}; charset=utf-8"
        return (value if isinstance(value, str) else orjson.dumps(value).decode()).encode(), kind
    if body.kind == "binary":
        data, own, _ = file_of(value, body.whole or "body")
        return data, _media(own, body)
    if not isinstance(value, Mapping):
        raise ToolError("The body must be an object of form fields.")
    if body.kind == "form":
        return _form(value, body.encodings), "application/x-www-form-urlencoded"
    return _multipart(value, body, new_key().replace("-", ""))


def _media(own: str | None, body: WireBody) -> str:
    """The type a file is sent as: its own where the operation takes it, else the operation's."""
    for taken in (body.media, *body.others) if own else ():
        bare = own.partition(";")[0].strip().lower() if own else ""
        kind, _, below = taken.partition(";")[0].strip().lower().partition("/")
        if kind in ("*", bare.partition("/")[0]) and below in ("*", bare.partition("/")[2]):
            return own or body.media
    return "application/octet-stream" if "*" in body.media else body.media


_PLAIN = Encoding()


def _form(fields: Mapping[str, Any], encodings: Mapping[str, Encoding]) -> bytes:
    pairs: list[str] = []
    for name, value in fields.items():
        one = encodings.get(name, _PLAIN)
        # An object without an encoding of its own is a part of JSON (OpenAPI 3.1, Encoding Object, contentType).
        plain_object = isinstance(value, Mapping) and name not in encodings
        style: Style = "json" if plain_object or (one.media or "").endswith("json") else one.style
        if value is not None:
            pairs += written(name, value, style, explode=one.explode)
    return "&".join(pairs).encode()


def file_of(value: Any, name: str) -> tuple[bytes, str | None, str]:
    """A file argument's bytes, type and name. Raises ``ToolError`` when it is none."""
    if isinstance(value, File):
        return value.data, value.mime_type, value.name
    if isinstance(value, str):
        return value.encode(), "text/plain; charset=utf-8", name
    told = f"{name} must be a file: {{name, mime_type, data}} with data in base64, or {{name, mime_type, text}}."
    if not isinstance(value, Mapping):
        raise ToolError(told)
    kind = str(value["mime_type"]) if value.get("mime_type") else None
    if kind is not None and (not kind.isprintable() or not kind.isascii()):
        raise ToolError(told)
    if isinstance(value.get("text"), str):
        return value["text"].encode(), kind or "text/plain; charset=utf-8", str(value.get("name") or name)
    try:
        return base64.b64decode(str(value["data"]), validate=True), kind, str(value.get("name") or name)
    except (KeyError, binascii.Error) as wrong:
        raise ToolError(told) from wrong


def is_file(value: Any) -> bool:
    """Whether an argument is a file as ``file_of`` takes it."""
    return isinstance(value, File) or (
        isinstance(value, Mapping)
        and set(value) <= {"name", "mime_type", "data", "text"}
        and bool({"data", "text"} & set(value))
    )


def _multipart(fields: Mapping[str, Any], body: WireBody, boundary: str) -> tuple[bytes, str]:
    """RFC 7578: files with name and type, objects as JSON parts, lists as parts of one name."""
    out = bytearray()
    for name, value in fields.items():
        encoding = body.encodings.get(name, _PLAIN)
        for item in value if isinstance(value, list) else [value]:
            if item is None:
                continue
            head = f'form-data; name="{_quoted(name)}"'
            kind: str | None = encoding.media
            if is_file(item):
                data, own, file_name = file_of(item, name)
                head += f'; filename="{_quoted(file_name)}"'
                kind = own or kind or "application/octet-stream"
            elif isinstance(item, Mapping | list):
                data, kind = orjson.dumps(item), kind or "application/json"
            else:
                data = plain(item, name).encode()
            out += f"--{boundary}\r\nContent-Disposition: {head}\r\n".encode()
            out += f"Content-Type: {_quoted(kind)}\r\n\r\n".encode() if kind else b"\r\n"
            out += data + b"\r\n"
    out += f"--{boundary}--\r\n".encode()
    media = body.media if body.media.startswith("multipart/") and "*" not in body.media else "multipart/form-data"
    return bytes(out), f"{media.partition(';')[0]}; boundary={boundary}"


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
