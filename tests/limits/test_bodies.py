"""Many long messages at once: those for which there is no room are told so before they are read."""

import asyncio

from tests.limits.conftest import Start, head_of, posting
from tests.waiting import PATIENCE


async def test_one_user_cannot_fill_the_memory_with_messages_under_way(program: Start) -> None:
    async with program() as hub:
        before = hub.resident()
        held = [await hub.connect() for _ in range(12)]
        for _, writer in held:
            # Four megabytes less a byte that never comes.
            writer.write(posting(b"x" * 4_000_000, hub.ada, {})[:-1])
        heads = [asyncio.create_task(head_of(reader)) for reader, _ in held]
        refused = 0
        async with asyncio.timeout(PATIENCE):
            for one in asyncio.as_completed(heads):
                status, headers = await one
                assert (status, headers["retry-after"]) == (503, "5")
                refused += 1
                if refused == 8:
                    break
        grown = hub.resident() - before
        room = await hub.call("waits_large", {"characters": 1}, hub.ada)
        for one in heads:
            one.cancel()
        for _, writer in held:
            writer.close()
    assert room["content"][0]["text"] == "x"
    assert grown < 60
