"""``/authorize/apps/<secret>``: after a yes, where a person may connect apps before the client gets its code.

Shown once for each yes, where there is an app that could be connected and is not. It can be skipped; the code is made
when they go on, and only then. Connecting itself is ``hub/web/accounts``'s, which leads back here.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

from hub.identity import Caller
from hub.identity.oauth.authorization import Authorization
from hub.identity.oauth.choices import Choice
from hub.identity.oauth.errors import OAuthError, PageError
from hub.identity.oauth.request import AuthorizationRequest
from hub.identity.oauth.withheld import Withheld, WithheldCodes
from hub.store import StoreUnavailable, User
from hub.web.accounts.apps import App
from hub.web.oauth.answers import form_action, problem, rendered, sent
from hub.web.oauth.arrivals import Arrivals
from hub.web.oauth.forms import form_of, once
from hub.web.people.session import SignedIn, check_csrf, csrf_field, require_sign_in
from hub.web.site import PAGE_HEADERS

PATH = "/authorize/apps"


class Offering(Protocol):
    """What apps there are to connect (``hub.web.accounts.apps.Apps``)."""

    async def of(self, caller: Caller, back: str) -> list[App]:
        """The apps the caller may use that need an account; ``back`` is where connecting one leads back to."""
        ...


class AppPages:
    """The page and its one button."""

    def __init__(
        self, authorization: Authorization, withheld: WithheldCodes, apps: Offering, arrivals: Arrivals
    ) -> None:
        self._authorization = authorization
        self._withheld = withheld
        self._apps = apps
        self._arrivals = arrivals

    def routes(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        app.router.add_get(f"{PATH}/{{secret}}", self._told(self._show))
        app.router.add_post(f"{PATH}/{{secret}}", self._told(self._go_on))

    async def begin(
        self, request: web.Request, asked: AuthorizationRequest, who: SignedIn, choice: Choice, nonce: str
    ) -> str | None:
        """The path of the page for this yes; None where there is nothing to connect. Raises ``StoreUnavailable``."""
        offered = await self._apps.of(_caller(who.user, choice), PATH)
        if all(app.accounts for app in offered):
            return None
        secret = await self._withheld.hold(asked, choice, nonce, user_id=who.user.id, session_id=who.session_id)
        self._arrivals.asked(request, asked, "accounts", "waits", "the page to connect apps is shown")
        return f"{PATH}/{secret}"

    async def _show(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        held = await self._held(request, who)
        choice = self._authorization.chosen(held.asked, held.key)
        apps = await self._apps.of(_caller(who.user, choice), request.path)
        connected = [app.name for app in apps if app.accounts]
        if connected:
            text = f"connected: {', '.join(connected)}"
            self._arrivals.asked(request, held.asked, "accounts", "waits", text)
        page = rendered(
            request,
            "oauth/apps.html",
            apps=apps,
            connected=bool(connected),
            asked=held.asked,
            redirect=held.asked.redirect,
            csrf=csrf_field(request),
        )
        policy = PAGE_HEADERS["Content-Security-Policy"].replace("form-action 'self'", form_action(held.asked))
        page.headers["Content-Security-Policy"] = policy
        return page

    async def _go_on(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        await check_csrf(request, once(await form_of(request), ""))
        held = await self._held(request, who)
        choice = self._authorization.chosen(held.asked, held.key)
        apps = await self._apps.of(_caller(who.user, choice), request.path)
        connected = [app.name for app in apps if app.accounts]
        try:
            location = await self._authorization.approved(held.asked, who.user.id, held.key, held.nonce)
        except (PageError, OAuthError) as wrong:
            self._arrivals.asked(request, held.asked, "accounts", "wrong", str(wrong))
            raise
        text = f"went on with {', '.join(connected)}" if connected else "skipped"
        self._arrivals.asked(request, held.asked, "accounts", "ok", text)
        return sent(location)

    async def _held(self, request: web.Request, who: SignedIn) -> Withheld:
        return await self._withheld.held(request.match_info["secret"], user_id=who.user.id, session_id=who.session_id)

    def _told(
        self, handle: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """The same, with what is wrong shown to the person."""

        async def answer(request: web.Request) -> web.Response:
            try:
                return await handle(request)
            except (PageError, OAuthError, StoreUnavailable) as wrong:
                return problem(request, wrong)

        return answer


def _caller(user: User, choice: Choice) -> Caller:
    """The person as the client will call for them."""
    return Caller(user.id, user.name, None, choice.effects, False, choice.profile)
