"""``AuthorizationServer``: the authorization server's parts, joined for one hub.

Nothing is decided here. The parts are used by the routes (``hub/web/oauth``).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from hub.clock import Clock
from hub.config import ClientsConfig
from hub.identity.oauth.authorization import Authorization
from hub.identity.oauth.clients import Clients
from hub.identity.oauth.documents import ClientDocuments
from hub.identity.oauth.hosts import RedirectHosts
from hub.identity.oauth.registration import Registration
from hub.identity.oauth.tokens import TokenDesk
from hub.identity.oauth.withheld import WithheldCodes
from hub.identity.profile import Profiles
from hub.seal import KeyRing
from hub.store import Store
from hub.upstream.transport import Transport


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """One hub's authorization server."""

    public_url: str
    profiles: Profiles
    clients: Clients
    authorization: Authorization
    withheld: WithheldCodes
    desk: TokenDesk
    registration: Registration
    hosts: RedirectHosts

    @classmethod
    def of(
        cls,
        store: Store,
        ring: KeyRing,
        clock: Clock,
        transport: Transport,
        *,
        public_url: str,
        profiles: Profiles,
        config: ClientsConfig,
        random: Callable[[int], bytes] = os.urandom,
    ) -> "AuthorizationServer":
        """The authorization server whose issuer is ``public_url``; ``transport`` fetches client documents.

        Raises ``ConfigError`` for clients of the configuration that cannot be.
        """
        documents = ClientDocuments(transport, clock)
        clients = Clients(store, documents, clock, configured=config.registered, listed=config.allow)
        return cls(
            public_url,
            profiles,
            clients,
            Authorization(store, clients, ring, clock, public_url=public_url, profiles=profiles, random=random),
            WithheldCodes(store, ring, clock),
            TokenDesk(store, ring, clock, public_url=public_url, profiles=profiles, random=random),
            Registration(store, clock, random),
            RedirectHosts(store, config.allow),
        )
