"""What each person can use: own accounts and those shared with them, what owners agreed to, credentials in memory.

Kept for as long as nothing about it changes, in whatever process. Which account a call gets is ``broker.py``'s.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hub.broker.credential import Credential, Settled
from hub.broker.purpose import Purpose
from hub.store import EVERYTHING, Change, Store
from hub.store.connections import CHANGE, Agreement, Connection
from hub.store.shares import SHARED, Shared

_USER = "user"


@dataclass(slots=True)
class Holding:
    """What is known of one person's accounts. Those shared with them come last, named by who shares them, and are
    nobody's default; ``shared`` has them by id."""

    connections: list[Connection]
    shared: Mapping[str, Shared]
    agreed: frozenset[Agreement]
    credentials: dict[str, Credential] = field(default_factory=dict)
    settled: dict[Purpose | tuple[Purpose, str], Settled] = field(default_factory=dict)
    """What was found before, by what for and what was named, if anything was, and does not depend on the time."""


class Holdings:
    """Everybody's, as far as they were asked for."""

    def __init__(self, store: Store) -> None:
        self._rows = store.connections
        self._shares = store.shares
        self.known: dict[str, Holding] = {}
        """By person, of those who were asked for and about whom nothing has changed since."""
        self._looking: dict[tuple[str, int], asyncio.Task[Holding]] = {}
        self._epoch = 0
        store.changes.watch(self._heard)

    async def of(self, user_id: str) -> Holding:
        """What this person can use. Raises ``StoreUnavailable``."""
        held = self.known.get(user_id)
        if held is not None:
            return held
        # One look for all who ask at once; nobody is given what was looked up before a change that was heard since.
        key = user_id, self._epoch
        task = self._looking.get(key)
        if task is None:
            task = self._looking[key] = asyncio.get_running_loop().create_task(self._looked_up(*key))
            task.add_done_callback(lambda done: self._seen(key, done))
        return await asyncio.shield(task)

    async def _looked_up(self, user_id: str, epoch: int) -> Holding:
        shared = {one.connection.id: one for one in await self._shares.with_user(user_id)}
        usable = [*await self._rows.list(user_id), *(_named(one) for one in shared.values())]
        held = Holding(usable, shared, await self._rows.agreed([one.id for one in usable]))
        if epoch == self._epoch:
            self.known[user_id] = held
        return held

    def _seen(self, key: tuple[str, int], done: "asyncio.Task[Holding]") -> None:
        del self._looking[key]
        if not done.cancelled():
            done.exception()  # whoever waited has it

    def _heard(self, change: Change) -> None:
        if change.kind in (EVERYTHING, _USER) or (change.kind == CHANGE and change.key == SHARED):
            # Whoever shares may have become somebody who does not, or again one who does.
            self.known.clear()
        elif change.kind == CHANGE:
            concerned = [user_id for user_id, held in self.known.items() if _concerns(held, user_id, change.key)]
            for user_id in concerned:
                del self.known[user_id]
        else:
            return
        self._epoch += 1


def _named(shared: Shared) -> Connection:
    label = f"{shared.connection.label} (shared by {shared.owner})"
    return replace(shared.connection, label=label, is_default=False)


def _concerns(held: Holding, user_id: str, owner_id: str) -> bool:
    return user_id == owner_id or any(one.connection.user_id == owner_id for one in held.shared.values())
