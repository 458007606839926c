"""One OpenID Connect issuer: its document and keys, the exchange of a code, what it says of a person.

Documents and keys are kept for ten minutes, and keys fetched anew when an unknown one signed. Not the browser's side of
a sign-in (``openid.py``).
"""

import asyncio
from base64 import b64encode
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from hub.clock import Clock
from hub.config import OidcConfig
from hub.errors import HubError
from hub.identity.people.refusals import SignInRefused
from hub.sdk.http import Outgoing, Reach, Reply, Send, host_of

CONNECTOR = "oidc"
"""Under which name ``network.allow_private`` opens private places for issuers."""

KEPT = 600.0
"""Seconds a document and keys are believed."""

KEYS_APART = 30.0
"""Seconds at least between two fetches of keys that unknown signatures ask for."""

_TIMEOUT = 10.0


class IssuerFailed(HubError):
    """The issuer, or the operator's settings for it, are not as they must be; for the log."""


@dataclass(frozen=True, slots=True)
class OpenIdSettings:
    """A sign-in elsewhere, as the operator set it up. ``domains``: of verified e-mail addresses; ``*`` for all."""

    title: str
    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    domains: tuple[str, ...] = ()
    just_in_time: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """What an issuer publishes of itself (OpenID Connect Discovery, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    by_post: bool
    says_issuer: bool

    def check_issuer(self, said: str | None) -> None:
        """Raises ``IssuerFailed`` where the answer says to be another issuer's (RFC 9207, section 2.4)."""
        if said != self.issuer and (said is not None or self.says_issuer):
            raise IssuerFailed("the answer is another issuer's (iss)")


class Issuer:
    """One issuer. All its methods raise ``HubError`` of any kind when it fails; the text is for the log."""

    def __init__(self, settings: OpenIdSettings, send: Send | None, clock: Clock) -> None:
        self.settings = settings
        self._send = send
        self._clock = clock
        self._document: tuple[Document, float] | None = None
        self._keys: tuple[list[Any], float] | None = None

    async def document(self) -> Document:
        """The issuer's document."""
        now = self._clock.monotonic()
        if self._document is not None and now - self._document[1] < KEPT:
            return self._document[0]
        told = await self._json(f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        if told.get("issuer") != self.settings.issuer:
            raise IssuerFailed(f"oidc: the issuer calls itself {str(told.get('issuer'))[:200]!r}; set exactly that.")
        methods = told.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        user = told.get("userinfo_endpoint")
        made = Document(
            self.settings.issuer,
            self._endpoint(told, "authorization_endpoint"),
            self._endpoint(told, "token_endpoint"),
            self._endpoint(told, "jwks_uri"),
            None if user is None else self._endpoint(told, "userinfo_endpoint"),
            isinstance(methods, list) and "client_secret_basic" not in methods and "client_secret_post" in methods,
            told.get("authorization_response_iss_parameter_supported") is True,
        )
        self._document = (made, now)
        return made

    async def redeem(self, code: str, verifier: str, nonce: str, redirect_uri: str) -> dict[str, Any]:
        """The claims about the person who brought this code; with what the issuer tells only when asked, where the
        address is needed. Raises also ``SignInRefused`` where the issuer does not take the code."""
        document = await self.document()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        secret = self.settings.client_secret
        if secret is not None and not document.by_post:
            pair = f"{quote_plus(self.settings.client_id)}:{quote_plus(secret)}"  # RFC 6749, section 2.3.1
            headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
        else:
            form["client_id"] = self.settings.client_id
            if secret is not None:
                form["client_secret"] = secret
        reply = await self._sent(Outgoing("POST", document.token_endpoint, headers, urlencode(form).encode()))
        if reply.status != 200:
            raise IssuerFailed(f"the token endpoint answered {reply.status} {_error(reply)}")
        told = _object(reply)
        token, access = told.get("id_token"), told.get("access_token")
        if not isinstance(token, str):
            raise IssuerFailed("the token endpoint gave no id_token")
        claims = await self._claims(token, nonce)
        if "email" not in claims and document.userinfo_endpoint is not None and isinstance(access, str):
            claims = {**await self._userinfo(document.userinfo_endpoint, access, claims["sub"]), **claims}
        return claims

    async def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        judge = await asyncio.to_thread(import_module, "hub.identity.people.id_token")
        known = {"issuer": self.settings.issuer, "client_id": self.settings.client_id, "nonce": nonce}
        try:
            for fresh in (False, True):
                keys = await self._key_set(fresh=fresh)
                try:
                    claims: dict[str, Any] = judge.claims_of(token, keys, now=self._clock.time(), **known)
                except judge.KeyUnknown:
                    if fresh:
                        raise
                    continue
                return claims
        except judge.IdTokenRefused as wrong:
            raise IssuerFailed(f"its ID token proves nothing: {wrong}") from None
        raise AssertionError("unreachable: the second round returns or raises")

    async def _key_set(self, *, fresh: bool) -> list[Any]:
        now = self._clock.monotonic()
        if self._keys is not None and now - self._keys[1] < (KEYS_APART if fresh else KEPT):
            return self._keys[0]
        told = await self._json((await self.document()).jwks_uri)
        keys = told.get("keys")
        if not isinstance(keys, list):
            raise IssuerFailed("its jwks_uri holds no keys")
        self._keys = (keys, now)
        return keys

    async def _userinfo(self, url: str, access: str, subject: str) -> dict[str, Any]:
        reply = await self._sent(
            Outgoing("GET", url, {"Authorization": f"Bearer {access}", "Accept": "application/json"})
        )
        if reply.status != 200:
            raise IssuerFailed(f"the userinfo endpoint answered {reply.status}")
        told = _object(reply)
        if told.get("sub") != subject:
            raise IssuerFailed("the userinfo endpoint tells of someone else (sub)")
        return told

    async def _json(self, url: str) -> dict[str, Any]:
        reply = await self._sent(Outgoing("GET", url, {"Accept": "application/json"}))
        if reply.status != 200:
            raise IssuerFailed(f"{host_of(url)} answered {reply.status}")
        return _object(reply)

    async def _sent(self, outgoing: Outgoing) -> Reply:
        if self._send is None:
            raise SignInRefused("This hub has no way out.")
        reach = Reach(CONNECTOR, (host_of(outgoing.url),), plain=self.settings.issuer.startswith("http://"))
        return await self._send(outgoing, reach, timeout=_TIMEOUT)

    def _endpoint(self, told: dict[str, Any], name: str) -> str:
        url = told.get(name)
        parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
        schemes = ("https", "http") if self.settings.issuer.startswith("http://") else ("https",)
        if not isinstance(url, str) or parts.scheme not in schemes or not parts.hostname or parts.username is not None:
            raise IssuerFailed(f"its {name} is not an https address")
        if not url.isascii() or any(character <= " " for character in url) or parts.fragment:
            raise IssuerFailed(f"its {name} is not an address")
        return url


def _object(reply: Reply) -> dict[str, Any]:
    told = reply.json()
    if not isinstance(told, dict):
        raise IssuerFailed(f"{host_of(reply.url)} answered JSON that is no object")
    return told


def _error(reply: Reply) -> str:
    """The error code of a token endpoint (RFC 6749, section 5.2), for the log."""
    try:
        told = _object(reply).get("error")
    except HubError:
        return ""
    return told[:60] if isinstance(told, str) else ""


def openid_settings(one: OidcConfig) -> OpenIdSettings:
    """A sign-in as the configuration describes it."""
    secret = None if one.client_secret is None else one.client_secret.get_secret_value()
    return OpenIdSettings(one.title, one.issuer, one.client_id, secret, one.domains, one.just_in_time)
