"""What admins see of everybody's accounts at apps, and do about them: revoke one, share their own, read how they ended.

An admin never acts with a member's account: nothing here signs a call, and only their own can be shared.
"""

import re
from dataclasses import dataclass

from aiohttp import web

from hub.broker.assembly import Brokerage
from hub.broker.health import Health
from hub.broker.sharing import Bounds, Reach, ShareRefused
from hub.store import Store
from hub.store.connections import Connection
from hub.store.endings import Ending
from hub.web.people.pages import form_of, page, see, shown
from hub.web.people.session import SignedIn, require_admin

_ENDINGS = 100
"""How many endings are shown."""

_REACHES: dict[str, Reach] = {"nobody": "nobody", "reading": "reading", "everything": "everything"}


@dataclass(frozen=True, slots=True)
class Overseen:
    """What an admin is shown: everybody's accounts with their owners' names and how they fare, whom the admin's own are
    shared with (by connection), the latest endings, and client secrets that end."""

    others: list[tuple[str, Connection, Health]]
    shares: dict[str, list[str]]
    endings: list[tuple[str, Ending]]
    reminders: list[str]


class Oversight:
    """The admins' part of the page."""

    def __init__(self, brokerage: Brokerage, store: Store) -> None:
        self._brokerage = brokerage
        self._store = store
        self._path = ""

    def routes(self, app: web.Application, path: str) -> None:
        """Add the routes to ``app``, below the page's ``path``."""
        self._path = path
        app.router.add_post(f"{path}/{{id}}/revoke", page(self._revoke))
        app.router.add_post(f"{path}/{{id}}/share", page(self._share))
        app.router.add_post(f"{path}/{{id}}/unshare", page(self._unshare))
        app.router.add_get(f"{path}/{{id}}/sharing", page(self._sharing))
        app.router.add_post(f"{path}/{{id}}/sharing", page(self._reshare))

    async def halts(self) -> list[str]:
        """Whose calls are stopped, in words for admins."""
        names = await self._names()
        found = [one.user_id for one in await self._store.halts.list()]
        return ["everyone's" if id is None else names.get(id, id) for id in found]

    async def rows(self, who: SignedIn) -> Overseen:
        """What this admin is shown."""
        names = await self._names()
        everybody = await self._store.connections.all()
        mine = {one.id for one in everybody if one.user_id == who.user.id}
        shares: dict[str, list[str]] = {}
        for share in await self._store.shares.all():
            if share.connection_id in mine:
                whom = "everyone" if share.user_id is None else names.get(share.user_id, share.user_id)
                told = f"{whom} (reading only)" if share.read_only else whom
                shares.setdefault(share.connection_id, []).append(told)
        return Overseen(
            [
                (names.get(one.user_id, one.user_id), one, await self._brokerage.broker.checkup.of(one.user_id, one))
                for one in everybody
                if one.id not in mine
            ],
            shares,
            [(names.get(one.user_id, one.user_id), one) for one in await self._store.endings.recent(_ENDINGS)],
            [one.tell for one in await self._brokerage.reminders.all()],
        )

    async def _names(self) -> dict[str, str]:
        return {one.id: one.name for one in await self._store.users.list()}

    async def _revoke(self, request: web.Request) -> web.Response:
        who = await require_admin(request)
        await form_of(request)
        kept = await self._store.connections.get(request.match_info["id"])
        ended = None
        if kept is not None:
            ended = await self._brokerage.ending.disconnect(kept.user_id, kept.id, cause="revoked", by=who.user.name)
        if ended is None:
            raise ShareRefused("There is no such account any more.")
        return shown(request, "accounts/ended.html", ended=ended)

    async def _share(self, request: web.Request) -> web.Response:
        who = await require_admin(request)
        form = await form_of(request)
        names = None
        if form.get("whom") != "everyone":
            names = _names(form.get("names", ""))
        read_only = form.get("read_only") == "yes"
        await self._brokerage.sharing.share(request.match_info["id"], names, read_only=read_only, by=who.user)
        return see(self._path)

    async def _sharing(self, request: web.Request) -> web.Response:
        """The page where an admin changes how an account of their own is shared."""
        who = await require_admin(request)
        bounds = await self._brokerage.sharing.bounds(request.match_info["id"], by=who.user)
        return self._bounds(request, bounds)

    async def _reshare(self, request: web.Request) -> web.Response:
        who = await require_admin(request)
        form = await form_of(request)
        id = request.match_info["id"]
        now = await self._brokerage.sharing.bounds(id, by=who.user)
        everyone = _REACHES.get(form.get("everyone", ""))
        bounds = Bounds(
            now.label, everyone or now.everyone, _names(form.get("whole", "")), _names(form.get("reading", ""))
        )
        try:
            if everyone is None:
                raise ShareRefused("Say what everyone may: nothing, reading only, or everything.")
            await self._brokerage.sharing.change(id, bounds, by=who.user)
        except ShareRefused as wrong:
            return self._bounds(request, bounds, str(wrong))
        return see(self._path)

    def _bounds(self, request: web.Request, bounds: Bounds, words: str = "") -> web.Response:
        return shown(
            request,
            "accounts/sharing.html",
            status=400 if words else 200,
            bounds=bounds,
            words=words,
            id=request.match_info["id"],
        )

    async def _unshare(self, request: web.Request) -> web.Response:
        who = await require_admin(request)
        await form_of(request)
        await self._brokerage.sharing.stop(request.match_info["id"], by=who.user)
        return see(self._path)


def _names(text: str) -> tuple[str, ...]:
    """The names somebody typed, with commas between, each once."""
    return tuple(dict.fromkeys(name for name in re.split(r"\s*,\s*", text.strip()) if name))
