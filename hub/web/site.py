"""The pages people see, and the document that tells MCP clients what this resource is.

Every page works without JavaScript and loads nothing from elsewhere. Not the console: that is for later.
"""

from pathlib import Path
from typing import Any, Protocol

import aiohttp_jinja2
import jinja2
from aiohttp import web

from hub.store import Store

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


class Accounts(Protocol):
    """What a set-up link leads to."""

    async def first_token(self, secret: str) -> tuple[str, str] | None:
        """Use up a set-up link: the user's name and a new access token, or None when the link is spent."""
        ...


class Site:
    """The start page, the set-up page and the protected resource's metadata."""

    def __init__(self, store: Store, accounts: Accounts, *, public_url: str, signs_in: bool) -> None:
        self._store = store
        self._accounts = accounts
        self._public_url = public_url
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
        app.router.add_get("/setup/{secret}", self._setup)
        app.router.add_post("/setup/{secret}", self._set_up)
        for path in ("/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"):
            app.router.add_get(path, self._resource)
        app.router.add_static("/static", _HERE / "static")

    def _page(self, request: web.Request, template: str, status: int = 200, **values: Any) -> web.Response:
        told = {"public_url": self._public_url, "mcp_url": f"{self._public_url}/mcp", **values}
        page = aiohttp_jinja2.render_template(template, request, told, status=status)
        page.headers.update(PAGE_HEADERS)
        return page

    async def _start(self, request: web.Request) -> web.Response:
        return self._page(request, "start.html", signs_in=self._signs_in)

    async def _setup(self, request: web.Request) -> web.Response:
        user = await self._store.setup_links.peek(request.match_info["secret"])
        if user is None:
            return self._page(request, "spent.html", status=404)
        return self._page(request, "setup.html", name=user.name)

    async def _set_up(self, request: web.Request) -> web.Response:
        made = await self._accounts.first_token(request.match_info["secret"])
        if made is None:
            return self._page(request, "spent.html", status=404)
        name, token = made
        return self._page(request, "token.html", name=name, token=token)

    async def _resource(self, request: web.Request) -> web.Response:
        """OAuth 2.0 Protected Resource Metadata (RFC 9728, section 2). No authorization server is named: access
        tokens are made by the operator or from a set-up link."""
        document = {
            "resource": f"{self._public_url}/mcp",
            "resource_name": "Connector hub",
            "scopes_supported": ["hub"],
            "bearer_methods_supported": ["header"],
        }
        return web.json_response(document, headers={"Access-Control-Allow-Origin": "*", "Cache-Control": "max-age=300"})
