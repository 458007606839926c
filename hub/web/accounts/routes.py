"""All pages about accounts, added to an application. Nothing is decided here."""

from collections.abc import Callable

from aiohttp import web

from hub.broker.assembly import Brokerage
from hub.clock import Clock
from hub.gateway.accounts import Links
from hub.registry import Catalog
from hub.store import Store
from hub.web.accounts.connect_pages import ConnectPages
from hub.web.accounts.connection_pages import ConnectionPages


def account_routes(
    app: web.Application,
    brokerage: Brokerage,
    catalog: Callable[[], Catalog],
    links: Links | None,
    store: Store,
    clock: Clock,
) -> None:
    """Add ``/connect/<connector>``, ``/callback/<provider>`` and ``/account/connections`` to ``app``, whose door
    (``people.session.open_door``) is open already; nothing without ``links``, as where there are no people."""
    if links is None:
        return
    ConnectPages(brokerage, catalog, links, store).routes(app)
    ConnectionPages(brokerage, catalog, store, clock).routes(app)
