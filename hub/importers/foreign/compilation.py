"""From what was accepted of a server's word to a ``CompiledConnector`` of relays.

Schemas pass word for word. A tool that would spoil the whole list for clients is left out, with the reason.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs
import orjson

from hub.errors import ConnectorError
from hub.importers.foreign.accounts import provider_declared, with_account
from hub.importers.foreign.declaration import ServerDeclaration
from hub.importers.foreign.files import file_slots, naming_files
from hub.importers.foreign.names import names_for
from hub.importers.foreign.pin import Pin
from hub.importers.head import ConnectorHeld
from hub.sdk.compilation import validated
from hub.sdk.context import Context
from hub.sdk.declaration import CONTRACT
from hub.sdk.relay import Relay, Server, uri_prefix
from hub.sdk.schema import INPUT_MAX_BYTES, validator
from hub.sdk.shape import title_of
from hub.sdk.tool import Argument, CompiledConnector, Completer, Prompt, Resource, Tool

DESCRIPTION_MAX = 8_000
INSTRUCTIONS_MAX = 500
"""Characters taken of a server's words."""

TOOLS_MAX = 300
"""Tools taken of one server."""

_ANYTHING = jsonschema_rs.validator_for({"type": "object"})
_VARIABLE = re.compile(r"\{[+#./;?&]?([^{}]+)\}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}\Z")
_FIELD = re.compile(r"\{([^{}]*)\}")
_RESERVED_HEADERS = frozenset({"host", "content-length", "content-type", "accept", "connection", "transfer-encoding"})
_KEPT = ("icons", "size", "annotations")


def compile_server(
    name: str, data: Any, pin: Pin | None, file: str, *, prefix: bool = True, configured: bool = False
) -> CompiledConnector:
    """Compile a parsed ``kind: mcp`` with what is pinned of its server; without a pin it offers nothing yet.

    ``configured``: it comes from the operator's configuration and may name a command. Raises ``ConnectorError``, and
    ``ConnectorHeld`` where the pin is another address's.
    """
    declared = validated(ServerDeclaration, data, file)
    server = _server(declared, file, configured=configured)
    provider, auth = provider_declared(name, declared, data, file)
    if provider is not None:
        server = replace(server, sign_in=True)
    if pin is not None and pin.accepted is not None and pin.address != server.address:
        raise ConnectorHeld(
            f"held back: its server was {pin.address} and is now {server.address}. If that is right: "
            f"hub pin accept {name} --moved"
        )
    compiler = _Compiler(name, declared, pin or Pin(server.address), prefix, accounts=provider is not None)
    tools = compiler.tools()
    return CompiledConnector(
        name=name,
        title=declared.title,
        description=declared.description,
        version=declared.version,
        category=declared.category,
        tools=tools,
        resources=compiler.resources(),
        prompts=compiler.prompts(),
        instructions=compiler.instructions(),
        server=server,
        provider=provider,
        auth=auth,
        warnings=tuple(compiler.warnings),
    )


def _server(declared: ServerDeclaration, file: str, *, configured: bool) -> Server:
    if declared.contract > CONTRACT:
        raise ConnectorError(f"{file}: contract {declared.contract} is newer than this hub knows ({CONTRACT}).")
    if declared.command is not None and not configured:
        raise ConnectorError(
            f"{file}: command: a program is named in the operator's configuration only, under commands; use url here."
        )
    if (declared.url is None) == (declared.command is None):
        raise ConnectorError(f"{file}: url is needed: the address of the MCP server.")
    if declared.url is not None:
        parts = urlsplit(declared.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or parts.fragment:
            raise ConnectorError(f"{file}: url: an address such as https://mcp.example.com/mcp is needed.")
    for header, value in declared.headers.items():
        wrong = not _HEADER.match(header) or header.lower() in _RESERVED_HEADERS or header.lower().startswith("mcp-")
        if wrong or not value.isprintable():
            raise ConnectorError(f"{file}: headers: {header!r} cannot be set.")
    given = declared.credential
    if given is not None and not _FIELD.search(given.value):
        raise ConnectorError(f"{file}: credential.value: write {{field}} where the credential's field belongs.")
    return Server(
        title=declared.title,
        url=declared.url,
        command=declared.command,
        headers=declared.headers,
        credential=(given.header, given.value) if given is not None and given.from_ == "operator" else None,
        allow=frozenset(declared.allow),
    )


class _Compiler:
    """One compilation."""

    def __init__(self, name: str, declared: ServerDeclaration, pin: Pin, prefix: bool, *, accounts: bool) -> None:
        self._accounts = accounts
        self._name = name
        self._declared = declared
        self._pin = pin
        self._prefix = prefix
        self._accepted = pin.accepted or {}
        self._before = uri_prefix(name)
        self._ui = "ui" in declared.allow
        self.warnings: list[str] = []

    def instructions(self) -> str:
        """The operator's words, else the server's, marked as such."""
        if self._declared.instructions is not None:
            return self._declared.instructions
        told = self._accepted.get("instructions")
        return f"this server says: {told[:INSTRUCTIONS_MAX]}" if isinstance(told, str) and told.strip() else ""

    def tools(self) -> dict[str, Tool]:
        """The tools by the hub's names."""
        listed = self._named("tools")
        if len(listed) > TOOLS_MAX:
            self.warnings.append(f"it has {len(listed)} tools; the first {TOOLS_MAX} by name are taken")
            listed = dict(list(listed.items())[:TOOLS_MAX])
        names = names_for(listed, self._name, prefix=self._prefix)
        found = {}
        for own, one in listed.items():
            try:
                found[names[own]] = self._tool(own, names[own], one)
            except ConnectorError as wrong:
                self.warnings.append(f"tool {own[:60]} is left out: {wrong}")
        return found

    def _tool(self, own: str, name: str, one: Mapping[str, Any]) -> Tool:
        schema = one.get("inputSchema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            raise ConnectorError("its input schema is not one of an object.")
        headers = tuple(_mirrored(schema, ()))
        renamed: tuple[tuple[str, str], ...] = ()
        if self._accounts:
            schema, renamed = with_account(schema)
        size = len(orjson.dumps(schema))
        if size > INPUT_MAX_BYTES:
            raise ConnectorError(f"its input schema has {size:,} bytes; clients take at most {INPUT_MAX_BYTES:,}.")
        slots = file_slots(schema)
        try:
            check = validator(naming_files(schema, slots), own)
        except ConnectorError:
            check = _ANYTHING  # the server judges its own arguments
        output = one.get("outputSchema")
        effect = self._declared.effects.get(own) or self._pin.effects.get(own, "write")
        title = _text(one.get("title")) or _text(_mapping(one.get("annotations")).get("title")) or title_of(name)
        return Tool(
            name=name,
            title=title[:200],
            description=_text(one.get("description"))[:DESCRIPTION_MAX],
            input=schema,
            effect=effect,
            run=Relay(self._name, "tools/call", own, headers, renamed, slots),
            validator=check,
            output=output if isinstance(output, dict) else None,
            untrusted=True,
            summary=f"{self._declared.title}: {own}",
            meta=self._meta(one),
            further={"icons": one["icons"]} if isinstance(one.get("icons"), list) else {},
        )

    def _meta(self, one: Mapping[str, Any]) -> dict[str, Any]:
        """A definition's ``_meta`` without what is the hub's, the protocol's, or a page that is not allowed."""
        kept = {}
        for key, value in _mapping(one.get("_meta")).items():
            ui = key == "ui" or key.startswith(("ui/", "openai/"))
            if key.startswith(("hub/", "io.modelcontextprotocol/")) or (ui and not self._ui):
                continue
            if key == "ui" and isinstance(_mapping(value).get("resourceUri"), str):
                value = {**value, "resourceUri": self._before + value["resourceUri"]}
            kept[key] = value
        return kept

    def resources(self) -> tuple[Resource, ...]:
        """Resources and templates under the hub's URIs."""
        found: dict[str, Resource] = {}
        for key, listed in (("uri", self._pin.resources), ("uriTemplate", self._accepted.get("resourceTemplates", ()))):
            for one in listed:
                uri = one.get(key)
                if isinstance(uri, str) and uri and (self._ui or not uri.startswith("ui:")):
                    found.setdefault(self._before + uri, self._resource(uri, one, template=key == "uriTemplate"))
        return tuple(found.values())

    def _resource(self, uri: str, one: Mapping[str, Any], *, template: bool) -> Resource:
        name = _text(one.get("name")) or uri
        parts = [part for held in _VARIABLE.findall(uri) for part in held.split(",")] if template else []
        variables = tuple(part.rstrip("*").partition(":")[0] for part in parts)
        return Resource(
            uri=self._before + uri,
            name=name,
            title=(_text(one.get("title")) or name)[:200],
            description=_text(one.get("description"))[:DESCRIPTION_MAX],
            run=Relay(self._name, "resources/read", uri),
            mime_type=_text(one.get("mimeType")) or None,
            variables=variables,
            completions={
                variable: self._completer({"type": "ref/resource", "uri": uri}, variable) for variable in variables
            },
            further={key: one[key] for key in _KEPT if key in one},
        )

    def prompts(self) -> dict[str, Prompt]:
        """The prompts by the hub's names."""
        listed = self._named("prompts")
        names = names_for(listed, self._name, prefix=self._prefix)
        found = {}
        for own, one in listed.items():
            held = one.get("arguments")
            arguments = tuple(
                Argument(each["name"], _text(each.get("description")), each.get("required") is True)
                for each in (held if isinstance(held, list) else [])
                if isinstance(each, dict) and isinstance(each.get("name"), str)
            )
            found[names[own]] = Prompt(
                name=names[own],
                title=(_text(one.get("title")) or title_of(names[own]))[:200],
                description=_text(one.get("description"))[:DESCRIPTION_MAX],
                arguments=arguments,
                run=Relay(self._name, "prompts/get", own),
                completions={
                    each.name: self._completer({"type": "ref/prompt", "name": own}, each.name) for each in arguments
                },
                further={"icons": one["icons"]} if isinstance(one.get("icons"), list) else {},
            )
        return found

    def _completer(self, ref: dict[str, str], argument: str) -> Completer:
        relay = Relay(self._name, "completion/complete")

        async def complete(context: Context, typed: str, given: Mapping[str, str]) -> list[str]:
            if context.relays is None:
                return []
            asked: dict[str, Any] = {"ref": ref, "argument": {"name": argument, "value": typed}}
            if given:
                asked["context"] = {"arguments": dict(given)}
            held = _mapping((await context.relays(relay, asked, context)).result.get("completion")).get("values")
            return [one for one in held if isinstance(one, str)] if isinstance(held, list) else []

        return complete

    def _named(self, key: str) -> dict[str, Mapping[str, Any]]:
        """What a list holds, by the server's names; the first of two that bear one name counts."""
        found: dict[str, Mapping[str, Any]] = {}
        for one in self._accepted.get(key, ()):
            own = one.get("name")
            if isinstance(own, str) and own:
                if own in found:
                    self.warnings.append(f"{key}: {own[:60]} is defined twice; the first counts")
                found.setdefault(own, one)
        return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _mirrored(schema: Mapping[str, Any], path: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
    """The arguments a server wants repeated in headers (2026-07-28, streamable-http, Custom Headers). Raises
    ``ConnectorError`` for annotations that are not allowed, as the specification has such tools dropped."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for name, inner in _mapping(schema.get("properties")).items():
        inner = _mapping(inner)
        header = inner.get("x-mcp-header")
        if header is not None:
            fits = isinstance(header, str) and _HEADER.match(header)
            if not fits or inner.get("type") not in ("string", "integer", "boolean"):
                raise ConnectorError(f"its argument {name} has an x-mcp-header that is not allowed.")
            found.append((f"Mcp-Param-{header}", (*path, name)))
        if len(path) < 16:
            found += _mirrored(inner, (*path, name))
    if len({header.lower() for header, _ in found}) < len(found):
        raise ConnectorError("two of its arguments want the same header.")
    return found
