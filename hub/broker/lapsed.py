"""Choices of a tenant that nobody made: what the vendor gave for them is ended there, and forgotten.

One row per choice; whichever process finds it over takes it on, so that a vendor is asked by one, and a process that
dies while asking is followed by another. Not the choice itself (``keeping.py``).
"""

from collections.abc import Callable
from datetime import timedelta

from hub.broker.ending import Ending
from hub.broker.keeping import Keeping, gained_of
from hub.broker.wanted import ConnectRefused, Wanted
from hub.clock import Clock
from hub.observe import log
from hub.sdk.provider import Provider
from hub.store import Store, StoreUnavailable
from hub.store.connect_flows import ConnectFlow
from hub.store.connections import Connection

ROUND = 60.0
"""Seconds between two looks."""

ASKING = timedelta(minutes=1)
"""How long one ending may take before another process may take it on."""

_MOST = 50

_log = log("broker.lapsed")


class LapsedChoices:
    """Ends what choices held that were not made in time. ``provider`` finds a declaration by name."""

    def __init__(
        self,
        store: Store,
        keeping: Keeping,
        ending: Ending,
        clock: Clock,
        provider: Callable[[str], Provider | None],
    ) -> None:
        self._flows = store.connect_flows
        self._users = store.users
        self._keeping = keeping
        self._ending = ending
        self._clock = clock
        self._provider = provider

    async def keep(self) -> None:
        """Look every minute, until cancelled."""
        while True:
            try:
                await self.once()
            except StoreUnavailable as wrong:
                _log.warning("lapsed choices cannot be looked up", reason=str(wrong))
            await self._clock.sleep(ROUND)

    async def once(self) -> int:
        """End what lapsed by now; returns how many. Raises ``StoreUnavailable``."""
        count = 0
        for flow in await self._flows.lapsed(_MOST):
            if await self._flows.choosing(flow.user_id, flow.provider):
                continue  # some vendors would end with this grant the one they are choosing for
            if await self._flows.claim(flow, self._clock.now() + ASKING):
                await self._end(flow)
                await self._flows.remove(flow)
                count += 1
        return count

    async def _end(self, flow: ConnectFlow) -> None:
        provider = self._provider(flow.provider)
        try:
            held = self._keeping.open(flow)
        except ConnectRefused as wrong:
            _log.warning("a lapsed choice cannot be opened", provider=flow.provider, reason=str(wrong))
            return
        if provider is None:
            _log.warning("a lapsed choice is of a provider that is gone", provider=flow.provider)
            return
        wanted, gained = Wanted.of(held["wanted"], provider), gained_of(held)
        now, user = self._clock.now(), await self._users.get(flow.user_id)
        kept = Connection(
            id=flow.id, user_id=flow.user_id, provider=flow.provider, method=wanted.method, subject="",
            label=f"(no {held['title']} chosen)", scopes=frozenset(), settings=wanted.settings, fields=gained.fields,
            hosts=tuple(held.get("hosts", ())), secret="", version=1, health="ok", reason="", expires_at=None,
            renewed_at=now, lease_owner=None, lease_until=None, failures=0, failed_at=None, is_default=False,
            wanted=frozenset(), created_at=flow.created_at, used_at=None,
        )  # fmt: skip
        await self._ending.drop(kept, gained.secrets, by=user.name if user is not None else "")
