"""SIGTERM to the real program: calls under way end, streams are told, and what comes too late is too."""

import asyncio

import orjson

from tests.limits.conftest import Start, asking, calling, head_of
from tests.waiting import PATIENCE


async def test_a_call_under_way_is_answered_and_the_program_ends_well(program: Start) -> None:
    async with program() as hub:
        reader, writer = await hub.connect()
        writer.write(calling("waits_wait", {"seconds": 2}, hub.ada))
        streaming, listening = await hub.connect()
        listening.write(asking("subscriptions/listen", {"notifications": {"toolsListChanged": True}}, hub.ada))
        await head_of(streaming)
        # The stream is open, so the call, which was sent before on a connection made before, is under way.
        await streaming.readuntil(b"acknowledged")
        hub.ask_to_stop()
        async with asyncio.timeout(PATIENCE):
            told = (await streaming.read()).decode()
            status, headers = await head_of(reader)
            body = orjson.loads(await reader.readexactly(int(headers["content-length"])))
            ended = await hub.process.wait()
        writer.close()
        listening.close()
    assert '"resultType":"complete"' in told
    assert (status, body["result"]["content"][0]["text"]) == (200, "waited")
    assert ended == 0


async def test_a_call_that_does_not_end_in_time_is_told_so(program: Start) -> None:
    async with program() as hub:
        reader, writer = await hub.connect()
        writer.write(calling("waits_wait", {"seconds": 200}, hub.ada))
        await hub.call("waits_wait", {"seconds": 0}, hub.ada)
        hub.ask_to_stop()
        async with asyncio.timeout(PATIENCE):
            said = (await reader.read()).decode()
            ended = await hub.process.wait()
        writer.close()
    assert "shutting down" in said
    assert '"isError":true' in said
    assert ended == 0
