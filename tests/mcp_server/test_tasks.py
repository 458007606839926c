"""The tasks extension on the wire, over the whole hub."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from mcp_types import methods

from hub import config
from hub.app import Hub, application
from hub.sdk.talk import TASKS
from tests.databases import furnished
from tests.mcp_server.wire_client import MODERN, Told, Wire, events
from tests.waiting import PATIENCE

LAB = '''
from hub.sdk import Connector, Context, Elicit, Roots

connector = Connector(title="Lab", description="Takes its time.")
FORM = {"name": {"type": "string", "description": "A name."}}


@connector.tool(effect="read")
async def rest(ctx: Context, seconds: float = 60) -> str:
    """Become a task and wait."""
    await ctx.as_task()
    await ctx.progress(1, 2, "resting")
    await ctx.log("a line", level="error")
    await ctx.sleep(seconds)
    return "rested"


@connector.tool(effect="read")
async def must(ctx: Context) -> str:
    """Be a task, and ask for what was not declared."""
    await ctx.as_task(required=True)
    await ctx.ask(folders=Roots())
    return "never"


@connector.tool(effect="read")
async def ask(ctx: Context) -> str:
    """Become a task and ask."""
    await ctx.as_task()
    answer = await ctx.ask(who=Elicit("Who?", properties=FORM))
    return answer["action"]
'''

DECLARED: dict[str, Any] = {"extensions": {TASKS: {}}, "elicitation": {}}
MISSING: dict[str, Any] = {"requiredCapabilities": {"extensions": {TASKS: {}}}}


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wire]:
    """A client of a hub with the lab, without sign-in."""
    (tmp_path / "lab.py").write_text(LAB, "utf-8")
    path = tmp_path / "config.yaml"
    path.write_text(
        f"data_dir: data\nauth: {{mode: none}}\nconnectors: {{shipped: false, paths: ['{tmp_path}']}}\n", "utf-8"
    )
    hub = await Hub.start(furnished(config.load(path, {})))
    runner = web.AppRunner(application(hub), shutdown_timeout=1)
    try:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession() as http:
            yield Wire(http, f"http://127.0.0.1:{runner.addresses[0][1]}/mcp", None)
    finally:
        await runner.cleanup()
        await hub.close()


async def tasks(wire: Wire, method: str, id: str, capabilities: Any = None, **params: Any) -> Told:
    """One of the extension's methods, as a client that declared it sends it."""
    capabilities = DECLARED if capabilities is None else capabilities
    body, headers = wire.modern_parts(f"tasks/{method}", {"taskId": id, **params}, capabilities=capabilities)
    return await wire.post(body, **{**headers, "Mcp_Name": id})


async def begun(wire: Wire, tool: str, **arguments: Any) -> dict[str, Any]:
    """The task a call became."""
    result = (await wire.call(f"lab_{tool}", arguments, capabilities=DECLARED)).result
    assert result["resultType"] == "task"
    return result


async def reached(wire: Wire, id: str, *statuses: str) -> dict[str, Any]:
    """The task once it has one of these statuses."""
    async with asyncio.timeout(PATIENCE):
        while (task := (await tasks(wire, "get", id)).result)["status"] not in statuses:
            pass
    return task


async def test_the_extension_is_offered_since_2026_07_28_and_not_before(wire: Wire) -> None:
    offered = (await wire.modern("server/discover")).result["capabilities"]
    assert offered["extensions"] == {TASKS: {}}
    assert "tasks" not in offered
    assert "extensions" not in (await wire.initialize()).result["capabilities"]


async def test_a_task_goes_from_its_seed_to_its_result(wire: Wire) -> None:
    seed = await begun(wire, "rest", seconds=0.2)
    assert set(seed) == {
        "resultType",
        "taskId",
        "status",
        "createdAt",
        "lastUpdatedAt",
        "ttlMs",
        "pollIntervalMs",
        "_meta",
    }
    task = await reached(wire, seed["taskId"], "completed")
    assert task["resultType"] == "complete"
    assert task["taskId"] == seed["taskId"]
    methods.validate_server_result("tools/call", MODERN, {**task["result"], "_meta": task["_meta"]})
    assert task["result"]["content"][0]["text"] == "rested"
    assert task["result"]["resultType"] == "complete"


async def test_a_client_that_did_not_declare_it_is_told_what_to_declare(wire: Wire) -> None:
    id = (await begun(wire, "rest"))["taskId"]
    for method in ("get", "update", "cancel"):
        params: dict[str, Any] = {"inputResponses": {}} if method == "update" else {}
        refused = await tasks(wire, method, id, capabilities={"extensions": {}}, **params)
        assert refused.status == 400
        assert refused.error["code"] == -32021
        assert refused.error["data"] == MISSING
    refused = await wire.modern("subscriptions/listen", {"notifications": {"taskIds": [id]}})
    assert refused.error["code"] == -32021
    assert refused.error["data"] == MISSING
    refused = await wire.call("lab_must")
    assert refused.error["code"] == -32021
    assert refused.error["data"] == MISSING
    assert (await tasks(wire, "get", id)).result["status"] == "working"


async def test_a_call_of_a_client_without_it_just_runs_on(wire: Wire) -> None:
    assert (await wire.call("lab_rest", {"seconds": 0})).result["content"][0]["text"] == "rested"
    legacy = await wire.legacy("tools/call", {"name": "lab_rest", "arguments": {"seconds": 0}})
    assert legacy.result["content"][0]["text"] == "rested"


async def test_what_a_task_says_after_its_answer_disturbs_nobody(wire: Wire) -> None:
    level = {"io.modelcontextprotocol/logLevel": "debug"}
    answer = await wire.call("lab_rest", {"seconds": 0.1}, capabilities=DECLARED, progressToken="p", **level)
    assert [message for message in answer.messages if "method" in message] == []
    await reached(wire, answer.result["taskId"], "completed")


async def test_a_protocol_error_of_a_task_has_its_number(wire: Wire) -> None:
    task = await reached(wire, (await begun(wire, "must"))["taskId"], "failed")
    assert task["error"]["code"] == -32021
    assert task["error"]["data"] == {"requiredCapabilities": {"roots": {}}}
    assert task["error"]["message"] == task["statusMessage"]
    assert "result" not in task


async def test_acknowledgements_are_empty_and_ending_twice_is_no_error(wire: Wire) -> None:
    id = (await begun(wire, "ask"))["taskId"]
    await reached(wire, id, "input_required")
    for answer in (
        await tasks(wire, "update", id, inputResponses={"unknown": {"action": "accept"}, "who": "not an object"}),
        await tasks(wire, "cancel", id),
        await tasks(wire, "cancel", id),
        await tasks(wire, "update", id, inputResponses={"who": {"action": "decline"}}),
    ):
        assert set(answer.result) == {"resultType", "_meta"}
        assert answer.result["resultType"] == "complete"
    assert (await tasks(wire, "get", id)).result["status"] == "cancelled"


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("tasks/get", {}, "x"),
        ("tasks/get", {"taskId": 5}, "5"),
        ("tasks/get", {"taskId": "nobody's"}, "nobody's"),
        ("tasks/update", {"taskId": "x"}, "x"),
        ("tasks/update", {"taskId": "x", "inputResponses": []}, "x"),
        ("tasks/cancel", {"taskId": "x"}, "x"),
    ],
)
async def test_an_unknown_task_and_a_malformed_request_are_invalid_params(
    wire: Wire, method: str, params: dict[str, Any], name: str
) -> None:
    body, headers = wire.modern_parts(method, params, capabilities=DECLARED)
    answer = await wire.post(body, **{**headers, "Mcp_Name": name})
    assert (answer.status, answer.error["code"]) == (400, -32602)


@pytest.mark.parametrize("name", [None, "another"])
async def test_the_name_header_must_be_the_tasks_id(wire: Wire, name: str | None) -> None:
    id = (await begun(wire, "rest"))["taskId"]
    body, headers = wire.modern_parts("tasks/get", {"taskId": id}, capabilities=DECLARED)
    answer = await wire.post(body, **{**headers, "Mcp_Name": name})
    assert (answer.status, answer.error["code"]) == (400, -32020)


@pytest.mark.parametrize("method", ["tasks/list", "tasks/result"])
async def test_what_the_extension_dropped_is_not_there(wire: Wire, method: str) -> None:
    assert (await wire.modern(method, {"taskId": "x"}, capabilities=DECLARED)).error["code"] == -32601


async def test_a_listener_hears_of_its_own_tasks_from_how_they_are_to_their_end(wire: Wire) -> None:
    id = (await begun(wire, "must"))["taskId"]
    wants = {"taskIds": [id, "nobody's"], "toolsListChanged": True}
    body, headers = wire.modern_parts("subscriptions/listen", {"notifications": wants}, 7, DECLARED)
    async with asyncio.timeout(PATIENCE), wire.send(body, **headers) as response:
        stream = events(response)
        agreed = (await anext(stream))["params"]["notifications"]
        assert agreed == {"taskIds": [id], "toolsListChanged": True}
        note = await anext(stream)
        while note["params"]["status"] != "failed":
            note = await anext(stream)
    assert note["method"] == "notifications/tasks"
    assert note["params"]["_meta"] == {"io.modelcontextprotocol/subscriptionId": 7}
    assert note["params"]["error"]["code"] == -32021
    told = (await tasks(wire, "get", id)).result
    same = set(told) - {"resultType", "_meta", "pollIntervalMs"}
    assert {key: note["params"][key] for key in same} == {key: told[key] for key in same}


@pytest.mark.parametrize("ids", ["x", [5], {"a": 1}])
async def test_a_malformed_filter_of_tasks_is_invalid_params(wire: Wire, ids: Any) -> None:
    answer = await wire.modern("subscriptions/listen", {"notifications": {"taskIds": ids}}, capabilities=DECLARED)
    assert answer.error["code"] == -32602
