"""``McpSignIn``: as which client the hub is known to an authorization server it found, and what an account keeps of it.

In the specification's order: the client the operator gave, the hub's own document, a registration. Each is one
issuer's, and is never shown to another. Not the asking of servers (``discovery.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from hub.broker.clients import ClientCredential, ClientCredentials
from hub.broker.discovery.discovery import TIMEOUT, Discovery, Found
from hub.broker.discovery.metadata import METHODS, ClientAuth, Issuer
from hub.broker.discovery.pinned import Pinned
from hub.broker.endpoint import reach_of
from hub.broker.refused import ConnectRefused
from hub.broker.vault import Vault
from hub.clock import Clock
from hub.errors import OperatorNeeded, ProviderUnavailable
from hub.observe import log
from hub.sdk.http import Outgoing, Send
from hub.sdk.provider import McpOAuthMethod, Provider
from hub.sdk.response import clean
from hub.store import Store
from hub.store.registrations import Registration

CLIENT_NAME = "Connector hub"
DOCUMENT = "/client.json"
"""Where the hub's own client metadata document is."""

_GIVEN = "given"
_ID_MAX = 2000
_log = log("broker.discovery")


@dataclass(frozen=True, slots=True)
class Client:
    """The hub at one issuer: its client id and secret, and how it shows them."""

    credential: ClientCredential = field(repr=False)
    auth: ClientAuth


def client_document(document: str, redirect_uris: list[str]) -> dict[str, Any]:
    """The hub as a client, as it says itself at ``document`` (OAuth Client ID Metadata Document)."""
    parts = urlsplit(document)
    return {
        "client_id": document,
        "client_uri": f"{parts.scheme}://{parts.netloc}",
        **_told(redirect_uris),
        "token_endpoint_auth_method": "none",
    }


def _told(redirect_uris: list[str]) -> dict[str, Any]:
    """What the hub says of itself however it is known (RFC 7591, section 2)."""
    return {
        "client_name": CLIENT_NAME,
        "redirect_uris": redirect_uris,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    }


class McpSignIn:
    """The hub as a client of MCP servers' authorization servers. ``document`` is the address of its own document, None
    where authorization servers cannot fetch it."""

    def __init__(
        self, send: Send, store: Store, vault: Vault, clients: ClientCredentials, clock: Clock, document: str | None
    ) -> None:
        self._send = send
        self._rows = store.registrations
        self._vault = vault
        self._clients = clients
        self._clock = clock
        self._discovery = Discovery(send)
        self.document = document

    async def found(self, provider: Provider, method: McpOAuthMethod) -> tuple[Pinned, tuple[str, ...]]:
        """What a new account would be pinned to, and the scopes to begin with. The hub is a client there afterwards.

        Raises ``ConnectRefused`` and ``OperatorNeeded``.
        """
        try:
            found = await self._discovery.found(provider, method)
            client = await self._client(provider, method, found)
        except ProviderUnavailable as wrong:
            raise ConnectRefused(
                f"{provider.title} does not answer at the moment ({wrong}). Nothing was kept; try again in a few "
                "minutes."
            ) from None
        return Pinned.at(found.resource, found.issuer, client.credential.client_id, client.auth), found.scopes

    async def client(self, provider: Provider, pinned: Pinned) -> ClientCredential:
        """The client that an account was connected with. Raises ``OperatorNeeded`` where it is no longer known."""
        if pinned.client_id == self.document:
            return ClientCredential(pinned.client_id)
        given = await self._clients.find(provider.name)
        if given is not None and given.client_id == pinned.client_id:
            return given
        for one in await self._rows.list(provider.name):
            if (one.issuer, one.client_id) == (pinned.issuer, pinned.client_id) and one.auth != _GIVEN:
                return self._credential(one)
        raise OperatorNeeded(f"the client {pinned.client_id} at {pinned.issuer} is no longer known to this hub.")

    async def lost(self, provider: Provider, pinned: Pinned) -> bool:
        """Forget a registration that its issuer no longer knows; False where the client is not a registered one."""
        for one in await self._rows.list(provider.name):
            if (one.issuer, one.client_id) == (pinned.issuer, pinned.client_id) and one.auth != _GIVEN:
                return await self._rows.remove(provider.name, pinned.client_id) > 0
        return False

    # -- who the hub is there --------------------------------------------------------------------------------------

    async def _client(self, provider: Provider, method: McpOAuthMethod, found: Found) -> Client:
        issuer = found.issuer
        given = await self._clients.find(provider.name)
        if given is not None and given.client_id:
            return await self._given(provider, given, issuer)
        if issuer.documents and self.document is not None:
            return Client(ClientCredential(self.document), "none")
        if issuer.registration_endpoint is not None:
            return await self._registered(provider, issuer, issuer.registration_endpoint)
        uri = self._clients.redirect_uri(provider.name)
        where = method.app.register_at if method.app is not None else issuer.identifier
        steps = "".join(f" {step.replace('{redirect_uri}', uri).rstrip('.')}." for step in _steps(method))
        told = f"{provider.title} takes no client it does not know. Register the hub at {where}.{steps}"
        if issuer.documents:
            told += " Or set public_url to an https address: then the hub's own document is enough."
        raise OperatorNeeded(
            f"{told} The redirect address is {uri}. Then run: hub provider set {provider.name} --client-id ID"
        )

    async def _given(self, provider: Provider, given: ClientCredential, issuer: Issuer) -> Client:
        """The operator's client, which is used at the issuer it was first used at, and shown to no other."""
        known = [one for one in await self._rows.list(provider.name) if one.auth == _GIVEN]
        mine = next((one for one in known if one.client_id == given.client_id), None)
        if mine is not None and mine.issuer != issuer.identifier:
            raise OperatorNeeded(
                f"{provider.title} now names another authorization server, {issuer.identifier}; the client id that was "
                f"set for it is known at {mine.issuer} and is not shown to others. If the change is right, register "
                f"the hub there and run: hub provider set {provider.name} --client-id ID"
            )
        if mine is None:
            await self._keep(provider, issuer, given.client_id, _GIVEN, None, None)
        if given.secret is None:
            return Client(given, "none")
        return Client(given, next((auth for auth in issuer.auth if auth != "none"), "basic"))

    async def _registered(self, provider: Provider, issuer: Issuer, endpoint: str) -> Client:
        """The hub's registration at an issuer, made where there is none that still serves (RFC 7591)."""
        uri, now = self._clients.redirect_uri(provider.name), self._clock.now()
        for one in reversed(await self._rows.list(provider.name)):
            lives = one.expires_at is None or one.expires_at > now
            if (one.issuer, one.redirect_uri) == (issuer.identifier, uri) and one.auth != _GIVEN and lives:
                return Client(self._credential(one), _auth(one.auth))
        loopback = urlsplit(uri).hostname in ("localhost", "127.0.0.1", "::1")
        asked = {
            **_told([uri]),
            "token_endpoint_auth_method": METHODS[issuer.auth[0] if issuer.auth else "none"],
            "application_type": "native" if loopback else "web",
        }
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        outgoing = Outgoing("POST", endpoint, headers, orjson.dumps(asked))
        reply = await self._send(outgoing, reach_of(provider, endpoint), timeout=TIMEOUT)
        try:
            told = orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            told = None
        held: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
        client_id, secret = held.get("client_id"), held.get("client_secret")
        if reply.status not in (200, 201) or not isinstance(client_id, str) or not 0 < len(client_id) <= _ID_MAX:
            said = clean(str(held.get("error_description") or held.get("error") or f"HTTP {reply.status}"))[:200]
            raise ConnectRefused(
                f"{provider.title} did not take the hub as a client: {issuer.identifier} answered {said}. Only the "
                f"operator can change that: hub provider show {provider.name}"
            )
        kept = secret if isinstance(secret, str) and secret else None
        auth = _answered(held.get("token_endpoint_auth_method"), issuer, secret=kept is not None)
        made = await self._keep(provider, issuer, client_id, auth, kept, held.get("client_secret_expires_at"))
        _log.info("the hub registered itself", provider=provider.name, issuer=issuer.identifier)
        return Client(self._credential(made), auth)

    async def _keep(
        self, provider: Provider, issuer: Issuer, client_id: str, auth: str, secret: str | None, ends: Any
    ) -> Registration:
        id = self._rows.new_id()
        timed = isinstance(ends, int | float) and not isinstance(ends, bool) and 0 < ends < 1e11
        made = Registration(
            id=id,
            provider=provider.name,
            issuer=issuer.identifier,
            redirect_uri=self._clients.redirect_uri(provider.name),
            client_id=client_id,
            auth=auth,
            secret=None if secret is None else self._vault.seal_client(secret, id),
            expires_at=datetime.fromtimestamp(ends, UTC) if secret is not None and timed else None,
            created_at=self._clock.now(),
        )
        await self._rows.add(made)
        return made

    def _credential(self, one: Registration) -> ClientCredential:
        secret = None if one.secret is None else self._vault.open_client(one.secret, one.id)
        return ClientCredential(one.client_id, secret)


def _steps(method: McpOAuthMethod) -> tuple[str, ...]:
    return method.app.steps if method.app is not None else ()


def _auth(text: str) -> ClientAuth:
    return next((auth for auth in METHODS if auth == text), "none")


def _answered(told: Any, issuer: Issuer, *, secret: bool) -> ClientAuth:
    """How the hub shows who it is, as the registration says; else as the issuer can."""
    if not secret:
        return "none"
    named = next((auth for auth, name in METHODS.items() if name == told), None)
    if named is not None:
        return named
    return issuer.auth[0] if issuer.auth else "basic"
