"""Entries: what one connector offers, each with the dict the protocol lists it as, made once.

Not the snapshot over all connectors (``catalog.py``), and not who may see what (the gateway's).
"""

from dataclasses import dataclass
from typing import Any

from hub.errors import ConnectorError
from hub.registry.template import Template
from hub.sdk.names import full_name
from hub.sdk.tool import CompiledConnector, Prompt, Resource, Tool

Listing = dict[str, Any]
"""One thing as the protocol lists it (specification 2026-07-28); shared by all who list it, so never to be changed."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A tool as it can be called. ``full_name`` is its current name also where an old one (``renamed_from``) leads
    here; then ``listed`` is false."""

    connector: CompiledConnector
    tool: Tool
    full_name: str
    listing: Listing
    listed: bool = True


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
    tell of those that cannot."""

    tools: tuple[Entry, ...] = ()
    old_names: tuple[tuple[str, Entry], ...] = ()
    resources: tuple[ResourceEntry, ...] = ()
    templates: tuple[TemplateEntry, ...] = ()
    prompts: tuple[PromptEntry, ...] = ()
    warnings: tuple[str, ...] = ()


def offer_of(connector: CompiledConnector, *, prefix: bool) -> Offer:
    """What ``connector`` offers; raises ``ConnectorError`` for a name that cannot be listed."""
    tools: list[Entry] = []
    old_names: list[tuple[str, Entry]] = []
    warnings: list[str] = []
    for tool in connector.tools.values():
        full = full_name(connector.name, tool.name, prefix=prefix)
        listing = _tool(tool, full)
        tools.append(Entry(connector, tool, full, listing))
        for old in tool.renamed_from:
            try:
                old_names.append(
                    (full_name(connector.name, old, prefix=prefix), Entry(connector, tool, full, listing, listed=False))
                )
            except ConnectorError as wrong:
                warnings.append(f"tool {tool.name}: renamed_from: {wrong}")
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
    )


def _tool(tool: Tool, full: str) -> Listing:
    listing: Listing = {
        "name": full,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.input,
    }
    if tool.output is not None:
        listing["outputSchema"] = tool.output
    listing["annotations"] = tool.annotations()
    if tool.meta:
        listing["_meta"] = dict(tool.meta)
    return listing


def _resource(resource: Resource, key: str) -> Listing:
    listing: Listing = {key: resource.uri, "name": resource.name, "title": resource.title}
    if resource.description:
        listing["description"] = resource.description
    if resource.mime_type is not None:
        listing["mimeType"] = resource.mime_type
    return listing


def _prompt(prompt: Prompt, full: str) -> Listing:
    arguments: list[Listing] = []
    for one in prompt.arguments:
        argument: Listing = {"name": one.name}
        if one.description:
            argument["description"] = one.description
        argument["required"] = one.required
        arguments.append(argument)
    return {"name": full, "title": prompt.title, "description": prompt.description, "arguments": arguments}
