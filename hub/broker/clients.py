"""The operator's client credentials at providers: those of the configuration, which win, and those the hub keeps.

Not people's accounts. One that is missing is told with how to come by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from hub.broker.vault import Vault
from hub.clock import Clock
from hub.config.model import ProviderConfig
from hub.errors import OperatorNeeded
from hub.sdk.provider import GrantMethod, McpOAuthMethod, OAuthMethod, Provider
from hub.store import EVERYTHING, Change, Store
from hub.store.client_credentials import CHANGE


@dataclass(frozen=True, slots=True)
class ClientCredential:
    """A client id and secret at a provider; ``secret`` None for a public client. ``configured``: by the config file or
    the environment. ``fields`` is the one credential of everybody (``kind: operator``)."""

    client_id: str = ""
    secret: str | None = field(default=None, repr=False)
    secret_expires: date | None = None
    configured: bool = False
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)

    def fix(self, provider: str, place: str | None) -> str:
        """How the operator replaces the secret; ``place`` is where the vendor makes new ones."""
        at = f" at {place}" if place else ""
        if self.configured:
            keys = f"providers.{provider}.client_secret and secret_expires"
            return f"Make a new one{at}, set {keys}, and start the hub anew."
        keeps = f"hub provider set {provider} --client-id {self.client_id} --secret-expires DATE"
        return f"Make a new one{at}, then run: {keeps}"


def ended(title: str, place: str | None, provider: str, credential: ClientCredential) -> str:
    """What is told of a secret whose day is over."""
    return (
        f"the client secret at {title} ended on {credential.secret_expires}. {credential.fix(provider, place)} "
        "If it still works there, its day was wrong: give the right one the same way."
    )


def configured(providers: Mapping[str, ProviderConfig]) -> dict[str, ClientCredential]:
    """The credentials of the configuration."""
    found = {}
    for name, one in providers.items():
        secret = None if one.client_secret is None else one.client_secret.get_secret_value()
        fields = {key: value.get_secret_value() for key, value in one.credential.items()}
        found[name] = ClientCredential(one.client_id or "", secret, one.secret_expires, configured=True, fields=fields)
    return found


class ClientCredentials:
    """The client credentials by provider."""

    def __init__(
        self,
        configured: Mapping[str, ClientCredential],
        store: Store,
        vault: Vault,
        public_url: str,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._configured = configured
        self._rows = store.client_credentials
        self._vault = vault
        self._public_url = public_url
        self._kept: dict[str, ClientCredential | None] = {}
        store.changes.watch(self._heard)

    def _heard(self, change: Change) -> None:
        if change.kind in (CHANGE, EVERYTHING):
            self._kept.clear()

    def redirect_uri(self, provider: str) -> str:
        """Where the provider sends browsers back to; the operator registers it there."""
        return f"{self._public_url}/callback/{provider}"

    async def find(self, provider: str) -> ClientCredential | None:
        """The credential at this provider, if there is one."""
        if provider in self._configured:
            return self._configured[provider]
        if provider not in self._kept:
            row = await self._rows.get(provider)
            found = None
            if row is not None:
                secret = None if row.secret is None else self._vault.open_client(row.secret, provider)
                found = ClientCredential(row.client_id, secret, row.secret_expires)
            self._kept[provider] = found
        return self._kept[provider]

    async def names(self) -> list[str]:
        """The providers there is a credential at."""
        return sorted({*self._configured, *(row.provider for row in await self._rows.list())})

    async def put(self, provider: str, client_id: str, secret: str | None, secret_expires: date | None) -> None:
        """Keep a credential, in place of the one there was; every connection stays."""
        sealed = None if secret is None else self._vault.seal_client(secret, provider)
        await self._rows.put(provider, client_id, sealed, secret_expires)

    async def need(self, provider: Provider, method: GrantMethod) -> ClientCredential:
        """The credential at this provider; else raises ``OperatorNeeded`` that says how to register the hub there, or
        how to replace a secret that has ended."""
        found = await self.find(provider.name)
        if found is None or not found.client_id:
            raise OperatorNeeded(self.how_to(provider, method))
        ends = found.secret_expires
        if found.secret is not None and ends is not None and ends < self._clock.now().date():
            raise OperatorNeeded(ended(provider.title, method.app.register_at, provider.name, found))
        return found

    def how_to(self, provider: Provider, method: GrantMethod) -> str:
        """How the operator registers the hub at a provider, in one paragraph."""
        uri = self.redirect_uri(provider.name)
        steps = " ".join(f"{number}. {step}" for number, step in enumerate(self.steps(provider, method), 1))
        address = f" Register {uri} as the redirect address." if isinstance(method, OAuthMethod) else ""
        return (
            f"the hub is not registered at {provider.title} yet. Open {method.app.register_at}. {steps}{address} Then "
            f"run: hub provider set {provider.name} --client-id ID"
        )

    def steps(self, provider: Provider, method: GrantMethod | McpOAuthMethod) -> list[str]:
        """What the operator does at the vendor, the hub's redirect address filled in; nothing where the hub need not be
        registered."""
        if method.app is None:
            return []
        uri = self.redirect_uri(provider.name)
        told = [step.replace("{redirect_uri}", uri).rstrip(".") + "." for step in method.app.steps]
        if method.app.https_only and not uri.startswith("https://"):
            told.append(f"{provider.title} takes https redirect addresses only: set public_url to an https address.")
        if method.app.secret_expires:
            told.append("The secret ends some day: give that day as --secret-expires (secret_expires) with it.")
        if method.app.test_mode:
            told.append(method.app.test_mode.rstrip(".") + ".")
        return told

    def turns(self, provider: Provider, method: GrantMethod) -> list[tuple[str, str]]:
        """What may stand on the vendor's own page when the app is at fault, and what the operator does about it."""
        uri = self.redirect_uri(provider.name)
        return [(turn.when, turn.tell.replace("{redirect_uri}", uri).rstrip(".") + ".") for turn in method.wrong_turns]
