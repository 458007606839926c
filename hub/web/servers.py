"""``/console/servers``: admins see how other MCP servers fare and what of their word waits, and accept it.

Every route wants an admin with a second factor. What accepting does is ``hub/servers/pins.py``'s; ``hub pin`` does the
same on a terminal.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from aiohttp import web

from hub.errors import HubError
from hub.importers.foreign.definitions import Difference
from hub.importers.foreign.pin import Pin
from hub.registry import Catalog
from hub.sdk.relay import Relay
from hub.sdk.tool import EFFECTS
from hub.servers import CHANGE, Pins
from hub.servers.pins import claimed_effect, effect_named
from hub.store import Store
from hub.store.connections import Connection
from hub.web.people.pages import Page, form_of, page, see, shown
from hub.web.people.session import require_admin

PATH = "/console/servers"

Deed = Callable[[str, dict[str, str]], object]
"""What is done about one server: its connector, the form."""


@dataclass(frozen=True, slots=True)
class ToolRow:
    """One tool as the page shows it: the server's own name, its class, and the one the server claims."""

    name: str
    effect: str
    claimed: str


@dataclass(frozen=True, slots=True)
class ServerRow:
    """One server as the page shows it. ``mark`` stands for exactly what waits; ``moved`` says why it is held back.
    ``accounts`` are how many there are where people sign in there, ``dead`` those of them that need it anew."""

    name: str
    pin: Pin
    waiting: list[Difference]
    mark: str
    tools: list[ToolRow]
    moved: str | None
    accounts: int | None = None
    dead: int = 0


class ServerPages:
    """The page of all servers and its forms. ``catalog`` gives what is loaded now."""

    def __init__(self, pins: Pins, catalog: Callable[[], Catalog], store: Store) -> None:
        self._pins = pins
        self._catalog = catalog
        self._store = store

    def routes(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        app.router.add_get(PATH, page(self._show))
        app.router.add_post(f"{PATH}/{{name}}/accept", self._done(self._accept))
        app.router.add_post(f"{PATH}/{{name}}/effect", self._done(self._effect))
        app.router.add_post(f"{PATH}/{{name}}/claimed", self._done(self._claimed))
        app.router.add_post(f"{PATH}/{{name}}/moved", self._done(self._moved))

    async def waiting(self) -> int:
        """On how many servers something waits for an admin."""
        rows = await asyncio.to_thread(self._rows)
        return sum(1 for row in rows if row.waiting or row.moved)

    async def _show(self, request: web.Request) -> web.Response:
        await require_admin(request)
        connections = await self._store.connections.all()
        rows = [self._counted(row, connections) for row in await asyncio.to_thread(self._rows)]
        return shown(request, "servers/servers.html", rows=rows, effects=EFFECTS)

    def _rows(self) -> list[ServerRow]:
        known = self._catalog().connectors
        rows = []
        for name, pin in self._pins.all().items():
            loaded = known.get(name)
            if loaded is None:
                continue
            compiled = loaded.compiled.tools.values() if loaded.compiled is not None else ()
            effects = {one.run.name: one.effect for one in compiled if isinstance(one.run, Relay)}
            tools = [
                ToolRow(own, effects.get(own, "write"), claimed_effect(one))
                for one in (pin.accepted or {}).get("tools", ())
                if (own := str(one.get("name"))) in effects
            ]
            moved = loaded.reason if loaded.state == "held" else None
            rows.append(ServerRow(name, pin, self._pins.waiting(name), self._pins.mark(name), tools, moved))
        return rows

    def _counted(self, row: ServerRow, connections: Sequence[Connection]) -> ServerRow:
        """The same with how its accounts fare, where there are any to be connected."""
        loaded = self._catalog().connectors.get(row.name)
        provider = loaded.provider if loaded is not None else None
        if provider is None:
            return row
        mine = [one for one in connections if one.provider == provider.name]
        return replace(row, accounts=len(mine), dead=sum(one.health == "needs_sign_in" for one in mine))

    def _accept(self, name: str, form: dict[str, str]) -> None:
        self._pins.accept(name, {}, seen=form.get("mark", ""))

    def _effect(self, name: str, form: dict[str, str]) -> None:
        self._pins.classify(name, {form.get("tool", ""): effect_named(form.get("effect", ""))})

    def _claimed(self, name: str, form: dict[str, str]) -> None:
        self._pins.classify(name, {}, claimed=True)

    def _moved(self, name: str, form: dict[str, str]) -> None:
        self._pins.forget(name)

    def _done(self, deed: Deed) -> Page:
        """A form's function: do it, have every process take it up, and show all servers again."""

        async def answer(request: web.Request) -> web.Response:
            await require_admin(request)
            form = await form_of(request)
            name = request.match_info["name"]
            if self._catalog().connectors.get(name) is None or self._pins.get(name) is None:
                raise HubError("There is no such server (any more). Load the page anew.")
            await asyncio.to_thread(deed, name, form)
            await self._store.changes.announce(CHANGE, name)
            return see(f"{PATH}#{name}")

        return page(answer)
