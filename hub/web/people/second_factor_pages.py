"""``/account/second-factor``: the authenticator app, recovery codes and passkeys of a person.

Whoever proves a second factor here has a session of a new id with it. Not the second step of a sign-in.
"""

from typing import Any

import segno
from aiohttp import web
from markupsafe import Markup

from hub.identity.people import People
from hub.identity.people.account import Proposal
from hub.identity.people.refusals import ChangeRefused, SignInRefused
from hub.web.people.pages import browser_of, form_of, page, script_welcomed, scripted, see, shown, text_of
from hub.web.people.session import DOOR, SignedIn, led, require_fresh, require_sign_in

_HERE = "/account/second-factor"


class SecondFactorPages:
    """The page of second factors and its forms."""

    def __init__(self, people: People) -> None:
        self._people = people

    def routes(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        app.router.add_get(_HERE, page(self._factors))
        app.router.add_get(f"{_HERE}/app", page(self._propose))
        app.router.add_post(f"{_HERE}/app", page(self._confirm))
        app.router.add_post(f"{_HERE}/app/remove", page(self._remove))
        app.router.add_post(f"{_HERE}/codes", page(self._codes))
        app.router.add_post(f"{_HERE}/passkeys/options", scripted(self._passkey_options))
        app.router.add_post(f"{_HERE}/passkeys", scripted(self._passkey))
        app.router.add_post(f"{_HERE}/passkeys/{{id}}/remove", page(self._passkey_remove))

    async def _factors(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        account = await self._people.accounts.overview(who.user)
        possible = self._people.passkeys.possible
        return shown(request, "second_factor.html", scripts=True, who=who, account=account, passkeys=possible)

    async def _propose(self, request: web.Request) -> web.Response:
        who = await self._prover(request)
        return self._proposal(request, self._people.accounts.propose_totp(who.user))

    async def _confirm(self, request: web.Request) -> web.Response:
        await require_sign_in(request)
        form = await form_of(request)
        who = await self._prover(request)
        sealed = form.get("proposal", "")
        try:
            codes = await self._people.accounts.confirm_totp(who.user, sealed, form.get("code", "")[:20])
        except ChangeRefused as wrong:
            proposal = self._people.accounts.proposed_totp(who.user, sealed)
            if proposal is None:
                raise
            return self._proposal(request, proposal, words=str(wrong), status=400)
        response = see(_HERE) if codes is None else shown(request, "codes.html", codes=codes)
        if not who.strong:
            renewed = await self._people.sign_in.renew(
                who.user, browser_of(request), who.session_id, "password", strong=True
            )
            request.config_dict[DOOR].cookies.keep_session(response, renewed.secret)
        return response

    async def _remove(self, request: web.Request) -> web.Response:
        await require_sign_in(request)
        await form_of(request)
        who = await self._prover(request)
        await self._people.accounts.remove_totp(who.user)
        return see(_HERE)

    async def _codes(self, request: web.Request) -> web.Response:
        await require_sign_in(request)
        await form_of(request)
        who = await self._prover(request)
        if not (await self._people.accounts.overview(who.user)).second_factor:
            raise ChangeRefused("Recovery codes stand in for a second factor; set one up first.")
        return shown(request, "codes.html", codes=await self._people.accounts.new_codes(who.user))

    async def _passkey_options(self, request: web.Request, asked: dict[str, Any]) -> dict[str, Any]:
        who = await self._script_prover(request)
        return await self._people.passkeys.begin_adding(who.user, browser_of(request).visit)

    async def _passkey(self, request: web.Request, asked: dict[str, Any]) -> dict[str, Any] | web.Response:
        who = await self._script_prover(request)
        browser = browser_of(request)
        await self._people.passkeys.add(
            who.user, browser.visit, text_of(asked, "ceremony"), asked.get("credential"), text_of(asked, "name")
        )
        if who.strong:
            return {"next": _HERE}
        renewed = await self._people.sign_in.renew(who.user, browser, who.session_id, "passkey", strong=True)
        return script_welcomed(request, _HERE, renewed)

    async def _passkey_remove(self, request: web.Request) -> web.Response:
        await require_sign_in(request)
        await form_of(request)
        who = await self._prover(request)
        await self._people.accounts.remove_passkey(who.user, request.match_info["id"])
        return see(_HERE)

    async def _prover(self, request: web.Request) -> SignedIn:
        """Who may change second factors: signed in lately, and with the second factor where there is one."""
        who = await require_fresh(request, self._people.clock.now())
        if not who.strong and (await self._people.accounts.overview(who.user)).second_factor:
            raise led(f"/signin?again=1&next={_HERE}")
        return who

    async def _script_prover(self, request: web.Request) -> SignedIn:
        """The same for a script, which cannot be led to a page."""
        try:
            return await self._prover(request)
        except web.HTTPSeeOther:
            raise SignInRefused("Sign in again to change how you sign in, then try once more.") from None

    def _proposal(
        self, request: web.Request, proposal: Proposal, *, words: str = "", status: int = 200
    ) -> web.Response:
        # Made here, from our own text; drawn by attributes, for styles inside pages are not allowed.
        picture = segno.make(proposal.uri, micro=False).svg_inline(scale=5, dark="#000", light="#fff", omitsize=False)
        return shown(
            request,
            "totp.html",
            status=status,
            words=words,
            proposal=proposal,
            picture=Markup(picture),  # noqa: S704 - the library's drawing of modules, none of the text in it
        )
