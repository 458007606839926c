"""``/signin`` and ``/signout``: name and password, the second step, passkeys, and the way to sign-ins elsewhere.

Not setting up an account (``setup_pages.py``).
"""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from hub.identity.people import People
from hub.identity.people.refusals import SignInRefused, TooManyAttempts
from hub.identity.people.sign_in import SecondStep
from hub.web.people.pages import (
    NEVER_CACHED,
    begun,
    browser_of,
    form_of,
    page,
    script_welcomed,
    scripted,
    see,
    shown,
    text_of,
    welcomed,
)
from hub.web.people.session import DOOR, local_path, require_fresh, signed_in, visit

Failed = Callable[[web.Request, str, str], None]
"""Told of a sign-in that failed: where it would have led, and why."""


class SignInPages:
    """The pages by which people come in and go. ``failed`` is told of wrong passwords."""

    def __init__(self, people: People, failed: Failed | None = None) -> None:
        self._people = people
        self._failed = failed

    def routes(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        app.router.add_get("/signin", page(self._asked))
        app.router.add_post("/signin", page(self._password))
        app.router.add_post("/signin/code", page(self._code))
        app.router.add_post("/signin/passkey/options", scripted(self._passkey_options))
        app.router.add_post("/signin/passkey", scripted(self._passkey))
        app.router.add_get("/signin/oidc/{name}", page(self._elsewhere))
        app.router.add_get("/signin/oidc/{name}/callback", page(self._back))
        app.router.add_post("/signout", page(self._leave))

    async def _asked(self, request: web.Request) -> web.Response:
        next = local_path(request.query.get("next"))
        again = "again" in request.query
        if await signed_in(request) is not None and not again:
            return see(next)
        return self._form(request, next, again=again)

    async def _password(self, request: web.Request) -> web.Response:
        form = await form_of(request)
        next = local_path(form.get("next"))
        name, password = form.get("name", "")[:200], form.get("password", "")
        try:
            came = await self._people.sign_in.with_password(name, password, browser_of(request), next)
        except TooManyAttempts as wrong:
            self._tell(request, next, wrong)
            raise
        except SignInRefused as wrong:
            self._tell(request, next, wrong)
            return self._form(request, next, name=name, words=str(wrong), status=403)
        return await self.came(request, came)

    def _tell(self, request: web.Request, next: str, wrong: SignInRefused) -> None:
        if self._failed is not None:
            self._failed(request, next, str(wrong))

    async def came(self, request: web.Request, came: Any) -> web.Response:
        """Let somebody in, or ask for the second step."""
        if isinstance(came, SecondStep):
            return shown(request, "second.html", scripts=True, step=came)
        return await welcomed(request, self._people, came)

    async def _code(self, request: web.Request) -> web.Response:
        form = await form_of(request)
        ceremony, browser = form.get("ceremony", ""), browser_of(request)
        try:
            admitted = await self._people.sign_in.with_code(ceremony, form.get("code", "")[:100], browser)
        except TooManyAttempts:
            raise
        except SignInRefused as wrong:
            step = await self._people.sign_in.second_step(ceremony, browser)
            return shown(request, "second.html", status=403, scripts=True, step=step, words=str(wrong))
        return await welcomed(request, self._people, admitted)

    async def _passkey_options(self, request: web.Request, asked: dict[str, Any]) -> dict[str, Any]:
        next = local_path(text_of(asked, "next"))
        second = text_of(asked, "second") or None
        return await self._people.sign_in.begin_passkey(browser_of(request), next, second)

    async def _passkey(self, request: web.Request, asked: dict[str, Any]) -> web.Response:
        admitted = await self._people.sign_in.with_passkey(
            text_of(asked, "ceremony"), asked.get("credential"), browser_of(request)
        )
        return script_welcomed(request, await begun(request, self._people, admitted), admitted)

    async def _elsewhere(self, request: web.Request) -> web.Response:
        """Go to a sign-in elsewhere. A link, not a form: a form's policy would keep the browser from leaving."""
        browser = browser_of(request)
        await self._people.brake.beginning(browser.neighbourhood)
        purpose: dict[str, Any] = {"next": local_path(request.query.get("next"))}
        if "connect" in request.query:
            who = await require_fresh(request, self._people.clock.now())
            purpose = {"connect": who.user.id, "session": who.session_id}
        elif "setup" in request.query:
            if await self._people.set_up(request.query["setup"]) is None:
                raise SignInRefused("This link does not lead anywhere any more.")
            purpose = {"setup": request.query["setup"]}
        again = "again" in request.query
        return see(await self._people.openid.begin(request.match_info["name"], browser.visit, purpose, again=again))

    async def _back(self, request: web.Request) -> web.Response:
        if len(request.query) != len(set(request.query)):
            raise SignInRefused("This answer says something twice. Begin anew.")
        browser = browser_of(request)
        name = request.match_info["name"]
        who, purpose = await self._people.openid.finish(name, dict(request.query), visit(request))
        if "connect" in purpose:
            here = await signed_in(request)
            if here is None or (here.user.id, here.session_id) != (purpose["connect"], purpose["session"]):
                raise SignInRefused("You were signed in as someone else when this began. Begin anew.")
            await self._people.connect(here.user, who)
            return see("/account")
        if "setup" in purpose:
            return await self.came(request, await self._people.finish_with_identity(purpose["setup"], who, browser))
        return await self.came(request, await self._people.come_in(who, browser, purpose["next"]))

    async def _leave(self, request: web.Request) -> web.Response:
        await form_of(request)
        who = await signed_in(request)
        if who is not None:
            await self._people.store.web_sessions.end(who.user.id, who.session_id)
        response = see("/signin")
        request.config_dict[DOOR].cookies.forget(response)
        response.headers.update(NEVER_CACHED)
        return response

    def _form(
        self,
        request: web.Request,
        next: str,
        *,
        again: bool = False,
        name: str = "",
        words: str = "",
        status: int = 200,
    ) -> web.Response:
        return shown(
            request,
            "signin.html",
            status=status,
            scripts=True,
            next=next,
            again=again,
            name=name,
            words=words,
            passkeys=self._people.passkeys.possible,
            elsewhere=self._people.openid.titles,
        )
