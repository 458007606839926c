"""``/console/clients``: admins see which redirect hosts wait for their yes, and allow or refuse them.

Every route wants an admin with a second factor. The hosts are named by the forms, not by the path: a host is no part of
one. What a decision does is ``hub/identity/oauth/hosts.py``'s.
"""

from collections.abc import Awaitable, Callable

import aiohttp_jinja2
from aiohttp import web

from hub.identity.oauth.hosts import RedirectHosts
from hub.web.people.pages import Page, form_of, page, see
from hub.web.people.session import csrf_field, require_admin
from hub.web.site import PAGE_HEADERS

PATH = "/console/clients"


class HostPages:
    """The page of all redirect hosts and its two forms."""

    def __init__(self, hosts: RedirectHosts) -> None:
        self._hosts = hosts

    def routes(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        app.router.add_get(PATH, page(self._show))
        app.router.add_post(f"{PATH}/allow", self._decided(self._hosts.allow))
        app.router.add_post(f"{PATH}/deny", self._decided(self._hosts.deny))

    async def _show(self, request: web.Request) -> web.Response:
        await require_admin(request)
        hosts = await self._hosts.all()
        values = {
            "waiting": [one for one in hosts if one.state == "pending"],
            "decided": [one for one in hosts if one.state != "pending"],
            "listed": self._hosts.listed,
            "csrf": csrf_field(request),
        }
        shown = aiohttp_jinja2.render_template("oauth/hosts.html", request, values)
        shown.headers.update(PAGE_HEADERS)
        return shown

    def _decided(self, decide: Callable[[str], Awaitable[object]]) -> Page:
        """A form's function: decide on the host it names, and show them all again."""

        async def answer(request: web.Request) -> web.Response:
            await require_admin(request)
            form = await form_of(request)
            await decide(form.get("host", ""))
            return see(PATH)

        return page(answer)
