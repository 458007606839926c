"""Keywords: single parts of a schema made well formed: types, nulls, enumerations, bounds, patterns, defaults.

Pure functions of one schema; nothing is resolved here (``schemas.py``).
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import jsonschema_rs
import orjson

_PATTERNS = jsonschema_rs.RegexOptions()
_TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array"})
_ODD_TYPES = {
    "int": "integer", "int32": "integer", "int64": "integer", "long": "integer", "float": "number", "double": "number",
    "decimal": "number", "bool": "boolean", "str": "string", "text": "string", "date": "string", "datetime": "string",
    "date-time": "string", "uuid": "string", "uri": "string", "dict": "object", "map": "object", "list": "array",
    "file": "string",
}  # fmt: skip
_BOUNDS = ("minimum", "maximum")
_OF_STRINGS = ("minLength", "maxLength")
_OF_ARRAYS = ("minItems", "maxItems")

Schema = dict[str, Any]


def both(first: Any, second: Any) -> Any:
    """A property that two members of an ``allOf`` declare."""
    return first if first == second else {"allOf": [first, second]}


def joined(out: Schema, branch: Schema) -> Schema:
    """A union's only branch together with the properties beside the union."""
    joined = {**branch}
    if isinstance(branch.get("properties"), dict):
        joined["properties"] = {**out["properties"], **branch["properties"]}
    required = [*out.get("required", []), *branch.get("required", [])]
    if required:
        joined["required"] = list(dict.fromkeys(required))
    return joined


def kind_of_schema(raw: Mapping[str, Any]) -> tuple[Any, bool]:
    """The schema's type (a name, a list of names, or None for any) and whether null is allowed."""
    given = raw.get("type")
    nullable = raw.get("nullable") is True or raw.get("x-nullable") is True
    if isinstance(given, list):
        names = [_ODD_TYPES.get(one, one) for one in given if isinstance(one, str)]
        nullable = nullable or "null" in names
        names = list(dict.fromkeys(one for one in names if one in _TYPES))
        return (names[0] if len(names) == 1 else names or None), nullable
    if isinstance(given, str):
        known = _ODD_TYPES.get(given.lower(), given.lower())
        if known in _TYPES:
            return known, nullable
    if isinstance(raw.get("properties"), dict) or isinstance(raw.get("additionalProperties"), dict):
        return "object", nullable
    if "items" in raw or "prefixItems" in raw:
        return "array", nullable
    values = raw.get("enum") if isinstance(raw.get("enum"), list) else [raw["const"]] if "const" in raw else None
    if values and all(isinstance(value, str) for value in values):
        return "string", nullable
    return None, nullable


def members(given: Iterable[Any], kind: Any) -> list[Any]:
    """The members of an enumeration that fit its type, each once."""
    out: list[Any] = []
    for value in given:
        if kind == "string" and isinstance(value, bool | int | float):
            value = orjson.dumps(value).decode()
        elif kind in ("integer", "number") and isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}", value):
            value = int(value)
        elif kind == "boolean" and value in ("true", "false"):
            value = value == "true"
        if (
            value is not None
            and fits(value, kind)
            and not any(value is one or (value == one and type(value) is type(one)) for one in out[-50:])
        ):
            out.append(value)
    return list(dict.fromkeys(out)) if all(isinstance(one, str) for one in out) else out


def narrowed(first: Any, second: list[Any]) -> list[Any]:
    """The members of an enumeration that another one beside it holds too; the other's where they share none."""
    shared = [one for one in first if one in second] if isinstance(first, list) else second
    return shared or second


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is of a type: a name, a list of names, or None for any."""
    match kind:
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case list():
            return any(fits(value, one) for one in kind)
    return True


def copy_bounds(raw: Mapping[str, Any], kind: Any, out: Schema) -> None:
    """Copy bounds, formats, patterns and defaults that are well formed and fit the type."""
    if kind in ("integer", "number"):
        for bound in _BOUNDS:
            value = raw.get(bound)
            beyond = raw.get("exclusive" + bound.capitalize())
            if isinstance(beyond, int | float) and not isinstance(beyond, bool):
                out["exclusive" + bound.capitalize()] = beyond
            if isinstance(value, int | float) and not isinstance(value, bool):
                out["exclusive" + bound.capitalize() if beyond is True else bound] = value
        multiple = raw.get("multipleOf")
        if isinstance(multiple, int) and not isinstance(multiple, bool) and multiple > 0:
            out["multipleOf"] = multiple
    elif kind in ("string", "array"):
        for count in _OF_STRINGS if kind == "string" else _OF_ARRAYS:
            value = raw.get(count)
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                out[count] = value
        if kind == "array" and raw.get("uniqueItems") is True:
            out["uniqueItems"] = True
        pattern = raw.get("pattern")
        if kind == "string" and isinstance(pattern, str) and usable_pattern(pattern):
            out["pattern"] = pattern
    form = raw.get("format")
    if isinstance(form, str) and kind in ("string", "integer") and re.fullmatch(r"[a-z][a-z0-9-]{0,30}", form):
        out["format"] = form
    default = raw.get("default")
    if default is not None and kind is not None and fits(default, kind):
        members = out.get("enum")
        if (members is None or default in members) and len(orjson.dumps(default)) <= 200:
            out["default"] = default


@lru_cache(maxsize=4096)
def usable_pattern(pattern: str) -> bool:
    """Whether a pattern means here what its author meant: no look-around, no slashes around it, not huge."""
    if len(pattern) > 400 or (pattern[:1] == "/" and len(pattern) > 1 and re.search(r"/[a-z]*\Z", pattern[1:])):
        return False
    try:
        jsonschema_rs.validator_for({"type": "string", "pattern": pattern}, pattern_options=_PATTERNS)
    except (jsonschema_rs.ValidationError, ValueError):
        return False
    return True


def is_null(raw: Any) -> bool:
    """Whether a schema is that of null and nothing else."""
    if not isinstance(raw, dict):
        return False
    return (
        raw.get("type") in ("null", ["null"]) or raw.get("enum") == [None] or ("const" in raw and raw["const"] is None)
    )


def is_object(raw: Any) -> bool:
    """Whether a schema is plainly that of an object."""
    return isinstance(raw, dict) and (raw.get("type") == "object" or isinstance(raw.get("properties"), dict))


def shared(branches: list[Schema]) -> Schema:
    """What all branches of a union of objects require, as one object; empty where there is nothing of the kind. Of
    enumerations, which often tell the branches apart, all members are kept."""
    if not all(isinstance(one.get("properties"), dict) and one.get("required") for one in branches):
        return {}
    names = [name for name in branches[0]["required"] if all(name in one["required"] for one in branches)]
    properties: Schema = {}
    for name in names:
        written = [one["properties"].get(name, {}) for one in branches]
        kinds = {one.get("type") for one in written if isinstance(one.get("type"), str)}
        first = dict(written[0]) if all(one == written[0] for one in written) else {}
        if not first and len(kinds) == 1:
            first["type"] = kinds.pop()
        if all("enum" in one for one in written):
            members = [value for one in written for value in one["enum"]]
            first["enum"] = [value for number, value in enumerate(members) if value not in members[:number]]
        properties[name] = first
    return {"type": "object", "properties": properties, "required": names} if names else {}


def type_names(branches: list[Schema]) -> list[str] | None:
    """The types of branches that say nothing but their type."""
    names: list[str] = []
    for branch in branches:
        one = branch.get("type")
        if branch.keys() != {"type"} or not isinstance(one, str) or one in ("object", "array"):
            return None
        names.append(one)
    return list(dict.fromkeys(names))


def with_null(written: Schema) -> Schema:
    """The schema, null allowed besides."""
    kind = written.get("type")
    if isinstance(kind, str):
        out = {**written, "type": [kind, "null"]}
    elif isinstance(kind, list):
        out = written if "null" in kind else {**written, "type": [*kind, "null"]}
    elif "anyOf" in written:
        return {**written, "anyOf": [*written["anyOf"], {"type": "null"}]}
    else:
        out = dict(written)
    if "enum" in out and None not in out["enum"]:
        out["enum"] = [*out["enum"], None]
    if "anyOf" in out:
        out["anyOf"] = [*out["anyOf"], {"type": "null"}]
    return out
