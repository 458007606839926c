"""What the key of a database is known by."""

import asyncio
from collections.abc import Awaitable, Callable

from hub.store import Store

Opener = Callable[[], Awaitable[Store]]


async def test_processes_that_start_together_on_an_empty_database_agree_on_its_key(another: Opener) -> None:
    stores = [await another() for _ in range(3)]
    kept = await asyncio.gather(*(stores[n % 3].sealed.first_check(f"sealed by {n}") for n in range(6)))
    assert len(set(kept)) == 1
    assert await stores[0].sealed.check() == kept[0]
