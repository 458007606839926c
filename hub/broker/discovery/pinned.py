"""``Pinned``: what an account keeps of the authorization server it was connected at, sealed with its tokens.

A server that later names another one gets nothing: whoever renews or ends the account asks the one that is pinned, and
only a person who connects anew can change it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hub.broker.discovery.metadata import ClientAuth, Issuer
from hub.sdk.provider import McpOAuthMethod, OAuthMethod
from hub.sdk.provider.declaration import AppCredentials
from hub.sdk.provider.steps import Authorize, Refresh, TokenCall

KEY = "authorization"
"""Under this name it lies among the secrets of an account."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """The server's own name of itself (``resource``), its issuer and endpoints, and the hub's client there."""

    resource: str
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str | None
    iss: bool
    client_id: str
    auth: ClientAuth

    @classmethod
    def at(cls, resource: str, issuer: Issuer, client_id: str, auth: ClientAuth) -> "Pinned":
        """What is kept of ``issuer``."""
        return cls(
            resource,
            issuer.identifier,
            issuer.authorization_endpoint,
            issuer.token_endpoint,
            issuer.revocation_endpoint,
            issuer.iss,
            client_id,
            auth,
        )

    @classmethod
    def of(cls, secrets: Mapping[str, Any]) -> "Pinned | None":
        """What the secrets of an account hold of it; None where it was connected another way."""
        held = secrets.get(KEY)
        return cls(**held) if isinstance(held, Mapping) else None

    def kept(self) -> dict[str, Any]:
        """As it lies among the secrets."""
        return {KEY: asdict(self)}

    def method(self, declared: McpOAuthMethod) -> OAuthMethod:
        """The same as a declared way to connect: with PKCE, and ``resource`` in every request (RFC 8707)."""
        named = {"resource": self.resource}
        return OAuthMethod(
            kind="oauth2",
            title=declared.title,
            sign=declared.sign,
            authorize=Authorize(url=self.authorization_endpoint, params=named),
            token=TokenCall(url=self.token_endpoint, client_auth=self.auth, params=named),
            pkce="required",
            issuer=self.issuer,
            refresh=Refresh(mode="rotate", params=named),
            app=declared.app or AppCredentials(register_at=self.issuer, needs_secret=False),
        )
