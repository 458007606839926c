"""``/account/connections``: a person's accounts at apps: how they fare, their names, which one reads, and their end.

Those shared with them stand beside, to be used and not to be changed. What admins see besides is ``oversight.py``'s.
"""

from collections.abc import Callable, Sequence

from aiohttp import web

from hub.broker.assembly import Brokerage
from hub.broker.health import Health
from hub.broker.refused import ConnectRefused
from hub.gateway.account_list import health_in
from hub.identity import Caller
from hub.registry import Catalog, Loaded
from hub.store import Store
from hub.store.connections import Connection
from hub.store.shares import Shared
from hub.web.accounts.oversight import Oversight
from hub.web.accounts.wishes import Wishes
from hub.web.people.pages import form_of, page, see, shown
from hub.web.people.session import require_sign_in

PATH = "/account/connections"


class ConnectionPages:
    """The pages of accounts that are connected."""

    def __init__(self, brokerage: Brokerage, catalog: Callable[[], Catalog], store: Store, wishes: Wishes) -> None:
        self._brokerage = brokerage
        self._catalog = catalog
        self._rows = store.connections
        self._wishes = wishes
        self._oversight = Oversight(brokerage, store)

    def routes(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        app.router.add_get(PATH, page(self._listed))
        self._oversight.routes(app, PATH)
        app.router.add_post(f"{PATH}/{{id}}/rename", page(self._rename))
        app.router.add_post(f"{PATH}/{{id}}/default", page(self._default))
        app.router.add_post(f"{PATH}/{{id}}/disconnect", page(self._disconnect))

    async def _listed(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        catalog = self._catalog()
        mine = await self._rows.list(who.user.id)
        callers = await self._wishes.callers(who.user)
        rows = []
        for one in mine:
            app, health = await self._fares(who.user.id, one, callers)
            rows.append(
                {
                    "kept": one,
                    "title": _title(catalog, one.provider),
                    "app": app,
                    "health": health,
                    "several": sum(other.provider == one.provider for other in mine) > 1,
                }
            )
        shared = [
            (
                one,
                _title(catalog, one.connection.provider),
                await self._fares(who.user.id, one.connection, callers, one),
            )
            for one in (await self._brokerage.broker.shared(who.user.id)).values()
        ]
        halted = await self._oversight.halts() if who.admin else []
        overseen = await self._oversight.rows(who) if who.admin else None
        offered = [loaded for loaded in catalog.connectors.values() if loaded.provider is not None]
        return shown(
            request,
            "accounts/connections.html",
            who=who,
            rows=rows,
            offered=offered,
            shared=[(one, title, health) for one, title, (_, health) in shared],
            overseen=overseen,
            halted=halted,
        )

    async def _fares(
        self, user_id: str, kept: Connection, callers: Sequence[Caller], shared: Shared | None = None
    ) -> tuple[str | None, Health]:
        """How an account fares at the first of its provider's apps where it does not work, and which app that is; at
        the first of all where it works at every one."""
        broker = self._brokerage.broker
        apps: list[Loaded] = [
            loaded
            for loaded in self._catalog().connectors.values()
            if loaded.provider is not None and loaded.provider.name == kept.provider
        ]
        if not apps:
            return None, await broker.checkup.of(user_id, kept)
        found = [(one.name, await health_in(broker, user_id, kept, one, callers, shared)) for one in apps]
        return next((one for one in found if one[1].state != "ok"), found[0])

    async def _rename(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        form = await form_of(request)
        label, id = form.get("label", "").strip(), request.match_info["id"]
        if not label or len(label) > 200 or not label.isprintable():
            raise ConnectRefused("An account's name has 1 to 200 characters that can be printed.")
        mine = await self._rows.list(who.user.id)
        kept = next((one for one in mine if one.id == id), None)
        if kept is None:
            raise ConnectRefused("You have no such account.")
        same = [one for one in mine if one.provider == kept.provider and one.id != id]
        if any(one.label.casefold() == label.casefold() for one in same):
            raise ConnectRefused("Another of your accounts there has this name already.")
        await self._rows.rename(who.user.id, id, label)
        return see(PATH)

    async def _default(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        await form_of(request)
        kept = next((one for one in await self._rows.list(who.user.id) if one.id == request.match_info["id"]), None)
        if kept is None:
            raise ConnectRefused("You have no such account.")
        await self._rows.make_default(who.user.id, kept.provider, None if kept.is_default else kept.id)
        return see(PATH)

    async def _disconnect(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        await form_of(request)
        id = request.match_info["id"]
        ended = await self._brokerage.ending.disconnect(who.user.id, id, by=who.user.name)
        if ended is None:
            raise ConnectRefused("You have no such account.")
        return shown(request, "accounts/ended.html", ended=ended)


def _title(catalog: Catalog, provider: str) -> str:
    found = catalog.providers.get(provider)
    return found.title if found is not None else provider
