"""The accounts a person can use, as ``hub_list_connections`` tells a model: how each fares, and what to do about it.

How an account fares is decided in ``hub/broker/health.py``, what a caller may use in ``authorize.py``; this asks both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from hub.broker import Broker, Purpose
from hub.broker.health import OPERATOR, Health, State
from hub.gateway.accounts import Invited, Links
from hub.gateway.authorize import allowed
from hub.gateway.scopes import enabled_scopes
from hub.identity import Caller
from hub.registry import Catalog, Loaded
from hub.sdk.provider import Provider
from hub.store.connections import Connection
from hub.store.shares import Shared

_BY_LINK: Mapping[State, str] = {
    "needs_sign_in": "Give the user the link: they sign in to it again there.",
    "needs_consent": "Give the user the link: they agree to it there, once.",
    "missing_scope": "Give the user the link: they allow what is missing there. What needs no more works.",
}
_NEXT: Mapping[State, str] = {
    "rate_limited": "Wait until then; a call before is likely to be refused.",
    "provider_down": "Try again then; the user need not do anything.",
    "needs_operator": "Only the operator of this hub can mend this; tell the user.",
}


async def health_in(
    broker: Broker, user_id: str, kept: Connection, loaded: Loaded, callers: Sequence[Caller], shared: Shared | None
) -> Health:
    """How an account fares for a connector, whose tools the person uses through ``callers``."""
    if loaded.provider is None:
        return await broker.checkup.of(user_id, kept)
    if shared is not None and shared.read_only:
        callers = [replace(one, effects=one.effects & {"read"}) for one in callers]
    title = loaded.compiled.title if loaded.compiled is not None else loaded.name
    scopes = enabled_scopes(loaded, callers)
    purpose = Purpose(loaded.name, title, loaded.shipped, loaded.code, loaded.provider, scopes=scopes)
    return await broker.checkup.of(user_id, kept, purpose)


class AccountList:
    """Makes the list."""

    def __init__(self, broker: Broker, links: Links) -> None:
        self._broker = broker
        self._links = links

    async def of(self, catalog: Catalog, caller: Caller, now: datetime) -> list[dict[str, Any]]:
        """One row for each app the caller may use and account there; apps without one have a row that says so."""
        mine = await self._broker.connections(caller.user_id)
        shared = await self._broker.shared(caller.user_id)
        rows: list[dict[str, Any]] = []
        for loaded in catalog.connectors.values():
            provider = loaded.provider
            if provider is None or not allowed(caller, "read", loaded.name):
                continue
            found = [one for one in mine if one.provider == provider.name]
            if not found:
                rows.append({"app": loaded.name, **await self._none(provider, now)})
            for one in found:
                share = shared.get(one.id)
                health = await health_in(self._broker, caller.user_id, one, loaded, [caller], share)
                row: dict[str, Any] = {"app": loaded.name, "account": one.label, **_told(health, now)}
                row |= self._mend(health, caller, one, loaded, share)
                if len(found) > 1 and one.is_default:
                    row["default_for_reading"] = True
                if share is not None:
                    row["shared_by"] = share.owner
                    if share.read_only:
                        row["reading_only"] = True
                rows.append(row)
        return rows

    async def _none(self, provider: Provider, now: datetime) -> dict[str, Any]:
        """What is told of an app at which the person has no account of their own."""
        common = await self._broker.checkup.common(provider)
        if common is not None:
            told = {"account": OPERATOR, **_told(common, now)}
            return told | ({"next": _NEXT[common.state]} if common.state in _NEXT else {})
        row = {"health": "not_connected", "effort": provider.effort}
        if not await self._broker.checkup.connectable(provider):
            row["next"] = f"The operator of this hub must register it at {provider.title} first; tell the user."
        return row

    def _mend(
        self, health: Health, caller: Caller, kept: Connection, loaded: Loaded, shared: Shared | None
    ) -> dict[str, str]:
        """What is to be done, and where."""
        if health.state not in _BY_LINK:
            return {"next": _NEXT[health.state]} if health.state in _NEXT else {}
        if shared is not None:
            return {"next": f"Only {shared.owner}, who shares it, can mend this; tell the user."}
        link = self._links.to(Invited.by(caller, health.missing, kept.id), loaded.name)
        return {"next": _BY_LINK[health.state], "link": link}


def _told(health: Health, now: datetime) -> dict[str, Any]:
    told: dict[str, Any] = {"health": health.state}
    if health.why:
        told["why"] = health.why
    if health.until is not None:
        told["until"] = health.until.isoformat(timespec="seconds").replace("+00:00", "Z")
        told["retry_after_seconds"] = max(1, round((health.until - now).total_seconds()))
    return told
