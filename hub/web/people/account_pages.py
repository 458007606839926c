"""``/account``: a person's own password, sign-ins, sessions and access tokens.

Second factors have their own page (``second_factor_pages.py``). Whatever changes how one signs in, or makes a token,
asks for a sign-in of the last half hour.
"""

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from hub.identity import Profiles
from hub.identity.people import People
from hub.identity.people.refusals import ChangeRefused
from hub.sdk.tool import EFFECTS, Effect
from hub.web.people.pages import browser_of, form_of, page, see, shown
from hub.web.people.session import SignedIn, require_fresh, require_sign_in

GRANTS: dict[str, frozenset[Effect]] = {
    "read": frozenset({"read"}),
    "write": frozenset({"read", "write"}),
    "everything": frozenset(EFFECTS),
}
"""What a token may do, by the words of the form."""

DAYS: dict[str, int | None] = {"30": 30, "90": 90, "365": 365, "never": None}
"""When a token ends, by the words of the form."""

Waiting = Callable[[], Awaitable[int]]
"""On how many other MCP servers something waits for an admin."""

Held = Callable[[], Sequence[object]]
"""The connectors that are held back until an admin agrees, each with ``name`` and ``reason``."""


class AccountPages:
    """The account page and its forms."""

    def __init__(
        self, people: People, profiles: Profiles, waiting: Waiting | None = None, held: Held | None = None
    ) -> None:
        self._people = people
        self._profiles = profiles
        self._waiting = waiting
        self._held = held

    def routes(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        app.router.add_get("/account", page(self._account))
        app.router.add_post("/account/password", page(self._password))
        app.router.add_post("/account/password/remove", page(self._password_remove))
        app.router.add_post("/account/identities/{id}/remove", page(self._identity_remove))
        app.router.add_post("/account/sessions/end-others", page(self._end_others))
        app.router.add_post("/account/sessions/{id}/end", page(self._end_session))
        app.router.add_post("/account/tokens", page(self._token))
        app.router.add_post("/account/tokens/{id}/revoke", page(self._token_revoke))

    async def _account(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        account = await self._people.accounts.overview(who.user)
        return shown(
            request,
            "account.html",
            who=who,
            account=account,
            elsewhere=self._people.openid.titles,
            effects=EFFECTS,
            profiles=self._profiles,
            waiting=await self._waiting() if who.admin and self._waiting is not None else 0,
            held=self._held() if who.admin and self._held is not None else (),
        )

    async def _fresh(self, request: web.Request) -> tuple[SignedIn, dict[str, str]]:
        """Who sends this form, signed in lately; the form is read first, so that a foreign one gets nowhere."""
        await require_sign_in(request)
        form = await form_of(request)
        return await require_fresh(request, self._people.clock.now()), form

    async def _password(self, request: web.Request) -> web.Response:
        who, form = await self._fresh(request)
        if form.get("password", "") != form.get("repeated", ""):
            raise ChangeRefused("The two passwords differ.")
        await self._people.accounts.change_password(
            who.user, form.get("old", ""), form.get("password", ""), who.session_id, browser_of(request).neighbourhood
        )
        return see("/account")

    async def _password_remove(self, request: web.Request) -> web.Response:
        who, _ = await self._fresh(request)
        await self._people.accounts.remove_password(who.user)
        return see("/account")

    async def _identity_remove(self, request: web.Request) -> web.Response:
        who, _ = await self._fresh(request)
        await self._people.accounts.remove_identity(who.user, request.match_info["id"])
        return see("/account")

    async def _end_session(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        await form_of(request)
        await self._people.accounts.end_session(who.user, request.match_info["id"])
        return see("/account")

    async def _end_others(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        await form_of(request)
        await self._people.store.web_sessions.end_all(who.user.id, but=who.session_id)
        return see("/account")

    async def _token(self, request: web.Request) -> web.Response:
        who, form = await self._fresh(request)
        if who.user.role == "admin" and not who.strong:
            raise ChangeRefused("An admin's token opens what is the admins': set up a second factor first.")
        effects, days = GRANTS.get(form.get("effects", "")), form.get("days", "")
        if effects is None or days not in DAYS:
            raise ChangeRefused("Choose what the token may do, and when it ends.")
        profile = form.get("profile") or None
        if profile is not None and profile not in self._profiles:
            raise ChangeRefused("There is no such part of the hub (any more). Load the page anew and choose again.")
        name = form.get("name", "").strip() or "token"
        token = await self._people.accounts.new_token(who.user, name, effects, DAYS[days], profile)
        return shown(request, "token.html", name=who.user.name, token=token, scripts=True)

    async def _token_revoke(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        await form_of(request)
        await self._people.accounts.revoke_token(who.user, request.match_info["id"])
        return see("/account")
