"""2025-03-26 batches: bounded in length, and each call in one counts like any other."""

import orjson

from tests.limits.conftest import Start, posting


def batch(calls: int, seconds: float, token: str) -> bytes:
    """A batch of so many calls, as bytes."""
    call = {"name": "waits_wait", "arguments": {"seconds": seconds}}
    messages = [{"jsonrpc": "2.0", "id": one, "method": "tools/call", "params": call} for one in range(calls)]
    return posting(orjson.dumps(messages), token, {"MCP-Protocol-Version": "2025-03-26"})


async def test_a_batch_takes_no_more_places_than_its_user_has(program: Start) -> None:
    async with program(limits={"calls_per_user": 2, "waiting": 0}) as hub:
        status, _, told = await hub.send(batch(50, 0.5, hub.ada))
        long, _, refused = await hub.send(batch(51, 0, hub.ada))
    assert status == 200
    assert [one["id"] for one in told] == list(range(50))
    assert sorted(bool(one["result"].get("isError")) for one in told) == [False] * 2 + [True] * 48
    assert long == 400
    assert "1 to 50 messages" in refused["error"]["message"]
