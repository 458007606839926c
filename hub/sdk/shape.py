"""A tool's shape: what both forms of declaration share, and the rules every finished tool keeps.

Reserved arguments, lookups, lints and refusals live here. Not where YAML or Python is read: those two hand over
a ``Shape``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.errors import ConnectorError
from hub.sdk.files import places, with_words
from hub.sdk.names import FULL_NAME_GOOD, RESERVED_ARGUMENTS, full_name
from hub.sdk.paging import PAGE_ARGUMENTS
from hub.sdk.request import Call
from hub.sdk.schema import INPUT_MAX_BYTES, PROPERTY_NAME, size, validator
from hub.sdk.tool import Function, Tool

_URL_WORDS = re.compile(r"(^|_)(url|uri|webhook|callback|endpoint)$", re.IGNORECASE)

ACCOUNT_ARGUMENT: Mapping[str, Any] = {
    "type": "string",
    "description": "The label of the account to use; needed only where several are connected.",
}


@dataclass(slots=True)
class Naming:
    """A connector's name and how its tools' full names are made."""

    connector: str
    prefix: bool = True
    provider: str | None = None
    warnings: list[str] = field(default_factory=list)

    def full(self, tool: str) -> str:
        """The full name of one of its tools; raises ``ConnectorError``."""
        return full_name(self.connector, tool, prefix=self.prefix)

    def warn(self, where: str, told: str) -> None:
        """Note a lint: it does not stop the load, but a shipped connector may have none."""
        self.warnings.append(f"{where}: {told}")


@dataclass(slots=True)
class Shape:
    """What the two forms know of a tool before its schema is finished."""

    name: str
    properties: dict[str, Any]
    required: list[str]
    draft: Mapping[str, Any]
    run: Function | Call
    output: Mapping[str, Any] | None
    paged: bool = False
    sized: bool = False
    verbatim: Mapping[str, Any] | None = None
    limit: Mapping[str, Any] = field(default_factory=dict)


def finish(shape: Shape, naming: Naming) -> Tool:
    """A tool from its shape: schema completed, compiled and checked. Raises ``ConnectorError``."""
    draft = shape.draft
    where = f"tool {shape.name}"
    full = naming.full(shape.name)
    if len(full) > FULL_NAME_GOOD:
        naming.warn(where, f"the full name {full} has {len(full)} characters; keep it within {FULL_NAME_GOOD}")
    lookups: Mapping[str, str] = draft.get("lookups") or {}
    if shape.verbatim is not None:
        schema: dict[str, Any] = dict(shape.verbatim)
        if schema.get("type") != "object":
            raise ConnectorError(f"{where}: the input schema's root must have type object.")
    else:
        schema = _input(shape, naming, lookups, where)
    _lint_input(schema, naming, where, verbatim=shape.verbatim is not None)
    effect = draft["effect"]
    summary = draft.get("summary")
    if effect != "read" and not summary:
        raise ConnectorError(f"{where}: summary is required for effect {effect} (words for approval and activity).")
    egress = draft.get("egress")
    properties = schema.get("properties", {})
    if egress is not None and egress not in properties:
        raise ConnectorError(f"{where}: egress names {egress!r}, which is not an argument.")
    if egress is None:
        for name, one in properties.items():
            if isinstance(one, Mapping) and one.get("format") in ("uri", "url", "iri"):
                raise ConnectorError(f"{where}: {name} is a URL; say egress: {name}, or drop its format.")
            if _URL_WORDS.search(name):
                naming.warn(where, f"{name} looks like a URL; declare egress: {name} if something is sent there")
    described = (draft.get("description") or "").strip()
    if len(described) < 10:
        naming.warn(where, "the description is missing or too short for a model to choose by")
    elif len(described) > 2000:
        naming.warn(where, "the description is over 2,000 characters; clients cut it")
    return Tool(
        name=shape.name,
        title=draft.get("title") or title_of(shape.name),
        description=described or title_of(shape.name),
        input=schema,
        effect=effect,
        run=shape.run,
        validator=validator(schema, where),
        output=dict(shape.output) if shape.output is not None else None,
        idempotent=bool(draft.get("idempotent")),
        scopes=tuple(draft.get("scopes") or ()),
        untrusted=bool(draft.get("untrusted")),
        egress=egress,
        summary=summary,
        preview=draft.get("preview"),
        renamed_from=tuple(draft.get("renamed_from") or ()),
        lookups=dict(lookups),
        files=places(schema),
        timeout=float(draft.get("timeout") or 60.0),
        meta=dict(draft.get("meta") or {}),
    )


def _input(shape: Shape, naming: Naming, lookups: Mapping[str, str], where: str) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name, held in shape.properties.items():
        if name == "account" or (name in RESERVED_ARGUMENTS and not shape.paged):
            raise ConnectorError(f"{where}: the argument {name!r} is reserved; call it api_{name}.")
        one = dict(held)
        if name in lookups:
            told = str(one.get("description", "")).rstrip(". ")
            source = f"{naming.full(lookups[name])} lists the values."
            one["description"] = f"{told}. {source}" if told else source
        if name in PAGE_ARGUMENTS and "description" not in one:
            one["description"] = PAGE_ARGUMENTS[name]["description"]
        properties[name] = with_words(one)
    if shape.paged:
        properties.setdefault("cursor", dict(PAGE_ARGUMENTS["cursor"]))
        if shape.sized:
            properties.setdefault("limit", {**PAGE_ARGUMENTS["limit"], **shape.limit})
    if naming.provider is not None:
        properties["account"] = dict(ACCOUNT_ARGUMENT)
    unknown = [name for name in [*shape.required, *lookups] if name not in properties]
    if unknown:
        raise ConnectorError(f"{where}: {', '.join(sorted(set(unknown)))} is named but is not an argument.")
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if shape.required:
        schema["required"] = shape.required
    schema["additionalProperties"] = False
    return schema


def _lint_input(schema: Mapping[str, Any], naming: Naming, where: str, *, verbatim: bool) -> None:
    if size(schema) > INPUT_MAX_BYTES:
        naming.warn(where, f"the input schema has {size(schema)} bytes; clients drop tools over {INPUT_MAX_BYTES}")
    for union in ("oneOf", "anyOf", "allOf"):
        if union in schema:
            naming.warn(where, f"the input schema has a top-level {union}, which Claude's API refuses")
    for reference in _references(schema):
        if not reference.startswith("#"):
            raise ConnectorError(f"{where}: the schema refers to {reference!r}; references leave the schema nowhere.")
        if not verbatim:
            raise ConnectorError(f"{where}: {reference!r}: write the schema out, without $ref.")
        naming.warn(where, f"the input schema has a $ref ({reference}), which Claude's API refuses")
    for name, one in schema.get("properties", {}).items():
        if not PROPERTY_NAME.match(name):
            naming.warn(where, f"the argument name {name!r} is not one Claude's API accepts")
        if isinstance(one, Mapping) and not one.get("description"):
            naming.warn(where, f"the argument {name} has no description")


def _references(node: Any) -> list[str]:
    found: list[str] = []
    stack = [node]
    while stack:
        one = stack.pop()
        if isinstance(one, Mapping):
            found += [str(one[key]) for key in ("$ref", "$dynamicRef") if isinstance(one.get(key), str)]
            stack += [value for key, value in one.items() if key not in ("enum", "const", "default", "examples")]
        elif isinstance(one, list):
            stack += one
    return found


def title_of(name: str) -> str:
    """``close_ticket`` as words: ``Close ticket``."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]
