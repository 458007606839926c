"""``/setup/<secret>``: what set-up links and invitations lead to.

Opening a link changes nothing; only a button does. An invitation asks for a name and becomes a set-up link; a set-up
link asks for a password, a passkey or a sign-in elsewhere, and signs its person in.
"""

from typing import Any

from aiohttp import web

from hub.identity.people import People
from hub.identity.people.refusals import ChangeRefused
from hub.store import NameRefused
from hub.store.invitations import PREFIX as INVITATION
from hub.web.people.pages import (
    begun,
    browser_of,
    form_of,
    page,
    script_welcomed,
    scripted,
    see,
    shown,
    text_of,
)
from hub.web.people.sign_in_pages import SignInPages


class SetupPages:
    """The pages behind one-time links."""

    def __init__(self, people: People, sign_in: SignInPages) -> None:
        self._people = people
        self._sign_in = sign_in

    def routes(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        app.router.add_get("/setup/{secret}", page(self._asked))
        app.router.add_post("/setup/{secret}", page(self._chosen))
        app.router.add_post("/setup/{secret}/passkey/options", scripted(self._passkey_options))
        app.router.add_post("/setup/{secret}/passkey", scripted(self._passkey))

    async def _asked(self, request: web.Request) -> web.Response:
        return await self._form(request)

    async def _chosen(self, request: web.Request) -> web.Response:
        form = await form_of(request)
        secret = request.match_info["secret"]
        await self._people.brake.beginning(browser_of(request).neighbourhood)
        if secret.startswith(INVITATION):
            try:
                return see(f"/setup/{await self._people.accept(secret, form.get('name', ''))}")
            except NameRefused as wrong:
                return await self._form(request, words=str(wrong), status=400, name=form.get("name", "")[:100])
        try:
            if form.get("password", "") != form.get("repeated", ""):
                raise ChangeRefused("The two passwords differ.")
            came = await self._people.finish_with_password(
                secret, form.get("password", ""), browser_of(request), lost=form.get("lost") == "yes"
            )
        except ChangeRefused as wrong:
            return await self._form(request, words=str(wrong), status=400)
        return await self._sign_in.came(request, came)

    async def _passkey_options(self, request: web.Request, asked: dict[str, Any]) -> dict[str, Any]:
        browser = browser_of(request)
        await self._people.brake.beginning(browser.neighbourhood)
        return await self._people.begin_with_passkey(request.match_info["secret"], browser)

    async def _passkey(self, request: web.Request, asked: dict[str, Any]) -> web.Response:
        admitted = await self._people.finish_with_passkey(
            request.match_info["secret"],
            text_of(asked, "ceremony"),
            asked.get("credential"),
            text_of(asked, "name"),
            browser_of(request),
            lost=asked.get("lost") == "yes",
        )
        return script_welcomed(request, await begun(request, self._people, admitted), admitted)

    async def _form(self, request: web.Request, *, words: str = "", status: int = 200, name: str = "") -> web.Response:
        secret = request.match_info["secret"]
        if secret.startswith(INVITATION):
            invitation = await self._people.store.invitations.peek(secret)
            if invitation is None:
                return shown(request, "spent.html", status=404)
            proposed = name or invitation.name
            return shown(request, "invited.html", status=status, words=words, name=proposed, role=invitation.role)
        found = await self._people.set_up(secret)
        if found is None:
            return shown(request, "spent.html", status=404)
        return shown(
            request,
            "setup.html",
            status=status,
            scripts=True,
            words=words,
            secret=secret,
            person=found,
            passkeys=self._people.passkeys.possible,
            elsewhere=self._people.openid.titles,
        )
