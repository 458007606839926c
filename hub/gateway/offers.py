"""What each caller is shown: the lists, made once per catalog and set of effects.

Not authorization: ``authorize.allowed`` decides, this remembers what it said.
"""

from collections.abc import Callable

from hub.gateway.authorize import allowed
from hub.gateway.listeners import ListKind
from hub.identity import Caller
from hub.registry import Catalog, Listing
from hub.sdk.tool import EFFECTS, Effect

_NOTHING: list[Listing] = []

INSTRUCTIONS_MAX = 2000
"""Characters of instructions that clients keep."""

_OPENING = (
    "This hub gives access to several apps. Each tool is named after its app: <app>_<action>. "
    "A result with next_cursor has more: call again with the same arguments and cursor set to it."
)


class Offers:
    """The lists by catalog; the same list object comes back until the catalog changes."""

    def __init__(self) -> None:
        self._for: Catalog | None = None
        self._kept: dict[frozenset[Effect], list[Listing]] = {}
        self._told: tuple[Catalog, str] | None = None

    def tools(self, catalog: Catalog, caller: Caller) -> list[Listing]:
        """Tools whose effect the caller's grant covers."""
        if all(allowed(caller, effect) for effect in EFFECTS):
            return catalog.listed_tools
        return self._once(catalog, caller, lambda: _allowed_tools(catalog, caller))

    def resources(self, catalog: Catalog, caller: Caller) -> list[Listing]:
        """Resources, where the caller may read."""
        return catalog.listed_resources if allowed(caller, "read") else _NOTHING

    def templates(self, catalog: Catalog, caller: Caller) -> list[Listing]:
        """Resource templates, where the caller may read."""
        return catalog.listed_templates if allowed(caller, "read") else _NOTHING

    def prompts(self, catalog: Catalog, caller: Caller) -> list[Listing]:
        """Prompts, where the caller may read."""
        return catalog.listed_prompts if allowed(caller, "read") else _NOTHING

    def instructions(self, catalog: Catalog, caller: Caller) -> str:
        """The hub's own words, then each connector's, as far as they fit."""
        if self._told is None or self._told[0] is not catalog:
            self._told = (catalog, _instructions(catalog))
        return self._told[1]

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

    def _once(self, catalog: Catalog, caller: Caller, make: Callable[[], list[Listing]]) -> list[Listing]:
        if self._for is not catalog:
            self._for = catalog
            self._kept = {}
        kept = self._kept.get(caller.effects)
        if kept is None:
            kept = self._kept[caller.effects] = make()
        return kept


def _allowed_tools(catalog: Catalog, caller: Caller) -> list[Listing]:
    return [entry.listing for entry in catalog.tools.values() if entry.listed and allowed(caller, entry.tool.effect)]


def _instructions(catalog: Catalog) -> str:
    lines = [_OPENING]
    length = len(_OPENING)
    for loaded in catalog.connectors.values():
        connector = loaded.compiled
        if connector is None or not connector.instructions:
            continue
        line = f"{connector.name}: {' '.join(connector.instructions.split())}"
        if length + len(line) + 1 > INSTRUCTIONS_MAX:
            break
        lines.append(line)
        length += len(line) + 1
    return "\n".join(lines)
