"""The authorization endpoint's use cases: open a request, ask or remember, give a code or a refusal.

A request travels through the consent page sealed, bound to the person and their browser session, so that what they
agreed to is what was checked. Not the page, and not who is signed in (``hub/web``).
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta

import orjson

from hub.clock import Clock
from hub.identity.oauth.choices import Choice, choices
from hub.identity.oauth.clients import Clients, Standing
from hub.identity.oauth.errors import ClientUnknown, ErrorRedirect, OAuthError, PageError
from hub.identity.oauth.request import (
    AuthorizationRequest,
    address_of,
    answer_location,
    checked_request,
    client_id_of,
)
from hub.identity.profile import Profiles
from hub.observe import log
from hub.seal import KeyRing, SealBroken, fingerprint
from hub.store import Store
from hub.store.oauth import Code, Consent, HostState

CODE_PREFIX = "hub_ac_"

CODE_LIFE = timedelta(seconds=60)
"""How long a code may wait to be fetched (RFC 6749, section 4.1.2, recommends ten minutes at most)."""

PAGE_SECONDS = 900.0
"""How long a consent page may wait to be answered."""

TRUSTED = ("listed", "allowed")
"""How a host stands where people may be sent there."""

_log = log("identity.oauth")


class Authorization:
    """Answers authorization requests. ``public_url`` is the issuer, exactly as clients compare it."""

    def __init__(
        self,
        store: Store,
        clients: Clients,
        ring: KeyRing,
        clock: Clock,
        *,
        public_url: str,
        profiles: Profiles,
        random: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._clients = clients
        self._box = ring.box("authorization request")
        self._codes = ring.keyed("authorization code")
        self._clock = clock
        self._public_url = public_url
        self._profiles = profiles
        self._random = random

    async def opened(self, params: Sequence[tuple[str, str]]) -> tuple[AuthorizationRequest, Standing]:
        """The request, and how its host stands. Raises ``PageError`` where nothing may be answered by a redirect,
        ``ErrorRedirect`` where that is right, and ``StoreUnavailable``."""
        try:
            client = await self._clients.find(client_id_of(params))
        except ClientUnknown as wrong:
            raise PageError(f"The app that sent you here cannot be used: {wrong}") from None
        address = address_of(params, client)
        standing = await self._clients.standing(client, address.redirect.host)
        try:
            request = checked_request(params, client, address, self._public_url, self._profiles)
        except OAuthError as wrong:
            if standing not in TRUSTED:
                # Anyone can register an address; sending people there for an error would be an open redirect.
                raise PageError(f"The app's request is wrong: {wrong}") from None
            location = self._error(address.redirect.uri, address.state, wrong.code, str(wrong))
            raise ErrorRedirect(location, wrong.code, str(wrong)) from None
        return request, standing

    async def ask_for_host(self, request: AuthorizationRequest, user_name: str) -> HostState:
        """Have the request's redirect host wait for an admin's yes; how it stands."""
        state = await self._store.clients.ask(request.redirect.host, request.client_name, user_name)
        _log.info("a redirect host waits for an admin", host=request.redirect.host, asked_by=user_name, state=state)
        return state

    def choices(self, request: AuthorizationRequest) -> list[Choice]:
        """What the person can choose from."""
        return choices(self._profiles, request.door)

    def chosen(self, request: AuthorizationRequest, key: str) -> Choice:
        """The choice of this key. Raises ``PageError`` where it was not offered."""
        found = next((one for one in self.choices(request) if one.key == key), None)
        if found is None:
            raise PageError("Choose what the app may do. Go back, and choose again.")
        return found

    # -- through the page ------------------------------------------------------------------------------------

    def sealed(self, request: AuthorizationRequest, user_id: str, session_id: str) -> str:
        """The request for a hidden field of this person's page."""
        nonce = base64.urlsafe_b64encode(self._random(18)).decode()
        plain = orjson.dumps([nonce, asdict(request)])
        expires = self._clock.time() + PAGE_SECONDS
        return self._box.seal(plain, bound=f"{user_id}\n{session_id}", expires=expires)

    def unsealed(self, sealed: str, user_id: str, session_id: str) -> tuple[AuthorizationRequest, str]:
        """The request of this person's page, and what names the page. Raises ``PageError``."""
        try:
            plain = self._box.open(sealed, bound=f"{user_id}\n{session_id}", now=self._clock.time())
        except SealBroken:
            raise PageError(
                "This page is too old, or is another person's. Go back to the app and begin again."
            ) from None
        nonce, held = orjson.loads(plain)
        return AuthorizationRequest(**held), nonce

    # -- answers ---------------------------------------------------------------------------------------------

    async def remembered(self, request: AuthorizationRequest, user_id: str) -> Choice | None:
        """What the person chose before for exactly this; None where they must be asked (again)."""
        host = request.redirect.host
        if not await self._memorable(request):
            return None
        before = await self._store.codes.remembered(user_id, request.client_id, host, request.resource)
        if before is None:
            return None
        for one in self.choices(request):
            name, digest = (one.profile.name, one.profile.digest) if one.profile is not None else (None, None)
            if (one.effects, name, digest) == (before.effects, before.profile, before.profile_digest):
                return one
        return None

    async def _memorable(self, request: AuthorizationRequest) -> bool:
        redirect = request.redirect
        # Any program on the person's machine can answer at a loopback address (RFC 8252, section 8.6).
        if redirect.loopback:
            return False
        if request.client_kind != "registered":
            return True
        client = await self._clients.find(request.client_id)
        return await self._clients.standing(client, redirect.host) == "listed"

    async def approved_anew(self, request: AuthorizationRequest, user_id: str, choice: Choice) -> str:
        """Where to send the browser after a consent that was remembered."""
        return await self.approved(request, user_id, choice.key, base64.urlsafe_b64encode(self._random(18)).decode())

    async def approved(self, request: AuthorizationRequest, user_id: str, key: str, nonce: str) -> str:
        """Where to send the browser after a yes, with a code. Raises ``PageError``."""
        await self._check_host(request)
        choice = self.chosen(request, key)
        # The same page gives the same code, so that pressing twice is pressing once.
        code = CODE_PREFIX + self._codes.of(nonce)
        profile = choice.profile
        row = Code(
            hash=fingerprint(code),
            user_id=user_id,
            client_id=request.client_id,
            client_name=request.client_name,
            client_kind=request.client_kind,
            redirect_uri=request.redirect_uri,
            host=request.redirect.host,
            challenge=request.challenge,
            resource=request.resource,
            effects=choice.effects,
            profile=None if profile is None else profile.name,
            expires_at=self._clock.now() + CODE_LIFE,
        )
        if not await self._store.codes.add(row):
            before = await self._store.codes.get(row.hash)
            if before is None or before.used_at is not None or before.expires_at <= self._clock.now():
                raise PageError("This was answered already. Go back to the app; begin again there if it still asks.")
        if request.client_kind == "registered":
            await self._store.clients.used(request.client_id)
        if await self._memorable(request):
            digest = None if profile is None else profile.digest
            consent = Consent(user_id, request.client_id, row.host, choice.effects, row.profile, digest)
            await self._store.codes.remember(consent, request.resource)
        _log.info("access was allowed", user=user_id, client=request.client_id, host=row.host, choice=key)
        answer = {"code": code, "state": request.state, "iss": self._public_url}
        return answer_location(request.redirect_uri, answer)

    async def refused(self, request: AuthorizationRequest) -> str:
        """Where to send the browser after a no. Raises ``PageError``."""
        await self._check_host(request)
        return self._error(request.redirect_uri, request.state, "access_denied", "The person said no.")

    async def _check_host(self, request: AuthorizationRequest) -> None:
        """Raise ``PageError`` unless people may still be sent there; that may have changed since the page was shown."""
        try:
            client = await self._clients.find(request.client_id)
        except ClientUnknown as wrong:
            raise PageError(f"The app that sent you here cannot be used (any more): {wrong}") from None
        if await self._clients.standing(client, request.redirect.host) not in TRUSTED:
            raise PageError("An admin has not allowed this app's address.")

    def _error(self, redirect_uri: str, state: str | None, code: str, description: str) -> str:
        answer = {"error": code, "error_description": description, "state": state, "iss": self._public_url}
        return answer_location(redirect_uri, answer)
