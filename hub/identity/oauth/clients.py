"""Where clients are found, and how one shows at the token endpoint who it is.

Three kinds: of the configuration, by their metadata document, registered by themselves. A client uses the
authentication it registered and no other (OAuth 2.1, section 2.4); one that fails does not learn which part was wrong.
"""

import base64
import binascii
import hmac
from collections.abc import Collection, Mapping
from typing import Literal
from urllib.parse import unquote_plus

from hub.clock import Clock
from hub.config import RegisteredClientConfig
from hub.errors import ConfigError
from hub.identity.oauth.client import Client, document_client
from hub.identity.oauth.documents import ClientDocuments
from hub.identity.oauth.errors import ClientUnknown, OAuthError, RedirectRefused
from hub.identity.oauth.rates import Allowance
from hub.identity.oauth.redirects import parse_redirect
from hub.seal import fingerprint
from hub.store import Store

Standing = Literal["listed", "allowed", "unknown", "pending", "denied"]
"""How a redirect host stands: on the operator's list; allowed by an admin; nobody asked; waiting; refused."""

_SECRET = frozenset({"client_secret_basic", "client_secret_post"})


class Clients:
    """All OAuth clients. Raises ``ConfigError`` for a redirect URI of the configuration that no client may have."""

    def __init__(
        self,
        store: Store,
        documents: ClientDocuments,
        clock: Clock,
        *,
        configured: Mapping[str, RegisteredClientConfig],
        listed: Collection[str],
    ) -> None:
        self._store = store
        self._documents = documents
        self._listed = frozenset(one.lower() for one in listed)
        self._configured = {id: _configured(id, one) for id, one in configured.items()}
        self._failures = Allowance(clock, 20, 60.0)

    async def find(self, id: str) -> Client:
        """The client of this id, with its redirect URIs. Raises ``ClientUnknown`` and ``StoreUnavailable``."""
        if id.startswith("https://"):
            return await self._documents.find(id)
        return await self._held(id)

    async def _held(self, id: str) -> Client:
        if id in self._configured:
            return self._configured[id]
        row = await self._store.clients.get(id) if 0 < len(id) <= 64 and id.isascii() and id.isprintable() else None
        if row is None:
            raise ClientUnknown("the hub does not know this client (any more); let it register again.")
        return Client(row.id, row.name, "registered", row.redirect_uris, frozenset({row.auth_method}), row.secret_hash)

    async def standing(self, client: Client, host: str) -> Standing:
        """How it stands with sending people to ``host`` (``Redirect.host``) for this client."""
        # What the operator wrote into the configuration needs no second yes.
        if client.kind == "configured" or host in self._listed:
            return "listed"
        decided = await self._store.clients.host(host)
        return "unknown" if decided is None else decided.state

    async def authenticate(self, authorization: str | None, params: Mapping[str, str], address: str) -> Client:
        """The client that sends a request to the token or revocation endpoint. Raises ``OAuthError``:
        ``invalid_client`` (401) where it is unknown or does not show what it registered."""
        method, id, secret = _credentials(authorization, params)
        key = f"{address} {id}"
        if self._failures.spent(key):
            raise OAuthError("invalid_client", "Too many failed attempts; try again in a minute.", 429, after=60.0)
        try:
            client = document_client(id) if id.startswith("https://") else await self._held(id)
        except ClientUnknown:
            self._failures.take(key)
            raise _unauthenticated() from None
        expected = client.secret_hash
        right = method in client.auth_methods
        if expected is not None:
            right = hmac.compare_digest(expected, fingerprint(secret or "")) and secret is not None and right
        elif secret is not None:
            right = False
        if not right:
            self._failures.take(key)
            raise _unauthenticated()
        return client


def _unauthenticated() -> OAuthError:
    return OAuthError("invalid_client", "The client is unknown, or does not authenticate as it registered.", 401)


def _configured(id: str, one: RegisteredClientConfig) -> Client:
    for uri in one.redirect_uris:
        try:
            parse_redirect(uri)
        except RedirectRefused as wrong:
            raise ConfigError(f"clients.registered.{id}.redirect_uris: {wrong}") from None
    if one.secret is None:
        return Client(id, one.name, "configured", one.redirect_uris, frozenset({"none"}))
    return Client(id, one.name, "configured", one.redirect_uris, _SECRET, fingerprint(one.secret.get_secret_value()))


def _credentials(authorization: str | None, params: Mapping[str, str]) -> tuple[str, str, str | None]:
    """Method, client id and secret of a request. Raises ``OAuthError`` for none or two methods."""
    # Some public clients send an empty secret; it is none.
    id, secret = params.get("client_id"), params.get("client_secret") or None
    if "client_assertion" in params or "client_assertion_type" in params:
        raise OAuthError("invalid_client", "Client assertions are not offered here.", 401)
    if authorization is None:
        if not id:
            raise OAuthError("invalid_client", "client_id is missing.", 401)
        return ("none" if secret is None else "client_secret_post"), id, secret
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise OAuthError("invalid_client", "The Authorization header here is Basic or absent.", 401)
    try:
        # Both parts are form-encoded before they are joined (RFC 6749, section 2.3.1).
        plain = base64.b64decode(token.strip(), validate=True).decode()
        name, colon, word = plain.partition(":")
        name, word = unquote_plus(name, errors="strict"), unquote_plus(word, errors="strict")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise OAuthError("invalid_client", "The Basic header cannot be read.", 401) from None
    if not colon or not name:
        raise OAuthError("invalid_client", "The Basic header lacks a client id or secret.", 401)
    if secret is not None or (id is not None and id != name):
        raise OAuthError("invalid_request", "A client authenticates in one way only, and by one id.")
    return "client_secret_basic", name, word
