"""The parts of a declared tool, compiled: error rules, fields, paging, body, output schema.

Pure functions of one part each; ``compilation.py`` joins them.
"""

from collections.abc import Mapping
from typing import Any

from hub.errors import ConnectorError
from hub.sdk.declaration import ErrorRule, FieldDeclaration, PaginationDeclaration, RequestDeclaration, ToolDeclaration
from hub.sdk.paging import Paging, Size
from hub.sdk.paths import compile_path
from hub.sdk.placeholders import parse
from hub.sdk.request import Payload
from hub.sdk.response import Field, Rule
from hub.sdk.schema import relaxed

_TEXT_AS = frozenset({"html", "markdown", "text"})


def rule_of(declared: ErrorRule) -> Rule:
    """An error rule; raises ``ConnectorError`` for a status that is none, or a rule that speaks of nothing."""
    statuses: set[int] = set()
    given = declared.when.status
    for one in given if isinstance(given, list) else [given] if given is not None else []:
        text = str(one).lower()
        if len(text) == 3 and text[1:] == "xx" and text[0] in "12345":
            statuses.add(int(text[0]))
        elif text.isdigit() and len(text) == 3:
            statuses.add(int(text))
        else:
            raise ConnectorError(f"errors: status {one!r} is neither a status such as 404 nor a class such as 4xx.")
    body = compile_path(declared.when.body) if declared.when.body else None
    if not statuses and body is None:
        raise ConnectorError("errors: when needs a status or a body.")
    message = compile_path(declared.message) if declared.message else None
    return Rule(declared.is_, frozenset(statuses), body, message, declared.tell)


def fields_of(declared: Mapping[str, str | FieldDeclaration]) -> dict[str, Field]:
    """What is kept of an answer, by the name it is given."""
    out = {}
    for name, one in declared.items():
        if isinstance(one, str):
            out[name] = Field(compile_path(one))
        else:
            below = fields_of(one.fields) if one.fields is not None else None
            out[name] = Field(compile_path(one.path), one.as_, below)
    return out


def paging_of(declared: PaginationDeclaration, request: RequestDeclaration) -> Paging:
    """How a tool is paged; raises ``ConnectorError`` where the cursor has no place to go."""
    place = declared.place or ("variables" if request.graphql else "query" if request.method == "GET" else "body")
    if place == "variables" and request.graphql is None:
        raise ConnectorError("pagination: place variables needs a graphql request.")
    if place == "body" and request.body is None and request.form is None and request.method == "GET":
        raise ConnectorError("pagination: place body needs a request with a body.")
    return Paging(
        style=declared.style,
        items=compile_path(declared.items),
        send=declared.send,
        next=compile_path(declared.next) if declared.next else None,
        more=compile_path(declared.more) if declared.more else None,
        size=Size(**declared.size.model_dump()) if declared.size else None,
        first=declared.first,
        place=place,
    )


def payload_of(declared: RequestDeclaration) -> Payload | None:
    """The request's body, or None."""
    if declared.graphql is not None:
        return Payload("graphql", parse(declared.graphql.variables), declared.graphql.query)
    for kind in ("body", "form", "multipart", "raw"):
        held = getattr(declared, kind)
        if held is not None:
            return Payload(kind, parse(held))
    return None


def output_of(declared: ToolDeclaration, *, paged: bool) -> dict[str, Any] | None:
    """The output schema: what the author gave, else what ``fields`` and converters say."""
    if declared.output is not None:
        item: dict[str, Any] = relaxed(declared.output)
    elif declared.reply in ("text", "markdown", "file"):
        return None
    elif declared.fields is not None:
        item = _shape(declared.fields)
    elif paged or declared.reply in ("csv", "none"):
        item = {}
    else:
        return None
    if paged or declared.reply == "csv":
        return {
            "type": "object",
            "properties": {"items": {"type": "array", "items": item}, "next_cursor": {"type": "string"}},
        }
    return item if item.get("type") == "object" else {"type": "object"}


def _shape(fields: Mapping[str, str | FieldDeclaration]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        name: {"type": "string"} if isinstance(one, FieldDeclaration) and one.as_ in _TEXT_AS else {}
        for name, one in fields.items()
    }
    return {"type": "object", "properties": properties}
