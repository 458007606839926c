"""``/console/people``: what admins do about the people of the hub.

Every route wants an admin with a second factor. Not the rest of the console.
"""

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from hub.broker.ending import Ended
from hub.identity.people import People
from hub.identity.people.refusals import ChangeRefused
from hub.store import Role, User
from hub.web.people.pages import Page, form_of, page, see, shown
from hub.web.people.session import DOOR, require_admin

_HERE = "/console/people"
ROLES: dict[str, Role] = {"member": "member", "admin": "admin"}

End = Callable[[str, str], Awaitable[Sequence[Ended]]]
"""Ends all accounts at apps of the person with this id; by the admin of this name."""

Deed = Callable[[str, User, dict[str, str]], Awaitable[object]]
"""What is done to a person: their id, the admin, the form."""


class AdminPages:
    """The page of all people and its forms."""

    def __init__(self, people: People, end: End | None = None) -> None:
        self._people = people
        self._end = end

    def routes(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        people = self._people
        app.router.add_get(_HERE, page(self._everyone))
        app.router.add_post(f"{_HERE}/invitations", page(self._invite))
        app.router.add_post(f"{_HERE}/invitations/{{id}}/withdraw", self._done(self._withdraw))
        app.router.add_post(f"{_HERE}/{{id}}/reset", page(self._reset))
        app.router.add_post(f"{_HERE}/{{id}}/disable", page(self._disable))
        app.router.add_post(f"{_HERE}/{{id}}/enable", self._done(lambda id, _admin, _form: people.enable(id)))
        app.router.add_post(f"{_HERE}/{{id}}/end-sessions", self._done(lambda id, _a, _f: people.end_sessions(id)))
        app.router.add_post(f"{_HERE}/{{id}}/role", self._done(self._role))

    async def _everyone(self, request: web.Request) -> web.Response:
        who = await require_admin(request)
        users = await self._people.store.users.list()
        waiting = await self._people.store.invitations.waiting()
        return shown(request, "people.html", who=who, users=users, invitations=waiting)

    async def _invite(self, request: web.Request) -> web.Response:
        who = await require_admin(request)
        form = await form_of(request)
        role = ROLES.get(form.get("role", ""))
        if role is None:
            raise ChangeRefused("A role is member or admin.")
        name = form.get("name", "").strip()[:64]
        _, secret = await self._people.invite(role, name, who.user)
        return self._link(request, secret, name or "the one you invite")

    async def _reset(self, request: web.Request) -> web.Response:
        await require_admin(request)
        await form_of(request)
        user, secret = await self._people.reset(request.match_info["id"])
        return self._link(request, secret, user.name)

    async def _disable(self, request: web.Request) -> web.Response:
        who = await require_admin(request)
        await form_of(request)
        user = await self._people.disable(request.match_info["id"], who.user)
        ended = await self._end(user.id, who.user.name) if self._end is not None else []
        return shown(request, "accounts/report.html", name=user.name, ended=ended) if ended else see(_HERE)

    async def _withdraw(self, id: str, _admin: User, _form: dict[str, str]) -> None:
        if not await self._people.store.invitations.withdraw(id):
            raise ChangeRefused("There is no such invitation that could still be used.")

    async def _role(self, id: str, admin: User, form: dict[str, str]) -> None:
        role = ROLES.get(form.get("role", ""))
        if role is None:
            raise ChangeRefused("A role is member or admin.")
        await self._people.set_role(id, role, admin)

    def _done(self, deed: Deed) -> Page:
        """A page's function that does something to one person, or invitation, and shows everyone again."""

        async def answer(request: web.Request) -> web.Response:
            who = await require_admin(request)
            form = await form_of(request)
            await deed(request.match_info["id"], who.user, form)
            return see(_HERE)

        return page(answer)

    def _link(self, request: web.Request, secret: str, name: str) -> web.Response:
        link = f"{request.config_dict[DOOR].origin}/setup/{secret}"
        return shown(request, "link.html", link=link, name=name)
