"""The token and revocation endpoints' use cases: a code for tokens, a refresh token for the next, an end to either.

Refresh tokens are used once. The successor and its access token follow from the used one by a keyed hash, so a repeat
within the grace period gets the same answer though nothing is kept in clear: clients that refresh from several places
at once, or lose an answer, stay signed in. A repeat after it is taken for theft, and ends the grant (OAuth 2.1,
section 4.3.1). Not HTTP, and not who a client is (``clients.py``).
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from hub.clock import Clock
from hub.identity.oauth.client import Client
from hub.identity.oauth.errors import OAuthError
from hub.identity.oauth.request import SCOPE, check_scope, checked_resource
from hub.identity.profile import Profiles
from hub.observe import log
from hub.seal import KeyRing, fingerprint
from hub.store import Store
from hub.store.oauth import ACCESS_PREFIX, REFRESH_PREFIX, Held, Pair

ACCESS_LIFE = timedelta(hours=1)
REFRESH_LIFE = timedelta(days=60)
"""How long a refresh token may wait to be used; each use begins it anew."""

GRACE = timedelta(seconds=60)
"""How long after its use a refresh token still gets the answer it got."""

GRANT_TYPES = ("authorization_code", "refresh_token")

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_LONGEST = 256

_log = log("identity.oauth")


class TokenDesk:
    """Gives tokens out and takes them back. ``public_url`` is the hub's origin."""

    def __init__(
        self,
        store: Store,
        ring: KeyRing,
        clock: Clock,
        *,
        public_url: str,
        profiles: Profiles,
        random: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._successor = ring.keyed("refresh token")
        self._access = ring.keyed("access token")
        self._clock = clock
        self._public_url = public_url
        self._profiles = profiles
        self._random = random

    async def exchange(self, client: Client, params: Mapping[str, str], resources: Sequence[str]) -> dict[str, Any]:
        """Answer a token request of ``client``; ``resources`` are those it names. Raises ``OAuthError`` and
        ``StoreUnavailable``."""
        kind = params.get("grant_type")
        if kind is None:
            raise OAuthError("invalid_request", "grant_type is missing.")
        if kind == "authorization_code":
            return await self._redeem(client, params, resources)
        if kind == "refresh_token":
            return await self._refresh(client, params, resources)
        raise OAuthError("unsupported_grant_type", f"grant_type must be one of {', '.join(GRANT_TYPES)}.")

    # -- a code ----------------------------------------------------------------------------------------------

    async def _redeem(self, client: Client, params: Mapping[str, str], resources: Sequence[str]) -> dict[str, Any]:
        code, verifier = params.get("code", ""), params.get("code_verifier", "")
        if not code:
            raise OAuthError("invalid_request", "code is missing.")
        if not verifier:
            raise OAuthError("invalid_request", "code_verifier is missing; PKCE is required.")
        row = await self._store.codes.get(fingerprint(code)) if len(code) <= _LONGEST else None
        if row is None or row.client_id != client.id:
            raise _dead("code")
        if row.used_at is not None:
            await self._replayed(row.grant_id, client)
        wrong_address = "redirect_uri" in params and params["redirect_uri"] != row.redirect_uri
        if wrong_address or not _verifies(verifier, row.challenge):
            # Whoever has the code is not who asked for it; it is of no further use to anyone.
            await self._store.codes.burn(row.hash)
            raise _dead("code")
        self._check_resource(resources, row.resource)
        now = self._clock.now()
        user = await self._store.users.get(row.user_id)
        if row.expires_at <= now or user is None or not user.enabled or not self._known(row.profile):
            raise _dead("code")
        refresh = REFRESH_PREFIX + urlsafe_b64encode(self._random(32)).rstrip(b"=").decode()
        access = ACCESS_PREFIX + self._access.of(refresh)
        if not await self._store.grants.create(row, _pair(access, refresh, now)):
            again = await self._store.codes.get(row.hash)
            await self._replayed(again.grant_id if again is not None else None, client)
        return _answer(access, refresh, ACCESS_LIFE)

    async def _replayed(self, grant_id: str | None, client: Client) -> None:
        """A code was shown again: end what it was redeemed for, and refuse (RFC 6749, section 4.1.2)."""
        if grant_id is not None and await self._store.grants.revoke(grant_id):
            _log.warning("a code was used twice; its grant is ended", client=client.id, grant=grant_id)
        raise _dead("code")

    # -- a refresh token -------------------------------------------------------------------------------------

    async def _refresh(self, client: Client, params: Mapping[str, str], resources: Sequence[str]) -> dict[str, Any]:
        shown = params.get("refresh_token", "")
        if not shown:
            raise OAuthError("invalid_request", "refresh_token is missing.")
        held = await self._live(shown, client)
        check_scope(params.get("scope"))
        self._check_resource(resources, held.grant.resource)
        if held.used_at is None:
            refresh, access = self._follow(shown)[0]
            now = self._clock.now()
            if await self._store.grants.rotate(held.hash, held.grant.id, _pair(access, refresh, now)):
                return _answer(access, refresh, ACCESS_LIFE)
            held = await self._live(shown, client)
        if held.used_at is None or self._clock.now() - held.used_at > GRACE:
            if await self._store.grants.revoke(held.grant.id):
                _log.warning(
                    "a refresh token was used again; its grant is ended", client=client.id, grant=held.grant.id
                )
            raise _dead("refresh token")
        return await self._repeated(shown)

    async def _live(self, shown: str, client: Client) -> Held:
        """The refresh token's row, its grant alive. Raises ``OAuthError``."""
        right = shown.startswith(REFRESH_PREFIX) and len(shown) <= _LONGEST
        held = await self._store.grants.by_refresh(fingerprint(shown)) if right else None
        if held is None or held.grant.client_id != client.id:
            raise _dead("refresh token")
        grant = held.grant
        ended = grant.revoked_at is not None or held.expires_at <= self._clock.now()
        if ended or not held.user.enabled or not self._known(grant.profile):
            raise _dead("refresh token")
        return held

    async def _repeated(self, shown: str) -> dict[str, Any]:
        """The answer this refresh token got before."""
        for refresh, access in self._follow(shown):
            if await self._store.grants.by_refresh(fingerprint(refresh)) is None:
                continue
            held = await self._store.grants.by_access(fingerprint(access))
            left = held.expires_at - self._clock.now() if held is not None else timedelta(0)
            if left > timedelta(0):
                return _answer(access, refresh, left)
        raise _dead("refresh token")

    def _follow(self, shown: str) -> list[tuple[str, str]]:
        """The refresh and access token that follow from this refresh token, by each of the hub's keys."""
        found = []
        for text in self._successor.all(shown):
            refresh = REFRESH_PREFIX + text
            found += [(refresh, ACCESS_PREFIX + one) for one in self._access.all(refresh)]
        return found

    # -- the end ---------------------------------------------------------------------------------------------

    async def revoke(self, client: Client, token: str) -> None:
        """End a token of this client (RFC 7009): an access token alone, with a refresh token its whole grant. One
        that is not known is none any more. Raises ``OAuthError`` for another client's."""
        if not token:
            raise OAuthError("invalid_request", "token is missing.")
        if len(token) > _LONGEST:
            return
        digest = fingerprint(token)
        refresh = await self._store.grants.by_refresh(digest)
        held = refresh or await self._store.grants.by_access(digest)
        if held is None:
            return
        if held.grant.client_id != client.id:
            raise OAuthError("invalid_grant", "This token was not given to this client.")
        if refresh is not None:
            await self._store.grants.revoke(held.grant.id)
        else:
            await self._store.grants.end_access(digest, held.grant.id)

    # ----------------------------------------------------------------------------------------------------------

    def _check_resource(self, asked: Sequence[str], granted: str) -> None:
        if asked and checked_resource(asked, self._public_url, self._profiles)[0] != granted:
            raise OAuthError("invalid_target", f"This was granted for {granted} only.")

    def _known(self, profile: str | None) -> bool:
        return profile is None or profile in self._profiles


def _verifies(verifier: str, challenge: str) -> bool:
    """Whether the verifier is what the challenge was made of (RFC 7636, section 4.6; S256)."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    made = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return hmac.compare_digest(made, challenge)


def _pair(access: str, refresh: str, now: datetime) -> Pair:
    return Pair(fingerprint(access), now + ACCESS_LIFE, fingerprint(refresh), now + REFRESH_LIFE)


def _answer(access: str, refresh: str, left: timedelta) -> dict[str, Any]:
    return {
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": int(left.total_seconds()),
        "refresh_token": refresh,
        "scope": SCOPE,
    }


def _dead(what: str) -> OAuthError:
    # One answer for all reasons; clients begin anew only at invalid_grant.
    return OAuthError("invalid_grant", f"The {what} is unknown, used, expired, ended, or another client's.")
