"""Drafts: one described tool as JSON, which can lie on the shelf, and the ``Tool`` and ``Call`` made of it.

A draft says all but the input schema, which lies in the tool's listing. Making a tool of one checks it as any other
(``hub.sdk.shape``); nothing of the description is needed for that any more.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from hub.errors import ConnectorError, ToolError
from hub.sdk.context import Context
from hub.sdk.declaration import ErrorRule, FieldDeclaration, PaginationDeclaration, RequestDeclaration
from hub.sdk.parts import fields_of, paging_of, rule_of
from hub.sdk.paths import compile_path
from hub.sdk.placeholders import Pattern, parse
from hub.sdk.request import Call, Payload
from hub.sdk.response import Reading, Rule, said
from hub.sdk.shape import Naming, Shape, finish
from hub.sdk.tool import Function, Tool
from hub.sdk.wire import Encoding, Parameter, Wire, WireBody

Draft = dict[str, Any]

_ADDED = ("account", "cursor", "limit")


def wire_json(wire: Wire) -> dict[str, Any]:
    """A wire as JSON, empty parts left out."""
    held: dict[str, Any] = {"path": [piece if isinstance(piece, str) else _short(piece) for piece in wire.path]}
    if wire.parameters:
        held["parameters"] = [_short(one) for one in wire.parameters]
    if wire.query:
        held["query"] = [list(pair) for pair in wire.query]
    if wire.body is not None:
        held["body"] = {key: value for key, value in asdict(wire.body).items() if value or key == "kind"}
    if wire.renames:
        held["renames"] = dict(wire.renames)
    return held


def _short(one: Parameter) -> list[Any]:
    return [one.argument, one.name, one.place, one.style, one.explode, one.reserved]


def wire_of(held: Mapping[str, Any]) -> Wire:
    """The wire in what ``wire_json`` made."""
    body = None
    if "body" in held:
        one = dict(held["body"])
        one["others"] = tuple(one.get("others", ()))
        one["fields"] = tuple((argument, name) for argument, name in one.get("fields", ()))
        one["encodings"] = {name: Encoding(**encoding) for name, encoding in one.get("encodings", {}).items()}
        body = WireBody(**one)
    return Wire(
        tuple(piece if isinstance(piece, str) else Parameter(*piece) for piece in held["path"]),
        tuple(Parameter(*one) for one in held.get("parameters", ())),
        tuple((name, value) for name, value in held.get("query", ())),
        body,
        held.get("renames", {}),
    )


def tool_of(
    name: str,
    draft: Mapping[str, Any],
    properties: Mapping[str, Any],
    required: list[str],
    naming: Naming,
    rules: tuple[Rule, ...],
) -> Tool:
    """The tool of a draft. Raises ``ConnectorError`` when it breaks a rule that every tool keeps."""
    fields = draft.get("fields")
    reading = Reading(
        rules=tuple(rule_of(ErrorRule.model_validate(one)) for one in draft.get("errors", ())) + rules,
        reply=draft.get("reply", "auto"),
        root=compile_path(draft["root"]) if draft.get("root") else None,
        items=compile_path(draft["items"]) if draft.get("items") else None,
        fields=fields_of(_fields(fields)) if fields is not None else None,
        graphql="graphql" in draft,
    )
    base = draft.get("base_url")
    if draft.get("raw_query"):
        run: Call | Function = Function(call=_run_query, takes_context=True, threaded=False, convert=dict)
        return finish(
            Shape(name=name, properties=_own(properties), required=required, draft=draft, run=run, output=None), naming
        )
    paging = None
    if draft.get("pagination"):
        declared = PaginationDeclaration.model_validate(draft["pagination"])
        wired = draft.get("wire", {}).get("body", {})
        request: dict[str, Any] = {"method": draft["method"]}
        if draft["method"] not in ("GET", "HEAD") and wired:
            request["body"] = {}
        if "graphql" in draft:
            request = {"method": "POST", "graphql": {"query": draft["graphql"]["document"]}}
        paging = paging_of(declared, RequestDeclaration.model_validate(request))
    graphql = draft.get("graphql")
    run = Call(
        method=draft["method"],
        path=Pattern(()),
        reading=reading,
        base_url=Pattern((base,)) if base else None,
        headers={key: Pattern.parse(value) for key, value in draft.get("headers", {}).items()},
        payload=Payload("graphql", parse(graphql["variables"]), graphql["document"]) if graphql else None,
        paging=paging,
        idempotent=bool(draft.get("idempotent")),
        wire=wire_of(draft["wire"]) if "wire" in draft else None,
    )
    size = paging.size if paging else None
    shape = Shape(
        name=name,
        properties=_own(properties),
        required=required,
        draft=draft,
        run=run,
        output=_output(draft, paged=paging is not None),
        paged=paging is not None,
        sized=size is not None,
        limit={"maximum": size.max, "default": size.default} if size else {},
    )
    return finish(shape, naming)


def _own(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in properties.items() if key not in _ADDED}


async def _run_query(ctx: Context, query: str, variables: Mapping[str, Any] | None = None) -> Any:
    """Run a raw GraphQL query, once it is sure that it is one."""
    # Loaded where it is needed, as in compilation.py.
    from hub.importers.graphql import only_queries

    reply = await ctx.http.post("", json={"query": only_queries(query), "variables": dict(variables or {})})
    data = reply.json()
    if isinstance(data, dict) and data.get("errors") and not data.get("data"):
        raise ToolError(f"The app answered: {said(reply, data['errors'])}")
    return data


def _fields(held: Mapping[str, Any]) -> dict[str, str | FieldDeclaration]:
    return {name: one if isinstance(one, str) else FieldDeclaration.model_validate(one) for name, one in held.items()}


def _output(draft: Mapping[str, Any], *, paged: bool) -> dict[str, Any] | None:
    fields = draft.get("fields")
    if fields is None and not paged:
        return None
    item: dict[str, Any] = {"type": "object", "properties": {name: {} for name in fields}} if fields is not None else {}
    if paged or draft.get("items"):
        return {
            "type": "object",
            "properties": {"items": {"type": "array", "items": item}, "next_cursor": {"type": "string"}},
        }
    return item


class DescribedTools(Mapping[str, Tool]):
    """The tools of a described connector, with the drafts that the shelf keeps of them."""

    def __init__(self, tools: Mapping[str, Tool], drafts: Mapping[str, Draft]) -> None:
        self._tools = tools
        self.drafts = drafts

    def __getitem__(self, name: str) -> Tool:
        return self._tools[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)


Builder = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Tool]
"""Makes the tool ``name`` of its draft and its input schema, as the shelf keeps them. Raises ``ConnectorError``."""


def builder(naming: Naming, rules: tuple[Rule, ...]) -> Builder:
    """What makes tools of drafts again, for one connector."""

    def build(name: str, draft: Mapping[str, Any], schema: Mapping[str, Any]) -> Tool:
        properties = schema.get("properties", {})
        if not isinstance(properties, Mapping):
            raise ConnectorError(f"tool {name}: what was kept of it is not whole.")
        return tool_of(name, draft, properties, list(schema.get("required", ())), naming, rules)

    return build
