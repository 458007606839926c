"""``Memory``: how many bytes of files the calls of this process hold at once; who finds no room waits a little.

A tool's request is one piece, so a file that goes into one lies in memory whole, and again in the request's body. Not
the limit of what is kept (``Limits``).
"""

import asyncio
from collections import deque

from hub.errors import HubBusy

PATIENCE = 20.0
"""Seconds a call waits for room."""


class Memory:
    """Bytes to be held by calls, first come first served."""

    def __init__(self, most: int, patience: float = PATIENCE) -> None:
        self._most = most
        self._patience = patience
        self._held = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def held(self) -> int:
        """Bytes that are held."""
        return self._held

    async def take(self, size: int) -> None:
        """Hold ``size`` bytes, once there is room; more than there ever is when nobody else holds any. Raises
        ``HubBusy``."""
        if not self._waiting and self._fits(size):
            self._held += size
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, place))
        try:
            async with asyncio.timeout(self._patience):
                await place
        except TimeoutError:
            self._leave(size, place)
            raise HubBusy("The hub has too many files under way at once.", after=self._patience) from None
        except asyncio.CancelledError:
            self._leave(size, place)
            raise

    def give(self, size: int) -> None:
        """Hold ``size`` bytes less."""
        self._held -= size
        while self._waiting and self._fits(self._waiting[0][0]):
            first, place = self._waiting.popleft()
            if not place.done():
                self._held += first
                place.set_result(None)

    def _fits(self, size: int) -> bool:
        return self._held == 0 or self._held + size <= self._most

    def _leave(self, size: int, place: asyncio.Future[None]) -> None:
        if (size, place) in self._waiting:
            self._waiting.remove((size, place))
            self.give(0)
        elif place.done() and not place.cancelled():
            self.give(size)
