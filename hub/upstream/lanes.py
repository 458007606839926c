"""How many requests may be under way at once: in all, and to one host.

One slow host fills its own lanes and waits there, never the whole pool. Not a rate limit.
"""

import asyncio
from collections import deque
from contextlib import suppress

Host = tuple[str, int]

IDLE = 1024
"""How many hosts' lanes are kept though nobody uses them."""


class _Lane:
    """Places that are taken and given back, first come first served; ``users`` hold or wait for one."""

    __slots__ = ("_waiting", "places", "users")

    def __init__(self, places: int) -> None:
        self.places = places
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.users = 0

    @property
    def free(self) -> bool:
        """Whether there is a place that nobody waits for."""
        return self.places > 0 and not self._waiting

    async def take(self) -> None:
        """Take a place, or wait for one; cancelled, it takes none."""
        if self.free:
            self.places -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.give()
            else:
                with suppress(ValueError):
                    self._waiting.remove(turn)
            raise

    def give(self) -> None:
        """Give a place back, to who waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.places += 1


class Lanes:
    """Bounds concurrent requests to ``total``, of which ``per_host`` to one host."""

    def __init__(self, total: int, per_host: int) -> None:
        self._total = _Lane(total)
        self._per_host = per_host
        self._hosts: dict[Host, _Lane] = {}

    def taken(self, host: Host) -> bool:
        """Take one lane to ``host`` where one is free and nobody waits; whether it was."""
        lane = self._lane(host)
        if not (lane.free and self._total.free):
            return False
        lane.users += 1
        lane.places -= 1
        self._total.places -= 1
        return True

    async def take(self, host: Host) -> None:
        """Take one lane to ``host``; waits, first come first served, until one is free. Give it back with ``give``,
        unless this was cancelled."""
        lane = self._lane(host)
        lane.users += 1
        try:
            # The host's own lane first: who waits for a slow host must hold nothing others need.
            await lane.take()
            try:
                await self._total.take()
            except BaseException:
                lane.give()
                raise
        except BaseException:
            self._leave(host, lane)
            raise

    def give(self, host: Host) -> None:
        """Give a lane to ``host`` back."""
        lane = self._hosts[host]
        self._total.give()
        lane.give()
        self._leave(host, lane)

    def _lane(self, host: Host) -> _Lane:
        lane = self._hosts.get(host)
        if lane is None:
            lane = self._hosts[host] = _Lane(self._per_host)
        return lane

    def _leave(self, host: Host, lane: _Lane) -> None:
        lane.users -= 1
        if not lane.users and len(self._hosts) > IDLE:
            del self._hosts[host]
