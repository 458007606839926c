"""Arguments made from a tool's schema, deterministically, each of its arguments present. Not a test."""

import re
import re._parser as _parser  # type: ignore[import-not-found]
from collections.abc import Mapping
from typing import Any

import jsonschema_rs

_WORDS = (
    "abc", "a", "1", "10", "12345678", "2026-01-02", "2026-01-02T03:04:05Z", "a@example.com", "https://example.com/a",
    "123e4567-e89b-42d3-a456-426614174000", "en", "EUR", "US", "0x1f", "#aabbcc", "+4912345678", "a_b", "a-b", "A1",
    "10.0.0.1", "12:30", "true", "1.5", "usd", "*",
)  # fmt: skip
_FORMATS = {
    "date-time": "2026-01-02T03:04:05Z", "date": "2026-01-02", "time": "03:04:05Z", "email": "a@example.com",
    "uuid": "123e4567-e89b-42d3-a456-426614174000", "uri": "https://example.com/a", "url": "https://example.com/a",
    "ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "hostname": "example.com", "byte": "YWJj", "duration": "P1D",
    "uri-reference": "/a", "iri": "https://example.com/a", "json-pointer": "/a", "regex": "a",
    "idn-email": "a@example.com",
    "int64": "1", "int32": "1", "uint64": "1", "uri-template": "/a", "decimal": "1.5", "base64": "YWJj",
}  # fmt: skip


def sample(schema: Mapping[str, Any], depth: int = 0) -> Any:
    """A value that fits ``schema``; below three levels only what it requires."""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return next((one for one in schema["enum"] if one is not None), None)
    if isinstance(schema.get("anyOf"), list) and "properties" not in schema:
        return sample({**{key: one for key, one in schema.items() if key != "anyOf"}, **schema["anyOf"][0]}, depth)
    if "default" in schema and schema["default"] is not None and depth:
        return schema["default"]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    match kind:
        case "object":
            return _object(schema, depth)
        case "array":
            count = max(1, int(schema.get("minItems", 1)))
            items = schema.get("items") or {"type": "string"}
            one = sample(items, depth + 1)
            if schema.get("uniqueItems") and count > 1 and isinstance(items.get("enum"), list):
                return items["enum"][:count]
            return [one] * count
        case "integer" | "number":
            return _number(schema, kind)
        case "boolean":
            return True
        case "string":
            return _text(schema)
    return "abc"


def _object(schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    properties = schema.get("properties") or {}
    required = schema.get("required") or []
    if properties.keys() == {"name", "mime_type", "data", "text"}:
        return {"name": "a.txt", "mime_type": "text/plain", "data": "YWJj"}
    named = {name: one for name, one in properties.items() if depth < 1 or name in required}
    out = {name: sample(one, depth + 1) for name, one in named.items()}
    branches = schema.get("anyOf")
    if branches and isinstance(branches[0].get("properties"), Mapping):
        out |= sample({"type": "object", **branches[0]}, depth + 1)
    more = schema.get("additionalProperties")
    if not out and isinstance(more, Mapping) and depth < 4:
        out["key"] = sample(more, depth + 1)
    return out


def _number(schema: Mapping[str, Any], kind: str) -> Any:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    value = 1 if low is None else low + (1 if "exclusiveMinimum" in schema else 0)
    if low is None and high is not None and value > high:
        value = high
    step = schema.get("multipleOf")
    if step:
        value = -(-value // step) * step
    return int(value) if kind == "integer" else value


def _text(schema: Mapping[str, Any]) -> str:
    least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    pattern = schema.get("pattern")
    if pattern is None:
        text = _FORMATS.get(str(schema.get("format")), "abc")
        text = text if len(text) >= least else text.ljust(least, "a")
        return text if most is None or len(text) <= most else text[:most]
    check = jsonschema_rs.validator_for(
        {key: schema[key] for key in ("pattern", "minLength", "maxLength") if key in schema},
        pattern_options=jsonschema_rs.RegexOptions(),
    )
    for word in (_FORMATS.get(str(schema.get("format")), "abc"), *_WORDS, "a" * max(1, least), "1" * max(1, least)):
        if check.is_valid(word):
            return word
    try:
        found = _matching(list(_parser.parse(pattern)))
    except (re.error, OverflowError):
        return "abc"
    return found if check.is_valid(found) else found.ljust(least, "a")[: most or None]


def _matching(steps: list[Any]) -> str:
    """The plainest text that a parsed pattern matches."""
    out = ""
    for kind, held in steps:
        name = str(kind)
        if name == "LITERAL":
            out += chr(held)
        elif name in ("ANY", "NOT_LITERAL"):
            out += "a"
        elif name == "IN":
            out += _member(held)
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, inner = held
            out += _matching(list(inner)) * max(least, min(1, most))
        elif name == "SUBPATTERN":
            out += _matching(list(held[3]))
        elif name == "BRANCH":
            out += _matching(list(held[1][0]))
    return out


def _member(members: list[Any]) -> str:
    kind, held = members[0]
    name = str(kind)
    if name == "NEGATE":
        return "a"
    if name == "CATEGORY":
        return {"CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " ", "CATEGORY_NOT_WORD": "-"}.get(str(held), "a")
    return chr(held[0] if name == "RANGE" else held)
