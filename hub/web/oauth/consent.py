"""``/authorize``: where a person sees what they are about to allow, and answers.

The page names the client and above all where they are sent back to; it is never framed, its form carries the CSRF
token and the sealed request, and its answer is a 303 (specification 2026-07-28, basic/authorization; RFC 9700, 4.12).
"""

from aiohttp import web

from hub.clock import Clock
from hub.identity import Profiles
from hub.identity.oauth.authorization import TRUSTED, Authorization
from hub.identity.oauth.choices import preselected
from hub.identity.oauth.clients import Standing
from hub.identity.oauth.errors import ErrorRedirect, OAuthError, PageError
from hub.identity.oauth.rates import Allowance
from hub.identity.oauth.request import AuthorizationRequest
from hub.observe import log
from hub.store import StoreUnavailable
from hub.web.client_address import client_address, neighbourhood
from hub.web.oauth.answers import form_action, problem, rendered, sent
from hub.web.oauth.app_pages import AppPages
from hub.web.oauth.arrivals import Arrivals
from hub.web.oauth.forms import Pairs, form_of, once, query_of
from hub.web.people.pages import see
from hub.web.people.session import SignedIn, check_csrf, csrf_field, require_sign_in, signed_in
from hub.web.site import PAGE_HEADERS

_log = log("web.oauth")


class ConsentPages:
    """The authorization endpoint."""

    def __init__(
        self,
        authorization: Authorization,
        clock: Clock,
        *,
        profiles: Profiles,
        arrivals: Arrivals,
        apps: AppPages | None = None,
    ) -> None:
        """``apps`` is the page that follows a yes, where apps can be connected here."""
        self._apps = apps
        self._arrivals = arrivals
        self._authorization = authorization
        self._profiles = profiles
        self._allowance = Allowance(clock, 120, 60.0)

    def routes(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        app.router.add_get("/authorize", self._ask)
        app.router.add_post("/authorize", self._answer)

    async def _ask(self, request: web.Request) -> web.Response:
        pairs: Pairs = []
        try:
            self._check_rate(request)
            pairs = query_of(request)
            asked, standing = await self._authorization.opened(pairs)
            who = await self._who(request, asked)
            if standing not in TRUSTED:
                return await self._waiting(request, asked, standing, who)
            again = any(key == "prompt" and "consent" in value.split() for key, value in pairs)
            known = None if again else await self._authorization.remembered(asked, who.user.id)
            if known is not None:
                location = await self._authorization.approved_anew(asked, who.user.id, known)
                self._arrivals.asked(request, asked, "consent", "ok", f"as before: {known.key}")
                return sent(location) if not _by_own_form(request) else _onward(request, location, asked)
            self._arrivals.asked(request, asked, "consent", "waits", "the page is shown")
            return self._page(request, asked, standing, who)
        except ErrorRedirect as wrong:
            self._arrivals.not_asked(request, pairs, str(wrong))
            _log.info("an authorization request was wrong", error=wrong.code, reason=str(wrong))
            return sent(wrong.location)
        except (PageError, OAuthError, StoreUnavailable) as wrong:
            self._arrivals.not_asked(request, pairs, str(wrong))
            return problem(request, wrong)

    async def _who(self, request: web.Request, asked: AuthorizationRequest) -> SignedIn:
        """Who is asked; raises the redirect to the sign-in page."""
        who = await signed_in(request)
        self._arrivals.asked(request, asked, "authorize", "ok", "asked for by a browser")
        if who is None:
            self._arrivals.asked(request, asked, "sign_in", "waits", "sent to the sign-in page")
        else:
            self._arrivals.asked(request, asked, "sign_in", "ok", f"as {who.user.name}", who.user.name)
        return await require_sign_in(request)

    async def _answer(self, request: web.Request) -> web.Response:
        asked: AuthorizationRequest | None = None
        try:
            self._check_rate(request)
            form = once(await form_of(request), "")
            who = await signed_in(request)
            if who is None:
                raise PageError("You are not signed in any more. Go back to the app and begin again.")
            await check_csrf(request, form)
            asked, nonce = self._authorization.unsealed(form.get("request", ""), who.user.id, who.session_id)
            if form.get("answer") != "allow":
                location = await self._authorization.refused(asked)
                self._arrivals.asked(request, asked, "consent", "wrong", "the person said no")
                return sent(location)
            choice = self._authorization.chosen(asked, form.get("choice", ""))
            path = await self._apps.begin(request, asked, who, choice, nonce) if self._apps is not None else None
            if path is not None:
                self._arrivals.asked(request, asked, "consent", "ok", f"allowed: {choice.key}")
                return see(path)
            location = await self._authorization.approved(asked, who.user.id, choice.key, nonce)
            self._arrivals.asked(request, asked, "consent", "ok", f"allowed: {choice.key}")
            return sent(location)
        except (PageError, OAuthError, StoreUnavailable) as wrong:
            if asked is not None:
                self._arrivals.asked(request, asked, "consent", "wrong", str(wrong))
            return problem(request, wrong)

    def _check_rate(self, request: web.Request) -> None:
        wait = self._allowance.take(neighbourhood(client_address(request)))
        if wait is not None:
            raise OAuthError("too_many_requests", "Too many requests from your network; try again shortly.", 429)

    def _page(
        self, request: web.Request, asked: AuthorizationRequest, standing: Standing, who: SignedIn
    ) -> web.Response:
        offered = self._authorization.choices(asked)
        door = self._profiles.get(asked.door) if asked.door is not None else None
        page = rendered(
            request,
            "oauth/consent.html",
            asked=asked,
            redirect=asked.redirect,
            who=who.user.name,
            offered=offered,
            chosen=preselected(offered, standing == "listed"),
            listed=standing == "listed",
            door=door,
            sealed=self._authorization.sealed(asked, who.user.id, who.session_id),
            csrf=csrf_field(request),
        )
        policy = PAGE_HEADERS["Content-Security-Policy"].replace("form-action 'self'", form_action(asked))
        page.headers["Content-Security-Policy"] = policy
        return page

    async def _waiting(
        self, request: web.Request, asked: AuthorizationRequest, standing: Standing, who: SignedIn
    ) -> web.Response:
        """The page for a host nobody has allowed: it gives nothing, and leads nowhere."""
        state = standing
        if standing == "unknown":
            state = await self._authorization.ask_for_host(asked, who.user.name)
        host = asked.redirect.host
        text = f"the host {host} is denied" if state == "denied" else f"{host} waits for: hub client allow {host}"
        self._arrivals.asked(request, asked, "consent", "wrong", text)
        shown = {
            "asked": asked,
            "redirect": asked.redirect,
            "denied": state == "denied",
            "admin": who.user.role == "admin",
        }
        return rendered(request, "oauth/waiting.html", 403, **shown)


def _by_own_form(request: web.Request) -> bool:
    """Whether the browser may have come here from the form of the sign-in page."""
    return request.headers.get("Sec-Fetch-Site") == "same-origin"


def _onward(request: web.Request, location: str, asked: AuthorizationRequest) -> web.Response:
    """A page that leads on: that form's policy (``form-action 'self'``) holds for redirects that follow it, too."""
    page = rendered(request, "oauth/onward.html", location=location, host=asked.redirect.host)
    page.headers["Refresh"] = f"0; url={location}"
    return page
