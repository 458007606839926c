"""Tasks with two processes: one runs them, the other answers for them."""

import asyncio
import json
import os
import signal
from typing import Any

import aiohttp

from hub.clock import SystemClock
from hub.config import load
from hub.sdk.talk import TASKS
from hub.store import Store
from hub.store.tasks import LEASE
from tests.mcp_server.wire_client import Told, Wire, events
from tests.processes.conftest import Pair, until
from tests.waiting import A_SECOND, PATIENCE

CLIENT: dict[str, Any] = {"extensions": {TASKS: {}}, "elicitation": {}}


async def begun(wire: Wire, tool: str, **arguments: Any) -> str:
    """Call a tool that becomes a task; the task's id."""
    answer = await wire.call(tool, arguments, capabilities=CLIENT)
    assert answer.result["resultType"] == "task", answer.message
    return str(answer.result["taskId"])


async def tasks(wire: Wire, method: str, id: str, **params: Any) -> Told:
    """One of the extension's methods."""
    body, headers = wire.modern_parts(f"tasks/{method}", {"taskId": id, **params}, capabilities=CLIENT)
    return await wire.post(body, **{**headers, "Mcp_Name": id})


async def reached(wire: Wire, id: str, *statuses: str) -> dict[str, Any]:
    """Poll until the task has one of these statuses."""
    told: dict[str, Any] = {}

    async def there() -> bool:
        told.update((await tasks(wire, "get", id)).result)
        return told["status"] in statuses

    await until(there)
    return (await tasks(wire, "get", id)).result


async def test_a_task_of_one_process_is_polled_through_the_other_to_its_result(pair: Pair) -> None:
    id = await begun(pair.a, "lab_rest", seconds=0.3)
    assert (await tasks(pair.b, "get", id)).result["status"] in ("working", "completed")
    told = await reached(pair.b, id, "completed", "failed")
    assert told["result"]["content"][0]["text"] == "rested 0.3 s"


async def test_a_task_of_one_process_is_answered_through_the_other(pair: Pair) -> None:
    id = await begun(pair.a, "lab_interview")
    for wire, name in ((pair.b, "Ada"), (pair.a, "Bob")):
        asked = await reached(wire, id, "input_required", "failed")
        (key,) = asked["inputRequests"]
        answer = {"action": "accept", "content": {"name": name}}
        assert (await tasks(wire, "update", id, inputResponses={key: answer})).result["resultType"] == "complete"
        assert key not in (await tasks(pair.b, "get", id)).result.get("inputRequests", {})
    told = await reached(pair.b, id, "completed", "failed")
    assert told["result"]["content"][0]["text"] == "Ada and Bob"


async def test_a_task_of_one_process_is_cancelled_through_the_other_and_its_run_ends(pair: Pair) -> None:
    id = await begun(pair.a, "lab_rest")
    assert (await tasks(pair.b, "cancel", id)).status == 200
    assert (await tasks(pair.b, "get", id)).result["status"] == "cancelled"
    assert (await tasks(pair.a, "get", id)).result["status"] == "cancelled"


async def test_a_follower_at_one_process_hears_of_a_task_at_the_other(pair: Pair) -> None:
    id = await begun(pair.a, "lab_interview")
    await reached(pair.a, id, "input_required")
    body, headers = pair.b.modern_parts(
        "subscriptions/listen", {"notifications": {"taskIds": [id]}}, capabilities=CLIENT
    )
    async with asyncio.timeout(PATIENCE), pair.b.send(body, **headers) as response:
        stream = events(response)
        assert (await anext(stream))["params"]["notifications"] == {"taskIds": [id]}
        now = await anext(stream)
        assert now["method"] == "notifications/tasks"
        assert now["params"]["status"] == "input_required"
        await tasks(pair.a, "cancel", id)
        while (now := await anext(stream))["params"]["status"] != "cancelled":
            pass
        assert now["params"]["taskId"] == id


async def lease_passes(pair: Pair, id: str) -> None:
    """Let the time of a task's lease pass at once, as its row tells it."""
    clock = SystemClock()
    store = Store.open(load(pair.hubs.config, {}).store_url, clock)
    try:
        task = await store.tasks.get(id)
        assert task is not None
        assert task.owner is not None
        assert task.lease_until <= clock.now() + LEASE
        await store.tasks.renew(task.owner, task.lease_until - LEASE)
    finally:
        await store.close()


async def test_a_task_whose_process_is_killed_fails_as_interrupted_and_is_not_run_again(mortal: Pair) -> None:
    id = await begun(mortal.a, "lab_rest")
    os.kill(mortal.hubs.programs[0].pid, signal.SIGKILL)
    assert (await tasks(mortal.b, "get", id)).result["status"] == "working", "its owner may only be slow"
    await lease_passes(mortal, id)
    told = await reached(mortal.b, id, "failed", "completed", "cancelled")
    assert told["status"] == "failed"
    assert told["error"]["code"] == -32603
    assert "interrupted" in told["error"]["message"]
    assert "result" not in told


async def test_a_hub_that_stops_ends_its_tasks_at_once_as_interrupted(mortal: Pair) -> None:
    id = await begun(mortal.a, "lab_rest")
    assert await asyncio.to_thread(mortal.hubs.programs[0].stop) == 0
    told = (await tasks(mortal.b, "get", id)).result
    assert told["status"] == "failed"
    assert "interrupted" in told["statusMessage"]


async def test_a_revoked_token_is_refused_by_both_and_ends_its_tasks_within_a_second(pair: Pair) -> None:
    token = (await pair.hub("token", "create", "--user", "ada", "--name", "short")).strip()
    id = await begun(Wire(pair.a.http, pair.a.url, token), "lab_rest")
    assert (await Wire(pair.b.http, pair.b.url, token).modern("tools/list")).status == 200
    (row,) = [one for one in json.loads(await pair.hub("token", "list", "--json")) if one["name"] == "short"]
    await pair.hub("token", "revoke", row["id"])

    async def refused() -> bool:
        wires = [Wire(one.http, one.url, token) for one in (pair.a, pair.b)]
        return [(await wire.modern("tools/list")).status for wire in wires] == [401, 401]

    async def ended() -> bool:
        return bool((await tasks(pair.b, "get", id)).result["status"] != "working")

    assert await until(refused) + await until(ended) < A_SECOND
    told = (await tasks(pair.b, "get", id)).result
    assert told["status"] == "cancelled"
    assert "no longer valid" in told["statusMessage"]


CONNECTOR = """from hub.sdk import Connector

connector = Connector(title="Fresh", description="One tool.")


@connector.tool(effect="read")
async def one() -> str:
    \"\"\"Say one.\"\"\"
    return "one"
"""


async def test_a_dropped_connector_is_listed_by_both_within_a_second(pair: Pair) -> None:
    (pair.hubs.dropped / "fresh.py").write_text(CONNECTOR, "utf-8")

    async def listed() -> bool:
        for wire in (pair.a, pair.b):
            names = {tool["name"] for tool in (await wire.modern("tools/list")).result["tools"]}
            if "fresh_one" not in names:
                return False
        return True

    assert await until(listed) < A_SECOND


async def test_both_processes_offer_the_extension_and_know_no_strangers_task(pair: Pair) -> None:
    discovered = (await pair.b.modern("server/discover")).result
    assert discovered["capabilities"]["extensions"] == {TASKS: {}}
    id = await begun(pair.a, "lab_rest")
    await pair.hub("user", "add", "bob")
    async with aiohttp.ClientSession() as http:
        stranger = Wire(http, pair.b.url, (await pair.hub("token", "create", "--user", "bob")).strip())
        for method in ("get", "update", "cancel"):
            params: dict[str, Any] = {"inputResponses": {}} if method == "update" else {}
            assert (await tasks(stranger, method, id, **params)).error["code"] == -32602
    assert (await tasks(pair.b, "get", id)).result["status"] == "working"
