"""All pages about accounts, added to an application. Nothing is decided here."""

from collections.abc import Callable

from aiohttp import web

from hub.broker.assembly import Brokerage
from hub.clock import Clock
from hub.gateway.accounts import Links
from hub.registry import Catalog
from hub.store import Store
from hub.web.accounts.client_page import ClientPage
from hub.web.accounts.connect_pages import ConnectPages, Made
from hub.web.accounts.connection_pages import ConnectionPages
from hub.web.accounts.wishes import Wishes


def account_routes(
    app: web.Application,
    brokerage: Brokerage,
    catalog: Callable[[], Catalog],
    links: Links,
    store: Store,
    clock: Clock,
    wishes: Wishes,
    made: Made,
) -> None:
    """Add ``/connect/<connector>``, ``/callback/<provider>``, ``/account/connections`` and ``/client.json`` to ``app``,
    whose door (``people.session.open_door``) is open already. ``made`` is told of each new account."""
    ConnectPages(brokerage, catalog, links, store, wishes, made).routes(app)
    ClientPage(brokerage, catalog).routes(app)
    ConnectionPages(brokerage, catalog, store, wishes).routes(app)
