"""The values of a page's properties, as plain values and as Notion has them.

Not what properties there are: that is the data source's. https://developers.notion.com/reference/page-property-values
"""

from collections.abc import Mapping
from typing import Any

from hub.sdk import ToolError

from . import rich_text

WRITABLE = (
    "title", "rich_text", "number", "select", "status", "multi_select", "date", "checkbox", "url", "email",
    "phone_number", "people", "relation",
)  # fmt: skip
"""The types whose values can be written; the others are Notion's own or files."""

_SAME = ("number", "checkbox", "url", "email", "phone_number", "created_time", "last_edited_time", "string", "boolean")


def plain(value: Mapping[str, Any]) -> Any:
    """A property's value in plain words, None where it has none. A span of time is ``start/end``."""
    kind = str(value.get("type"))
    held = value.get(kind)
    if held is None:
        return None
    if kind in _SAME:
        return held
    match kind:
        case "title" | "rich_text":
            return rich_text.to_markdown(held) or None
        case "select" | "status":
            return held.get("name")
        case "multi_select":
            return [one.get("name") for one in held]
        case "date":
            return f"{held['start']}/{held['end']}" if held.get("end") else held.get("start")
        case "people":
            return [_person(one) for one in held]
        case "created_by" | "last_edited_by":
            return _person(held)
        case "relation":
            return [one.get("id") for one in held]
        case "files":
            return [{"name": one.get("name"), "url": (one.get(one.get("type")) or {}).get("url")} for one in held]
        case "formula":
            return plain(held)
        case "rollup":
            return [plain(one) for one in held["array"]] if held.get("type") == "array" else plain(held)
        case "unique_id":
            return f"{held['prefix']}-{held['number']}" if held.get("prefix") else held.get("number")
        case "verification":
            return held.get("state")
    return None


def all_plain(properties: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """All properties that have a value, by name."""
    values = {name: plain(value) for name, value in properties.items()}
    return {name: value for name, value in values.items() if value is not None}


def title_of(properties: Mapping[str, Mapping[str, Any]]) -> str:
    """A page's title; empty where it has none."""
    titles = [value for value in properties.values() if value.get("type") == "title"]
    return rich_text.to_markdown(titles[0].get("title") or []) if titles else ""


def written(values: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
    """Plain values as Notion takes them, by the ``types`` there are. Raises ``ToolError`` saying what is right."""
    return {name: _written(name, value, types) for name, value in values.items()}


def _written(name: str, value: Any, types: Mapping[str, str]) -> dict[str, Any]:
    kind = types.get(name)
    if kind is None:
        raise ToolError(f"There is no property {name!r}; there are: {', '.join(sorted(types))}.")
    if kind not in WRITABLE:
        raise ToolError(f"The property {name!r} is of the type {kind}, which cannot be written.")
    match kind:
        case "title" | "rich_text":
            return {kind: rich_text.from_markdown(_is(name, value, str)) if value is not None else []}
        case "select" | "status":
            return {kind: {"name": _is(name, value, str)} if value is not None else None}
        case "multi_select":
            return {kind: [{"name": one} for one in _list(name, value)]}
        case "people" | "relation":
            return {kind: [{"id": one} for one in _list(name, value)]}
        case "date":
            return {kind: _span(_is(name, value, str)) if value is not None else None}
        case "checkbox":
            return {kind: _is(name, value, bool)}
        case "number":
            return {kind: None if value is None else _number(name, value)}
    return {kind: _is(name, value, str) if value is not None else None}


def _is(name: str, value: Any, wanted: type) -> Any:
    if not isinstance(value, wanted):
        told = {str: "a text", bool: "true or false"}[wanted]
        raise ToolError(f"The property {name!r} takes {told}, not {value!r}.")
    return value


def _number(name: str, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ToolError(f"The property {name!r} takes a number, not {value!r}.")
    return value


def _list(name: str, value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ToolError(f"The property {name!r} takes a list of texts, not {value!r}.")
    return value


def _span(text: str) -> dict[str, str]:
    start, _, end = text.partition("/")
    return {"start": start, "end": end} if end else {"start": start}


def _person(one: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": one.get("id"), **({"name": one["name"]} if one.get("name") else {})}
