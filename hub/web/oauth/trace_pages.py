"""``/console/connections``: how the latest clients came to the hub, for admins.

Shows what ``hub doctor --watch`` shows. Not what people have let in (``grants.py``), which is each person's own.
"""

from datetime import UTC, datetime

import aiohttp_jinja2
from aiohttp import web

from hub.clock import Clock
from hub.identity.oauth.correlation import MOST, is_doctors
from hub.identity.oauth.trace import Trace
from hub.identity.oauth.verdict import TITLES, origin, verdict
from hub.store import StoreUnavailable
from hub.web.people.session import require_admin
from hub.web.site import PAGE_HEADERS

PATH = "/console/connections"


class TracePages:
    """The page of the connection trace."""

    def __init__(self, trace: Trace, clock: Clock, *, public_url: str) -> None:
        self._trace = trace
        self._clock = clock
        self._public_url = public_url

    def routes(self, app: web.Application) -> None:
        """Add the route to ``app``."""
        app.router.add_get(PATH, self._show)

    async def _show(self, request: web.Request) -> web.Response:
        try:
            await require_admin(request)
            found = await self._trace.recent()
        except StoreUnavailable:
            text = "The hub's database does not answer. Try again shortly.\n"
            return web.Response(status=503, text=text, headers={"Cache-Control": "no-store"})
        now = self._clock.now()
        shown = [(one, verdict(one, now)) for one in found]
        values = {
            "handshakes": shown,
            "titles": TITLES,
            "origin": origin,
            "is_doctors": is_doctors,
            "moment": lambda seconds: datetime.fromtimestamp(seconds, UTC),
            "most": MOST,
            "mcp_url": f"{self._public_url}/mcp",
        }
        page = aiohttp_jinja2.render_template("oauth/connections.html", request, values)
        page.headers.update(PAGE_HEADERS)
        return page
