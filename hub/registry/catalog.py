"""The catalog: all that is loaded at one moment, immutable, and swapped whole.

Whoever holds one keeps working with it while the next is made. Connectors stand in the order of their names, what they
offer in the order of its declaration. Not the loading (``registry.py``), and not who may see what (the gateway's).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from hub.errors import ConnectorError
from hub.registry.entries import Entry, Listing, Offer, PromptEntry, ResourceEntry, TemplateEntry, offer_of
from hub.registry.providers import ProviderState, provider_of
from hub.sdk.names import RESERVED_CONNECTORS
from hub.sdk.provider import Provider, check_joined
from hub.sdk.relay import Server, connector_of_uri
from hub.sdk.tool import CompiledConnector

State = Literal["ok", "stale", "set_aside", "held", "disabled"]
"""held: waits for an admin to agree. ok: as its files say. stale: the last good version serves. set_aside: nothing
serves. disabled: by the operator."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One connector and how it fares.

    ``reason`` says why it is not ok, for the author or operator. ``place`` is where it was found (``shipped`` or a
    folder), ``path`` its file or folder, ``replaces`` those of earlier places that it replaces. ``warnings`` are lints.
    ``code`` is the digest of the code that serves: of other code, another.
    """

    name: str
    state: State
    place: str
    path: str
    shipped: bool = False
    reason: str | None = None
    replaces: str | None = None
    compiled: CompiledConnector | None = None
    warnings: tuple[str, ...] = ()
    offer: Offer = field(default_factory=Offer)
    provider: Provider | None = None
    code: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """A snapshot. ``tools`` also holds old names, unlisted; the ``listed_*`` lists are as the protocol lists them and
    stay the same objects from one catalog to the next as long as they are equal. ``states`` are the declared providers
    and how they fare, ``providers`` those that serve, with those that connectors declare themselves."""

    connectors: Mapping[str, Loaded] = field(default_factory=dict)
    tools: Mapping[str, Entry] = field(default_factory=dict)
    resources: Mapping[str, ResourceEntry] = field(default_factory=dict)
    templates: Mapping[str, TemplateEntry] = field(default_factory=dict)
    prompts: Mapping[str, PromptEntry] = field(default_factory=dict)
    listed_tools: list[Listing] = field(default_factory=list)
    listed_resources: list[Listing] = field(default_factory=list)
    listed_templates: list[Listing] = field(default_factory=list)
    listed_prompts: list[Listing] = field(default_factory=list)
    states: Mapping[str, ProviderState] = field(default_factory=dict)
    providers: Mapping[str, Provider] = field(default_factory=dict)

    @property
    def servers(self) -> dict[str, Server]:
        """The other MCP servers, by connector."""
        compiled = {name: loaded.compiled for name, loaded in self.connectors.items()}
        return {name: one.server for name, one in compiled.items() if one is not None and one.server is not None}

    def template_for(self, uri: str) -> tuple[TemplateEntry, dict[str, str]] | None:
        """The first template that ``uri`` fits, with its variables, percent-decoded; else its MCP server."""
        for entry in self.templates.values():
            variables = entry.match(uri)
            if variables is not None:
                return entry, variables
        loaded = self.connectors.get(connector_of_uri(uri) or "")
        return (loaded.offer.foreign, {}) if loaded is not None and loaded.offer.foreign is not None else None


def catalog_of(
    loads: Iterable[Loaded],
    *,
    unprefixed: frozenset[str],
    previous: Catalog,
    states: Mapping[str, ProviderState] | None = None,
) -> Catalog:
    """The catalog of ``loads`` (without their offers).

    A connector one of whose full names is already another's, or one of the hub's own, is set aside with that reason;
    of another MCP server only what bears that name is left out.
    ``previous`` itself is returned when nothing differs from it.
    """
    states = {} if states is None else states
    ordered = sorted(loads, key=lambda one: one.name)
    drawn = _Drawing(previous, unprefixed, states, frozenset(one.name for one in ordered))
    for loaded in ordered:
        drawn.add(loaded)
    if drawn.connectors == previous.connectors and states == previous.states:
        return previous
    drawn.add_old_names()
    return Catalog(
        MappingProxyType(drawn.connectors),
        MappingProxyType(drawn.tools),
        MappingProxyType(drawn.resources),
        MappingProxyType(drawn.templates),
        MappingProxyType(drawn.prompts),
        _kept(previous.listed_tools, [one.listing for one in drawn.tools.values() if one.listed]),
        _kept(previous.listed_resources, [one.listing for one in drawn.resources.values()]),
        _kept(previous.listed_templates, [one.listing for one in drawn.templates.values()]),
        _kept(previous.listed_prompts, [one.listing for one in drawn.prompts.values()]),
        states,
        MappingProxyType(drawn.providers()),
    )


def _kept(before: list[Listing], now: list[Listing]) -> list[Listing]:
    return before if before == now else now


def _names(offer: Offer) -> set[str]:
    return {one.full_name for one in offer.tools} | {one.full_name for one in offer.prompts}


class _Drawing:
    """A catalog being put together."""

    def __init__(
        self,
        previous: Catalog,
        unprefixed: frozenset[str],
        states: Mapping[str, ProviderState],
        names: frozenset[str],
    ) -> None:
        self._states = states
        self._names = names
        self._previous = previous
        self._unprefixed = unprefixed
        self.connectors: dict[str, Loaded] = {}
        self.tools: dict[str, Entry] = {}
        self.resources: dict[str, ResourceEntry] = {}
        self.templates: dict[str, TemplateEntry] = {}
        self.prompts: dict[str, PromptEntry] = {}

    def add(self, loaded: Loaded) -> None:
        """Take in one connector with what it offers, or set it aside."""
        if loaded.compiled is None:
            self.connectors[loaded.name] = loaded
            return
        try:
            left_out: tuple[str, ...] = ()
            if loaded.compiled.server is None:
                offer = self._offer(loaded.compiled)
            else:
                offer, left_out = self._foreign(loaded.compiled)
            self._free(offer)
            provider = provider_of(loaded.compiled, self._states, loaded.place, shipped=loaded.shipped)
            if provider is not None:
                server = loaded.compiled.server
                if server is None:
                    check_joined(provider, loaded.compiled.base_url, loaded.compiled.settings)
                else:
                    check_joined(provider, server.url, loaded.compiled.settings, key="url")
        except ConnectorError as wrong:
            self.connectors[loaded.name] = replace(loaded, state="set_aside", reason=str(wrong), compiled=None)
            return
        warnings = loaded.compiled.warnings + offer.warnings + self._lost_names(offer) + left_out
        self.connectors[loaded.name] = replace(loaded, offer=offer, warnings=warnings, provider=provider)
        self.tools.update((one.full_name, one) for one in offer.tools)
        self.resources.update((one.uri, one) for one in offer.resources)
        self.templates.update((one.uri_template, one) for one in offer.templates)
        self.prompts.update((one.full_name, one) for one in offer.prompts)

    def providers(self) -> dict[str, Provider]:
        """The providers that serve: the declared ones, and those of connectors with ``auth``."""
        found = {name: state.provider for name, state in self._states.items() if state.provider is not None}
        own = {one.provider.name: one.provider for one in self.connectors.values() if one.provider is not None}
        return {**own, **found}

    def add_old_names(self) -> None:
        """Let old names lead to their tools where no tool, and no earlier connector's old name, bears them."""
        for loaded in self.connectors.values():
            for name, entry in loaded.offer.old_names:
                self.tools.setdefault(name, entry)

    def _offer(self, compiled: CompiledConnector) -> Offer:
        before = self._previous.connectors.get(compiled.name)
        if before is not None and before.compiled is compiled:
            return before.offer
        return offer_of(compiled, prefix=compiled.name not in self._unprefixed)

    def _foreign(self, compiled: CompiledConnector) -> tuple[Offer, tuple[str, ...]]:
        """What another server offers under names that are its own, and warnings of the rest: ``google`` must not come
        to ``google_calendar``'s names, nor have that set aside, by what its server calls a tool."""
        offer = offer_of(compiled, prefix=compiled.name not in self._unprefixed)
        others = tuple(f"{one}_" for one in self._names if one.startswith(f"{compiled.name}_"))
        tools = tuple(one for one in offer.tools if self._own(one.full_name, others, self.tools))
        prompts = tuple(one for one in offer.prompts if self._own(one.full_name, others, self.prompts))
        made = replace(offer, tools=tools, prompts=prompts)
        kept = _names(made)
        lost = sorted(_names(offer) - kept)
        told = tuple(f"{one} is left out: its name is another connector's" for one in lost)
        before = self._previous.connectors.get(compiled.name)
        if before is not None and before.compiled is compiled and _names(before.offer) == kept:
            return before.offer, told  # the same objects, by which a catalog is known to be the same
        return made, told

    @staticmethod
    def _own(full_name: str, others: tuple[str, ...], taken: Mapping[str, object]) -> bool:
        return not full_name.startswith(others) and full_name not in taken

    def _free(self, offer: Offer) -> None:
        """Raise ``ConnectorError`` when a full name of ``offer`` is taken."""
        taken: Mapping[str, Entry | PromptEntry]
        for kind, taken, names in (
            ("tool", self.tools, [one.full_name for one in offer.tools]),
            ("prompt", self.prompts, [one.full_name for one in offer.prompts]),
        ):
            for name in names:
                for reserved in RESERVED_CONNECTORS:
                    if name.startswith(f"{reserved}_"):
                        raise ConnectorError(f"the {kind} {name}: names that begin with {reserved}_ are the hub's own.")
                if name in taken:
                    other = taken[name].connector.name
                    raise ConnectorError(f"the {kind} {name} is already one of the connector {other}; rename one.")

    def _lost_names(self, offer: Offer) -> tuple[str, ...]:
        current = {one.full_name for one in offer.tools} | set(self.tools)
        return tuple(
            f"tool {entry.name}: renamed_from: {name} is a tool's present name and leads there"
            for name, entry in offer.old_names
            if name in current
        )


def to_json(loaded: Loaded) -> dict[str, Any]:
    """One connector as ``hub list --json`` prints it."""
    compiled = loaded.compiled
    return {
        "name": loaded.name,
        "state": loaded.state,
        "reason": loaded.reason,
        "place": loaded.place,
        "path": loaded.path,
        "replaces": loaded.replaces,
        "version": compiled.version if compiled else None,
        "title": compiled.title if compiled else None,
        "description": compiled.description if compiled else None,
        "category": compiled.category if compiled else None,
        "provider": compiled.provider if compiled else None,
        "warnings": list(loaded.warnings),
        "tools": [
            {
                "name": one.full_name,
                "title": one.tool.title,
                "description": one.tool.description,
                "input_schema": one.tool.input,
                "output_schema": one.tool.output,
                "annotations": one.listing["annotations"],
                "effect": one.tool.effect,
                "idempotent": one.tool.idempotent,
                "scopes": list(one.tool.scopes),
                "renamed_from": list(one.tool.renamed_from),
            }
            for one in loaded.offer.tools
        ],
        "resources": [one.uri for one in loaded.offer.resources],
        "resource_templates": [one.uri_template for one in loaded.offer.templates],
        "prompts": [one.full_name for one in loaded.offer.prompts],
    }
