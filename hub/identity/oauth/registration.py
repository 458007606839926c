"""Dynamic client registration (RFC 7591): open to all, so it is worth little and costs little.

Whoever registers has only said where people are to be sent back, and that counts only once a person has agreed to it.
Registrations are limited by address, and go again when nobody agreed within a day.
"""

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub.clock import Clock
from hub.identity.oauth.client import shown_name
from hub.identity.oauth.errors import OAuthError, RedirectRefused
from hub.identity.oauth.rates import Allowance
from hub.identity.oauth.redirects import parse_redirect
from hub.seal import fingerprint
from hub.store import Store
from hub.store.oauth import RegisteredClient

UNUSED = timedelta(days=1)
"""How long a registration lives that nobody agreed to."""

IDLE = timedelta(days=180)
"""How long one lives that nobody agreed to again."""

MOST_UNUSED = 5000
"""Registrations nobody agreed to yet that are kept at once."""

METHODS = ("none", "client_secret_basic", "client_secret_post")
"""How a client may authenticate at the token endpoint."""

SECRET_PREFIX = "hub_cs_"


class Asked(BaseModel):
    """What of a registration request counts; other members are ignored (RFC 7591, section 2)."""

    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True)

    redirect_uris: list[str] = Field(min_length=1, max_length=20)
    client_name: str | None = Field(default=None, max_length=1000)
    token_endpoint_auth_method: str = "client_secret_basic"
    grant_types: list[str] = Field(default=["authorization_code"], max_length=10)
    response_types: list[str] = Field(default=["code"], max_length=10)


class Registration:
    """The registration endpoint's rules."""

    def __init__(self, store: Store, clock: Clock, random: Callable[[int], bytes]) -> None:
        self._store = store
        self._clock = clock
        self._random = random
        # Claude registers anew with every connection, many people behind one address.
        self._allowance = Allowance(clock, 60, 3600.0)
        self._everyone = Allowance(clock, 1000, 3600.0)

    async def register(self, body: bytes, address: str) -> dict[str, Any]:
        """A new client, as it is answered (section 3.2.1). Raises ``OAuthError`` and ``StoreUnavailable``."""
        asked = _asked(body)
        for uri in asked.redirect_uris:
            try:
                parse_redirect(uri)
            except RedirectRefused as wrong:
                raise OAuthError("invalid_redirect_uri", _sentence(str(wrong))) from None
        if asked.token_endpoint_auth_method not in METHODS:
            raise _metadata(f"token_endpoint_auth_method must be one of {', '.join(METHODS)}.")
        if "authorization_code" not in asked.grant_types or "code" not in asked.response_types:
            raise _metadata("grant_types must hold authorization_code, and response_types code.")
        wait = self._allowance.take(address)
        wait = self._everyone.take("all") if wait is None else wait
        if wait is not None:
            raise OAuthError("too_many_requests", "Too many registrations; try again later.", 429, after=wait)
        await self._store.clients.prune(UNUSED, IDLE)
        if await self._store.clients.unused() >= MOST_UNUSED:
            raise OAuthError("too_many_requests", "Too many unused registrations; try again later.", 429, after=3600.0)
        return await self._kept(asked)

    async def _kept(self, asked: Asked) -> dict[str, Any]:
        now = self._clock.now()
        secret = None if asked.token_endpoint_auth_method == "none" else SECRET_PREFIX + self._text(32)
        client = RegisteredClient(
            id=self._text(24),
            name=shown_name(asked.client_name, "A client without a name"),
            redirect_uris=tuple(dict.fromkeys(asked.redirect_uris)),
            auth_method=asked.token_endpoint_auth_method,
            created_at=now,
            secret_hash=None if secret is None else fingerprint(secret),
        )
        await self._store.clients.add(client)
        told: dict[str, Any] = {
            "client_id": client.id,
            "client_id_issued_at": int(now.timestamp()),
            "client_name": client.name,
            "redirect_uris": list(client.redirect_uris),
            "token_endpoint_auth_method": client.auth_method,
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
        }
        if secret is not None:
            told |= {"client_secret": secret, "client_secret_expires_at": 0}
        return told

    def _text(self, count: int) -> str:
        return base64.urlsafe_b64encode(self._random(count)).rstrip(b"=").decode()


def _asked(body: bytes) -> Asked:
    try:
        return Asked.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError:
        raise _metadata("The body must be JSON.") from None
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "the body"
        code = "invalid_redirect_uri" if first["loc"][:1] == ("redirect_uris",) else "invalid_client_metadata"
        raise OAuthError(code, f"{place}: {first['msg']}.") from None


def _metadata(text: str) -> OAuthError:
    return OAuthError("invalid_client_metadata", text)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
