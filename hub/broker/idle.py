"""Renewing accounts nobody uses, before their refresh tokens die of it; and those a killed process left behind.

Only where the provider declares how long a refresh token may lie idle; everything else is renewed when it is used.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta

from hub.broker.renewal import LEASE, Renewals
from hub.clock import Clock
from hub.errors import HubError
from hub.observe import log
from hub.sdk.provider import GrantMethod, Provider
from hub.store import Store, StoreUnavailable
from hub.store.connections import Connection

ROUND = 3600.0
"""Seconds between two rounds, spread by half so that several hubs do not move in step."""

WATCH = LEASE.total_seconds()
"""Seconds between two looks for what a killed process left behind: its lease has to lapse first, which at the start
that follows it often has not."""

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
        """Begin with a whole round, then look every minute for what was left behind and go round every hour, until
        cancelled."""
        left = 0.0
        while True:
            try:
                await (self.once() if left <= 0 else self.found())
            except StoreUnavailable as wrong:
                _log.warning("idle accounts cannot be looked up", reason=str(wrong))
            if left <= 0:
                left = ROUND * (0.75 + int.from_bytes(self._random(2), "big") / 131070)
            await self._clock.sleep(WATCH)
            left -= WATCH

    async def found(self) -> int:
        """Renew what a killed process left behind; returns how many accounts were renewed."""
        return await self._renewed(await self._rows.abandoned())

    async def once(self) -> int:
        """One round; returns how many accounts were renewed."""
        due = [one for one in await self._rows.idle(self._clock.now() - _YOUNGEST, _MOST) if self._is_due(one)]
        return await self.found() + await self._renewed(due)

    async def _renewed(self, due: Sequence[Connection]) -> int:
        count = 0
        for kept in due:
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
        if not isinstance(method, GrantMethod) or method.refresh.idle is None or kept.expires_at is None:
            return False
        return (self._clock.now() - kept.renewed_at).total_seconds() >= method.refresh.idle / 2
