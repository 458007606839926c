"""What every page carries and loads: headers, templates, static files.

Every page works without JavaScript and loads nothing from elsewhere. No page itself.
"""

from pathlib import Path

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


SCRIPTED = PAGE_HEADERS["Content-Security-Policy"] + "; script-src 'self'"
"""The policy of a page on which the hub's own scripts may run; without them it must still work."""


class Site:
    """What all pages share: their templates and their static files."""

    def routes(self, app: web.Application) -> None:
        """Add the routes and the templates to ``app``."""
        aiohttp_jinja2.setup(
            app,
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        app.router.add_get("/favicon.ico", _icon)
        app.router.add_static("/static", _HERE / "static")


async def _icon(request: web.Request) -> web.FileResponse:
    """The hub's sign, where browsers and MCP clients look for one that no page told them of."""
    return web.FileResponse(_HERE / "static" / "hub.svg", headers={"Cache-Control": "max-age=86400"})
