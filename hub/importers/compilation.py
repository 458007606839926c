"""From a description and what its YAML says about it to a ``CompiledConnector``, one bad operation at a time left out.

Every operation taken becomes a tool like any hand-written one. The report says what was taken, trimmed and left out,
and why.
"""

import gc
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson

from hub.errors import ConnectorError
from hub.importers.arguments import Arguments, Arranger
from hub.importers.bodies import kind_of
from hub.importers.declaration import NOTHING_SAID, DescribedDeclaration, OverrideDeclaration
from hub.importers.discovery import read_discovery
from hub.importers.documents import read
from hub.importers.drafts import DescribedTools, Draft, tool_of, wire_json
from hub.importers.head import ConnectorHeld, head_of
from hub.importers.openapi3 import read_openapi
from hub.importers.operation import Description, Operation
from hub.importers.report import Report
from hub.importers.schemas import Shaper
from hub.importers.security import agreement, scopes_of
from hub.importers.selection import Selection
from hub.importers.swagger2 import read_swagger
from hub.importers.texts import cut, prose
from hub.importers.words import effect_of, names_of
from hub.sdk.compilation import validated
from hub.sdk.response import Rule
from hub.sdk.shape import Naming, title_of
from hub.sdk.tool import CompiledConnector, Tool
from hub.sdk.wire import Parameter, Wire

DESCRIPTION_MAX = 1000
"""Characters of a tool's description; clients cut at 2,000, and many tools share one list."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A described connector with what was said about it."""

    connector: CompiledConnector
    report: Report


def fingerprint(data: bytes) -> str:
    """What a description's bytes are known by (SHA-256, hexadecimal)."""
    return hashlib.sha256(data).hexdigest()


def described(data: bytes, kind: str, file: str) -> Description:
    """The description in ``data``, read as ``kind`` (openapi or discovery). Raises ``ConnectorError``."""
    document = read(data, file)
    if kind == "discovery":
        return read_discovery(document, file)
    if isinstance(document.get("swagger"), str | int | float):
        return read_swagger(document)
    if "openapi" in document or "paths" in document:
        return read_openapi(document)
    told = (
        "a Google Discovery document; import it with: hub import discovery"
        if "discoveryVersion" in document
        else "neither OpenAPI 3 nor Swagger 2.0 (it has no key openapi, swagger or paths)"
    )
    raise ConnectorError(f"{file}: {told}.")


def compile_described(name: str, data: Any, description: bytes, file: str, *, prefix: bool = True) -> Compiled:
    """Compile a parsed ``connector.yaml`` of a described kind with its description's bytes.

    Raises ``ConnectorError`` with file and place for what the YAML gets wrong or a description that cannot be read, and
    ``ConnectorHeld`` for one that is not what was agreed to.
    """
    declared = validated(DescribedDeclaration, data, file)
    head = head_of(name, data, file, prefix=prefix)
    naming = Naming(name, prefix, head.provider)
    report = Report()
    if fingerprint(description) != declared.source.sha256:
        report.warnings.append(
            f"{declared.source.file} is not the description that was imported (sha256); it was edited here"
        )
    if declared.kind == "graphql":
        # graphql-core is a hundred modules, which a hub without GraphQL does not wait for.
        from hub.importers.graphql_tools import GraphQlTools

        tools, drafts = GraphQlTools(declared, naming, head.reading.rules, report).tools(description)
    else:
        found = described(description, declared.kind, declared.source.file)
        check_agreement(declared, agreement(found), name)
        report.warnings += found.warnings
        taken = _Described(name, declared, found, head, report).drafted()
        for reference in list(found.pool.unresolved)[:5]:
            report.warnings.append(f"the reference {reference} leads nowhere; anything fits there")
        # Tools are made of the text of their drafts: single values kept of a large description would keep the memory
        # that it took, as they lie between the rest of it.
        del found
        gc.collect(0)
        tools, drafts = _tools_of(taken, naming, head.reading.rules, report)
    if report.left_out:
        shown = "; ".join(f"{key}: {why}" for key, why in report.left_out[:3])
        report.warnings.append(f"{len(report.left_out)} operations cannot be tools: {shown}")
    connector = replace(head, tools=DescribedTools(tools, drafts), warnings=head.warnings + tuple(report.warnings))
    return Compiled(connector, report)


def check_agreement(declared: DescribedDeclaration, now: Mapping[str, list[str]], name: str) -> None:
    """Raise ``ConnectorHeld`` where the description's servers or sign-in are not what was agreed to."""
    changes: list[str] = []
    for part, before in (("servers", declared.source.agreed.servers), ("auth", declared.source.agreed.auth)):
        changes += [f"{part}: + {one}" for one in now[part] if one not in before]
        changes += [f"{part}: - {one}" for one in before if one not in now[part]]
    if changes:
        told = "; ".join(changes[:6]) + ("; …" if len(changes) > 6 else "")
        raise ConnectorHeld(
            f"held back: its description is not what was agreed to ({told}). "
            f"Look at it, and if it is right: hub import agree {name}"
        )


@dataclass(frozen=True, slots=True)
class _Taken:
    """One operation that is to be a tool: draft, arguments and which of them are required as JSON, and what the report
    says of it."""

    key: str
    name: str
    text: bytes
    counted: tuple[int, int]
    notes: tuple[str, ...]
    trimmed: str


def _tools_of(
    taken: list[_Taken], naming: Naming, rules: tuple[Rule, ...], report: Report
) -> tuple[dict[str, Tool], dict[str, Draft]]:
    """Tools and drafts of what was taken; what cannot be a tool is left out."""
    tools: dict[str, Tool] = {}
    drafts: dict[str, Draft] = {}
    for one in taken:
        draft, properties, required = orjson.loads(one.text)
        try:
            if one.name in tools:
                raise ConnectorError(f"another operation's tool is called {one.name}; name one under overrides")
            tools[one.name] = tool_of(one.name, draft, properties, required, naming, rules)
        except ConnectorError as wrong:
            report.left_out.append((one.key, str(wrong)))
            continue
        drafts[one.name] = draft
        report.taken[one.key] = one.name
        report.counted = tuple(map(sum, zip(report.counted, one.counted, strict=True)))  # type: ignore[assignment]
        report.warnings += [f"{one.key}: {note}" for note in one.notes]
        if one.trimmed:
            report.trimmed.append((one.key, one.trimmed))
    return tools, drafts


class _Described:
    """One run over one description."""

    def __init__(
        self,
        name: str,
        declared: DescribedDeclaration,
        found: Description,
        head: CompiledConnector,
        report: Report,
    ) -> None:
        self._declared = declared
        self._found = found
        self._head = head
        self._report = report
        self._names = names_of(found.operations, name)
        self._arranger = Arranger(Shaper(found.pool), found.schemes, declared.headers)

    def drafted(self) -> list[_Taken]:
        """The operations that were chosen, with their drafts."""
        declared, report = self._declared, self._report
        include, exclude = Selection(declared.include), Selection(declared.exclude)
        overrides = dict(declared.overrides)
        report.operations = len(self._found.operations)
        drafted: list[_Taken] = []
        for operation in self._found.operations:
            name = self._names[operation.key]
            own = overrides.pop(operation.key, None) or overrides.pop(name, None) or NOTHING_SAID
            effect = own.effect or effect_of(operation)
            taken = include.holds(operation, name)
            if exclude.holds(operation, name) or not taken or (declared.read_only and effect != "read"):
                report.excluded.append(operation.key)
                continue
            try:
                drafted.append(self._taken(operation, own.name or name, own, effect))
            except ConnectorError as wrong:
                report.left_out.append((operation.key, str(wrong)))
        report.warnings += [f"overrides.{key}: there is no such operation or tool" for key in overrides]
        report.warnings += [f"include: {entry} takes no operation" for entry in include.idle[:5]]
        return drafted

    def _taken(self, operation: Operation, name: str, own: OverrideDeclaration, effect: str) -> _Taken:
        if operation.trouble:
            raise ConnectorError(operation.trouble)
        arguments = self._arranger.arrange(operation)
        self._pin(arguments, own)
        draft = self._draft(operation, name, own, effect, arguments)
        try:
            text = orjson.dumps([draft, arguments.properties, arguments.required])
        except orjson.JSONEncodeError as wrong:
            raise ConnectorError(f"it holds what JSON cannot say ({wrong})") from None
        trimmed = ""
        if arguments.trimmed:
            trimmed = f"its input was cut down to fit (step {arguments.stage} of 10)"
            if arguments.dropped:
                trimmed += f"; left out: {', '.join(arguments.dropped[:5])}"
        return _Taken(operation.key, name, text, arguments.counted, tuple(operation.notes[:2]), trimmed)

    def _pin(self, arguments: Arguments, own: OverrideDeclaration) -> None:
        """Take the arguments that are always the same from the model, and describe those that are described anew."""
        for name, text in own.arguments.items():
            if name not in arguments.properties:
                raise ConnectorError(
                    f"overrides: there is no argument {name}; there are {', '.join(arguments.properties)}"
                )
            arguments.properties[name] = {**arguments.properties[name], "description": text}
        for name, value in own.pinned.items():
            if name not in arguments.properties:
                raise ConnectorError(
                    f"overrides: there is no argument {name} to pin; there are {', '.join(arguments.properties)}"
                )
            arguments.properties = {key: one for key, one in arguments.properties.items() if key != name}
            arguments.required = [one for one in arguments.required if one != name]
            arguments.wire = _pinned(arguments.wire, name, value, arguments.headers)

    def _draft(
        self, operation: Operation, name: str, own: OverrideDeclaration, effect: str, arguments: Arguments
    ) -> Draft:
        title = own.title or cut(prose(operation.title), 70) or title_of(name)
        idempotent = (
            own.idempotent
            if own.idempotent is not None
            else operation.method in ("PUT", "DELETE") and effect in ("write", "destroy")
        )
        draft: Draft = {
            "method": operation.method,
            "title": title,
            "description": own.description or described_text(operation),
            "effect": effect,
            "untrusted": own.untrusted if own.untrusted is not None else True,
            "wire": wire_json(arguments.wire),
            "headers": {
                key: _literal(value)
                for key, value in {"Accept": operation.accept, **arguments.headers}.items()
                if key not in self._declared.headers
            },
        }
        if idempotent:
            draft["idempotent"] = True
        scopes = scopes_of(operation, self._found)
        if scopes:
            draft["scopes"] = list(scopes)
        if effect != "read":
            draft["summary"] = own.summary or _summary(title, operation, arguments)
        egress = own.egress or _egress(arguments)
        if egress:
            draft["egress"] = egress
        base = self._base(operation)
        if base is not None:
            draft["base_url"] = base
        if operation.streams:
            draft["timeout"] = 30.0
        if _answers_file(operation):
            draft["reply"] = "file"
        for key in ("timeout", "root", "items", "reply"):
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
        if own.errors:
            draft["errors"] = [one.model_dump(by_alias=True, exclude_none=True) for one in own.errors]
        if own.renamed_from:
            draft["renamed_from"] = own.renamed_from
        return draft

    def _base(self, operation: Operation) -> str | None:
        """An operation's own base URL, where it has one and the connector's was not put in its place."""
        base = self._head.base_url
        if operation.server is None:
            if base is None:
                raise ConnectorError("the connector has no base_url, and the description names no server")
            return None
        if base is not None and not _same_place(base, self._found):
            return None
        url = urljoin(f"{base}/", operation.server) if base is not None else operation.server
        if base is not None and url.rstrip("/") == base.rstrip("/"):
            return None
        parts = urlsplit(url)
        if "{" in url or parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConnectorError(f"its server {operation.server!r} is no address")
        if parts.netloc.lower() not in (urlsplit(base or "").netloc.lower(), *self._head.hosts):
            raise ConnectorError(f"its server {parts.netloc} is not among the connector's hosts; add it there")
        return url.rstrip("/")


def _answers_file(operation: Operation) -> bool:
    """Whether all an operation can answer is bytes."""
    medias = [media.strip() for media in operation.accept.split(",")]
    return operation.media or all("*" not in media and kind_of(media) == "binary" for media in medias)


def _same_place(base: str, found: Description) -> bool:
    """Whether the connector's base URL is one the description names, and was not put in its place."""
    if not found.servers:
        return True
    netloc = urlsplit(base).netloc.lower()
    return "{" in netloc or any(
        urlsplit(one.url).netloc.lower() in (netloc, "") or "{" in one.url for one in found.servers
    )


def _pinned(wire: Wire, name: str, value: Any, headers: dict[str, str]) -> Wire:
    plain = value if isinstance(value, str) else orjson.dumps(value).decode()
    for one in wire.parameters:
        if one.argument == name:
            left = tuple(other for other in wire.parameters if other is not one)
            if one.place == "query":
                return replace(wire, parameters=left, query=(*wire.query, (one.name, plain)))
            headers[one.name] = plain
            return replace(wire, parameters=left)
    if wire.body is not None and wire.body.whole != name:
        named = dict(wire.body.fields)
        if name in named:
            fields = tuple(pair for pair in wire.body.fields if pair[0] != name)
            return replace(
                wire, body=replace(wire.body, fields=fields, pinned={**wire.body.pinned, named[name]: value})
            )
    if any(isinstance(piece, Parameter) and piece.argument == name for piece in wire.path):
        raise ConnectorError(f"overrides: {name} stands in the path and cannot be pinned; name the whole path instead")
    raise ConnectorError(f"overrides: {name} is the whole body and cannot be pinned")


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def described_text(operation: Operation) -> str:
    """What an operation is for, from its summary and description, short enough for a list of tools."""
    title, text = prose(operation.title), prose(operation.description)
    if title and text and not text.lower().startswith(title.lower().rstrip(". ")):
        text = f"{title.rstrip('. ')}. {text}"
    text = cut(text or title, DESCRIPTION_MAX) or f"{operation.method} {operation.path.partition('?')[0]} of this API."
    if len(text) < 10:
        text = f"{text.rstrip('. ')} ({operation.method} {operation.path.partition('?')[0]})."
    return f"Deprecated. {text}" if operation.deprecated else text


def _summary(title: str, operation: Operation, arguments: Arguments) -> str:
    """Words for approval: what is done, and to what."""
    named = [piece.argument for piece in arguments.wire.path if isinstance(piece, Parameter)]
    usable = [
        name
        for name in named
        if name.replace("_", "a").replace("-", "a").replace(".", "a").isalnum() and name[0].isalpha()
    ]
    told = _literal(title.rstrip(". "))
    return f"{told} ({', '.join(f'{name} {{{name}}}' for name in usable[:4])})" if usable else told


def _egress(arguments: Arguments) -> str | None:
    """The argument that names where something goes: a URL, a webhook."""
    for name, one in arguments.properties.items():
        if one.get("format") in ("uri", "url", "iri"):
            return name
    for name in arguments.properties:
        stem = name.lower().replace("-", "_")
        if (
            stem.endswith(("url", "uri", "webhook", "callback", "endpoint"))
            and arguments.properties[name].get("type") == "string"
        ):
            return name
    return None
