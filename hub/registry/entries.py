"""Entries: what one connector offers, each with the dict the protocol lists it as, made once.

Not the snapshot over all connectors (``catalog.py``), and not who may see what (the gateway's).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

from hub.errors import ConnectorError
from hub.registry.template import Template
from hub.sdk.names import full_name
from hub.sdk.relay import Relay, uri_prefix
from hub.sdk.tool import CompiledConnector, Effect, Prompt, Resource, Tool

Listing = dict[str, Any]
"""One thing as the protocol lists it (specification 2026-07-28); shared by all who list it, so never to be changed."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the catalog knows of a tool before it is used: ``listing`` is all the protocol lists but its full name."""

    name: str
    effect: Effect
    renamed_from: tuple[str, ...]
    listing: Listing


@runtime_checkable
class Sheeted(Protocol):
    """Tools that know how they are listed before they are compiled (``shelf.py``)."""

    @property
    def sheets(self) -> tuple[Sheet, ...]: ...


def sheets_of(connector: CompiledConnector) -> tuple[Sheet, ...]:
    """The sheets of a connector's tools, in the order of its declarations."""
    if isinstance(connector.tools, Sheeted):
        return connector.tools.sheets
    return tuple(Sheet(one.name, one.effect, one.renamed_from, _tool(one)) for one in connector.tools.values())


@dataclass(frozen=True, eq=False)
class Entry:
    """A tool as it can be called, ``name`` its connector's name for it. ``full_name`` is its current name also where
    an old one (``renamed_from``) leads here; then ``listed`` is false."""

    connector: CompiledConnector
    name: str
    effect: Effect
    full_name: str
    listing: Listing
    listed: bool = True

    @cached_property
    def tool(self) -> Tool:
        """The tool itself; one from the shelf is compiled when it is first asked for."""
        return self.connector.tools[self.name]


@dataclass(frozen=True, slots=True, eq=False)
class ResourceEntry:
    """A resource at one URI."""

    connector: CompiledConnector
    resource: Resource
    uri: str
    listing: Listing


@dataclass(frozen=True, slots=True, eq=False)
class TemplateEntry:
    """A resource template; ``match`` tells the variables of a URI that fits it."""

    connector: CompiledConnector
    resource: Resource
    uri_template: str
    listing: Listing
    template: Template

    def match(self, uri: str) -> dict[str, str] | None:
        """The variables of ``uri``, percent-decoded, or None."""
        return self.template.match(uri)


@dataclass(frozen=True, slots=True, eq=False)
class PromptEntry:
    """A prompt under its full name, made as a tool's."""

    connector: CompiledConnector
    prompt: Prompt
    full_name: str
    listing: Listing


@dataclass(frozen=True, slots=True)
class Offer:
    """All entries of one connector, in the order of its declarations. ``old_names`` lead to tools; ``warnings``
    tell of those that cannot. ``foreign`` stands for every other URI of the MCP server behind it."""

    tools: tuple[Entry, ...] = ()
    old_names: tuple[tuple[str, Entry], ...] = ()
    resources: tuple[ResourceEntry, ...] = ()
    templates: tuple[TemplateEntry, ...] = ()
    prompts: tuple[PromptEntry, ...] = ()
    warnings: tuple[str, ...] = ()
    foreign: TemplateEntry | None = None


def offer_of(connector: CompiledConnector, *, prefix: bool) -> Offer:
    """What ``connector`` offers; raises ``ConnectorError`` for a name that cannot be listed."""
    tools: list[Entry] = []
    old_names: list[tuple[str, Entry]] = []
    warnings: list[str] = []
    for sheet in sheets_of(connector):
        full = full_name(connector.name, sheet.name, prefix=prefix)
        listing: Listing = {"name": full, **sheet.listing}
        tools.append(Entry(connector, sheet.name, sheet.effect, full, listing))
        for old in sheet.renamed_from:
            try:
                former = full_name(connector.name, old, prefix=prefix)
            except ConnectorError as wrong:
                warnings.append(f"tool {sheet.name}: renamed_from: {wrong}")
            else:
                entry = Entry(connector, sheet.name, sheet.effect, full, listing, listed=False)
                old_names.append((former, entry))
    resources = [one for one in connector.resources if not one.variables]
    templates = [one for one in connector.resources if one.variables]
    prompts = [(full_name(connector.name, one.name, prefix=prefix), one) for one in connector.prompts.values()]
    return Offer(
        tuple(tools),
        tuple(old_names),
        tuple(ResourceEntry(connector, one, one.uri, _resource(one, "uri")) for one in resources),
        tuple(
            TemplateEntry(connector, one, one.uri, _resource(one, "uriTemplate"), Template(one.uri))
            for one in templates
        ),
        tuple(PromptEntry(connector, one, full, _prompt(one, full)) for full, one in prompts),
        tuple(warnings),
        _foreign(connector),
    )


def _foreign(connector: CompiledConnector) -> TemplateEntry | None:
    if connector.server is None:
        return None
    uri = f"{uri_prefix(connector.name)}{{uri}}"
    run = Relay(connector.name, "resources/read")
    resource = Resource(uri, "resource", "Resource", "", run, variables=("uri",))
    return TemplateEntry(connector, resource, uri, {}, Template(uri))


def _tool(tool: Tool) -> Listing:
    listing: Listing = {
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.input,
    }
    if tool.output is not None:
        listing["outputSchema"] = tool.output
    listing["annotations"] = tool.annotations()
    if tool.meta:
        listing["_meta"] = dict(tool.meta)
    return {**tool.further, **listing}


def _resource(resource: Resource, key: str) -> Listing:
    listing: Listing = {key: resource.uri, "name": resource.name, "title": resource.title}
    if resource.description:
        listing["description"] = resource.description
    if resource.mime_type is not None:
        listing["mimeType"] = resource.mime_type
    return {**resource.further, **listing}


def _prompt(prompt: Prompt, full: str) -> Listing:
    arguments: list[Listing] = []
    for one in prompt.arguments:
        argument: Listing = {"name": one.name}
        if one.description:
            argument["description"] = one.description
        argument["required"] = one.required
        arguments.append(argument)
    return {
        **prompt.further,
        "name": full,
        "title": prompt.title,
        "description": prompt.description,
        "arguments": arguments,
    }
