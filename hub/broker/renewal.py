"""Renewal: one new access token for many callers, whatever else happens.

In one process a connection is renewed by one task, which no caller's cancellation ends; between processes by whoever
holds the row's lease. What comes back is committed before anyone uses it, and only over the secret that was read. A
lease that lapsed marks a renewal whose process died between sending and committing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from hub.broker.assertions import CLOCK
from hub.broker.clients import ClientCredentials
from hub.broker.discovery.pinned import Pinned
from hub.broker.discovery.sign_in import McpSignIn
from hub.broker.endpoint import Minting, TokenEndpoint, wanted_scopes
from hub.broker.tokens import AppBroken, GrantDead, Tokens, turn_of
from hub.broker.vault import Secrets, Vault
from hub.clock import Clock
from hub.errors import ConnectionNeeded, HubError, OperatorNeeded, ProviderUnavailable
from hub.observe import log
from hub.sdk.provider import (
    ClientCredentialsMethod,
    GrantMethod,
    JwtBearerMethod,
    McpOAuthMethod,
    Method,
    Provider,
)
from hub.store import Store, StoreUnavailable
from hub.store.connections import Connection

LEASE = timedelta(seconds=60)
"""How long a renewal is believed to be under way: longer than a call of a token endpoint can take, its one wait for a
rate limit included."""

PATIENCE = 75.0
"""Seconds a caller waits for another process's renewal; then the call fails rather than renew without the lease."""

COOLDOWN = 30.0
"""Seconds after a failed renewal before the next, doubled with each further failure up to ``LONGEST``."""

LONGEST = 900.0
MARGIN = 900.0
"""Seconds before a token's end from which it is renewed, at most; of a short-lived one a fifth of its life."""

SKEW = 5.0
"""Seconds before its end from which a token counts as dead: the request has yet to arrive."""

_LOOK = 0.2
_SECOND_LOOK = 1.5
_PERSISTING = 20

_log = log("broker.renewal")


def alive(kept: Connection, now: datetime) -> bool:
    """Whether the access token can still be used."""
    return kept.expires_at is None or (kept.expires_at - now).total_seconds() > SKEW


def due(kept: Connection, declared: int | None, now: datetime) -> bool:
    """Whether the access token should be renewed by now; ``declared`` is the provider's own margin in seconds."""
    if kept.expires_at is None:
        return False
    life = (kept.expires_at - kept.renewed_at).total_seconds()
    margin = float(declared) if declared is not None else min(MARGIN, life / 5)
    return (kept.expires_at - now).total_seconds() <= max(margin, SKEW)


def cooling(kept: Connection, now: datetime) -> float:
    """Seconds until a failed renewal may be tried again; 0 for at once."""
    if kept.failures == 0 or kept.failed_at is None:
        return 0.0
    pause = min(COOLDOWN * 2.0 ** (kept.failures - 1), LONGEST)
    return max(0.0, pause - (now - kept.failed_at).total_seconds())


Orphaned = Callable[[Connection, Secrets], Awaitable[None]]
"""Hears of secrets that were fetched for an account which was disconnected meanwhile."""


async def _left(kept: Connection, secrets: Secrets) -> None:
    return None


class Renewals:
    """Renews connections. ``owner`` names this process in leases; ``provider`` finds a declaration by name;
    ``orphaned`` is told of what came too late."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        endpoint: TokenEndpoint,
        clients: ClientCredentials,
        clock: Clock,
        provider: Callable[[str], Provider | None],
        owner: str,
        sign_in: McpSignIn,
    ) -> None:
        self._sign_in = sign_in
        self._rows = store.connections
        self._vault = vault
        self._endpoint = endpoint
        self._clients = clients
        self._clock = clock
        self._provider = provider
        self._owner = owner
        self._running: dict[str, asyncio.Task[Connection]] = {}
        self.orphaned: Orphaned = _left

    async def renewed(self, kept: Connection) -> Connection:
        """The connection with a newer secret than that of ``kept``: renewed now, or meanwhile by somebody else.

        Raises ``ConnectionNeeded`` (the person must sign in), ``OperatorNeeded`` (the app) and ``ProviderUnavailable``.
        """
        task = self._running.get(kept.id)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._renew(kept), name=f"renew {kept.id}")
            self._running[kept.id] = task
            task.add_done_callback(lambda done: self._done(kept.id, done))
        return await asyncio.shield(task)

    def _done(self, id: str, task: "asyncio.Task[Connection]") -> None:
        if self._running.get(id) is task:
            del self._running[id]
        if not task.cancelled():
            task.exception()  # whoever waited has it; where nobody did, it stands in the row

    async def close(self) -> None:
        """Wait for the renewals under way: what they fetched must be kept."""
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=LEASE.total_seconds())

    async def _renew(self, seen: Connection) -> Connection:
        waited = 0.0
        while True:
            kept = await self._rows.get(seen.id)
            if kept is None:
                raise ConnectionNeeded("The account was disconnected.", connector=seen.provider)
            if kept.version != seen.version:
                return kept
            self._check(kept)
            if await self._rows.lease(kept, self._owner, self._clock.now() + LEASE):
                break
            if waited >= PATIENCE:
                raise ProviderUnavailable(f"Another process is renewing {kept.label} and has not finished.", after=30)
            await self._clock.sleep(_LOOK)
            waited += _LOOK
        if kept.lease_owner is not None:
            _log.warning("a renewal was begun and never ended; it is tried again", connection=kept.id)
        return await self._under_lease(kept, interrupted=kept.lease_owner is not None)

    def _check(self, kept: Connection) -> None:
        """Raise what is known without asking."""
        if kept.health == "needs_sign_in":
            raise ConnectionNeeded(kept.reason, connector=kept.provider)
        wait = cooling(kept, self._clock.now())
        if wait > 0 and kept.health == "needs_operator":
            raise OperatorNeeded(kept.reason)
        if wait > 0:
            raise ProviderUnavailable(f"{kept.label} could not be renewed: {kept.reason}", after=wait)

    async def _under_lease(self, kept: Connection, *, interrupted: bool) -> Connection:
        try:
            secrets = self._vault.open(kept.secret, id=kept.id, user_id=kept.user_id)
            if secrets is None:
                raise GrantDead("what the hub kept of this account cannot be opened.")
            tokens = await self._asked(kept, secrets)
        except GrantDead as wrong:
            return await self._dead(kept, wrong, interrupted=interrupted)
        except AppBroken as wrong:
            told = self._remedy(kept, wrong)
            await self._rows.failed(kept, "needs_operator", told)
            _log.warning("the vendor refuses the operator's app", provider=kept.provider, reason=told)
            raise OperatorNeeded(told) from None
        except OperatorNeeded as wrong:
            await self._rows.failed(kept, "needs_operator", str(wrong))
            raise
        except ProviderUnavailable as wrong:
            await self._rows.failed(kept, kept.health, str(wrong))
            raise
        except HubError as wrong:
            await self._rows.failed(kept, kept.health, str(wrong))
            raise
        return await self._persisted(kept, secrets, tokens)

    async def _asked(self, kept: Connection, secrets: Secrets) -> Tokens:
        provider = self._provider(kept.provider)
        method = provider.methods.get(kept.method) if provider is not None else None
        if provider is not None and isinstance(method, McpOAuthMethod):
            return await self._asked_pinned(provider, method, secrets)
        if provider is None or not isinstance(method, Minting):
            raise OperatorNeeded(f"the provider {kept.provider} is no longer declared as it was.")
        check_places(provider, method, kept)
        if not isinstance(method, GrantMethod):
            return await self._endpoint.mint(
                provider, method, secrets, kept.settings, wanted_scopes(method, sorted(kept.scopes))
            )
        token = secrets.get("token" if method.refresh.mode == "exchange" else "refresh_token")
        if not token or method.refresh.mode == "none":
            raise GrantDead("this account's access has ended and cannot be renewed.")
        client = await self._clients.need(provider, method)
        return await self._endpoint.refresh(provider, method, client, kept.settings, token=token)

    async def _asked_pinned(self, provider: Provider, method: McpOAuthMethod, secrets: Secrets) -> Tokens:
        """New tokens of the very issuer the account was connected at, whatever its server says today."""
        pinned = Pinned.of(secrets)
        if pinned is None or not secrets.get("refresh_token"):
            raise GrantDead("this account's access has ended and cannot be renewed.")
        client = await self._sign_in.client(provider, pinned)
        try:
            return await self._endpoint.refresh(
                provider, pinned.method(method), client, {}, token=secrets["refresh_token"]
            )
        except AppBroken as wrong:
            if await self._sign_in.lost(provider, pinned):
                raise GrantDead(f"it no longer knows this hub: {wrong}") from None
            raise

    async def _persisted(self, kept: Connection, secrets: Secrets, tokens: Tokens) -> Connection:
        """Commit what was fetched. While the database is away it is the only copy, so it is tried for a while."""
        fresh = {**secrets, **tokens.more, "token": tokens.access}
        if tokens.refresh is not None:
            fresh["refresh_token"] = tokens.refresh
        sealed = self._vault.seal(fresh, id=kept.id, user_id=kept.user_id)
        scopes = kept.scopes if tokens.scopes is None else tokens.scopes
        fields: Mapping[str, object] = {**kept.fields, **tokens.fields}
        for attempt in range(_PERSISTING):
            try:
                if not await self._rows.renewed(kept, sealed, tokens.expires_at, scopes, fields):
                    _log.warning("a connection was changed while it was renewed", connection=kept.id)
                break
            except StoreUnavailable:
                if attempt == _PERSISTING - 1:
                    raise
                await self._clock.sleep(1.0)
        found = await self._rows.get(kept.id)
        if found is None:
            # What came too late is nobody's: it is ended like the account it was for.
            await self.orphaned(kept, fresh)
            raise ConnectionNeeded("The account was disconnected.", connector=kept.provider)
        _log.log(logging.INFO, "a connection was renewed", connection=kept.id, provider=kept.provider)
        return found

    async def _dead(self, kept: Connection, wrong: GrantDead, *, interrupted: bool) -> Connection:
        """The vendor says the grant is dead. It may only mean that somebody else used the token a moment before."""
        provider = self._provider(kept.provider)
        method = provider.methods.get(kept.method) if provider is not None else None
        pasted = isinstance(method, ClientCredentialsMethod | JwtBearerMethod)  # of which nothing is used up
        for _ in range(0 if pasted else 2):
            found = await self._rows.get(kept.id)
            if found is not None and found.version != kept.version:
                return found
            await self._clock.sleep(_SECOND_LOOK)
        title = provider.title if provider is not None else kept.provider
        told = f"{title} no longer lets the hub use the account {kept.label}: {wrong}"
        if interrupted:
            told += " An earlier renewal was cut off before its answer could be kept."
        elif kept.failures:
            # What the one before got lost of is most often why this one is refused: rotated tokens work once.
            told += f" The renewal before it had no answer the hub could keep: {kept.reason}"
        await self._rows.failed(kept, "needs_sign_in", told)
        _log.warning("an account needs a sign-in", connection=kept.id, provider=kept.provider, reason=str(wrong))
        raise ConnectionNeeded(told, connector=kept.provider)

    def _remedy(self, kept: Connection, wrong: AppBroken) -> str:
        provider = self._provider(kept.provider)
        method = provider.methods.get(kept.method) if provider is not None else None
        if provider is None or not isinstance(method, Minting):
            return str(wrong)
        return remedy(provider, method, wrong, self._clients.redirect_uri(provider.name))


def remedy(provider: Provider, method: Minting, wrong: AppBroken, redirect_uri: str) -> str:
    """What the operator does about the vendor's refusal of the app, or of what the declaration makes of a key."""
    turn = turn_of(method.wrong_turns, f"{wrong.code} {wrong}")
    if wrong.code == CLOCK:
        return str(wrong)
    if turn is not None:
        return f"{wrong} {turn.tell.replace('{redirect_uri}', redirect_uri).rstrip('.')}."
    if not isinstance(method, GrantMethod):
        return f"{wrong} See the declaration of the provider {provider.name}."
    return (
        f"{wrong} Compare the client id and secret with those at {method.app.register_at}, then run: "
        f"hub provider set {provider.name} --client-id ID"
    )


def check_places(provider: Provider, method: Method, kept: Connection) -> None:
    """Raise ``GrantDead`` where a declaration that did not come with the hub would send what is secret to a place its
    owner never let it go to: whoever edits a file must not thereby collect tokens."""
    if provider.shipped:
        return
    for place in places(provider, method, kept.settings):
        if place not in kept.hosts:
            raise GrantDead(f"its declaration now leads to {place}, which the account was not connected for.")


def places(provider: Provider, method: Method, settings: Mapping[str, str]) -> tuple[str, ...]:
    """All places where something secret of an account may go: the hosts its calls are signed for, and the endpoints."""
    urls = []
    if isinstance(method, Minting):
        urls = [method.token.url, *([method.refresh.url] if method.refresh.url else [])]
        urls += [call.url for call in method.then] if isinstance(method, GrantMethod) else []
    revoke = provider.declared.revoke.request
    if revoke is not None:
        urls.append(revoke.url)
    found = [*provider.hosts(settings, method), *(origin_of(url, settings) for url in urls)]
    return tuple(dict.fromkeys(found))


def origin_of(url: str, settings: Mapping[str, str]) -> str:
    """An endpoint's place as hosts are spelled, its settings filled in."""
    text = url
    for name, value in settings.items():
        text = text.replace(f"{{settings.{name}}}", value)
    scheme, _, rest = text.partition("://")
    host = rest.partition("/")[0].partition("?")[0].lower()
    return host if scheme == "https" else f"http://{host}"
