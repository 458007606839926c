"""The broker's parts, joined: what the application and the command line open. Nothing is decided here."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hub.broker.broker import Broker
from hub.broker.clients import ClientCredential, ClientCredentials
from hub.broker.connecting import Connecting
from hub.broker.devices import DeviceFlows
from hub.broker.discovery.sign_in import DOCUMENT, McpSignIn
from hub.broker.ending import Ending
from hub.broker.endpoint import TokenEndpoint
from hub.broker.idle import IdleRenewal
from hub.broker.keeping import Keeping
from hub.broker.lapsed import LapsedChoices
from hub.broker.own_code import OwnCode
from hub.broker.probe import Probe
from hub.broker.reminders import Reminders
from hub.broker.renewal import Renewals
from hub.broker.sharing import Sharing
from hub.broker.vault import Vault
from hub.clock import Clock
from hub.sdk.http import Send
from hub.sdk.provider import Provider
from hub.seal import KeyRing
from hub.store import Store


@dataclass(frozen=True, slots=True)
class Brokerage:
    """The parts: accounts for calls, connecting (also by codes), ending, client credentials, renewing what lies idle,
    sharing, reminders, ending what choices held that nobody made."""

    broker: Broker
    connecting: Connecting
    ending: Ending
    clients: ClientCredentials
    idle: IdleRenewal
    keeping: Keeping
    devices: DeviceFlows
    vault: Vault
    sign_in: McpSignIn
    sharing: Sharing
    reminders: Reminders
    lapsed: LapsedChoices

    @classmethod
    def of(
        cls,
        store: Store,
        ring: KeyRing,
        clock: Clock,
        send: Send,
        *,
        public_url: str,
        configured: Mapping[str, ClientCredential],
        provider: Callable[[str], Provider | None],
        halted: Callable[[str], str | None] = lambda user_id: None,
        random: Callable[[int], bytes] = os.urandom,
        document: str | None = None,
    ) -> "Brokerage":
        """Join them. ``provider`` finds a declaration by name; ``configured`` are the configuration's credentials;
        ``halted`` says why somebody's calls are stopped, if they are;
        ``document`` is where the hub says as a client who it is (``/client.json`` where ``public_url`` is https)."""
        vault = Vault(ring, clock)
        clients = ClientCredentials(configured, store, vault, public_url, clock)
        own_code = OwnCode(clock, random)
        endpoint = TokenEndpoint(send, clock, random, own_code)
        probe = Probe(send, own_code)
        if document is None and public_url.startswith("https://"):
            document = f"{public_url}{DOCUMENT}"
        sign_in = McpSignIn(send, store, vault, clients, clock, document)
        renewals = Renewals(store, vault, endpoint, clients, clock, provider, random(16).hex(), sign_in)
        broker = Broker(
            store=store,
            vault=vault,
            clients=clients,
            renewals=renewals,
            probe=probe,
            own_code=own_code,
            clock=clock,
            provider=provider,
            halted=halted,
        )
        keeping = Keeping(store, ring, vault, probe, clock, halted)
        connecting = Connecting(
            store=store,
            ring=ring,
            keeping=keeping,
            clients=clients,
            endpoint=endpoint,
            own_code=own_code,
            clock=clock,
            provider=provider,
            sign_in=sign_in,
        )
        devices = DeviceFlows(
            store=store, keeping=keeping, clients=clients, endpoint=endpoint, clock=clock, provider=provider
        )
        ending = Ending(store, vault, clients, send, provider, endpoint, sign_in, own_code, clock)
        renewals.orphaned = ending.orphaned
        idle = IdleRenewal(store, renewals, clock, provider, random)
        sharing, reminders = Sharing(store), Reminders(clients, clock, provider)
        lapsed = LapsedChoices(store, keeping, ending, clock, provider)
        return cls(
            *(broker, connecting, ending, clients, idle, keeping, devices, vault, sign_in, sharing, reminders, lapsed)
        )

    async def close(self) -> None:
        """Wait for what must not be lost."""
        await self.broker.close()
