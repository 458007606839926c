"""Renewing accounts nobody uses, before their refresh tokens die of it; and those a killed process left behind.

Only where the provider declares how long a refresh token may lie idle; everything else is renewed when it is used.
"""

from collections.abc import Callable
from datetime import timedelta

from hub.broker.renewal import Renewals
from hub.clock import Clock
from hub.errors import HubError
from hub.observe import log
from hub.sdk.provider import OAuthMethod, Provider
from hub.store import Store, StoreUnavailable
from hub.store.connections import Connection

ROUND = 3600.0
"""Seconds between two rounds, spread by half so that several hubs do not move in step."""

_MOST = 200
_PAUSE = 0.5
_YOUNGEST = timedelta(minutes=1)

_log = log("broker.idle")


class IdleRenewal:
    """Goes through the accounts every hour. ``provider`` finds a declaration by name."""

    def __init__(
        self,
        store: Store,
        renewals: Renewals,
        clock: Clock,
        provider: Callable[[str], Provider | None],
        random: Callable[[int], bytes],
    ) -> None:
        self._rows = store.connections
        self._renewals = renewals
        self._clock = clock
        self._provider = provider
        self._random = random

    async def keep(self) -> None:
        """Begin with what was left behind, then one round an hour, until cancelled."""
        while True:
            try:
                await self.once()
            except StoreUnavailable as wrong:
                _log.warning("idle accounts cannot be looked up", reason=str(wrong))
            spread = int.from_bytes(self._random(2), "big") / 65535
            await self._clock.sleep(ROUND * (0.75 + spread / 2))

    async def once(self) -> int:
        """One round; returns how many accounts were renewed."""
        count = 0
        due = [one for one in await self._rows.idle(self._clock.now() - _YOUNGEST, _MOST) if self._is_due(one)]
        for kept in (*await self._rows.abandoned(), *due):
            try:
                await self._renewals.renewed(kept)
                count += 1
            except StoreUnavailable:
                raise
            except HubError as wrong:
                _log.info("an idle account was not renewed", connection=kept.id, reason=str(wrong))
            await self._clock.sleep(_PAUSE)
        return count

    def _is_due(self, kept: Connection) -> bool:
        provider = self._provider(kept.provider)
        method = provider.methods.get(kept.method) if provider is not None else None
        if not isinstance(method, OAuthMethod) or method.refresh.idle is None or kept.expires_at is None:
            return False
        return (self._clock.now() - kept.renewed_at).total_seconds() >= method.refresh.idle / 2
