"""Where a server's tool takes a file, as far as its schema says so: nothing is guessed from names or descriptions.

``contentEncoding: base64`` (JSON Schema 2020-12, Validation, section 8.3), ``format: base64`` (pydantic) or ``byte``
(OpenAPI 3.0): its bytes. ``format: uri`` with ``x-mcp-file`` (MCP, SEP-2356): a data URL. ``format: uri`` alone: an
address. What is handed over there is the gateway's.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from hub.errors import ConnectorError
from hub.sdk.files import Accepts
from hub.sdk.relay import FileForm, FileSlot

DEEPEST = 8
"""How deep in a schema files are looked for."""

_NAMED = "^\\s*hub://files/[0-9a-f]{32}\\s*$"
_BASE64 = ("base64", "byte")


def file_slots(schema: Mapping[str, Any]) -> tuple[FileSlot, ...]:
    """The places where files are handed over, in the arguments that ``schema`` describes."""
    return tuple(_slots(schema, ()))


def naming_files(schema: Any, slots: tuple[FileSlot, ...]) -> Any:
    """The schema that arguments are held against before files are handed over: at their places ``hub://files/<id>``
    fits, whatever the server asks of its bytes or address."""
    for slot in slots:
        schema = _naming(schema, slot.path)
    return schema


def _slots(schema: Any, path: tuple[str | None, ...]) -> Iterator[FileSlot]:
    if not isinstance(schema, Mapping) or len(path) > DEEPEST:
        return
    slot = _slot(_there(schema), path)
    if slot is not None:
        yield slot
        return
    yield from _slots(schema.get("items"), (*path, None))
    properties = schema.get("properties")
    for name, one in properties.items() if isinstance(properties, Mapping) else ():
        yield from _slots(one, (*path, name))


def _there(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of a value that is there, where it is one that may be null."""
    for key in ("anyOf", "oneOf"):
        branches = schema.get(key)
        if isinstance(branches, list):
            kept = [one for one in branches if isinstance(one, Mapping) and one.get("type") != "null"]
            return kept[0] if len(kept) == 1 else {}
    return schema


def _slot(schema: Mapping[str, Any], path: tuple[str | None, ...]) -> FileSlot | None:
    kind = schema.get("type")
    # What is repeated in a header is no place for a file.
    if not path or kind not in ("string", ["string", "null"], ["null", "string"]) or "x-mcp-header" in schema:
        return None
    form: FileForm | None = None
    accepts = Accepts()
    marked = schema.get("x-mcp-file")
    if schema.get("contentEncoding") == "base64" or schema.get("format") in _BASE64:
        form, accepts = "base64", _accepts([schema.get("contentMediaType")], None)
    elif schema.get("format") == "uri" and isinstance(marked, Mapping):
        held = marked.get("accept")
        form, accepts = "data", _accepts(held if isinstance(held, list) else [], marked.get("maxSize"))
    elif schema.get("format") == "uri":
        form = "link"
    return FileSlot(path, form, accepts) if form is not None else None


def _accepts(types: list[Any], most: Any) -> Accepts:
    """What a file may be. Endings of names are hints for a picker, and a list that holds one lets any type pass."""
    named = [one.lower() for one in types if isinstance(one, str) and one not in ("*/*", "application/octet-stream")]
    try:
        kept = Accepts(*named) if len(named) == len(types) else Accepts()
    except ConnectorError:
        kept = Accepts()
    return Accepts(*kept.types, max_bytes=most if type(most) is int and most > 0 else None)


def _naming(schema: Any, path: tuple[str | None, ...]) -> Any:
    if not path:
        return {"if": {"type": "string", "pattern": _NAMED}, "else": schema}
    if path[0] is None:
        return {**schema, "items": _naming(schema["items"], path[1:])}
    properties = schema["properties"]
    return {**schema, "properties": {**properties, path[0]: _naming(properties[path[0]], path[1:])}}
