"""Arguments made from a tool's schema, deterministically, each of its arguments sent at least once. Not a test.

Only the schema is looked at, as a model sees it. Where it has alternatives, there is a set of arguments for each.
"""

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


MOST = 8
"""Sets of arguments for one tool, at most."""


def samples(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Sets of arguments that fit a tool's input: all arguments, and of a whole body all fields; further sets where
    its alternatives have fields that none sent so far has."""
    wide = [len(_branches(one)) for one in (schema.get("properties") or {}).values()]
    fits = jsonschema_rs.validator_for(dict(schema), pattern_options=jsonschema_rs.RegexOptions())
    sets: list[dict[str, Any]] = []
    told: set[str] = set()
    for turn in range(min(MOST, max([1, *wide]))):
        one = dict(sample(schema, 0, turn))
        names = _names(one)
        if not sets or (names - told and fits.is_valid(one)):
            sets, told = [*sets, one], told | names
    return sets


def _names(arguments: Mapping[str, Any]) -> set[str]:
    body = arguments.get("body")
    return {*arguments, *(f"body.{name}" for name in (body if isinstance(body, Mapping) else ()))}


def _branches(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    held = schema.get("anyOf")
    return [one for one in held if one.get("type") != "null"] if isinstance(held, list) else []


def sample(schema: Mapping[str, Any], depth: int = 0, turn: int = 0, *, whole: bool = False) -> Any:
    """A value that fits ``schema``; nested objects have only what they require, or all where it is the ``whole`` body.
    ``turn`` says which of its alternatives is meant."""
    if "x-file" in schema:
        # What it holds is base64 itself, for descriptions that call any bytes ``format: byte``.
        return {"name": "a.txt", "mime_type": "text/plain", "data": "YWJjZA=="}
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return next((one for one in schema["enum"] if one is not None), None)
    if schema.get("examples"):
        return schema["examples"][0]
    branches = _branches(schema)
    if branches and "properties" not in schema:
        chosen = {key: one for key, one in schema.items() if key != "anyOf"} | dict(branches[turn % len(branches)])
        return sample(chosen, depth, turn, whole=whole)
    if "default" in schema and schema["default"] is not None and depth:
        return schema["default"]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    match kind:
        case "object":
            return _object(schema, depth, turn, whole=whole)
        case "array":
            count = max(1, int(schema.get("minItems", 1)))
            items = schema.get("items") or {"type": "string"}
            one = sample(items, depth + 1)
            if schema.get("uniqueItems") and count > 1:
                known = items["enum"] if isinstance(items.get("enum"), list) else []
                return known[:count] if len(known) >= count else [_other(one, number) for number in range(count)]
            return [one] * count
        case "integer" | "number":
            return _number(schema, kind)
        case "boolean":
            return True
        case "string":
            return _text(schema)
    return "abc"


def _other(value: Any, number: int) -> Any:
    """Something as ``value``, but not the same for another number."""
    if isinstance(value, str) and number:
        last = value[-1:] if value[-1:].isalnum() else ""
        return value.removesuffix(last) + (str((int(last) + number) % 10) if last.isdigit() else chr(98 + number))
    return value + number if isinstance(value, int) and not isinstance(value, bool) else value


def _object(schema: Mapping[str, Any], depth: int, turn: int, *, whole: bool) -> dict[str, Any]:
    properties = schema.get("properties") or {}
    required = schema.get("required") or []
    branches = _branches(schema)
    branch = branches[turn % len(branches)] if branches else {}
    # What only another alternative asks for is left out of this one.
    others = {name for one in branches for name in one.get("required", ()) if "properties" not in one}
    others -= {*branch.get("required", ()), *required}
    required = [*required, *branch.get("required", ())]
    full = depth < 1 or whole
    named = {name: one for name, one in properties.items() if (full or name in required) and name not in others}
    out = {
        name: sample(one, depth + 1, turn if depth < 1 else 0, whole=depth < 1 and name == "body")
        for name, one in named.items()
    }
    if isinstance(branch.get("properties"), Mapping) or "anyOf" in branch:
        out |= sample({"type": "object", **branch}, depth + 1, turn, whole=whole)
    more = schema.get("additionalProperties")
    if not out and isinstance(more, Mapping) and depth < 4:
        out["key"] = sample(more, depth + 1)
    return out


def _number(schema: Mapping[str, Any], kind: str) -> Any:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    value: Any = 1
    if low is not None and value < low + ("exclusiveMinimum" in schema):
        value = low + ("exclusiveMinimum" in schema)
    if high is not None and value > high - ("exclusiveMaximum" in schema):
        value = high - ("exclusiveMaximum" in schema) if low is None else (low + high) / 2
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
