"""``Broker``: which account a call is made with, ready to sign. Where that is not plain, no call is made.

Accounts fail closed: one account is used, of several one must be named, and a default serves reads only. Credentials
are kept in memory for as long as nothing about the person's accounts changes. Connecting is ``connecting.py``'s.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hub.broker.account import Account, Credential
from hub.broker.clients import ClientCredentials
from hub.broker.probe import Probe, Refused
from hub.broker.renewal import Renewals, alive, cooling, due
from hub.broker.vault import Vault
from hub.clock import Clock
from hub.errors import ConnectionNeeded, OperatorNeeded, ProviderUnavailable, ToolError
from hub.sdk.effect import Effect
from hub.sdk.http import Send
from hub.sdk.provider import JwtBearerMethod, OAuthMethod, OperatorMethod, Provider, mints
from hub.store import EVERYTHING, Change, Store
from hub.store.connections import CHANGE, Connection

TOUCHED = 60.0
"""Seconds between two notes that an account was used."""

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Purpose:
    """What an account is wanted for: the connector (``shipped`` with the hub or not), its provider, and the call's
    effect and scopes."""

    connector: str
    title: str
    shipped: bool
    provider: Provider
    effect: Effect = "read"
    scopes: Sequence[str] = ()


@dataclass(slots=True)
class _Held:
    """What is known of one person's accounts."""

    connections: list[Connection]
    agreed: frozenset[tuple[str, str]]
    credentials: dict[str, Credential]


class Broker:
    """Finds accounts. ``provider`` finds a declaration by name."""

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        clients: ClientCredentials,
        renewals: Renewals,
        probe: Probe,
        clock: Clock,
        provider: Callable[[str], Provider | None],
    ) -> None:
        self._rows = store.connections
        self._vault = vault
        self._clients = clients
        self._renewals = renewals
        self._probe = probe
        self._clock = clock
        self._provider = provider
        self._people: dict[str, _Held] = {}
        self._epoch = 0
        self._touched: dict[str, float] = {}
        store.changes.watch(self._heard)

    def _heard(self, change: Change) -> None:
        if change.kind == EVERYTHING:
            self._people.clear()
        elif change.kind == CHANGE:
            self._people.pop(change.key, None)
        else:
            return
        self._epoch += 1

    async def _held(self, user_id: str) -> _Held:
        held = self._people.get(user_id)
        if held is None:
            epoch = self._epoch
            held = _Held(await self._rows.list(user_id), await self._rows.agreed(user_id), {})
            if epoch == self._epoch:
                self._people[user_id] = held
        return held

    async def connections(self, user_id: str) -> list[Connection]:
        """The person's accounts, by provider."""
        return list((await self._held(user_id)).connections)

    async def account(self, user_id: str, purpose: Purpose, named: str | None, send: Send) -> Account:
        """The account for a call, whose requests go through ``send``; ``named`` is the label the caller gave.

        Raises ``ConnectionNeeded`` (none, or not usable until its owner did something), ``ToolError`` (which one is
        meant must be said) and ``OperatorNeeded``.
        """
        provider = purpose.provider
        operator = _operators(provider)
        held = await self._held(user_id)
        mine = [one for one in held.connections if one.provider == provider.name]
        if not mine and operator is not None:
            return await self._common(purpose, operator, send)
        kept = self._chosen(mine, purpose, named)
        if not purpose.shipped and (purpose.connector, provider.name) not in held.agreed:
            raise ConnectionNeeded(
                f"{purpose.title} did not come with this hub, so the owner of the account {kept.label} must agree once "
                "that it is used by it.",
                connector=purpose.connector,
            )
        credential = self._credential(held, kept, provider)
        self._check(credential, purpose)
        self._touch(kept)
        return Account(
            credential,
            purpose.connector,
            send,
            self._ready,
            self._renew,
            self._judge,
            several=len(mine) > 1,
        )

    def _chosen(self, mine: list[Connection], purpose: Purpose, named: str | None) -> Connection:
        title = purpose.provider.title
        if not mine:
            raise ConnectionNeeded(f"{title} is not connected for this user.", connector=purpose.connector)
        labels = ", ".join(one.label for one in mine[:_SHOWN])
        if named is not None:
            wanted = named.strip().casefold()
            found = [one for one in mine if wanted in (one.label.casefold(), one.id)]
            if len(found) != 1:
                raise ToolError(f"account: there is no {title} account {named!r}; connected are: {labels}.")
            return found[0]
        if len(mine) == 1:
            return mine[0]
        defaults = [one for one in mine if one.is_default]
        if purpose.effect == "read" and defaults:
            return defaults[0]
        raise ToolError(f"Several {title} accounts are connected: {labels}. Say which one with the argument account.")

    def _credential(self, held: _Held, kept: Connection, provider: Provider) -> Credential:
        known = held.credentials.get(kept.id)
        if known is not None and known.kept.version == kept.version and known.provider is provider:
            return known
        method = provider.methods.get(kept.method)
        secrets = self._vault.open(kept.secret, id=kept.id, user_id=kept.user_id)
        if method is None or secrets is None:
            told = kept.reason or f"the account {kept.label} must be connected again."
            raise ConnectionNeeded(told, connector=provider.name)
        made = held.credentials[kept.id] = Credential.of(kept, provider, method, secrets)
        return made

    def _check(self, credential: Credential, purpose: Purpose) -> None:
        """Raise what is known to be in the way; a live token is used whatever the last renewal came to."""
        kept, method = credential.kept, credential.method
        renewable = mints(method)
        if kept.health == "needs_sign_in" and not (renewable and kept.expires_at and alive(kept, self._clock.now())):
            raise ConnectionNeeded(kept.reason, connector=purpose.connector)
        missing = [scope for scope in purpose.scopes if scope not in kept.scopes]
        if missing and kept.scopes and isinstance(method, OAuthMethod | JwtBearerMethod):
            raise ConnectionNeeded(
                f"The account {kept.label} was connected without {', '.join(missing)}, which this needs.",
                connector=purpose.connector,
                scopes=tuple(missing),
            )

    async def _common(self, purpose: Purpose, method: str, send: Send) -> Account:
        """The operator's one credential, used for everybody."""
        provider = purpose.provider
        given = await self._clients.find(provider.name)
        if given is None or not given.fields:
            raise OperatorNeeded(
                f"{provider.title} is used with one credential of the operator's, which is not set: "
                f"providers.{provider.name}.credential in the configuration."
            )
        now = self._clock.now()
        kept = Connection(
            id="operator", user_id="", provider=provider.name, method=method, label="operator", subject="",
            scopes=frozenset(), settings=provider.checked_settings({}), fields={}, hosts=provider.hosts({}), secret="",
            version=1, health="ok", reason="", expires_at=None, renewed_at=now, lease_owner=None, lease_until=None,
            failures=0, failed_at=None, is_default=True, created_at=now, used_at=None,
        )  # fmt: skip
        secrets = provider.checked_fields(provider.methods[method], given.fields)
        credential = Credential.of(kept, provider, provider.methods[method], dict(secrets))
        return Account(credential, purpose.connector, send, _same, _none, _works, several=False)

    async def _ready(self, credential: Credential) -> Credential:
        """The credential, renewed where it is time; a live one is good enough where that fails."""
        kept, now = credential.kept, self._clock.now()
        method = credential.method
        margin = method.refresh.margin if isinstance(method, OAuthMethod) else None
        if not mints(method) or not due(kept, margin, now):
            return credential
        living = alive(kept, now)
        if living and (cooling(kept, now) > 0 or kept.health != "ok" or _unrenewable(credential)):
            return credential
        try:
            return self._of(await self._renewals.renewed(kept), credential)
        except (ProviderUnavailable, OperatorNeeded, ConnectionNeeded):
            if living:
                return credential
            raise

    async def _renew(self, credential: Credential) -> Credential | None:
        """Another credential in place of one the provider refused before its time."""
        if not mints(credential.method) or _unrenewable(credential):
            return None
        return self._of(await self._renewals.renewed(credential.kept), credential)

    async def _judge(self, credential: Credential) -> bool:
        """Whether the account works although a request of it was refused; where not, its owner must sign in."""
        kept = credential.kept
        if credential.provider.declared.who is not None:
            try:
                await self._probe.who(
                    credential.provider, credential.method, credential.secrets, dict(kept.settings), dict(kept.fields)
                )
            except Refused:
                pass
            else:
                return True
        told = f"{credential.provider.title} refuses what the account {kept.label} was connected with."
        await self._rows.failed(kept, "needs_sign_in", told)
        raise ConnectionNeeded(told, connector=credential.provider.name)

    def _of(self, kept: Connection, before: Credential) -> Credential:
        secrets = self._vault.open(kept.secret, id=kept.id, user_id=kept.user_id)
        method = before.provider.methods.get(kept.method)
        if secrets is None or method is None:
            raise ConnectionNeeded(f"The account {kept.label} must be connected again.", connector=kept.provider)
        return Credential.of(kept, before.provider, method, secrets)

    def _touch(self, kept: Connection) -> None:
        now = self._clock.monotonic()
        if now - self._touched.get(kept.id, float("-inf")) >= TOUCHED:
            self._touched[kept.id] = now
            self._rows.touch(kept.id, self._clock.now())

    async def close(self) -> None:
        """Wait for what must not be lost."""
        await self._renewals.close()


def _operators(provider: Provider) -> str | None:
    """The provider's way by one credential of the operator's, if it has one."""
    return next((name for name, one in provider.methods.items() if isinstance(one, OperatorMethod)), None)


def _unrenewable(credential: Credential) -> bool:
    method = credential.method
    if not isinstance(method, OAuthMethod):
        return False
    name = "token" if method.refresh.mode == "exchange" else "refresh_token"
    return method.refresh.mode == "none" or not credential.secrets.get(name)


async def _same(credential: Credential) -> Credential:
    return credential


async def _none(credential: Credential) -> Credential | None:
    return None


async def _works(credential: Credential) -> bool:
    """The operator's credential was refused: only the operator can mend it."""
    raise OperatorNeeded(f"{credential.provider.title} refuses the operator's credential.")
