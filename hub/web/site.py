"""The start page, and what every page carries.

Every page works without JavaScript and loads nothing from elsewhere. Not the console: that is for later.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import web

_HERE = Path(__file__).parent

PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What every page carries: not cached, not framed, nothing foreign loaded, its address told to nobody."""


News = Callable[[web.Request], Awaitable[Sequence[Any]]]
"""What the person at this browser is to be told of: clients that were let in on their account."""


class Site:
    """The start page, and what all pages share."""

    def __init__(self, *, public_url: str, signs_in: bool, news: News) -> None:
        self._public_url = public_url
        self._news = news
        self._signs_in = signs_in

    def routes(self, app: web.Application) -> None:
        """Add the routes and the templates to ``app``."""
        aiohttp_jinja2.setup(
            app,
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        app.router.add_get("/", self._start)
        app.router.add_static("/static", _HERE / "static")

    def _page(self, request: web.Request, template: str, status: int = 200, **values: Any) -> web.Response:
        told = {"public_url": self._public_url, "mcp_url": f"{self._public_url}/mcp", **values}
        page = aiohttp_jinja2.render_template(template, request, told, status=status)
        page.headers.update(PAGE_HEADERS)
        return page

    async def _start(self, request: web.Request) -> web.Response:
        return self._page(request, "start.html", signs_in=self._signs_in, news=await self._news(request))
