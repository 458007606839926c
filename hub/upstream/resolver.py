"""Names to addresses: the system's resolver in threads of its own, and a small cache over any resolver.

Addresses here are unjudged: whoever uses them asks the guard every time, so that a cache never holds a verdict.
"""

import asyncio
import socket
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from hub.clock import Clock


class Resolver(Protocol):
    """Looks up host names."""

    async def addresses(self, host: str) -> list[str]:
        """All IPv4 and IPv6 addresses of ``host``; raises ``OSError`` when there is none."""
        ...

    async def close(self) -> None:
        """Free what the resolver holds."""
        ...


class SystemResolver:
    """``getaddrinfo``, as the machine is set up (hosts file, DNS, search domains).

    It has its own threads: a name server that does not answer must not use up the threads of the tools.
    """

    def __init__(self, threads: int = 8) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolver")

    async def addresses(self, host: str) -> list[str]:
        """See ``Resolver``."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _lookup, host)
        return list(dict.fromkeys(found))

    async def close(self) -> None:
        """Stop the threads without waiting for lookups under way."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _lookup(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(address[0]).partition("%")[0] for *_, address in found]


class CachedResolver:
    """Keeps answers of another resolver for ``ttl`` seconds, at most ``size`` of them; failures are not kept.

    Concurrent questions for one name become one lookup.
    """

    def __init__(self, resolver: Resolver, clock: Clock, *, ttl: float = 30.0, size: int = 1024) -> None:
        self._resolver = resolver
        self._clock = clock
        self._ttl = ttl
        self._size = size
        self._known: OrderedDict[str, tuple[float, tuple[str, ...]]] = OrderedDict()
        self._asked: dict[str, asyncio.Task[list[str]]] = {}

    def known(self, host: str) -> tuple[str, ...] | None:
        """The addresses of ``host`` where they are known, else None."""
        known = self._known.get(host)
        if known is None or self._clock.monotonic() >= known[0]:
            return None
        self._known.move_to_end(host)
        return known[1]

    async def addresses(self, host: str) -> list[str]:
        """See ``Resolver``."""
        known = self.known(host)
        if known is not None:
            return list(known)
        asked = self._asked.get(host)
        if asked is None:
            asked = self._asked[host] = asyncio.create_task(self._ask(host))
            asked.add_done_callback(lambda task: self._told(host, task))
        # Shielded: one caller's cancellation must not fail the others who wait for the same name.
        return await asyncio.shield(asked)

    async def _ask(self, host: str) -> list[str]:
        found = await self._resolver.addresses(host)
        self._known[host] = (self._clock.monotonic() + self._ttl, tuple(found))
        self._known.move_to_end(host)
        while len(self._known) > self._size:
            self._known.popitem(last=False)
        return found

    def _told(self, host: str, task: asyncio.Task[list[str]]) -> None:
        del self._asked[host]
        if not task.cancelled():
            task.exception()  # looked at, so that a failure all callers gave up on is not logged as forgotten

    async def close(self) -> None:
        """Cancel lookups under way and close the resolver beneath."""
        for task in list(self._asked.values()):
            task.cancel()
        await self._resolver.close()
