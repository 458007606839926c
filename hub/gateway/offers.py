"""What each caller is shown: the lists, made once per catalog, set of effects and profile.

Not authorization: ``authorize.allowed`` decides, this remembers what it said.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from hub.gateway.authorize import allowed
from hub.gateway.listeners import ListKind
from hub.identity import Caller, Profile
from hub.registry import Catalog, Listing
from hub.sdk.file_schema import MARK
from hub.sdk.tool import EFFECTS, CompiledConnector, Effect

_NOTHING: list[Listing] = []

INSTRUCTIONS_MAX = 2000
"""Characters of instructions that clients keep."""

_OPENING = (
    "This hub gives access to several apps. Each tool is named after its app: <app>_<action>. "
    "A result with next_cursor has more: call again with the same arguments and cursor set to it."
)


class _Readable(Protocol):
    """An entry of what is read: a resource, a template, a prompt."""

    @property
    def connector(self) -> CompiledConnector: ...

    @property
    def listing(self) -> Listing: ...


class Offers:
    """The lists by catalog; the same list object comes back until the catalog changes."""

    def __init__(self, own: list[Listing] | None = None) -> None:
        self._own = own or []
        self._for: Catalog | None = None
        self._kept: dict[tuple[str, frozenset[Effect], Profile | None], list[Listing]] = {}
        self._told: tuple[Catalog, dict[Profile | None, str]] | None = None

    def tools(self, catalog: Catalog, caller: Caller) -> list[Listing]:
        """Tools whose effect the caller's grant covers."""
        kept = self._kept.get(("tools", caller.effects, caller.profile)) if self._for is catalog else None
        return self._once("tools", catalog, caller, partial(self._tools, catalog, caller)) if kept is None else kept

    def _tools(self, catalog: Catalog, caller: Caller) -> list[Listing]:
        """The connectors' tools, and of the hub's own those that have a use: about accounts where there are some to be
        connected, about files where some tool takes one, or an account or another server may give one."""
        found = _allowed_tools(catalog, caller)
        if not self._own or "read" not in caller.effects:
            return found
        accounts = any(loaded.provider is not None for loaded in catalog.connectors.values())
        served = any(one.compiled is not None and one.compiled.server for one in catalog.connectors.values())
        files = accounts or served or any(MARK in str(one.get("inputSchema")) for one in found)
        own = [one for one in self._own if (files if str(one["name"]).endswith("_file") else accounts)]
        return [*found, *own] if own else found

    def resources(self, catalog: Catalog, caller: Caller) -> list[Listing]:
        """Resources, where the caller may read."""
        return self._readable("resources", catalog, caller, catalog.listed_resources, catalog.resources)

    def templates(self, catalog: Catalog, caller: Caller) -> list[Listing]:
        """Resource templates, where the caller may read."""
        return self._readable("templates", catalog, caller, catalog.listed_templates, catalog.templates)

    def prompts(self, catalog: Catalog, caller: Caller) -> list[Listing]:
        """Prompts, where the caller may read."""
        return self._readable("prompts", catalog, caller, catalog.listed_prompts, catalog.prompts)

    def instructions(self, catalog: Catalog, caller: Caller) -> str:
        """The hub's own words, then each connector's, as far as they fit."""
        if self._told is None or self._told[0] is not catalog:
            self._told = (catalog, {})
        told = self._told[1]
        if caller.profile not in told:
            told[caller.profile] = _instructions(catalog, caller.profile)
        return told[caller.profile]

    def differing(self, old: Catalog, new: Catalog) -> list[ListKind]:
        """Which lists read differently in ``new``."""
        kinds: list[ListKind] = []
        if old.listed_tools is not new.listed_tools:
            kinds.append("tools")
        if old.listed_prompts is not new.listed_prompts:
            kinds.append("prompts")
        if old.listed_resources is not new.listed_resources or old.listed_templates is not new.listed_templates:
            kinds.append("resources")
        return kinds

    def _readable(
        self, kind: str, catalog: Catalog, caller: Caller, listed: list[Listing], entries: Mapping[str, _Readable]
    ) -> list[Listing]:
        if "read" not in caller.effects:
            return _NOTHING
        if caller.profile is None:
            return listed

        def make() -> list[Listing]:
            return [one.listing for one in entries.values() if allowed(caller, "read", one.connector.name)]

        return self._once(kind, catalog, caller, make)

    def _once(self, kind: str, catalog: Catalog, caller: Caller, make: Callable[[], list[Listing]]) -> list[Listing]:
        if self._for is not catalog:
            self._for = catalog
            self._kept = {}
        key = (kind, caller.effects, caller.profile)
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = make()
        return kept


def _allowed_tools(catalog: Catalog, caller: Caller) -> list[Listing]:
    if caller.profile is None and caller.effects.issuperset(EFFECTS):
        return catalog.listed_tools
    return [
        entry.listing
        for entry in catalog.tools.values()
        if entry.listed and allowed(caller, entry.effect, entry.connector.name, entry.full_name)
    ]


def _instructions(catalog: Catalog, profile: Profile | None) -> str:
    lines = [_OPENING]
    length = len(_OPENING)
    for loaded in catalog.connectors.values():
        connector = loaded.compiled
        if connector is None or not connector.instructions:
            continue
        if profile is not None and profile.connectors is not None and connector.name not in profile.connectors:
            continue
        line = f"{connector.name}: {' '.join(connector.instructions.split())}"
        if length + len(line) + 1 > INSTRUCTIONS_MAX:
            break
        lines.append(line)
        length += len(line) + 1
    return "\n".join(lines)
