"""The start page: the address to add to Claude and how, what is new on the account, what there is behind the address.

Whoever is not signed in learns the address and where to sign in, and nothing of what lies behind. Not the account page,
nor the pages of what was let in; those it leads to.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp_jinja2
from aiohttp import web

from hub.identity import Profiles
from hub.identity.oauth.hosts import RedirectHosts
from hub.registry import Catalog
from hub.web.people.pages import page
from hub.web.people.session import csrf_field, signed_in
from hub.web.site import PAGE_HEADERS, SCRIPTED

DIALOG = "https://claude.ai/customize/connectors"
"""Where Claude's dialog for a connector's URL is opened; it takes name and URL from the query
(claude.com/docs/connectors, "Add custom connector" links)."""

NAME = "Hub"
"""What the connector is called in Claude unless a person calls it otherwise."""

News = Callable[[web.Request], Awaitable[Sequence[Any]]]
"""What the person at this browser is to be told of: clients that were let in on their account."""


@dataclass(frozen=True, slots=True)
class App:
    """One connector as the page shows it: its title, and how many tools it gives."""

    title: str
    tools: int


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A connector that waits for an admin: its name, and why, with the command that agrees to it."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Address:
    """One address that can be added to Claude. ``add_link`` is None where Claude's servers cannot reach it."""

    title: str
    url: str
    add_link: str | None


class StartPage:
    """``/``. ``catalog`` gives what is loaded now; ``hosts`` knows the redirect hosts that wait for an admin."""

    def __init__(
        self,
        *,
        public_url: str,
        signs_in: bool,
        profiles: Profiles,
        catalog: Callable[[], Catalog],
        hosts: RedirectHosts,
        news: News,
    ) -> None:
        self._signs_in = signs_in
        self._catalog = catalog
        self._hosts = hosts
        self._news = news
        self._whole = _address(NAME, f"{public_url}/mcp")
        self._parts = [_address(one.title, f"{public_url}/mcp/{name}") for name, one in profiles.items()]

    def routes(self, app: web.Application) -> None:
        """Add the route to ``app``."""
        app.router.add_get("/", page(self._start) if self._signs_in else self._start)

    async def _start(self, request: web.Request) -> web.Response:
        who = await signed_in(request) if self._signs_in else None
        values: dict[str, Any] = {"signs_in": self._signs_in, "who": who, "address": self._whole}
        if who is not None:
            values |= {"news": await self._news(request), "csrf": csrf_field(request)}
            values["waiting"] = len(await self._hosts.waiting()) if who.admin else 0
        if (who is not None and who.admin) or not self._signs_in:
            values["held"] = held_of(self._catalog())
        if who is not None or not self._signs_in:
            values |= {"inside": True, "parts": self._parts, "apps": apps_of(self._catalog())}
        shown = aiohttp_jinja2.render_template("start.html", request, values)
        shown.headers.update(PAGE_HEADERS)
        shown.headers["Content-Security-Policy"] = SCRIPTED
        return shown


def apps_of(catalog: Catalog) -> list[App]:
    """The connectors that serve, in the order of their names."""
    serving = [(one.compiled, one.offer) for one in catalog.connectors.values()]
    return [App(compiled.title, len(offer.tools)) for compiled, offer in serving if compiled is not None]


def held_of(catalog: Catalog) -> list[HeldBack]:
    """The connectors that are held back, in the order of their names."""
    found = [one for one in catalog.connectors.values() if one.state == "held"]
    return [HeldBack(one.name, one.reason or "") for one in found]


def add_link(name: str, url: str) -> str:
    """The link that opens Claude's dialog for a new connector, with ``name`` and ``url`` filled in."""
    return f"{DIALOG}?{urlencode({'modal': 'add-custom-connector', 'connectorName': name, 'connectorUrl': url})}"


def _address(title: str, url: str) -> Address:
    # Claude's servers connect to https only; a plain http address is for programs on this machine.
    return Address(title, url, add_link(title, url) if url.startswith("https://") else None)
