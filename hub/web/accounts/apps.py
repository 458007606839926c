"""The apps a person can connect for a client they let in, and which of them are connected. Not the pages.

What nobody can connect here (the operator has not registered the hub at the vendor) is left out, and so is what the
client may not use.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from hub.broker.assembly import Brokerage
from hub.gateway.accounts import Invited, Links
from hub.gateway.authorize import allowed
from hub.identity import Caller
from hub.registry import Catalog, Loaded


@dataclass(frozen=True, slots=True)
class App:
    """One app. ``accounts`` are the labels of those that are connected; ``path`` leads to where one is connected, and
    from there back."""

    name: str
    title: str
    effort: str
    accounts: tuple[str, ...]
    path: str


class Apps:
    """Lists apps."""

    def __init__(self, brokerage: Brokerage, catalog: Callable[[], Catalog], links: Links) -> None:
        self._brokerage = brokerage
        self._catalog = catalog
        self._links = links

    async def of(self, caller: Caller, back: str) -> list[App]:
        """The apps whose tools ``caller`` may use and that need an account, by title; ``back`` is the path to return
        to after connecting one. Raises ``StoreUnavailable``."""
        mine = await self._brokerage.broker.connections(caller.user_id)
        found: list[App] = []
        for loaded in self._catalog().connectors.values():
            provider, compiled = loaded.provider, loaded.compiled
            if provider is None or compiled is None or not _used(loaded, caller):
                continue
            labels = tuple(one.label for one in mine if one.provider == provider.name)
            if not labels and not await self._brokerage.broker.checkup.connectable(provider):
                continue
            path = f"{self._links.path(Invited.by(caller), loaded.name)}&next={quote(back, safe='')}"
            found.append(App(loaded.name, compiled.title, provider.effort, labels, path))
        return sorted(found, key=lambda app: app.title.casefold())


def _used(loaded: Loaded, caller: Caller) -> bool:
    """Whether the caller may use any tool of the connector."""
    tools = loaded.offer.tools
    return any(allowed(caller, one.effect, one.connector.name, one.full_name) for one in tools if one.listed)
