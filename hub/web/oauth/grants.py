"""``/account/grants``: what a person has let in, where it came from, and how to end it.

Each person sees and ends their own only. What ends here ends in every process within a second.
"""

import aiohttp_jinja2
from aiohttp import web

from hub.identity import Profiles
from hub.identity.oauth.choices import LEVELS
from hub.identity.oauth.errors import OAuthError
from hub.observe import log
from hub.store import NameRefused, Store
from hub.store.oauth import Grant
from hub.store.users import checked_name
from hub.web.oauth.forms import form_of, once
from hub.web.people.pages import see
from hub.web.people.session import SignedIn, check_csrf, csrf_field, local_path, require_sign_in, signed_in
from hub.web.site import PAGE_HEADERS

PATH = "/account/grants"

_log = log("web.oauth")


class GrantPages:
    """The page and its forms."""

    def __init__(self, store: Store, *, profiles: Profiles) -> None:
        self._store = store
        self._profiles = profiles

    def routes(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        app.router.add_get(PATH, self._show)
        app.router.add_post(PATH + "/{id}/revoke", self._revoke)
        app.router.add_post(PATH + "/{id}/name", self._name)
        app.router.add_post(PATH + "/{id}/known", self._known)

    async def _show(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        grants = await self._store.grants.list(who.user.id)
        shown = [(grant, self._allows(grant), grant.told_at is None) for grant in grants]
        values = {"grants": shown, "who": who.user.name, "csrf": csrf_field(request)}
        page = aiohttp_jinja2.render_template("oauth/grants.html", request, values)
        page.headers.update(PAGE_HEADERS)
        return page

    def _allows(self, grant: Grant) -> str:
        """What a grant allows, in words."""
        title = next((title for title, _, effects in LEVELS.values() if effects == grant.effects), None)
        words = title or ", ".join(sorted(grant.effects))
        if grant.profile is None:
            return words
        profile = self._profiles.get(grant.profile)
        return f"{profile.title}: {words}" if profile else f"{grant.profile}, which is not there any more: nothing"

    async def _revoke(self, request: web.Request) -> web.Response:
        who, grant, _ = await self._own(request)
        # Else the client would be let in again without a question.
        await self._store.codes.forget(who.user.id, grant.client_id, grant.host)
        await self._store.grants.revoke(grant.id)
        _log.info("a grant was ended by its person", user=who.user.id, grant=grant.id)
        return see(PATH)

    async def _name(self, request: web.Request) -> web.Response:
        _, grant, form = await self._own(request)
        label = form.get("label", "").strip()
        try:
            await self._store.grants.name(grant.id, checked_name(label) if label else None)
        except NameRefused as wrong:
            raise web.HTTPBadRequest(text=f"{wrong}\n", headers={"Cache-Control": "no-store"}) from None
        return see(PATH)

    async def _known(self, request: web.Request) -> web.Response:
        _, grant, form = await self._own(request)
        await self._store.grants.told(grant.id)
        return see(local_path(form.get("next"), PATH))

    async def _own(self, request: web.Request) -> tuple[SignedIn, Grant, dict[str, str]]:
        """The person and the grant of theirs that the form is about; raises the answers of aiohttp otherwise."""
        who = await require_sign_in(request)
        try:
            form = once(await form_of(request), "")
        except OAuthError as wrong:
            raise web.HTTPBadRequest(text=f"{wrong}\n") from None
        await check_csrf(request, form)
        grant = await self._store.grants.get(request.match_info["id"])
        if grant is None or grant.user_id != who.user.id:
            raise web.HTTPNotFound(text="There is no such access of yours.\n", headers={"Cache-Control": "no-store"})
        return who, grant, form


async def new_clients(store: Store, request: web.Request) -> list[Grant]:
    """What was let in on the account of the person at this browser, until they said that they know of it."""
    who = await signed_in(request)
    return [] if who is None else [one for one in await store.grants.list(who.user.id) if one.told_at is None]
