"""Admission: how many calls run at once, in all and for one user, and who waits for a place.

A call that finds no place waits in a bounded queue, users in turn, so that one who calls much delays only themselves.
Where the queue is full, or the wait too long, the answer says so. Not a rate limit: it counts what runs, not what came.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hub.config import LimitsConfig
from hub.errors import HubBusy

Waiter = asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class Room:
    """How much there is room for. ``calls``: that run at once. ``per_user``: of them one user's, and how many more of
    theirs may wait. ``waiting``: that wait in all. ``patience``: seconds one waits."""

    calls: int = 2000
    per_user: int = 100
    waiting: int = 1000
    patience: float = 10.0


class Admission:
    """The places of one process. Whoever waits for a person lends theirs, as many as there are places."""

    def __init__(self, room: Room | None = None) -> None:
        self._room = room or Room()
        self._running = 0
        self._by_user: dict[str, int] = {}
        self._lent = 0
        self._waiting = 0
        self._queues: OrderedDict[str, deque[Waiter]] = OrderedDict()

    @property
    def running(self) -> int:
        """How many calls hold a place."""
        return self._running

    @property
    def waiting(self) -> int:
        """How many calls wait for one."""
        return self._waiting

    @property
    def lent(self) -> int:
        """How many calls lent theirs and will want one again."""
        return self._lent

    def taken(self, user: str) -> bool:
        """Take a place for ``user`` where one is free and nobody of theirs waits; whether it was."""
        held = self._by_user.get(user, 0)
        if self._running >= self._room.calls or held >= self._room.per_user or user in self._queues:
            return False
        self.take(user)
        return True

    def take(self, user: str) -> None:
        """Take a place for ``user``, though there may be none."""
        self._running += 1
        self._by_user[user] = self._by_user.get(user, 0) + 1

    async def wait(self, user: str, *, begun: bool = False) -> None:
        """Wait for a place, and take it. Raises ``HubBusy`` when too many wait already, or none came in time; not for a
        call that has ``begun``, which waits its turn however long that takes."""
        queue = self._queues.get(user, ())
        if not begun and (self._waiting >= self._room.waiting or len(queue) >= self._room.per_user):
            raise self._busy(user)
        waiter: Waiter = asyncio.get_running_loop().create_future()
        self._queues.setdefault(user, deque()).append(waiter)
        self._waiting += 1
        try:
            async with asyncio.timeout(None if begun else self._room.patience):
                await waiter
        except TimeoutError:
            if not self._given(waiter):
                self._withdraw(user, waiter)
                raise self._busy(user) from None
        except asyncio.CancelledError:
            if self._given(waiter):
                self.leave(user)
            else:
                self._withdraw(user, waiter)
            raise

    def leave(self, user: str) -> None:
        """Give a place back, and to who has waited longest among those whose turn it is."""
        self._running -= 1
        held = self._by_user[user] - 1
        if held:
            self._by_user[user] = held
        else:
            del self._by_user[user]
        if self._waiting and self._running < self._room.calls:
            self._call_next()

    def lend(self, user: str) -> bool:
        """Give a place back for a while; whether it was taken. As many may be lent as there are places, so that what
        waits for people is bounded as well."""
        if self._lent >= self._room.calls:
            return False
        self._lent += 1
        self.leave(user)
        return True

    def settle(self) -> None:
        """One that was lent is taken again, or not wanted any more."""
        self._lent -= 1

    def _call_next(self) -> None:
        for user, queue in self._queues.items():
            # One that was cancelled withdraws by itself, a turn of the loop later.
            waiter = next((one for one in queue if not one.done()), None)
            if waiter is not None and self._by_user.get(user, 0) < self._room.per_user:
                break
        else:
            return
        self._withdraw(user, waiter)
        if user in self._queues:
            self._queues.move_to_end(user)
        self.take(user)
        waiter.set_result(None)

    @staticmethod
    def _given(waiter: Waiter) -> bool:
        return waiter.done() and not waiter.cancelled()

    def _withdraw(self, user: str, waiter: Waiter) -> None:
        queue = self._queues[user]
        queue.remove(waiter)
        self._waiting -= 1
        if not queue:
            del self._queues[user]

    def _busy(self, user: str) -> HubBusy:
        if self._by_user.get(user, 0) >= self._room.per_user:
            told = f"{self._room.per_user} of your calls are under way, and as many as may wait for them."
        else:
            told = "The hub has as many calls under way as it can take."
        return HubBusy(told, after=max(1.0, self._room.patience / 2))


class Place:
    """One call's place, from ``take`` to ``leave``; ``lent`` while the call waits for a person."""

    def __init__(self, admission: Admission, user: str) -> None:
        self._admission = admission
        self._user = user
        self._held = False
        self._lent = False
        self._returning = asyncio.Lock()

    async def take(self) -> None:
        """Take it. Raises ``HubBusy``."""
        if not self._admission.taken(self._user):
            await self._admission.wait(self._user)
        self._held = True

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """The call waits for a person while the block runs: another may have its place, unless too many are lent. It
        goes on when there is a place again; at once where it is cancelled, as it then ends or looks after itself."""
        if self._held and self._admission.lend(self._user):
            self._held, self._lent = False, True
        try:
            yield
        except asyncio.CancelledError:
            if self._lent:
                self._admission.take(self._user)
                self._taken_again()
            raise
        except BaseException:
            await self._take_again()
            raise
        await self._take_again()

    async def _take_again(self) -> None:
        async with self._returning:
            if not self._lent:
                return
            if not self._admission.taken(self._user):
                await self._admission.wait(self._user, begun=True)
            self._taken_again()

    def _taken_again(self) -> None:
        if self._lent:
            self._held, self._lent = True, False
            self._admission.settle()
        else:  # left meanwhile
            self._admission.leave(self._user)

    def leave(self) -> None:
        """The call ended."""
        if self._held:
            self._held = False
            self._admission.leave(self._user)
        elif self._lent:
            self._lent = False
            self._admission.settle()


def room_of(limits: LimitsConfig) -> Room:
    """The room that the configuration gives."""
    return Room(limits.calls, limits.calls_per_user, limits.waiting, limits.waiting_seconds)
