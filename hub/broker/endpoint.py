"""The hub as a client of providers' OAuth endpoints: the authorize URL, and every call of a token endpoint.

One request each, built from the declaration and sent through the one guarded way out, to the very host declared. When
a token is renewed, and what becomes of it, is decided elsewhere (``renewal.py``).
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote, urlencode, urlsplit

import orjson

from hub.broker import assertions
from hub.broker.clients import ClientCredential
from hub.broker.device_code import DeviceCode, device_code_of
from hub.broker.own_code import OwnCode
from hub.broker.signing import basic, filled
from hub.broker.tokens import AppBroken, GrantDead, Tokens, joined, tokens_of
from hub.clock import Clock
from hub.sdk.http import Outgoing, Reach, Reply, Send, host_of
from hub.sdk.placeholders import Pattern, Scope
from hub.sdk.provider import (
    ClientCredentialsMethod,
    DeviceMethod,
    GrantMethod,
    JwtBearerMethod,
    NextCall,
    OAuthMethod,
    Provider,
    TokenCall,
    WrongTurn,
)

TIMEOUT = 15.0
"""Seconds one call may take: less than a lease (``renewal.LEASE``), so that nobody else begins meanwhile."""

Minting = GrantMethod | ClientCredentialsMethod | JwtBearerMethod

_RAW = "+,:/"
"""What a parameter that is sent raw may hold unencoded."""

_PUBLIC = frozenset(
    {"client_id", "client_assertion_type", "grant_type", "redirect_uri", "scope", "scopes", "user_scope"}
)
"""What of a token request is no secret."""

_OPERATORS = frozenset({assertions.CLOCK, "invalid_scope", "invalid_target", "unsupported_grant_type"})
"""Errors that nothing pasted is at fault for: the machine's, or the declaration's."""


def reach_of(provider: Provider, url: str) -> Reach:
    """Where a request of the hub's own to ``url`` may go: to that host and nowhere else, redirects included."""
    return Reach(provider.name, (host_of(url),), plain=url.startswith("http://"))


def authorize_url(
    method: OAuthMethod,
    *,
    client_id: str,
    redirect_uri: str,
    state: str,
    scopes: Sequence[str],
    settings: Mapping[str, str],
    verifier: str | None,
) -> str:
    """The address to send the person's browser to (RFC 6749, section 4.1.1; RFC 7636, section 4.3)."""
    asked = method.authorize
    told = method.scopes.separator.join(scopes)
    usual = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        method.scopes.param: told,
    }
    if not told:
        usual.pop(method.scopes.param)
    if verifier is not None:
        usual["code_challenge"] = _unpadded(hashlib.sha256(verifier.encode()).digest())
        usual["code_challenge_method"] = "S256"
    given = Scope({"redirect_uri": redirect_uri, "client_id": client_id, "scopes": told}, settings)
    pairs = {asked.rename.get(name, name): value for name, value in usual.items() if name not in asked.drop}
    pairs |= {name: filled(value, given) for name, value in asked.params.items()}
    url = filled(asked.url, Scope({}, settings))
    if asked.fragment is not None:
        url += "#" + asked.fragment
    told_pairs = "&".join(
        f"{quote(name, safe='')}={quote(value, safe=_RAW if name in asked.raw else '')}"
        for name, value in pairs.items()
    )
    return f"{url}{'&' if '?' in url else '?'}{told_pairs}"


class TokenEndpoint:
    """Calls token endpoints."""

    def __init__(self, send: Send, clock: Clock, random: Callable[[int], bytes], own_code: OwnCode) -> None:
        self._send = send
        self._own_code = own_code
        self._clock = clock
        self._random = random

    def text(self) -> str:
        """A new random text of 256 bits: a state, a verifier."""
        return _unpadded(self._random(32))

    async def redeem(
        self,
        provider: Provider,
        method: OAuthMethod,
        client: ClientCredential,
        settings: Mapping[str, str],
        *,
        code: str,
        redirect_uri: str,
        verifier: str | None,
    ) -> Tokens:
        """Exchange a code (RFC 6749, section 4.1.3). Raises as ``tokens.tokens_of``."""
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        if verifier is not None:
            asked["code_verifier"] = verifier
        scope = Scope({"redirect_uri": redirect_uri, **_named(client)}, settings)
        tokens = await self._call(provider, method, client, method.token, asked, scope)
        return await self._onward(provider, method, client, settings, tokens, method.then)

    async def device_code(
        self,
        provider: Provider,
        method: DeviceMethod,
        client: ClientCredential,
        settings: Mapping[str, str],
        scopes: Sequence[str],
    ) -> DeviceCode:
        """Ask for a code that the person types on the vendor's page (RFC 8628, section 3.2). Raises as
        ``tokens_of``."""
        how = method.device
        told = method.scopes.separator.join(scopes)
        scope = Scope({"client_id": client.client_id, "scopes": told}, settings)
        asked = {method.scopes.param: told} if told else {}
        asked |= {name: filled(value, scope) for name, value in how.params.items()}
        call = method.token.model_copy(update={"url": how.url, "params": {}})
        reply, sent = await self._sent(provider, client, call, asked, scope)
        return device_code_of(reply, how, urlsplit(reply.url).hostname or provider.name, sent, method.wrong_turns)

    async def poll(
        self,
        provider: Provider,
        method: DeviceMethod,
        client: ClientCredential,
        settings: Mapping[str, str],
        *,
        device_code: str,
    ) -> Tokens:
        """Ask whether the person has typed the code (RFC 8628, section 3.4). Raises ``Pending`` where not yet, else as
        ``tokens_of``."""
        scope = Scope({"redirect_uri": "", **_named(client)}, settings)
        asked = {"grant_type": method.device.grant, "device_code": device_code}
        tokens = await self._call(provider, method, client, method.token, asked, scope)
        return await self._onward(provider, method, client, settings, tokens, method.then)

    async def refresh(
        self,
        provider: Provider,
        method: GrantMethod,
        client: ClientCredential,
        settings: Mapping[str, str],
        *,
        token: str,
    ) -> Tokens:
        """Exchange a refresh token, or where the mode is ``exchange`` the access token (RFC 6749, section 6)."""
        how = method.refresh
        name = "access_token" if how.mode == "exchange" else "refresh_token"
        scope = Scope({"refresh_token": token, "token": token, "redirect_uri": "", **_named(client)}, settings)
        asked = {"grant_type": how.grant, name: token}
        asked |= {key: filled(value, scope) for key, value in how.params.items()}
        # What the code's exchange takes besides belongs to that exchange.
        usual = method.token
        call = usual.model_copy(
            update={
                "params": {},
                "url": how.url or usual.url,
                "method": how.method or usual.method,
                "body": how.body or usual.body,
                "rename": {**usual.rename, **how.rename},
                "drop": (*usual.drop, *how.drop),
                "headers": {**usual.headers, **how.headers},
            }
        )
        tokens = await self._call(provider, method, client, call, asked, scope, renewal=True)
        again = tuple(one for one in method.then if one.again)
        return await self._onward(provider, method, client, settings, tokens, again, kept=token)

    async def revoke(
        self, provider: Provider, method: OAuthMethod, client: ClientCredential, url: str, *, token: str, hint: str
    ) -> bool:
        """End a grant (RFC 7009, section 2.1); whether the server said so. Raises what ``Send`` raises."""
        asked = {"token": token, "token_type_hint": hint}
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        asked |= self._authenticated(client, method.token, url, headers)
        outgoing = Outgoing("POST", url, headers, urlencode(asked, quote_via=quote).encode(), repeatable=True)
        reply = await self._send(outgoing, reach_of(provider, url), timeout=TIMEOUT)
        return 200 <= reply.status < 300

    async def mint(
        self,
        provider: Provider,
        method: ClientCredentialsMethod | JwtBearerMethod,
        pasted: Mapping[str, str],
        settings: Mapping[str, str],
        scopes: Sequence[str],
    ) -> Tokens:
        """Ask for a token with what was pasted (RFC 6749, section 4.4; RFC 7523, section 2.1).

        Raises as ``tokens_of``; but what was pasted is no app of the operator's, so that a vendor who does not know it
        raises ``GrantDead``.
        """
        told = method.scopes.separator.join(scopes)
        scope = Scope({**pasted, "scopes": told, "redirect_uri": ""}, settings)
        asked = {method.scopes.param: told} if told else {}
        try:
            if isinstance(method, ClientCredentialsMethod):
                asked["grant_type"] = "client_credentials"
                client = ClientCredential(pasted.get("client_id", ""), pasted.get("client_secret"))
                return await self._call(provider, method, client, method.token, asked, scope)
            if any("scopes" in Pattern.parse(text).names for text in method.claims.values()):
                asked = {}
            asked["grant_type"] = "urn:ietf:params:oauth:grant-type:jwt-bearer"
            asked["assertion"] = self._assertion(method, pasted, scope)
            return await self._call(provider, method, ClientCredential(), method.token, asked, scope)
        except AppBroken as wrong:
            operators = _OPERATORS | {turn.when.lower() for turn in method.wrong_turns}
            if wrong.code.lower() in operators:
                raise
            raise GrantDead(str(wrong)) from None

    async def _onward(
        self,
        provider: Provider,
        method: GrantMethod,
        client: ClientCredential,
        settings: Mapping[str, str],
        tokens: Tokens,
        calls: Sequence[NextCall],
        kept: str = "",
    ) -> Tokens:
        """The tokens after the requests that follow; ``kept`` is the refresh token where a renewal gave no new one."""
        for call in calls:
            found, fields = provider.found(tokens.fields)
            held = {**tokens.more, "token": tokens.access, "refresh_token": tokens.refresh or kept, "redirect_uri": ""}
            scope = Scope({**_named(client), **held}, {**settings, **found}, fields)
            tokens = joined(tokens, await self._call(provider, method, client, call, {}, scope), call.as_)
        return tokens

    async def _call(
        self,
        provider: Provider,
        method: Minting,
        client: ClientCredential,
        call: TokenCall,
        asked: dict[str, str],
        scope: Scope,
        *,
        renewal: bool = False,
    ) -> Tokens:
        reply, sent = await self._sent(provider, client, call, asked, scope, renewal=renewal)
        host = urlsplit(reply.url).hostname or provider.name
        now = self._clock.now()
        try:
            return tokens_of(
                reply, call, now, host, method.scopes.separator, sent=sent, turns=turns_of(method), renewal=renewal
            )
        except (GrantDead, AppBroken) as wrong:
            why = None
            if isinstance(method, JwtBearerMethod):
                why = assertions.clock_told(reply, now, method.lifetime)
            elif call.client_auth == "private_key_jwt":
                why = assertions.clock_told(reply, now, assertions.CLIENT_LIFETIME)
            if why is None:
                raise
            raise AppBroken(f"{wrong} {why}", assertions.CLOCK) from None

    async def _sent(
        self,
        provider: Provider,
        client: ClientCredential,
        call: TokenCall,
        asked: dict[str, str],
        scope: Scope,
        *,
        renewal: bool = False,
    ) -> tuple[Reply, tuple[str, ...]]:
        """The reply, and what was secret about the request."""
        url = filled(call.url, scope)
        headers = {"Accept": "application/json"}
        asked |= {name: filled(value, scope) for name, value in call.params.items()}
        if client.client_id:
            asked |= self._authenticated(client, call, url, headers)
        headers |= {name: filled(value, scope) for name, value in call.headers.items()}
        pairs = {call.rename.get(name, name): value for name, value in asked.items() if name not in call.drop}
        body: bytes | None = urlencode(pairs, quote_via=quote).encode()
        if call.body == "json":
            body = orjson.dumps(pairs)
            headers["Content-Type"] = "application/json"
        elif call.body == "query":
            url += ("&" if urlsplit(url).query else "?") + urlencode(pairs, quote_via=quote)
            body = None
        else:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        outgoing = Outgoing(call.method, url, headers, body, repeatable=False)
        known = {"settings": scope.settings, "fields": scope.account, "secrets": {**scope.arguments, **asked}}
        step = "refresh" if renewal else "exchange"
        outgoing = await self._own_code.step(provider, step, outgoing, **known)
        reply = await self._send(outgoing, reach_of(provider, url), timeout=TIMEOUT)
        reply = await self._own_code.step(provider, "tokens", reply, **known)
        given = [value for name, value in scope.arguments.items() if name not in _PUBLIC]
        secret = [value for name, value in asked.items() if name not in _PUBLIC]
        shown = headers.get("Authorization", "").partition(" ")[2]
        told = {str(one) for one in (*given, *secret, client.secret or "", shown) if one}
        return reply, tuple(sorted(told, key=len, reverse=True))

    def _authenticated(
        self, client: ClientCredential, call: TokenCall, url: str, headers: dict[str, str]
    ) -> dict[str, str]:
        """What shows who the client is: parameters, or a header (RFC 6749, section 2.3.1; RFC 7523, section 2.2)."""
        secret = client.secret or ""
        if call.client_auth == "basic":
            headers["Authorization"] = basic(f"{quote(client.client_id, safe='')}:{quote(secret, safe='')}")
            return {}
        told = {"client_id": client.client_id}
        if call.client_auth == "private_key_jwt":
            claims = {"iss": client.client_id, "sub": client.client_id, "aud": url}
            told["client_assertion"] = assertions.signed(
                claims, secret, now=self._clock.time(), seconds=assertions.CLIENT_LIFETIME, id=self.text()
            )
            told["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        elif call.client_auth == "body" and secret:
            told["client_secret"] = secret
        return told

    def _assertion(self, method: JwtBearerMethod, pasted: Mapping[str, str], scope: Scope) -> str:
        claims = {name: filled(value, scope) for name, value in method.claims.items()}
        key_id = filled(method.key_id, scope) if method.key_id else None
        return assertions.signed(
            claims,
            pasted[method.key],
            now=self._clock.time(),
            seconds=method.lifetime,
            id=self.text(),
            algorithm=method.algorithm,
            key_id=key_id,
        )


def turns_of(method: Minting) -> tuple[WrongTurn, ...]:
    """The vendor's errors that the operator's app is at fault for."""
    return method.wrong_turns


def wanted_scopes(method: Minting, more: Sequence[str]) -> list[str]:
    """The scopes to ask for: those always asked for, then ``more``, each once."""
    return list(dict.fromkeys((*method.scopes.always, *more)))


def _named(client: ClientCredential) -> dict[str, str]:
    return {"client_id": client.client_id, "client_secret": client.secret or ""}


def _unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


__all__ = ["TIMEOUT", "TokenEndpoint", "authorize_url", "reach_of", "wanted_scopes"]
