"""A GraphQL connector's tools: its schema's fields, chosen, described and overridden as an OpenAPI's operations are.

Not the schema's reading (``graphql.py``).
"""

from collections.abc import Mapping
from typing import Any

import orjson

from hub.errors import ConnectorError
from hub.importers.declaration import NOTHING_SAID, DescribedDeclaration, OverrideDeclaration
from hub.importers.drafts import Draft, tool_of
from hub.importers.graphql import FieldTool, operations_of, read_schema
from hub.importers.operation import Operation
from hub.importers.report import Report
from hub.importers.selection import Selection
from hub.importers.texts import cut, prose
from hub.importers.words import effect_of, names_of
from hub.sdk.response import Rule
from hub.sdk.shape import Naming, title_of
from hub.sdk.tool import Tool

RAW = "query"
"""The name of the tool that takes a whole query."""

_ROOM = 15_600


class GraphQlTools:
    """One run over one schema."""

    def __init__(self, declared: DescribedDeclaration, naming: Naming, rules: tuple[Rule, ...], report: Report) -> None:
        self._declared = declared
        self._naming = naming
        self._rules = rules
        self._report = report

    def tools(self, description: bytes) -> tuple[dict[str, Tool], dict[str, Draft]]:
        """The tools of the schema in ``description``, and their drafts. Raises ``ConnectorError``."""
        declared, report = self._declared, self._report
        schema = read_schema(description, declared.source.file)
        operations = operations_of(schema)
        names = names_of(operations, self._naming.connector)
        include, exclude = Selection(declared.include), Selection(declared.exclude)
        overrides = dict(declared.overrides)
        tools: dict[str, Tool] = {}
        drafts: dict[str, Draft] = {}
        report.operations = len(operations)
        for one in operations:
            name = names[one.key]
            own = overrides.pop(one.key, None) or overrides.pop(name, None) or NOTHING_SAID
            effect = own.effect or effect_of(one)
            taken = include.holds(one, name)
            if exclude.holds(one, name) or not taken or (declared.read_only and effect != "read"):
                report.excluded.append(one.key)
                continue
            kind, _, field = one.key.partition(" ")
            root = schema.query_type if kind == "query" else schema.mutation_type
            try:
                if root is None or (own.name or name) in tools:
                    raise ConnectorError(f"another field's tool is called {own.name or name}; name one under overrides")
                made = _smallest(kind, field, root.fields[field], declared.depth)
                draft = _draft(one, own, effect, made, name)
                tools[own.name or name] = tool_of(
                    own.name or name, draft, made.properties, made.required, self._naming, self._rules
                )
                drafts[own.name or name] = draft
                report.taken[one.key] = own.name or name
            except ConnectorError as wrong:
                report.left_out.append((one.key, str(wrong)))
        report.warnings += [f"overrides.{key}: there is no such field or tool" for key in overrides]
        if declared.raw_query:
            name = RAW if RAW not in tools else "run_query"
            draft = {
                "raw_query": True,
                "effect": "read",
                "untrusted": True,
                "title": "Run a query",
                "description": _RAW_TEXT,
            }
            tools[name] = tool_of(name, draft, RAW_PROPERTIES, ["query"], self._naming, self._rules)
            drafts[name] = draft
        return tools, drafts


_RAW_TEXT = (
    "Runs one GraphQL query of your own and returns its data. Queries only: a mutation is refused. Ask for the fields "
    "you need; use __schema and __type to see what there is."
)

RAW_PROPERTIES: Mapping[str, Any] = {
    "query": {"type": "string", "description": "The document: one query, and its fragments."},
    "variables": {"type": "object", "description": "Its variables."},
}


def _smallest(kind: str, name: str, field: Any, depth: int) -> FieldTool:
    """The field's tool, its selection less deep where the document would grow beyond sense."""
    for level in range(depth, -1, -1):
        made = FieldTool(kind, name, field, level)
        if len(made.document) <= 8_000 or level == 0:
            break
    if len(orjson.dumps(made.properties)) > _ROOM:
        made.properties = {key: _bare(one) for key, one in made.properties.items()}
    return made


def _bare(schema: Mapping[str, Any]) -> dict[str, Any]:
    """An argument's schema by its top level only."""
    kept = {key: value for key, value in schema.items() if key in ("type", "description")}
    names = ", ".join(list(schema.get("properties", {}))[:60])
    if names:
        kept["description"] = cut(f"{kept.get('description', '')} Fields: {names}.".strip(), 900)
    return kept


def _draft(one: Operation, own: OverrideDeclaration, effect: str, made: FieldTool, name: str) -> Draft:
    title = own.title or title_of(name)
    text = own.description or cut(prose(one.description), 1000) or f"The field {made.root} of this GraphQL API."
    draft: Draft = {
        "method": "POST",
        "title": title,
        "description": f"Deprecated. {text}" if one.deprecated else text,
        "effect": effect,
        "untrusted": own.untrusted if own.untrusted is not None else True,
        "graphql": {"document": made.document, "variables": made.variables},
        "reply": "json",
        "root": own.root or f"data.{made.root}",
    }
    if effect == "read":
        draft["idempotent"] = True
    else:
        draft["summary"] = own.summary or title
    for key in ("timeout", "items"):
        value = getattr(own, key)
        if value is not None:
            draft[key] = value
    if own.fields is not None:
        draft["fields"] = {
            key: one if isinstance(one, str) else one.model_dump(by_alias=True, exclude_none=True)
            for key, one in own.fields.items()
        }
    if own.pagination is not None:
        draft["pagination"] = own.pagination.model_dump(exclude_none=True)
    egress = own.egress or next(
        (key for key in made.properties if key.lower().endswith(("url", "uri", "webhook"))), None
    )
    if egress:
        draft["egress"] = egress
    return draft
