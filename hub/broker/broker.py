"""``Broker``: which account a call is made with, ready to sign. Where that is not plain, no call is made.

Accounts fail closed: one account is used, of several one must be named, and a default serves reads only. Credentials
are kept in memory for as long as nothing about the person's accounts changes. Connecting is ``connecting.py``'s.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from hub.broker.account import Account, for_owner
from hub.broker.clients import ClientCredential, ClientCredentials
from hub.broker.credential import Credential, Settled
from hub.broker.discovery.metadata import Challenge
from hub.broker.health import Checkup, check_agreed, lacking, operators_account, operators_credential, operators_way
from hub.broker.holdings import Holding, Holdings
from hub.broker.own_code import OwnCode
from hub.broker.pauses import Pauses
from hub.broker.probe import Probe, Refused
from hub.broker.purpose import Purpose
from hub.broker.renewal import Renewals, alive, cooling, due
from hub.broker.vault import Vault
from hub.clock import Clock
from hub.errors import ConnectionNeeded, HubError, OperatorNeeded, ProviderUnavailable, ToolError
from hub.errors import Refused as CallRefused
from hub.sdk.http import Send
from hub.sdk.provider import GrantMethod, McpOAuthMethod, Provider, mints
from hub.store import Store
from hub.store.connections import Connection
from hub.store.shares import Shared

TOUCHED = 60.0
"""Seconds between two notes that an account was used."""

_SHOWN = 20
_SETTLED = 256


class Broker:
    """Finds accounts. ``provider`` finds a declaration by name; ``halted`` says why somebody's calls are
    stopped, if they are. ``checkup`` says how accounts fare."""

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        clients: ClientCredentials,
        renewals: Renewals,
        probe: Probe,
        own_code: OwnCode,
        clock: Clock,
        provider: Callable[[str], Provider | None],
        halted: Callable[[str], str | None],
    ) -> None:
        self._rows = store.connections
        self._vault = vault
        self._clients = clients
        self._renewals = renewals
        self._probe = probe
        self._own_code = own_code
        self._clock = clock
        self._provider = provider
        self._halted = halted
        self._holdings = Holdings(store)
        self._pauses = Pauses(clock)
        self.checkup = Checkup(self._holdings, clients, self._pauses, clock, halted)
        self._due: dict[str, float] = {}
        """When the use of an account is to be noted again, by its id and the monotonic clock."""
        self._commons: dict[str, tuple[Credential, ClientCredential]] = {}

    async def connections(self, user_id: str) -> list[Connection]:
        """The accounts the person can use: their own by provider, then those shared with them."""
        return list((await self._holdings.of(user_id)).connections)

    async def shared(self, user_id: str) -> Mapping[str, Shared]:
        """Of these, the ones that are shared with them, by id."""
        return (await self._holdings.of(user_id)).shared

    def known(self, user_id: str, purpose: Purpose, named: str | None, now: float) -> Account | None:
        """The account ``account`` found before, where nothing about the person's accounts has changed since; whether
        calls are stopped is asked before each request. ``now`` is by the monotonic clock."""
        held = self._holdings.known.get(user_id)
        settled = held.settled.get(purpose if named is None else (purpose, named)) if held is not None else None
        if settled is None:
            return None
        if now >= self._due.get(settled.id, now):
            self._touch(settled.id, now)
        return Account(settled)

    async def account(self, user_id: str, purpose: Purpose, named: str | None, send: Send) -> Account:
        """The account for a call; ``named`` is the label the caller gave, ``send`` what requests for this purpose go
        through.

        Raises ``ConnectionNeeded`` (none, or not usable until its owner did something), ``ToolError`` (which one is
        meant must be said), ``OperatorNeeded``, and ``Refused`` where calls are stopped.
        """
        self._check_halt(user_id)
        held, now = await self._holdings.of(user_id), self._clock.monotonic()
        found = self.known(user_id, purpose, named, now)
        if found is not None:
            return found
        credential = self._chosen(held, purpose, named)
        if credential is None:
            return await self._common(user_id, purpose, send)
        settled = self._settled(held, credential, user_id, purpose, send)
        if credential.kept.health == "ok":
            if len(held.settled) >= _SETTLED:
                held.settled.clear()
            held.settled[purpose if named is None else (purpose, named)] = settled
        if now >= self._due.get(settled.id, now):
            self._touch(settled.id, now)
        return Account(settled)

    def _settled(self, held: Holding, credential: Credential, user_id: str, purpose: Purpose, send: Send) -> Settled:
        name = purpose.provider.name
        return Settled(
            credential,
            user_id,
            purpose.connector,
            send,
            self._ready,
            self._renew,
            self._judge,
            self._code_for(purpose.provider),
            several=sum(one.provider == name for one in held.connections) > 1,
            lacks=self._lacks,
            halted=self._halted,
            people=self._holdings.known,
            held=held,
            there=partial(self._check_there, user_id, credential.kept, purpose.connector),
            shared=held.shared.get(credential.kept.id),
            pauses=self._pauses,
        )

    def _chosen(self, held: Holding, purpose: Purpose, named: str | None) -> Credential | None:
        """The credential for a call; None where it is the operator's. Raises as ``account`` does."""
        provider = purpose.provider
        usable = [one for one in held.connections if one.provider == provider.name]
        if not usable and operators_way(provider) is not None:
            return None
        kept = self._meant(usable, purpose, named)
        shared = held.shared.get(kept.id)
        try:
            self._check_shared(shared, kept, purpose)
            check_agreed(held, kept, purpose)
            credential = self._credential(held, kept, provider)
            self._check(credential, purpose)
        except ConnectionNeeded as wrong:
            raise (for_owner(shared, wrong) if shared is not None else wrong) from None
        return credential

    def _check_halt(self, user_id: str) -> None:
        """Raise ``Refused`` where the calls of the person are stopped."""
        why = self._halted(user_id)
        if why is not None:
            raise CallRefused(why)

    async def _check_there(self, user_id: str, kept: Connection, connector: str) -> None:
        """Raise ``ConnectionNeeded``, or ``ToolError`` where it was shared, once the person can use the account no
        more."""
        held = await self._holdings.of(user_id)
        if all(one.id != kept.id for one in held.connections):
            raise _gone(kept, connector, mine=kept.user_id == user_id)

    def _check_shared(self, shared: Shared | None, kept: Connection, purpose: Purpose) -> None:
        if shared is not None and shared.read_only and purpose.effect != "read":
            raise ToolError(
                f"The account {kept.label} is shared for reading only, and this has the effect {purpose.effect}. Use "
                "an account of the user's own for it."
            )

    def _meant(self, usable: list[Connection], purpose: Purpose, named: str | None) -> Connection:
        title = purpose.provider.title
        if not usable:
            raise ConnectionNeeded(f"{title} is not connected for this user.", connector=purpose.connector)
        labels = ", ".join(one.label for one in usable[:_SHOWN])
        if named is not None:
            wanted = named.strip().casefold()
            found = [one for one in usable if wanted in (one.label.casefold(), one.id)]
            if len(found) != 1:
                raise ToolError(f"account: there is no {title} account {named!r}; connected are: {labels}.")
            return found[0]
        if len(usable) == 1:
            return usable[0]
        defaults = [one for one in usable if one.is_default]
        if purpose.effect == "read" and defaults:
            return defaults[0]
        raise ToolError(f"Several {title} accounts are connected: {labels}. Say which one with the argument account.")

    def _credential(self, held: Holding, kept: Connection, provider: Provider) -> Credential:
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
            raise ConnectionNeeded(kept.reason, connector=purpose.connector, connection=kept.id)
        missing = lacking(kept, credential.provider, purpose.scopes)
        if missing:
            raise ConnectionNeeded(
                f"The account {kept.label} was connected without {', '.join(missing)}, which this needs.",
                connector=purpose.connector,
                scopes=missing,
                connection=kept.id,
            )

    async def _common(self, user_id: str, purpose: Purpose, send: Send) -> Account:
        """The operator's one credential, used for everybody."""
        provider = purpose.provider
        given = await operators_credential(self._clients, provider)
        held = self._commons.get(provider.name)
        if held is None or held[0].provider is not provider or held[1] is not given:
            name = operators_way(provider) or ""
            kept, method = operators_account(provider, name, self._clock.now()), provider.methods[name]
            secrets = dict(provider.checked_fields(method, given.fields))
            held = self._commons[provider.name] = Credential.of(kept, provider, method, secrets), given
        return Account(
            Settled(
                *(held[0], user_id, purpose.connector, send, _same, _none, _works, self._code_for(provider)),
                halted=self._halted,
                pauses=self._pauses,
            )
        )

    def _code_for(self, provider: Provider) -> OwnCode | None:
        return self._own_code if provider.code is not None else None

    async def _ready(self, credential: Credential) -> Credential:
        """The credential, renewed where it is time; a live one is good enough where that fails."""
        if not credential.renews:
            return credential
        kept, now = credential.kept, self._clock.now()
        method = credential.method
        margin = method.refresh.margin if isinstance(method, GrantMethod) else None
        if not due(kept, margin, now):
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
        if not credential.renews or _unrenewable(credential):
            return None
        return self._of(await self._renewals.renewed(credential.kept), credential)

    async def _judge(self, credential: Credential) -> bool:
        """Whether the account works although a request of it was refused; where not, its owner must sign in."""
        kept = credential.kept
        if await self._rows.get(kept.id) is None:
            raise _gone(kept, credential.provider.name)  # another process ended it, and nobody heard yet
        if credential.provider.who(credential.method) is not None:
            try:
                await self._probe.who(
                    credential.provider,
                    credential.method,
                    credential.secrets,
                    dict(kept.settings),
                    dict(kept.fields),
                    credential.hosts,
                )
            except Refused:
                pass
            else:
                return True
        told = f"{credential.provider.title} refuses what the account {kept.label} was connected with."
        await self._rows.failed(kept, "needs_sign_in", told)
        raise ConnectionNeeded(told, connector=credential.provider.name)

    async def _lacks(self, credential: Credential, challenge: Challenge) -> HubError:
        """What to say where a server wants scopes (RFC 6750, section 3.1); those the account lacks are noted."""
        kept, title = credential.kept, credential.provider.title
        missing = credential.provider.missing(kept.scopes, challenge.scopes)
        if not missing:
            # Asking for the same again would lead the person in circles.
            return ToolError(f"{title} refuses this, although the account {kept.label} has every permission it names.")
        await self._rows.want(kept, frozenset(missing))
        return ConnectionNeeded(
            f"The account {kept.label} was connected without {', '.join(missing)}, which {title} wants for this.",
            connector=credential.provider.name,
            scopes=missing,
            connection=kept.id,
        )

    def _of(self, kept: Connection, before: Credential) -> Credential:
        secrets = self._vault.open(kept.secret, id=kept.id, user_id=kept.user_id)
        method = before.provider.methods.get(kept.method)
        if secrets is None or method is None:
            raise ConnectionNeeded(f"The account {kept.label} must be connected again.", connector=kept.provider)
        # It goes on to be called what it is called for this person.
        named = replace(kept, label=before.kept.label, is_default=before.kept.is_default)
        return Credential.of(named, before.provider, method, secrets)

    def _touch(self, id: str, now: float) -> None:
        self._due[id] = now + TOUCHED
        self._rows.touch(id, self._clock.now())

    async def close(self) -> None:
        """Wait for what must not be lost."""
        await self._renewals.close()


def _gone(kept: Connection, connector: str, *, mine: bool = True) -> ConnectionNeeded | ToolError:
    what = "disconnected" if mine else "taken back by its owner"
    told = f"The account {kept.label} was {what} while this call was under way; nothing more was sent with it."
    return ConnectionNeeded(told, connector=connector) if mine else ToolError(told)


def _unrenewable(credential: Credential) -> bool:
    method = credential.method
    if isinstance(method, McpOAuthMethod):
        return not credential.secrets.get("refresh_token")
    if not isinstance(method, GrantMethod):
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
