"""Names to addresses: the machine's own resolver, and what the cache keeps."""

import asyncio
from typing import Any

import pytest

from hub.clock import FixedClock
from hub.upstream.resolver import CachedResolver, SystemResolver


async def test_the_system_knows_localhost_as_loopback() -> None:
    resolver = SystemResolver()
    found = await resolver.addresses("localhost")
    await resolver.close()
    assert set(found) <= {"127.0.0.1", "::1"}
    assert found


async def test_an_unknown_name_is_an_os_error_and_is_asked_anew(names: Any, clock: FixedClock) -> None:
    resolver = CachedResolver(names, clock)
    with pytest.raises(OSError, match="not known"):
        await resolver.addresses("later.test")
    names.answers["later.test"] = [["192.0.2.1"]]
    assert await resolver.addresses("later.test") == ["192.0.2.1"]
    assert len(names.asked) == 2


async def test_the_cache_keeps_the_names_used_last(names: Any, clock: FixedClock) -> None:
    names.answers |= {name: [["192.0.2.1"]] for name in ("a.test", "b.test", "c.test")}
    resolver = CachedResolver(names, clock, size=2)
    for name in ("a.test", "b.test", "a.test", "c.test", "a.test", "b.test"):
        await resolver.addresses(name)
    assert names.asked == ["a.test", "b.test", "c.test", "b.test"]


async def test_one_callers_cancellation_does_not_fail_the_other(clock: FixedClock) -> None:
    class Slow:
        answer = asyncio.Event()

        async def addresses(self, host: str) -> list[str]:
            await self.answer.wait()
            return ["192.0.2.1"]

        async def close(self) -> None:
            return None

    slow = Slow()
    resolver = CachedResolver(slow, clock)
    first, second = (asyncio.create_task(resolver.addresses("x.test")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    slow.answer.set()
    assert await second == ["192.0.2.1"]
    with pytest.raises(asyncio.CancelledError):
        await first
