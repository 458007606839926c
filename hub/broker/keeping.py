"""The last step of every way of connecting: which tenant, whose account, and the row.

The vendor is asked for the tenants a grant covers, where its declaration has any, and whose account it is; what it
names of the account's hosts is held against the declaration. Where one of several tenants is meant the person chooses,
and what was gained waits sealed in a flow. Not how a grant comes about (``connecting.py``, ``devices.py``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from hub.broker.discovery.pinned import Pinned
from hub.broker.probe import Identity, Probe, Refused, Tenant
from hub.broker.renewal import places
from hub.broker.vault import Secrets, Vault
from hub.broker.wanted import Connected, ConnectRefused, Gained, Undecided, Wanted
from hub.clock import Clock
from hub.errors import HubError, ProviderUnavailable, ToolError
from hub.observe import log
from hub.sdk.provider import Provider, mints
from hub.seal import KeyRing, SealBroken
from hub.store import Store
from hub.store.connect_flows import ConnectFlow
from hub.store.connections import Connection, Draft

CHOICE = timedelta(minutes=10)
"""How long a person has to choose a tenant; after that what was gained is ended at the vendor (``lapsed.py``)."""

_log = log("broker.connecting")


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person chooses from: what one is called, and each by its id and label."""

    title: str
    connector: str
    tenants: Sequence[Tenant]


class Keeping:
    """Keeps accounts that were gained. ``halted`` says why somebody's calls are stopped, who then connects nothing."""

    def __init__(
        self,
        store: Store,
        ring: KeyRing,
        vault: Vault,
        probe: Probe,
        clock: Clock,
        halted: Callable[[str], str | None],
    ) -> None:
        self._halted = halted
        self._rows = store.connections
        self._flows = store.connect_flows
        self._box = ring.box("connect flow row")
        self._vault = vault
        self._probe = probe
        self._clock = clock

    def check_halt(self, user_id: str) -> None:
        """Raise ``ConnectRefused`` where this person's calls are stopped."""
        why = self._halted(user_id)
        if why is not None:
            raise ConnectRefused(why)

    def seal(self, held: Mapping[str, Any], *, id: str, user_id: str) -> str:
        """What a flow holds, sealed to its row and person."""
        return self._box.seal(orjson.dumps(held, default=str), bound=f"{id}:{user_id}")

    def open(self, flow: ConnectFlow) -> dict[str, Any]:
        """What a flow holds. Raises ``ConnectRefused`` where it cannot be opened."""
        try:
            plain = self._box.open(flow.held, bound=f"{flow.id}:{flow.user_id}", now=self._clock.time())
        except SealBroken:
            raise ConnectRefused("This was begun with another key of the hub. Begin anew.") from None
        held: dict[str, Any] = orjson.loads(plain)
        return held

    async def keep(self, wanted: Wanted, gained: Gained, flow: ConnectFlow | None = None) -> Connected | Undecided:
        """Keep an account: anew, or in place of the one it is. ``flow`` is the row it came about in, which is used
        again where a tenant must be chosen. Raises ``ConnectRefused``."""
        self.check_halt(wanted.user_id)
        wanted, gained = self._placed(wanted, gained)
        tenants = await self._tenants(wanted, gained)
        if tenants is None:
            return await self._written(wanted, gained, None)
        if not tenants:
            raise ConnectRefused(
                f"{wanted.provider.title} let the hub in, but to no {_one(wanted)} at all. Choose one on its page, or "
                "ask whoever runs it."
            )
        chosen = tenants[0] if len(tenants) == 1 else await self._same(wanted, tenants)
        if chosen is not None:
            return await self._written(wanted, gained, chosen)
        return await self._asked(wanted, gained, tenants, flow)

    async def choice(self, flow: ConnectFlow) -> Choice:
        """What there is to choose from in a flow. Raises ``ConnectRefused``."""
        held = self.open(flow)
        return Choice(held["title"], flow.connector, [Tenant(**one) for one in held["tenants"]])

    async def choose(self, flow: ConnectFlow, tenant: str, provider: Provider | None) -> Connected:
        """Keep the account of a flow with the tenant the person chose; of several at once only one is heard.

        Raises ``ConnectRefused``.
        """
        self.check_halt(flow.user_id)
        held = self.open(flow)
        chosen = next((Tenant(**one) for one in held["tenants"] if one["id"] == tenant), None)
        if provider is None or chosen is None:
            raise ConnectRefused("This is none of those to choose from. Begin anew.")
        if not await self._flows.move(flow, "connected"):
            raise ConnectRefused("This was chosen already.")
        try:
            return await self._written(Wanted.of(held["wanted"], provider), gained_of(held), chosen)
        except ConnectRefused:
            # It may be chosen again while there is time; then what was gained is ended as of any choice not made.
            await self._flows.move(replace(flow, state="connected"), "choosing", held=flow.held)
            raise

    async def _asked(
        self, wanted: Wanted, gained: Gained, tenants: Sequence[Tenant], flow: ConnectFlow | None
    ) -> Undecided:
        id = flow.id if flow is not None else self._flows.new_id()
        held = {
            "wanted": wanted.plain(),
            "title": _one(wanted),
            "secrets": gained.secrets,
            "scopes": None if gained.scopes is None else sorted(gained.scopes),
            "expires_at": None if gained.expires_at is None else gained.expires_at.timestamp(),
            "fields": gained.fields,
            "hosts": _places(wanted),
            "tenants": [{"id": one.id, "label": one.label or one.id, "fields": one.fields} for one in tenants],
        }
        sealed = self.seal(held, id=id, user_id=wanted.user_id)
        if flow is not None:
            await self._flows.move(flow, "choosing", held=sealed)
        else:
            ends = self._clock.now() + CHOICE
            name = wanted.provider.name
            await self._flows.add(id, wanted.user_id, wanted.connector, name, "choosing", sealed, ends)
        return Undecided(id, wanted.connector)

    def _placed(self, wanted: Wanted, gained: Gained) -> tuple[Wanted, Gained]:
        """What the vendor said of the account's hosts, among its settings. Raises ``ConnectRefused``."""
        try:
            found, fields = wanted.provider.found(gained.fields)
        except ToolError as wrong:
            raise ConnectRefused(str(wrong)) from None
        return replace(wanted, settings={**wanted.settings, **found}), replace(gained, fields=fields)

    async def _tenants(self, wanted: Wanted, gained: Gained) -> list[Tenant] | None:
        with _Reading(wanted.provider):
            return await self._probe.tenants(
                wanted.provider, wanted.way, gained.secrets, dict(wanted.settings), dict(gained.fields)
            )

    async def _same(self, wanted: Wanted, tenants: Sequence[Tenant]) -> Tenant | None:
        """The tenant of the account that is connected again, where the grant still covers it."""
        before = await self._rows.get(wanted.again) if wanted.again is not None else None
        if before is None or before.user_id != wanted.user_id:
            return None
        return next((one for one in tenants if before.subject.endswith(_joined("", one))), None)

    async def _written(self, wanted: Wanted, gained: Gained, tenant: Tenant | None) -> Connected:
        """Ask whose account it is, and keep it."""
        if tenant is not None:
            wanted, gained = self._placed(wanted, replace(gained, fields={**gained.fields, **tenant.fields}))
        provider, method = wanted.provider, wanted.way
        with _Reading(provider):
            who = await self._probe.who(provider, method, gained.secrets, dict(wanted.settings), dict(gained.fields))
        if who is not None:
            wanted, gained = self._placed(wanted, replace(gained, fields={**gained.fields, **who.fields}))
        who = _within(who, tenant)
        try:
            hosts = places(provider, method, wanted.settings)
        except ToolError as wrong:
            raise ConnectRefused(str(wrong)) from None
        mine = [one for one in await self._rows.list(wanted.user_id) if one.provider == provider.name]
        before = self._before(wanted, who, mine)
        label = _label(wanted, who, before, mine)
        asked = frozenset(wanted.scopes) if mints(method) else frozenset()
        draft = Draft(
            wanted.method,
            label,
            who.subject if who is not None else "",
            asked if gained.scopes is None else gained.scopes,
            wanted.settings,
            gained.fields,
            hosts,
            gained.expires_at,
        )
        if before is not None:
            kept = self._merged(before, gained.secrets)
            sealed = self._vault.seal(kept, id=before.id, user_id=wanted.user_id)
            id = before.id
            if not await self._rows.replace(before, draft, sealed):
                raise ConnectRefused("The account was disconnected meanwhile. Begin anew.")
        else:
            id = self._rows.new_id()
            sealed = self._vault.seal(gained.secrets, id=id, user_id=wanted.user_id)
            await self._rows.add(id, wanted.user_id, provider.name, draft, sealed)
        await self._rows.agree(wanted.user_id, id, wanted.connector, wanted.code)
        _log.info("an account was connected", provider=provider.name, user=wanted.user_id, again=before is not None)
        return Connected(label, wanted.connector, before is not None, wanted.next)

    def _before(self, wanted: Wanted, who: Identity | None, mine: Sequence[Connection]) -> Connection | None:
        """The account that is replaced, if there is one. Raises ``ConnectRefused`` where it is another than was to be
        connected again."""
        before = next((one for one in mine if one.id == wanted.again), None)
        if wanted.again is not None and before is None:
            raise ConnectRefused("The account that was to be connected again is no longer there.")
        if before is not None and who is not None and before.subject and who.subject != before.subject:
            raise ConnectRefused(
                f"This is the account {who.label}, and {before.label} was to be connected again. Sign in at "
                f"{wanted.provider.title} as {before.label}, or add this one as a further account."
            )
        if before is None and who is not None and who.subject:
            # The same name at another server is another account.
            at = _typed(wanted.provider, wanted.settings)
            there = [one for one in mine if _typed(wanted.provider, one.settings) == at]
            return next((one for one in there if one.subject == who.subject), None)
        return before

    def _merged(self, before: Connection, secrets: Secrets) -> Secrets:
        """Some vendors give a refresh token the first time only: then the one there was goes on."""
        if "token" not in secrets or "refresh_token" in secrets or Pinned.of(secrets) is not None:
            return secrets  # a refresh token is never shown to an issuer that did not give it
        known = self._vault.open(before.secret, id=before.id, user_id=before.user_id) or {}
        kept = {"refresh_token": known["refresh_token"]} if "refresh_token" in known else {}
        return {**kept, **secrets}


class _Reading:
    """Within it, what goes wrong in asking a vendor about an account is told to the person who connects it."""

    def __init__(self, provider: Provider) -> None:
        self._title = provider.title

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, wrong: BaseException | None, trace: object) -> None:
        title = self._title
        if isinstance(wrong, Refused):
            told = f"{title} refuses this: {wrong} Is it complete, still valid, and for this account?"
            raise ConnectRefused(told) from None
        if isinstance(wrong, ProviderUnavailable):
            raise unreachable(title, wrong) from None
        if isinstance(wrong, HubError):
            raise ConnectRefused(f"{title} could not be asked whose account this is: {wrong}") from None


def gained_of(held: Mapping[str, Any]) -> Gained:
    """What was gained, of what the flow of a choice holds."""
    ends, scopes = held["expires_at"], held["scopes"]
    return Gained(
        held["secrets"],
        None if scopes is None else frozenset(scopes),
        None if ends is None else datetime.fromtimestamp(ends, UTC),
        held["fields"],
    )


def _places(wanted: Wanted) -> list[str]:
    """Where something secret of the account may go, as far as that is known before a tenant is chosen."""
    try:
        return list(places(wanted.provider, wanted.way, wanted.settings))
    except ToolError:
        return []


def _one(wanted: Wanted) -> str:
    declared = wanted.way.tenants
    return declared.title if declared is not None else ""


def _joined(subject: str, tenant: Tenant) -> str:
    return f"{subject[:150]}@{tenant.id[:100]}"


def _within(who: Identity | None, tenant: Tenant | None) -> Identity | None:
    """The account in a tenant: another one than the same person's in another."""
    if tenant is None:
        return who
    if who is None or not who.subject:
        return Identity(_joined("", tenant), tenant.label, who.fields if who is not None else {})
    label = who.label if tenant.label in who.label else f"{who.label} · {tenant.label}"
    return Identity(_joined(who.subject, tenant), label[:255], who.fields)


def _typed(provider: Provider, settings: Mapping[str, str]) -> list[str]:
    """What the person typed of the account's hosts."""
    return [settings[name] for name, one in provider.asked().items() if one.host and name in settings]


def _label(wanted: Wanted, who: Identity | None, before: Connection | None, mine: Sequence[Connection]) -> str:
    """What the account is called: as it was, as the person says, or as the provider says; each name once."""
    if before is not None and not wanted.label:
        return before.label
    typed = " ".join(_typed(wanted.provider, wanted.settings))
    named = wanted.label.strip() or (who.label if who is not None else "") or typed or wanted.provider.title
    taken = {one.label.casefold() for one in mine if before is None or one.id != before.id}
    if named.casefold() in taken and typed and typed not in named:
        named = f"{named} · {typed}"
    label, number = named[:200], 2
    while label.casefold() in taken:
        label, number = f"{named[:200]} {number}", number + 1
    return label


def unreachable(title: str, wrong: ProviderUnavailable) -> ConnectRefused:
    """What a person is told whose vendor does not answer."""
    return ConnectRefused(
        f"{title} does not answer at the moment ({wrong}). Nothing was kept; try again in a few minutes."
    )
