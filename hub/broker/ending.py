"""Ending accounts: revoked at the vendor where it can be, always forgotten here, and said which it was.

Not the change of anything at the vendor besides.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from hub.broker.clients import ClientCredential, ClientCredentials
from hub.broker.endpoint import Minting, reach_of
from hub.broker.probe import TIMEOUT, request_of
from hub.broker.renewal import check_places
from hub.broker.signing import basic, signed
from hub.broker.vault import Secrets, Vault
from hub.errors import HubError
from hub.observe import log
from hub.sdk.http import Send
from hub.sdk.placeholders import Scope
from hub.sdk.provider import Method, Provider, covers, mints, signing_of
from hub.store import Store
from hub.store.connections import Connection

_log = log("broker.ending")


@dataclass(frozen=True, slots=True)
class Ended:
    """One account, forgotten here. ``revoked``: the vendor confirmed its end; else ``tell`` says what is left to do."""

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
    ) -> None:
        self._rows = store.connections
        self._vault = vault
        self._clients = clients
        self._send = send
        self._provider = provider

    async def disconnect(self, user_id: str, id: str) -> Ended | None:
        """End one account of the person; None where they have none of this id."""
        kept = await self._rows.get(id)
        if kept is None or kept.user_id != user_id:
            return None
        secrets = self._vault.open(kept.secret, id=kept.id, user_id=kept.user_id)
        # Forgotten first: whatever the vendor does, no call is signed with it from here on.
        await self._rows.remove(user_id, id)
        return await self._ended(kept, secrets)

    async def disconnect_all(self, user_id: str) -> list[Ended]:
        """End all accounts of the person."""
        ended = [await self.disconnect(user_id, one.id) for one in await self._rows.list(user_id)]
        return [one for one in ended if one is not None]

    async def _ended(self, kept: Connection, secrets: Secrets | None) -> Ended:
        provider = self._provider(kept.provider)
        method = provider.methods.get(kept.method) if provider is not None else None
        if provider is None or method is None or secrets is None:
            told = "The hub has forgotten it, but could not end it at the vendor: end it there yourself."
            return Ended(kept.provider, kept.label, False, told)
        page = provider.declared.revoke.manual or provider.declared.manage_at
        left = f" To end it there too: {page}" if page else f" End it in your settings at {provider.title}."
        if provider.declared.revoke.request is None or not mints(method):
            what = "access" if mints(method) else "what you pasted"
            told = f"The hub has forgotten it. {provider.title} goes on to accept {what} until you end it there.{left}"
            return Ended(provider.title, kept.label, False, told)
        try:
            done = await self._revoked(provider, method, kept, secrets)
        except HubError as wrong:
            _log.warning("an account could not be ended at the vendor", provider=provider.name, reason=str(wrong))
            done = False
        if done:
            return Ended(provider.title, kept.label, True, f"Ended at {provider.title}, and forgotten here.")
        told = f"The hub has forgotten it, but {provider.title} did not confirm its end.{left}"
        return Ended(provider.title, kept.label, False, told)

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
        if declared.signed:
            if not covers(provider.hosts(kept.settings), outgoing.url):
                return False
            outgoing = signed(outgoing, signing_of(method), scope)
        elif declared.client_auth == "basic":
            pair = basic(f"{client.client_id}:{client.secret or ''}")
            outgoing = replace(outgoing, headers={**outgoing.headers, "Authorization": pair})
        reply = await self._send(outgoing, reach_of(provider, outgoing.url), timeout=TIMEOUT)
        return 200 <= reply.status < 300
