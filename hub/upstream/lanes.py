"""How many requests may be under way at once: in all, and to one host.

One slow host fills its own lanes and waits there, never the whole pool. Not a rate limit.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Lanes:
    """Bounds concurrent requests to ``total``, of which ``per_host`` to one host."""

    def __init__(self, total: int, per_host: int) -> None:
        self._total = asyncio.Semaphore(total)
        self._per_host = per_host
        self._hosts: dict[str, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def taken(self, host: str) -> AsyncIterator[None]:
        """Hold one lane to ``host`` while the block runs; waits, first come first served, until one is free."""
        lane, users = self._hosts.get(host, (asyncio.Semaphore(self._per_host), 0))
        self._hosts[host] = (lane, users + 1)
        try:
            # The host's own lane first: who waits for a slow host must hold nothing others need.
            async with lane, self._total:
                yield
        finally:
            lane, users = self._hosts[host]
            if users == 1:
                del self._hosts[host]
            else:
                self._hosts[host] = (lane, users - 1)
