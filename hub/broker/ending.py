"""Ending accounts: revoked at the vendor where it can be, always forgotten here, and said which it was.

Every ending is kept for admins (``store.endings``) and stands in the audit. A vendor that does not answer holds
up nobody else's.

Not the change of anything at the vendor besides.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from hub.broker.clients import ClientCredential, ClientCredentials
from hub.broker.discovery.pinned import Pinned
from hub.broker.discovery.sign_in import McpSignIn
from hub.broker.endpoint import Minting, TokenEndpoint, reach_of
from hub.broker.own_code import OwnCode
from hub.broker.probe import TIMEOUT, request_of
from hub.broker.renewal import check_places
from hub.broker.signing import basic, signed, traces
from hub.broker.vault import Secrets, Vault
from hub.clock import Clock
from hub.errors import HubError
from hub.observe import log
from hub.sdk.http import Send
from hub.sdk.placeholders import Scope
from hub.sdk.provider import McpOAuthMethod, Method, Provider, covers, mints, secret_part, signing_of
from hub.store import Store
from hub.store.audit import Call
from hub.store.connections import Connection
from hub.store.endings import Cause
from hub.store.endings import Ending as Row

AT_ONCE = 8
"""How many accounts are ended at a time, where there are many."""

_AUDITED = "hub_disconnect"
_log = log("broker.ending")


@dataclass(frozen=True, slots=True)
class Ended:
    """One account of ``user_id``, forgotten here. ``revoked``: the vendor confirmed its end; else ``tell`` says what is
    left to do."""

    user_id: str
    provider: str
    label: str
    revoked: bool
    tell: str


class Ending:
    """Ends accounts. ``provider`` finds a declaration by name."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        clients: ClientCredentials,
        send: Send,
        provider: Callable[[str], Provider | None],
        endpoint: TokenEndpoint,
        sign_in: McpSignIn,
        own_code: OwnCode,
        clock: Clock,
    ) -> None:
        self._store = store
        self._clock = clock
        self._endpoint = endpoint
        self._sign_in = sign_in
        self._rows = store.connections
        self._vault = vault
        self._clients = clients
        self._send = send
        self._provider = provider
        self._own_code = own_code

    async def disconnect(self, user_id: str, id: str, *, cause: Cause = "disconnected", by: str = "") -> Ended | None:
        """End one account of the person; None where they have none of this id. ``by`` is the name of who ends it.

        Raises ``StoreUnavailable`` where it could not be forgotten; then it was not ended.
        """
        kept = await self._rows.get(id)
        if kept is None or kept.user_id != user_id:
            return None
        began = self._clock.monotonic()
        secrets = self._vault.open(kept.secret, id=kept.id, user_id=kept.user_id)
        # Forgotten first: whatever the vendor does, no call is signed with it from here on.
        await self._rows.remove(user_id, id)
        ended = await self._ended(kept, secrets)
        await self._told(kept, ended, cause, by, self._clock.monotonic() - began)
        return ended

    async def disconnect_all(self, user_ids: Iterable[str], *, cause: Cause, by: str = "") -> list[Ended]:
        """End all accounts of these people, several at a time; one that cannot be ended is told and stops no other."""
        places = asyncio.Semaphore(AT_ONCE)

        async def one(kept: Connection) -> Ended | None:
            async with places:
                try:
                    return await self.disconnect(kept.user_id, kept.id, cause=cause, by=by)
                except HubError as wrong:
                    _log.error("an account could not be forgotten", connection=kept.id, reason=str(wrong))
                    told = f"It could not even be forgotten here ({wrong}). Run this again."
                    return Ended(kept.user_id, kept.provider, kept.label, False, told)

        kept = [connection for user_id in user_ids for connection in await self._rows.list(user_id)]
        ended = await asyncio.gather(*(one(connection) for connection in kept))
        return [found for found in ended if found is not None]

    async def orphaned(self, kept: Connection, secrets: Secrets) -> None:
        """End what a renewal fetched for an account that was disconnected meanwhile."""
        began = self._clock.monotonic()
        ended = await self._ended(kept, secrets)
        await self._told(kept, ended, "disconnected", "", self._clock.monotonic() - began)

    async def drop(self, kept: Connection, secrets: Secrets, *, by: str) -> Ended:
        """End what was gained for an account that never came to be; ``by`` is the name of whose it would have been.

        Where the person has an account at the vendor already, it is left: some vendors end all of a person's grants
        with one. Raises ``StoreUnavailable``.
        """
        began = self._clock.monotonic()
        others = [one for one in await self._rows.list(kept.user_id) if one.provider == kept.provider]
        if others:
            told = (
                f"It was not ended at the vendor, which might have ended {others[0].label} with it. It lapses unused."
            )
            provider = self._provider(kept.provider)
            title = provider.title if provider is not None else kept.provider
            ended = Ended(kept.user_id, title, kept.label, False, told)
        else:
            ended = await self._ended(kept, secrets)
        await self._told(kept, ended, "abandoned", by, self._clock.monotonic() - began)
        return ended

    async def _told(self, kept: Connection, ended: Ended, cause: Cause, by: str, seconds: float) -> None:
        now = self._clock.now()
        outcome = "revoked" if ended.revoked else "not_revoked"
        digest = hashlib.sha256(kept.id.encode()).hexdigest()
        self._store.audit.note(
            Call(
                kept.user_id, None, kept.provider, _AUDITED, "destroy", digest, now, f"{cause}: {outcome}",
                seconds * 1000, kept.id,
            )
        )  # fmt: skip
        row = Row(now, cause, by, kept.user_id, kept.id, ended.provider, kept.label, ended.revoked, ended.tell)
        try:
            await self._store.endings.add(row)
        except HubError as wrong:
            _log.error("an ending cannot be kept", connection=kept.id, reason=str(wrong))

    async def _ended(self, kept: Connection, secrets: Secrets | None) -> Ended:
        provider = self._provider(kept.provider)
        method = provider.methods.get(kept.method) if provider is not None else None
        if provider is None or method is None or secrets is None:
            told = "The hub has forgotten it, but could not end it at the vendor: end it there yourself."
            return Ended(kept.user_id, kept.provider, kept.label, False, told)
        page = provider.declared.revoke.manual or provider.declared.manage_at
        left = f" To end it there too: {page}" if page else f" End it in your settings at {provider.title}."
        pinned = Pinned.of(secrets) if isinstance(method, McpOAuthMethod) else None
        known = pinned.revocation_endpoint if pinned is not None else provider.declared.revoke.request
        if known is None or not mints(method):
            what = "access" if mints(method) else "what you pasted"
            told = f"The hub has forgotten it. {provider.title} goes on to accept {what} until you end it there.{left}"
            return Ended(kept.user_id, provider.title, kept.label, False, told)
        try:
            if isinstance(method, McpOAuthMethod):
                done = pinned is not None and await self._revoked_pinned(provider, method, pinned, secrets)
            else:
                done = await self._revoked(provider, method, kept, secrets)
        except HubError as wrong:
            _log.warning("an account could not be ended at the vendor", provider=provider.name, reason=str(wrong))
            done = False
        if done:
            return Ended(
                kept.user_id, provider.title, kept.label, True, f"Ended at {provider.title}, and forgotten here."
            )
        told = f"The hub has forgotten it, but {provider.title} did not confirm its end.{left}"
        return Ended(kept.user_id, provider.title, kept.label, False, told)

    async def _revoked_pinned(
        self, provider: Provider, method: McpOAuthMethod, pinned: Pinned, secrets: Secrets
    ) -> bool:
        """End it at the issuer it was connected at: with the refresh token, the whole grant (RFC 7009, section 2.1)."""
        hint = "refresh_token" if secrets.get("refresh_token") else "access_token"
        token = secrets.get("refresh_token") or secrets.get("token")
        if pinned.revocation_endpoint is None or not token:
            return False
        client = await self._sign_in.client(provider, pinned)
        return await self._endpoint.revoke(
            provider, pinned.method(method), client, pinned.revocation_endpoint, token=token, hint=hint
        )

    async def _revoked(self, provider: Provider, method: Method, kept: Connection, secrets: Secrets) -> bool:
        declared = provider.declared.revoke
        client = await self._clients.find(provider.name) or ClientCredential()
        given = {"client_id": client.client_id, "client_secret": client.secret or "", **secrets}
        given.setdefault("refresh_token", secrets.get("token", ""))
        scope = Scope(given, kept.settings, kept.fields)
        if declared.request is None:
            return False
        if isinstance(method, Minting):
            check_places(provider, method, kept)
        outgoing = request_of(declared.request, scope)
        known = {"settings": kept.settings, "fields": kept.fields, "secrets": given}
        outgoing = await self._own_code.step(provider, "revoke", outgoing, **known)
        if declared.signed:
            if not covers(provider.hosts(kept.settings, method), outgoing.url):
                return False
            signing = signing_of(method)
            outgoing = signed(outgoing, signing, scope, traces(secret_part(method, secrets), signing, scope))
            outgoing = await self._own_code.step(provider, "sign", outgoing, **known)
        elif declared.client_auth == "basic":
            pair = basic(f"{client.client_id}:{client.secret or ''}")
            outgoing = replace(outgoing, headers={**outgoing.headers, "Authorization": pair})
        reply = await self._send(outgoing, reach_of(provider, outgoing.url), timeout=TIMEOUT)
        return 200 <= reply.status < 300
