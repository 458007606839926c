"""From canonical YAML to a ``CompiledConnector``: every name resolved, every path compiled, every rule checked.

Errors carry file, line and path. Nothing is evaluated later that could have been refused here.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hub.errors import ConnectorError
from hub.sdk import convert
from hub.sdk.assembly import check_base, check_settings, resource_variables
from hub.sdk.declaration import (
    CONTRACT,
    ConnectorDeclaration,
    PromptDeclaration,
    RequestDeclaration,
    ResourceDeclaration,
    ToolDeclaration,
)
from hub.sdk.files import declared as declared_files
from hub.sdk.files import is_file
from hub.sdk.http import host_of
from hub.sdk.paging import Paging
from hub.sdk.parts import fields_of, output_of, paging_of, payload_of, rule_of
from hub.sdk.paths import compile_path
from hub.sdk.placeholders import Pattern, names_in, parse
from hub.sdk.provider import compile_provider
from hub.sdk.request import ArrayStyle, Call
from hub.sdk.response import Reading, Rule
from hub.sdk.setting import Setting
from hub.sdk.shape import Naming, Shape, finish, title_of
from hub.sdk.tool import Argument, CompiledConnector, Prompt, Resource, Tool
from hub.yaml import line_of

Declared = TypeVar("Declared", bound=BaseModel)

_QUERY = re.compile(r"\s*(query\b|\{)")
"""A GraphQL operation that changes nothing (GraphQL specification, 2.3 Operations)."""


def compile_yaml(name: str, data: Any, file: str, *, prefix: bool = True) -> CompiledConnector:
    """Compile one parsed YAML document. Raises ``ConnectorError`` with file, line and path."""
    if not isinstance(data, Mapping):
        raise ConnectorError(f"{file}: a connector is a mapping of keys, not {type(data).__name__}.")
    contract = data.get("contract", CONTRACT)
    if isinstance(contract, int) and contract > CONTRACT:
        raise ConnectorError(
            f"{file}: written to contract {contract}; this hub knows up to {CONTRACT}. Update the hub."
        )
    if "kind" in data:
        raise ConnectorError(f"{file}: kind {data['kind']!r} is not known to this hub; leave kind out for requests.")
    declared = validated(ConnectorDeclaration, data, file)
    path: list[str] = []
    auth = None
    if declared.auth is not None:
        auth = compile_provider(name, data["auth"], file, title=declared.title, within=("auth",))
    try:
        return replace(_Compilation(name, declared, prefix, path).connector(), auth=auth)
    except ConnectorError as wrong:
        line = line_of(data, tuple(path)) if path else None
        place = f"{file}:{line}" if line else file
        raise ConnectorError(f"{place}: {wrong}") from None


def validated(model: type[Declared], data: Any, file: str) -> Declared:
    """``data`` as ``model``; raises ``ConnectorError`` that names file, line and path of what does not fit."""
    try:
        return model.model_validate(_bare(data))
    except ValidationError as wrong:
        raise ConnectorError(_told(wrong, data, file)) from None


def _bare(data: Any) -> Any:
    """``data`` in plain dicts and lists, without the lines the loader put on them."""
    if isinstance(data, Mapping):
        return {key: _bare(value) for key, value in data.items()}
    return [_bare(item) for item in data] if isinstance(data, list) else data


def _told(wrong: ValidationError, data: Any, file: str) -> str:
    told = []
    for one in wrong.errors()[:5]:
        steps = tuple(
            step for step in one["loc"] if not (isinstance(step, str) and step[:1] in ("i", "f") and "[" in step)
        )
        path = _existing(data, steps)
        line = line_of(data, path)
        message = str(one["msg"]).removeprefix("Value error, ")
        if one["type"] == "extra_forbidden":
            message = "unknown key"
        elif one["type"] == "missing":
            message = "is required"
        dotted = ".".join(str(step) for step in steps) or "connector"
        told.append(f"{file}:{line}: {dotted}: {message}" if line else f"{file}: {dotted}: {message}")
    return "\n".join(told)


def _existing(data: Any, steps: tuple[Any, ...]) -> tuple[Any, ...]:
    """The part of ``steps`` that leads somewhere in ``data`` (unions add steps of their own)."""
    kept: list[Any] = []
    for step in steps:
        if (isinstance(data, Mapping) and step in data) or (
            isinstance(data, list) and isinstance(step, int) and step < len(data)
        ):
            data = data[step]
        else:
            continue
        kept.append(step)
    return tuple(kept)


class _Compilation:
    """One run over one declaration; ``path`` is where it stands, for errors."""

    def __init__(self, name: str, declared: ConnectorDeclaration, prefix: bool, path: list[str]) -> None:
        self.name = name
        self.declared = declared
        self.path = path
        self.provider = declared.provider or (name if declared.auth is not None else None)
        self.naming = Naming(name, prefix, self.provider)
        self.settings = {key: Setting(key, **held.model_dump()) for key, held in declared.settings.items()}
        self.hosts: tuple[str, ...] = tuple(host.lower() for host in declared.hosts)
        self.rules: tuple[Rule, ...] = ()

    def connector(self) -> CompiledConnector:
        declared = self.declared
        self.path[:] = ["settings"]
        check_settings(self.settings)
        self.path[:] = ["base_url"]
        check_base(declared.base_url, self.settings, provider=self.provider)
        self.path[:] = ["headers"]
        for value in declared.headers.values():
            self._outer(Pattern.parse(value))
        self.path[:] = ["errors"]
        self.rules = tuple(rule_of(rule) for rule in declared.errors)
        tools = {}
        for name, tool in declared.tools.items():
            self.path[:] = ["tools", name]
            tools[name] = self.tool(name, tool)
        resources = []
        for uri, resource in declared.resources.items():
            self.path[:] = ["resources", uri]
            resources.append(self.resource(uri, resource))
        prompts = {}
        for name, prompt in declared.prompts.items():
            self.path[:] = ["prompts", name]
            prompts[name] = self.prompt(name, prompt)
        self.path[:] = []
        return CompiledConnector(
            name=self.name,
            title=declared.title,
            description=declared.description,
            version=declared.version,
            category=declared.category,
            tools=tools,
            resources=tuple(resources),
            prompts=prompts,
            base_url=declared.base_url,
            hosts=self.hosts,
            headers=declared.headers,
            settings=self.settings,
            provider=self.provider,
            instructions=declared.instructions,
            reading=Reading(rules=self.rules),
            warnings=tuple(self.naming.warnings),
        )

    def tool(self, name: str, declared: ToolDeclaration) -> Tool:
        properties: dict[str, Any] = {}
        send_as: dict[str, str] = {}
        lookups: dict[str, str] = {}
        for argument, held in declared.input.items():
            one = declared_files(held)
            converter = one.pop("send_as", None)
            if converter is not None:
                if converter not in convert.SEND_AS:
                    raise ConnectorError(
                        f"{argument}: send_as {converter!r} is not one of {', '.join(convert.SEND_AS)}."
                    )
                send_as[argument] = converter
            source = one.pop("lookup", None)
            if source is not None:
                lookups[argument] = source
            properties[argument] = one
        paging = paging_of(declared.pagination, declared.request) if declared.pagination else None
        reading = Reading(
            rules=tuple(rule_of(rule) for rule in declared.errors) + self.rules,
            reply=declared.reply,
            root=compile_path(declared.root) if declared.root else None,
            items=compile_path(declared.items) if declared.items else None,
            fields=fields_of(declared.fields) if declared.fields is not None else None,
            graphql=declared.request.graphql is not None,
        )
        given = set(properties) | ({"cursor", "limit"} if paging else set())
        call = self._call(declared.request, reading, given, paging, send_as, idempotent=declared.idempotent)
        preview = None
        if declared.preview is not None:
            query = declared.preview.graphql.query if declared.preview.graphql is not None else None
            if declared.preview.method not in ("GET", "HEAD") or (query is not None and not _QUERY.match(query)):
                raise ConnectorError("preview must be a GET or a GraphQL query: it shows, and changes nothing.")
            preview = self._call(declared.preview, Reading(rules=self.rules), given, None, {}, idempotent=True)
        missing = [one for one in call.path.names if one in properties and one not in declared.required]
        if any("default" not in properties[one] for one in missing):
            raise ConnectorError(f"{', '.join(missing)} stands in the path and must be required.")
        call = replace(call, defaults={one: properties[one]["default"] for one in missing})
        if declared.summary:
            self._known(Pattern.parse(declared.summary).names, given)
        self._check_files(properties, call)
        self._lint(name, declared, properties, call)
        size = paging.size if paging else None
        shape = Shape(
            name=name,
            properties=properties,
            required=declared.required,
            draft={**declared.model_dump(include=_KEPT), "lookups": lookups, "preview": preview},
            run=call,
            output=output_of(declared, paged=paging is not None or declared.items is not None),
            paged=paging is not None,
            sized=size is not None,
            limit={"maximum": size.max, "default": size.default} if size else {},
        )
        return finish(shape, self.naming)

    def resource(self, uri: str, declared: ResourceDeclaration) -> Resource:
        variables = resource_variables(uri, self.naming, f"resource {uri}")
        reading = Reading(
            rules=self.rules,
            reply=declared.reply,
            root=compile_path(declared.root) if declared.root else None,
            fields=fields_of(declared.fields) if declared.fields is not None else None,
        )
        if declared.request.method != "GET":
            raise ConnectorError("a resource is read with GET.")
        return Resource(
            uri=uri,
            name=declared.name,
            title=declared.title or title_of(declared.name),
            description=declared.description,
            run=self._call(declared.request, reading, set(variables), None, {}, idempotent=True),
            mime_type=declared.mime_type,
            variables=variables,
            lookups=declared.lookup,
        )

    def prompt(self, name: str, declared: PromptDeclaration) -> Prompt:
        self.naming.full(name)
        self._known(Pattern.parse(declared.text).names, set(declared.arguments))
        return Prompt(
            name=name,
            title=declared.title or title_of(name),
            description=declared.description or title_of(name),
            arguments=tuple(Argument(key, one.description, one.required) for key, one in declared.arguments.items()),
            run=declared.text,
            lookups={key: one.lookup for key, one in declared.arguments.items() if one.lookup},
        )

    def _call(
        self,
        declared: RequestDeclaration,
        reading: Reading,
        arguments: set[str],
        paging: Paging | None,
        send_as: Mapping[str, str],
        *,
        idempotent: bool,
    ) -> Call:
        path = Pattern.parse(declared.path)
        query = parse(declared.query) if declared.query is not None else None
        payload = payload_of(declared)
        headers = {name: Pattern.parse(value) for name, value in declared.headers.items()}
        for node in (path, query, payload.node if payload else None):
            if node is not None:
                self._known(names_in(node), arguments)
        for pattern in headers.values():
            self._outer(pattern)
        if "?" in declared.path or "#" in declared.path:
            raise ConnectorError(f"path {declared.path!r}: write parameters under query.")
        base = None
        if declared.base_url is not None:
            base = Pattern.parse(declared.base_url)
            if base.literal is None:
                raise ConnectorError("a request's own base_url takes no placeholders.")
            if host_of(declared.base_url) not in self.hosts:
                raise ConnectorError(f"{host_of(declared.base_url)} is not among the connector's hosts; add it there.")
        elif self.declared.base_url is None:
            raise ConnectorError("the connector has no base_url, and this request none of its own.")
        styles: Mapping[str, ArrayStyle] = declared.style if isinstance(declared.style, dict) else {"": declared.style}
        method = "POST" if declared.graphql is not None and declared.method == "GET" else declared.method
        return Call(
            method=method,
            path=path,
            reading=reading,
            base_url=base,
            headers=headers,
            query=query,
            styles=styles,
            payload=payload,
            paging=paging,
            send_as=send_as,
            idempotent=idempotent,
            idempotency=declared.idempotency,
        )

    def _known(self, names: tuple[str, ...], arguments: set[str]) -> None:
        for name in names:
            room, dot, rest = name.partition(".")
            if dot and room == "settings" and self.provider is None and rest not in self.settings:
                raise ConnectorError(f"{{{name}}}: there is no setting {rest!r}.")
            if not (dot and room in ("settings", "account")) and name not in arguments:
                raise ConnectorError(f"{{{name}}} is not an argument of this tool; declare it under input.")

    def _outer(self, pattern: Pattern) -> None:
        """Headers take settings and account fields only: an argument there is the model's word in a header."""
        for name in pattern.names:
            if name.partition(".")[0] not in ("settings", "account"):
                raise ConnectorError(f"{{{name}}}: headers take {{settings.x}} and {{account.x}} only.")
        self._known(pattern.names, set())

    def _check_files(self, properties: Mapping[str, Any], call: Call) -> None:
        """Raise ``ConnectorError`` for a file where no bytes can stand."""
        payload = call.payload
        whole = payload is not None and payload.kind in ("multipart", "raw")
        for name, one in properties.items():
            if not is_file(one) or call.send_as.get(name) == "base64":
                continue
            elsewhere = [node for node in (call.path, call.query) if node is not None]
            elsewhere += [payload.node] if payload is not None and not whole else []
            if any(name in names_in(node) for node in elsewhere):
                raise ConnectorError(f"{name} is a file: send it by multipart or raw, or with send_as: base64.")

    def _lint(self, name: str, declared: ToolDeclaration, properties: Mapping[str, Any], call: Call) -> None:
        where = f"tool {name}"
        used = set(call.path.names)
        for node in (call.query, call.payload.node if call.payload else None):
            used |= set(names_in(node)) if node is not None else set()
        for argument in properties:
            if argument not in used:
                self.naming.warn(where, f"the argument {argument} is not used in the request")
        if declared.effect == "read" and call.method in ("PUT", "PATCH", "DELETE"):
            self.naming.warn(where, f"effect read with {call.method}: say what it really does")
        if declared.effect != "read" and call.method in ("GET", "HEAD"):
            self.naming.warn(where, f"effect {declared.effect} with {call.method}: a GET is sent again when it fails")


_KEPT = {
    "title",
    "description",
    "effect",
    "untrusted",
    "scopes",
    "summary",
    "idempotent",
    "renamed_from",
    "egress",
    "timeout",
}
