"""Bodies between the wire and a recording: bytes in, readable data out, and back.

Not the meaning of a body: that is the connector's.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

import orjson


def decoded(body: bytes | None, content_type: str) -> Any:
    """A body as a recording holds it: JSON, the fields of a form, text, else ``{"base64": ...}``; None for no body."""
    if not body:
        return None
    kind = content_type.split(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            return _text(body)
    if kind == "application/x-www-form-urlencoded":
        return fields(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    if kind == "multipart/form-data":
        return _parts(body, content_type)
    return _text(body)


def fields(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Names and values as a mapping; a name that is repeated has a list."""
    found: dict[str, list[Any]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def parsed(text: str) -> Any:
    """The object or list that a text is the JSON of, whatever it was sent as; None when it is not."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _text(body: bytes) -> Any:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
    # Bytes that only happen to be UTF-8 are told as bytes.
    readable = all(char >= " " or char in "\t\n\r" for char in text)
    return text if readable else {"base64": base64.b64encode(body).decode()}


def _parts(body: bytes, content_type: str) -> Any:
    """The fields of a multipart form (RFC 7578); a file is ``{name, mime_type, data}``."""
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    pairs: list[tuple[str, Any]] = []
    for part in message.iter_parts():
        name = str(part.get_param("name", "", header="content-disposition"))
        held = part.get_payload(decode=True)
        data = held if isinstance(held, bytes) else b""
        file = part.get_filename()
        if file is None:
            pairs.append((name, _text(data)))
        else:
            kind = part.get_content_type()
            pairs.append((name, {"name": file, "mime_type": kind, "data": base64.b64encode(data).decode()}))
    return fields(pairs) if pairs else _text(body)


def answered(body: bytes, content_type: str) -> Any:
    """A response's body so that ``encoded`` makes the same answer of it again: JSON, text, else ``{"base64": ...}``."""
    kind = content_type.split(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        held = decoded(body, content_type)
        # A string, or what looks like our own spelling of bytes, is kept as it was sent.
        return held if is_json(held) else _text(body)
    return _text(body)


def encoded(body: Any) -> bytes:
    """A recorded response's body as bytes: text as it stands, ``{"base64": ...}`` decoded, all else as JSON.

    Raises ``ValueError`` for something that is not base64.
    """
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, Mapping) and set(body) == {"base64"} and isinstance(body["base64"], str):
        try:
            return base64.b64decode("".join(body["base64"].split()), validate=True)
        except binascii.Error:
            raise ValueError("body.base64 is not base64") from None
    return orjson.dumps(body)


def word(value: Any) -> Any:
    """A number or boolean as it stands in a URL or a form; all else as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def words(given: Mapping[str, Any]) -> dict[str, Any]:
    """``word`` for all values, those in lists too."""
    return {name: [word(one) for one in held] if isinstance(held, list) else word(held) for name, held in given.items()}


def is_json(body: Any) -> bool:
    """Whether ``encoded`` makes JSON of it."""
    return not isinstance(body, str) and not (isinstance(body, Mapping) and set(body) == {"base64"})
