"""The broker's parts, joined: what the application and the command line open. Nothing is decided here."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hub.broker.broker import Broker
from hub.broker.clients import ClientCredential, ClientCredentials
from hub.broker.connecting import Connecting
from hub.broker.ending import Ending
from hub.broker.endpoint import TokenEndpoint
from hub.broker.idle import IdleRenewal
from hub.broker.probe import Probe
from hub.broker.renewal import Renewals
from hub.broker.vault import Vault
from hub.clock import Clock
from hub.sdk.http import Send
from hub.sdk.provider import Provider
from hub.seal import KeyRing
from hub.store import Store


@dataclass(frozen=True, slots=True)
class Brokerage:
    """The parts: accounts for calls, connecting, ending, client credentials, and renewing what lies idle."""

    broker: Broker
    connecting: Connecting
    ending: Ending
    clients: ClientCredentials
    idle: IdleRenewal

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
        random: Callable[[int], bytes] = os.urandom,
    ) -> "Brokerage":
        """Join them. ``provider`` finds a declaration by name; ``configured`` are the configuration's credentials."""
        vault = Vault(ring, clock)
        clients = ClientCredentials(configured, store, vault, public_url)
        endpoint = TokenEndpoint(send, clock, random)
        probe = Probe(send)
        renewals = Renewals(store, vault, endpoint, clients, clock, provider, random(16).hex())
        broker = Broker(
            store=store,
            vault=vault,
            clients=clients,
            renewals=renewals,
            probe=probe,
            clock=clock,
            provider=provider,
        )
        connecting = Connecting(
            store=store,
            ring=ring,
            vault=vault,
            clients=clients,
            endpoint=endpoint,
            probe=probe,
            clock=clock,
            provider=provider,
        )
        ending = Ending(store, vault, clients, send, provider)
        idle = IdleRenewal(store, renewals, clock, provider, random)
        return cls(broker, connecting, ending, clients, idle)

    async def close(self) -> None:
        """Wait for what must not be lost."""
        await self.broker.close()
