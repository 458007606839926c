"""Which scopes an account is asked for: those of the tools that are enabled for whoever connects it, and no more.

Enabled is what ``authorize.allowed`` says. Pure; which scopes an account has, and what covers what, is the broker's and
the provider's.
"""

from collections.abc import Iterable, Sequence

from hub.gateway.authorize import allowed
from hub.identity import Caller
from hub.registry import Catalog, Loaded
from hub.sdk.provider import Provider


def enabled_scopes(loaded: Loaded, callers: Sequence[Caller]) -> tuple[str, ...]:
    """The scopes of a connector's tools that any of ``callers`` may use, in the tools' order."""
    found: dict[str, None] = {}
    for entry in loaded.offer.tools:
        if any(allowed(caller, entry.effect, entry.connector.name, entry.full_name) for caller in callers):
            found |= dict.fromkeys(entry.tool.scopes)
    return tuple(found)


def asked_for(
    catalog: Catalog, provider: Provider, *, granted: Iterable[str], wanted: Sequence[str]
) -> tuple[str, ...]:
    """What to ask for where an account has ``granted`` already and is to have ``wanted`` besides: a new grant takes the
    place of the old one. What was granted and no tool names (any more) is not asked for again, nor what another scope
    covers."""
    theirs = [loaded for loaded in catalog.connectors.values() if loaded.provider is provider]
    named = {scope for loaded in theirs for entry in loaded.offer.tools for scope in entry.tool.scopes}
    return provider.least([*(scope for scope in sorted(granted) if scope in named), *wanted])
