"""Connecting accounts: by the vendor's page, or by what is pasted; again in place; and ending them at the vendor.

A flow is remembered in the database, sealed, bound to the browser and the person it was begun by, for ten minutes and
once. Whose account came back is asked before anything is kept. Not the pages (``hub/web/accounts``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from hub.broker.clients import ClientCredentials
from hub.broker.endpoint import TokenEndpoint, authorize_url, wanted_scopes
from hub.broker.probe import Identity, Probe, Refused
from hub.broker.renewal import places, remedy
from hub.broker.tokens import OPERATOR, AppBroken, GrantDead, Tokens
from hub.broker.vault import Secrets, Vault
from hub.clock import Clock
from hub.errors import HubError, OperatorNeeded, ProviderUnavailable, ToolError
from hub.observe import log
from hub.sdk.provider import ClientCredentialsMethod, JwtBearerMethod, Method, OAuthMethod, OperatorMethod, Provider
from hub.sdk.response import clean
from hub.seal import KeyRing, SealBroken, fingerprint
from hub.store import Store
from hub.store.connections import Connection, Draft

LIFE = timedelta(minutes=10)
"""How long the vendor's page may take."""

_KIND = "connect"
_log = log("broker.connecting")


class ConnectRefused(HubError):
    """An account could not be connected; the text tells the person why, and what to do."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be connected: by whom, for which connector, with which scopes; ``again`` is the account that is
    connected anew, in place."""

    user_id: str
    connector: str
    provider: Provider
    method: str
    settings: Mapping[str, str]
    scopes: tuple[str, ...] = ()
    label: str = ""
    again: str | None = None

    @property
    def way(self) -> Method:
        """The declared way of connecting. Raises ``ConnectRefused``."""
        found = self.provider.methods.get(self.method)
        if found is None or isinstance(found, OperatorMethod):
            raise ConnectRefused(f"{self.provider.title} cannot be connected this way.")
        return found


@dataclass(frozen=True, slots=True)
class Connected:
    """A connected account: its label, for which connector, and whether it was there before."""

    label: str
    connector: str
    replaced: bool


class Connecting:
    """Connects accounts. ``provider`` finds a declaration by name."""

    def __init__(
        self,
        *,
        store: Store,
        ring: KeyRing,
        vault: Vault,
        clients: ClientCredentials,
        endpoint: TokenEndpoint,
        probe: Probe,
        clock: Clock,
        provider: Callable[[str], Provider | None],
    ) -> None:
        self._rows = store.connections
        self._flows = store.ceremonies
        self._box = ring.box("connect flow")
        self._vault = vault
        self.clients = clients
        self._endpoint = endpoint
        self._probe = probe
        self._clock = clock
        self._provider = provider

    # -- by the vendor's page ----------------------------------------------------------------------------------

    async def begin(self, wanted: Wanted, visit: str) -> str:
        """Where to send the browser of ``visit``. Raises ``OperatorNeeded`` and ``ConnectRefused``."""
        method = wanted.way
        if not isinstance(method, OAuthMethod):
            raise ConnectRefused(f"{wanted.provider.title} is not connected by its own page this way.")
        client = await self.clients.need(wanted.provider, method)
        redirect_uri = self.clients.redirect_uri(wanted.provider.name)
        if method.app.https_only and not redirect_uri.startswith("https://"):
            raise OperatorNeeded(f"{wanted.provider.title} sends people back to https addresses only; see public_url.")
        verifier = None if method.pkce == "off" else self._endpoint.text()
        scopes = wanted_scopes(method, wanted.scopes)
        state = self._flows.secret()
        held = {
            "user_id": wanted.user_id,
            "connector": wanted.connector,
            "provider": wanted.provider.name,
            "method": wanted.method,
            "settings": dict(wanted.settings),
            "scopes": scopes,
            "label": wanted.label,
            "again": wanted.again,
            "verifier": verifier,
            "client_id": client.client_id,
        }
        sealed = self._box.seal(orjson.dumps(held), bound=fingerprint(state))
        await self._flows.open(state, _KIND, visit, sealed, LIFE)
        return authorize_url(
            method,
            client_id=client.client_id,
            redirect_uri=redirect_uri,
            state=state,
            scopes=scopes,
            settings=wanted.settings,
            verifier=verifier,
        )

    async def finish(self, provider_name: str, query: Mapping[str, str], visit: str, user_id: str) -> Connected:
        """Keep the account a browser came back with. ``query`` holds each parameter once; ``user_id`` is who is signed
        in there now. Raises ``ConnectRefused``, ``OperatorNeeded`` and ``ProviderUnavailable``."""
        held = await self._taken(query.get("state", ""), visit)
        if held is None or held["provider"] != provider_name:
            raise ConnectRefused("This took too long, was done already, or was begun in another browser. Begin anew.")
        if held["user_id"] != user_id:
            raise ConnectRefused("Somebody else signed in at this browser meanwhile. Begin anew.")
        provider = self._provider(provider_name)
        if provider is None:
            raise ConnectRefused(f"The provider {provider_name} is no longer there. Begin anew.")
        wanted = Wanted(
            user_id,
            held["connector"],
            provider,
            held["method"],
            held["settings"],
            tuple(held["scopes"]),
            held["label"],
            held["again"],
        )
        method = wanted.way
        if not isinstance(method, OAuthMethod):
            raise ConnectRefused(f"{provider.title} is no longer connected this way. Begin anew.")
        self._check_answer(provider, method, query)
        client = await self.clients.need(provider, method)
        if client.client_id != held["client_id"]:
            raise ConnectRefused("The operator changed the app meanwhile. Begin anew.")
        redirect_uri = self.clients.redirect_uri(provider.name)
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
            raise OperatorNeeded(remedy(provider, method, wrong, redirect_uri)) from None
        except GrantDead as wrong:
            raise ConnectRefused(f"{provider.title} did not accept this: {wrong} Begin anew.") from None
        brought = {name: query[key][:500] for name, key in method.authorize.save.items() if key in query}
        fields = {**brought, **tokens.fields}
        return await self._kept(wanted, _secrets(tokens), tokens, fields)

    def _check_answer(self, provider: Provider, method: OAuthMethod, query: Mapping[str, str]) -> None:
        """Raise unless the browser came back from this provider with a code (RFC 6749, section 4.1.2; RFC 9207)."""
        issuer = query.get("iss")
        if method.issuer is not None and issuer is not None and issuer != method.issuer:
            raise ConnectRefused(f"This answer is not from {provider.title}. Begin anew.")
        error = query.get("error", "")
        if error:
            code = "".join(char for char in error if char.isalnum() or char in "_.-")[:64]
            words = clean(query.get("error_description", ""))[:200]
            if code.lower() in OPERATOR:
                told = AppBroken(f"{provider.title} answered {code}" + (f" ({words})." if words else "."), code.lower())
                raise OperatorNeeded(remedy(provider, method, told, self.clients.redirect_uri(provider.name)))
            hint = next((turn.tell for turn in method.wrong_turns if turn.when == code), "")
            hint = hint.replace("{redirect_uri}", self.clients.redirect_uri(provider.name))
            told_hint = f" If you did agree, the operator should look: {hint}." if hint else ""
            raise ConnectRefused(f"{provider.title} did not connect the account ({code or 'no reason'}).{told_hint}")
        if not query.get(method.authorize.code):
            raise ConnectRefused(f"{provider.title} sent nothing back. Begin anew.")

    async def tried(self, provider: Provider, method: OAuthMethod) -> str:
        """What the provider says to the client credential, in words for the operator: it is asked to redeem a code
        that it never gave, which it can only refuse, and for which reason tells."""
        client = await self.clients.need(provider, method)
        if provider.declared.settings:
            return "It could not be tried, as its address depends on each account."
        try:
            await self._endpoint.redeem(
                provider,
                method,
                client,
                {},
                code="trial",
                redirect_uri=self.clients.redirect_uri(provider.name),
                verifier=self._endpoint.text() if method.pkce != "off" else None,
            )
        except GrantDead:
            return f"{provider.title} knows it."
        except AppBroken as wrong:
            told = remedy(provider, method, wrong, self.clients.redirect_uri(provider.name))
            return f"{provider.title} refuses it: {told}"
        except HubError as wrong:
            return f"{provider.title} could not be asked: {wrong}"
        return f"{provider.title} knows it."

    async def _taken(self, state: str, visit: str) -> dict[str, Any] | None:
        sealed = await self._flows.take(state, _KIND, visit)
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

    async def paste(self, wanted: Wanted, given: Mapping[str, str]) -> Connected:
        """Keep an account by what the person pasted, once the provider has accepted it.

        Raises ``ConnectRefused``, whose words tell apart what looks wrong, what the provider refuses, and a provider
        that does not answer.
        """
        method = wanted.way
        provider = wanted.provider
        if isinstance(method, OAuthMethod):
            raise ConnectRefused(f"{provider.title} is connected by its own page this way.")
        try:
            pasted = provider.checked_fields(method, given)
        except ToolError as wrong:
            raise ConnectRefused(str(wrong)) from None
        secrets: Secrets = dict(pasted)
        tokens: Tokens | None = None
        if isinstance(method, ClientCredentialsMethod | JwtBearerMethod):
            scopes = wanted_scopes(method, wanted.scopes)
            try:
                tokens = await self._endpoint.mint(provider, method, pasted, wanted.settings, scopes)
            except (GrantDead, AppBroken) as wrong:
                raise ConnectRefused(f"{provider.title} refuses this: {wrong}") from None
            except ProviderUnavailable as wrong:
                raise _unreachable(provider, wrong) from None
            secrets |= _secrets(tokens)
        return await self._kept(wanted, secrets, tokens, dict(tokens.fields) if tokens is not None else {})

    # -- both ------------------------------------------------------------------------------------------------------

    async def _kept(self, wanted: Wanted, secrets: Secrets, tokens: Tokens | None, fields: dict[str, Any]) -> Connected:
        """Ask whose account it is, and keep it: anew, or in place of the one it is."""
        provider, method = wanted.provider, wanted.way
        who = await self._who(wanted, secrets, fields)
        mine = [one for one in await self._rows.list(wanted.user_id) if one.provider == provider.name]
        before = next((one for one in mine if one.id == wanted.again), None)
        if wanted.again is not None and before is None:
            raise ConnectRefused("The account that was to be connected again is no longer there.")
        if before is not None and who is not None and before.subject and who.subject != before.subject:
            raise ConnectRefused(
                f"This is the account {who.label}, and {before.label} was to be connected again. Sign in at "
                f"{provider.title} as {before.label}, or add this one as a further account."
            )
        if before is None and who is not None:
            before = next((one for one in mine if one.subject == who.subject), None)
        label = _label(wanted, who, before, mine)
        asked = frozenset(wanted.scopes) if isinstance(method, OAuthMethod) else frozenset()
        granted = asked if tokens is None or tokens.scopes is None else tokens.scopes
        draft = Draft(
            wanted.method,
            label,
            who.subject if who is not None else "",
            granted,
            wanted.settings,
            {**fields, **(who.fields if who is not None else {})},
            places(provider, method, wanted.settings),
            tokens.expires_at if tokens is not None else None,
        )
        if before is not None:
            kept = self._merged(before, secrets)
            sealed = self._vault.seal(kept, id=before.id, user_id=wanted.user_id)
            if not await self._rows.replace(before, draft, sealed):
                raise ConnectRefused("The account was disconnected meanwhile. Begin anew.")
        else:
            id = self._rows.new_id()
            sealed = self._vault.seal(secrets, id=id, user_id=wanted.user_id)
            await self._rows.add(id, wanted.user_id, provider.name, draft, sealed)
        await self._rows.agree(wanted.user_id, wanted.connector, provider.name)
        _log.info("an account was connected", provider=provider.name, user=wanted.user_id, again=before is not None)
        return Connected(label, wanted.connector, before is not None)

    def _merged(self, before: Connection, secrets: Secrets) -> Secrets:
        """Some vendors give a refresh token the first time only: then the one there was goes on."""
        if "token" not in secrets or "refresh_token" in secrets:
            return secrets
        known = self._vault.open(before.secret, id=before.id, user_id=before.user_id) or {}
        kept = {"refresh_token": known["refresh_token"]} if "refresh_token" in known else {}
        return {**kept, **secrets}

    async def _who(self, wanted: Wanted, secrets: Secrets, fields: dict[str, Any]) -> Identity | None:
        provider = wanted.provider
        try:
            return await self._probe.who(provider, wanted.way, secrets, dict(wanted.settings), fields)
        except Refused as wrong:
            raise ConnectRefused(
                f"{provider.title} refuses this: {wrong} Is it complete, still valid, and for this account?"
            ) from None
        except ProviderUnavailable as wrong:
            raise _unreachable(provider, wrong) from None
        except HubError as wrong:
            raise ConnectRefused(f"{provider.title} could not be asked whose account this is: {wrong}") from None


def _secrets(tokens: Tokens) -> Secrets:
    held: Secrets = {**tokens.more, "token": tokens.access}
    if tokens.refresh is not None:
        held["refresh_token"] = tokens.refresh
    return held


def _label(wanted: Wanted, who: Identity | None, before: Connection | None, mine: list[Connection]) -> str:
    """What the account is called: as it was, as the person says, or as the provider says; each name once."""
    if before is not None and not wanted.label:
        return before.label
    named = wanted.label.strip() or (who.label if who is not None else "") or wanted.provider.title
    taken = {one.label.casefold() for one in mine if before is None or one.id != before.id}
    label, number = named[:200], 2
    while label.casefold() in taken:
        label, number = f"{named[:200]} {number}", number + 1
    return label


def _unreachable(provider: Provider, wrong: ProviderUnavailable) -> ConnectRefused:
    return ConnectRefused(
        f"{provider.title} does not answer at the moment ({wrong}). Nothing was kept; try again in a few minutes."
    )
