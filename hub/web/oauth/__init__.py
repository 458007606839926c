"""The authorization server's routes: what MCP clients ask, and the pages on which people answer them.

Routes read a request, ask ``hub/identity/oauth``, and answer. Not signing in (``hub/web/people``).
"""

from aiohttp import web

from hub.clock import Clock
from hub.identity.oauth.server import AuthorizationServer
from hub.identity.oauth.trace import Trace
from hub.store import Store
from hub.web.oauth.app_pages import AppPages, Offering
from hub.web.oauth.arrivals import Arrivals
from hub.web.oauth.consent import ConsentPages
from hub.web.oauth.endpoints import Endpoints, resource_routes
from hub.web.oauth.grants import GrantPages, new_clients
from hub.web.oauth.host_pages import HostPages
from hub.web.oauth.trace_pages import TracePages

__all__ = ["Arrivals", "add_oauth", "new_clients", "resource_routes"]


def add_oauth(
    app: web.Application,
    server: AuthorizationServer,
    store: Store,
    clock: Clock,
    trace: Trace,
    arrivals: Arrivals,
    offering: Offering,
) -> None:
    """Add all routes of the authorization server, and the documents of the resources it guards. ``offering`` are the
    apps people may connect after a yes."""
    profiles, public_url = server.profiles, server.public_url
    Endpoints(
        server.clients,
        server.desk,
        server.registration,
        clock,
        public_url=public_url,
        profiles=profiles,
        arrivals=arrivals,
    ).routes(app)
    apps = AppPages(server.authorization, server.withheld, offering, arrivals)
    apps.routes(app)
    ConsentPages(server.authorization, clock, profiles=profiles, arrivals=arrivals, apps=apps).routes(app)
    TracePages(trace, clock, public_url=public_url).routes(app)
    GrantPages(store, profiles=profiles).routes(app)
    HostPages(server.hosts).routes(app)
