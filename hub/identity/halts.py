"""Whose calls are stopped, as this process knows it: from memory, at every call.

Read once at the start and kept by the changes that tell of a halt and its lifting, so that it holds in every process
within a second. What is stopped by it: calls (``hub/gateway/authorize.py``), and whatever an account would sign
(``hub/broker``).
"""

import asyncio

from hub.observe import log
from hub.store import EVERYTHING, Change, Store, StoreUnavailable
from hub.store.halts import EVERYONE, HALT, LIFT

_log = log("identity.halts")


class Halts:
    """The halts that stand. ``load`` before the first question."""

    def __init__(self, store: Store) -> None:
        self._rows = store.halts
        self._standing: set[str] = set()
        self._loading: asyncio.Task[None] | None = None
        store.changes.watch(self._heard)

    async def load(self) -> None:
        """Read those that stand. Raises ``StoreUnavailable``."""
        self._standing = {halt.user_id or EVERYONE for halt in await self._rows.list()}

    def why(self, user_id: str) -> str | None:
        """Why this person's calls are stopped, in words for them; None where they are not."""
        if not self._standing:
            return None
        if EVERYONE in self._standing:
            return f"All calls through this hub were stopped by its operator. {_LIFTED} hub panic --lift"
        if user_id in self._standing:
            return f"Your calls through this hub were stopped by its operator. {_LIFTED} hub panic --user NAME --lift"
        return None

    def _heard(self, change: Change) -> None:
        if change.kind == HALT:
            self._standing = self._standing | {change.key}
        elif change.kind == LIFT:
            self._standing = self._standing - {change.key}
        elif change.kind == EVERYTHING:
            self._loading = asyncio.get_running_loop().create_task(self._reload(), name="halts")

    async def _reload(self) -> None:
        """Read them anew; what was known holds until that succeeds, and the next change is heard as ever."""
        try:
            await self.load()
        except StoreUnavailable as wrong:
            _log.error("halts cannot be read", reason=str(wrong))


_LIFTED = "They go on once the operator runs:"
