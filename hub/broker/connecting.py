"""Connecting accounts: by the vendor's page, or by what is pasted; again in place; and ending them at the vendor.

A flow is remembered in the database, sealed, bound to the browser and the person it was begun by, for ten minutes and
once. What is gained is kept by ``keeping.py``. Not the pages (``hub/web/accounts``).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson

from hub.broker.clients import ClientCredential, ClientCredentials
from hub.broker.discovery.pinned import Pinned
from hub.broker.discovery.sign_in import McpSignIn
from hub.broker.endpoint import TokenEndpoint, authorize_url, wanted_scopes
from hub.broker.keeping import Keeping, unreachable
from hub.broker.own_code import OwnCode
from hub.broker.renewal import remedy
from hub.broker.tokens import OPERATOR, AppBroken, GrantDead, turn_of
from hub.broker.wanted import Connected, ConnectRefused, Gained, Undecided, Wanted
from hub.clock import Clock
from hub.errors import HubError, OperatorNeeded, ProviderUnavailable, ToolError
from hub.sdk.provider import (
    ClientCredentialsMethod,
    DeviceMethod,
    GrantMethod,
    JwtBearerMethod,
    McpOAuthMethod,
    Method,
    OAuthMethod,
    Provider,
)
from hub.sdk.response import clean
from hub.seal import KeyRing, SealBroken, fingerprint
from hub.store import Store

__all__ = ["LIFE", "ConnectRefused", "Connected", "Connecting", "Undecided", "Wanted"]

LIFE = timedelta(minutes=10)
"""How long the vendor's page may take."""

_KIND = "connect"


class Connecting:
    """Connects accounts. ``provider`` finds a declaration by name."""

    def __init__(
        self,
        *,
        store: Store,
        ring: KeyRing,
        keeping: Keeping,
        clients: ClientCredentials,
        endpoint: TokenEndpoint,
        own_code: OwnCode,
        clock: Clock,
        provider: Callable[[str], Provider | None],
        sign_in: McpSignIn,
    ) -> None:
        self._sign_in = sign_in
        self._rows = store.connections
        self._flows = store.ceremonies
        self._box = ring.box("connect flow")
        self.keeping = keeping
        self.clients = clients
        self._endpoint = endpoint
        self._own_code = own_code
        self._clock = clock
        self._provider = provider

    # -- by the vendor's page ----------------------------------------------------------------------------------

    async def begin(self, wanted: Wanted, visit: str) -> str:
        """Where to send the browser of ``visit``. Raises ``OperatorNeeded`` and ``ConnectRefused``."""
        self.keeping.check_halt(wanted.user_id)
        way = wanted.way
        pinned: Pinned | None = None
        if isinstance(way, McpOAuthMethod):
            pinned, named = await self._sign_in.found(wanted.provider, way)
            scopes = await self._with_former(wanted, named)
        elif isinstance(way, OAuthMethod):
            scopes = wanted_scopes(way, wanted.scopes)
        else:
            raise ConnectRefused(f"{wanted.provider.title} is not connected by its own page this way.")
        method, client = await self._resolved(wanted.provider, way, pinned)
        redirect_uri = self.clients.redirect_uri(wanted.provider.name)
        if method.app.https_only and not redirect_uri.startswith("https://"):
            raise OperatorNeeded(f"{wanted.provider.title} sends people back to https addresses only; see public_url.")
        verifier = None if method.pkce == "off" else self._endpoint.text()
        state = self._flows.secret()
        held = {
            **replace(wanted, scopes=tuple(scopes)).plain(),
            "verifier": verifier,
            "client_id": client.client_id,
            **(pinned.kept() if pinned is not None else {}),
        }
        sealed = self._box.seal(orjson.dumps(held), bound=fingerprint(state))
        await self._flows.open(state, _KIND, visit, sealed, LIFE)
        url = authorize_url(
            method,
            client_id=client.client_id,
            redirect_uri=redirect_uri,
            state=state,
            scopes=scopes,
            settings=wanted.settings,
            verifier=verifier,
        )
        known = {"client_id": client.client_id, "client_secret": client.secret or ""}
        return await self._own_code.step(wanted.provider, "authorize", url, settings=wanted.settings, secrets=known)

    async def _with_former(self, wanted: Wanted, named: tuple[str, ...]) -> list[str]:
        """The scopes a server names, with those the account had, and those it was found to lack (MCP specification,
        basic/authorization, Scope Challenge Handling: what was granted before is not given up)."""
        before = await self._rows.get(wanted.again) if wanted.again is not None else None
        mine = before is not None and before.user_id == wanted.user_id
        former = sorted(before.scopes | before.wanted) if before is not None and mine else []
        return list(dict.fromkeys((*named, *wanted.scopes, *former)))

    async def _resolved(
        self, provider: Provider, way: Method, pinned: Pinned | None
    ) -> tuple[OAuthMethod, ClientCredential]:
        """The endpoints of a way by the vendor's page, and the hub's client there. Raises ``OperatorNeeded``."""
        if isinstance(way, McpOAuthMethod) and pinned is not None:
            return pinned.method(way), await self._sign_in.client(provider, pinned)
        if isinstance(way, OAuthMethod):
            return way, await self.clients.need(provider, way)
        raise ConnectRefused(f"{provider.title} is no longer connected this way. Begin anew.")

    async def finish(
        self, provider_name: str, query: Mapping[str, str], visit: str, user_id: str
    ) -> Connected | Undecided:
        """Keep the account a browser came back with. ``query`` holds each parameter once; ``user_id`` is who is signed
        in there now. Raises ``ConnectRefused``, ``OperatorNeeded`` and ``ProviderUnavailable``."""
        self.keeping.check_halt(user_id)
        held = await self._taken(query.get("state", ""), visit)
        if held is None or held["provider"] != provider_name:
            raise ConnectRefused("This took too long, was done already, or was begun in another browser. Begin anew.")
        if held["user_id"] != user_id:
            raise ConnectRefused("Somebody else signed in at this browser meanwhile. Begin anew.")
        provider = self._provider(provider_name)
        if provider is None:
            raise ConnectRefused(f"The provider {provider_name} is no longer there. Begin anew.")
        wanted = Wanted.of(held, provider)
        pinned = Pinned.of(held)
        method, client = await self._resolved(provider, wanted.way, pinned)
        if pinned is not None and pinned.iss and "iss" not in query:
            raise ConnectRefused(f"This answer does not say whose it is, as {pinned.issuer} does. Begin anew.")
        known = {"client_id": client.client_id, "client_secret": client.secret or ""}
        try:
            query = await self._own_code.step(provider, "callback", query, settings=wanted.settings, secrets=known)
        except ToolError as wrong:
            raise ConnectRefused(str(wrong)) from None
        self._check_answer(provider, method, query)
        if client.client_id != held["client_id"]:
            raise ConnectRefused("The operator changed the app meanwhile. Begin anew.")
        redirect_uri = self.clients.redirect_uri(provider.name)
        brought = {name: query[key][:500] for name, key in method.authorize.save.items() if key in query}
        try:
            named, brought = provider.found(brought)
        except ToolError as wrong:
            raise ConnectRefused(str(wrong)) from None
        wanted = replace(wanted, settings={**wanted.settings, **named})
        try:
            tokens = await self._endpoint.redeem(
                provider,
                method,
                client,
                wanted.settings,
                code=query[method.authorize.code],
                redirect_uri=redirect_uri,
                verifier=held["verifier"],
            )
        except AppBroken as wrong:
            if pinned is not None and await self._sign_in.lost(provider, pinned):
                raise ConnectRefused(f"{provider.title} no longer knows this hub: {wrong} Begin anew.") from None
            raise OperatorNeeded(remedy(provider, method, wrong, redirect_uri)) from None
        except GrantDead as wrong:
            raise ConnectRefused(f"{provider.title} did not accept this: {wrong} Begin anew.") from None
        gained = Gained.of(tokens, brought={"client_id": client.client_id, **brought})
        if pinned is not None:
            gained = replace(gained, secrets={**gained.secrets, **pinned.kept()})
        if method.scopes.callback in query:
            granted = frozenset(query[str(method.scopes.callback)].replace(",", " ").split())
            gained = replace(gained, scopes=granted)
        return await self.keeping.keep(wanted, gained)

    def _check_answer(self, provider: Provider, method: OAuthMethod, query: Mapping[str, str]) -> None:
        """Raise unless the browser came back from this provider with a code (RFC 6749, section 4.1.2; RFC 9207)."""
        issuer = query.get("iss")
        if method.issuer is not None and issuer is not None and issuer != method.issuer:
            raise ConnectRefused(f"This answer is not from {provider.title}. Begin anew.")
        error = query.get("error", "")
        if error:
            code = "".join(char for char in error if char.isalnum() or char in "_.-")[:64]
            words = clean(query.get("error_description", ""))[:200]
            turn = turn_of(method.wrong_turns, f"{code} {words}")
            if code.lower() in OPERATOR or (turn is not None and not turn.maybe):
                told = AppBroken(f"{provider.title} answered {code}" + (f" ({words})." if words else "."), code.lower())
                raise OperatorNeeded(remedy(provider, method, told, self.clients.redirect_uri(provider.name)))
            hint = turn.tell if turn is not None else ""
            hint = hint.replace("{redirect_uri}", self.clients.redirect_uri(provider.name))
            told_hint = f" If you did agree, the operator should look: {hint}." if hint else ""
            raise ConnectRefused(f"{provider.title} did not connect the account ({code or 'no reason'}).{told_hint}")
        if not query.get(method.authorize.code):
            raise ConnectRefused(f"{provider.title} sent nothing back. Begin anew.")

    async def tried(self, provider: Provider, method: GrantMethod) -> str:
        """What the provider says to the client credential, in words for the operator: it is asked to redeem a code
        that it never gave, which it can only refuse, and for which reason tells; or, for a device, for a code."""
        client = await self.clients.need(provider, method)
        if provider.declared.settings:
            return "It could not be tried, as its address depends on each account."
        try:
            await self._tried(provider, method, client)
        except GrantDead:
            return f"{provider.title} knows it."
        except AppBroken as wrong:
            told = remedy(provider, method, wrong, self.clients.redirect_uri(provider.name))
            return f"{provider.title} refuses it: {told}"
        except HubError as wrong:
            return f"{provider.title} could not be asked: {wrong}"
        return f"{provider.title} knows it."

    async def way_back(self, state: str, visit: str) -> str:
        """Where a flow that is not over yet leads to afterwards; empty where to nowhere."""
        held = self._opened(await self._flows.peek(state, _KIND, visit), state)
        return str(held["next"]) if held is not None else ""

    async def _tried(self, provider: Provider, method: GrantMethod, client: ClientCredential) -> None:
        if isinstance(method, DeviceMethod):
            await self._endpoint.device_code(provider, method, client, {}, wanted_scopes(method, ()))
            return
        if isinstance(method, OAuthMethod):
            redirect_uri = self.clients.redirect_uri(provider.name)
            verifier = self._endpoint.text() if method.pkce != "off" else None
            await self._endpoint.redeem(
                provider, method, client, {}, code="trial", redirect_uri=redirect_uri, verifier=verifier
            )

    async def _taken(self, state: str, visit: str) -> dict[str, Any] | None:
        return self._opened(await self._flows.take(state, _KIND, visit), state)

    def _opened(self, sealed: str | None, state: str) -> dict[str, Any] | None:
        if sealed is None:
            return None
        try:
            held: dict[str, Any] = orjson.loads(
                self._box.open(sealed, bound=fingerprint(state), now=self._clock.time())
            )
        except SealBroken:
            return None
        return held

    # -- by what is pasted ---------------------------------------------------------------------------------------

    async def paste(self, wanted: Wanted, given: Mapping[str, str]) -> Connected | Undecided:
        """Keep an account by what the person pasted, once the provider has accepted it.

        Raises ``ConnectRefused``, whose words tell apart what looks wrong, what the provider refuses, and a provider
        that does not answer; and ``OperatorNeeded`` where what was pasted is not at fault.
        """
        self.keeping.check_halt(wanted.user_id)
        method = wanted.way
        provider = wanted.provider
        if isinstance(method, GrantMethod | McpOAuthMethod):
            raise ConnectRefused(f"{provider.title} is connected by its own page this way.")
        try:
            pasted = provider.checked_fields(method, given)
        except ToolError as wrong:
            raise ConnectRefused(str(wrong)) from None
        gained = Gained(dict(pasted))
        if isinstance(method, ClientCredentialsMethod | JwtBearerMethod):
            scopes = wanted_scopes(method, wanted.scopes)
            try:
                tokens = await self._endpoint.mint(provider, method, pasted, wanted.settings, scopes)
            except GrantDead as wrong:
                raise ConnectRefused(f"{provider.title} refuses this: {wrong}") from None
            except AppBroken as wrong:
                told = remedy(provider, method, wrong, self.clients.redirect_uri(provider.name))
                raise OperatorNeeded(told) from None
            except ProviderUnavailable as wrong:
                raise unreachable(provider.title, wrong) from None
            gained = Gained.of(tokens, pasted=dict(pasted))
        return await self.keeping.keep(wanted, gained)
