"""2026-07-28: what each request must carry, and what each answer does."""

from typing import Any

import pytest
from mcp_types import methods

from tests.mcp_server.small_hub import INFO, Served
from tests.mcp_server.wire_client import MODERN, Wire, meta, request

PREFIX = "io.modelcontextprotocol/"


async def test_discover_tells_versions_capabilities_and_identity(wire: Wire) -> None:
    result = (await wire.modern("server/discover")).result
    assert result["supportedVersions"][:2] == [MODERN, "2025-11-25"]
    assert result["capabilities"]["tools"] == {"listChanged": True}
    assert result["instructions"] == "Tools for Ada."
    assert result["_meta"][f"{PREFIX}serverInfo"] == INFO
    assert result["cacheScope"] == "private"


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("server/discover", {}),
        ("tools/list", {}),
        ("resources/list", {}),
        ("resources/templates/list", {}),
        ("prompts/list", {}),
        ("tools/call", {"name": "echo", "arguments": {"a": 1}}),
        ("tools/call", {"name": "odd"}),
        ("tools/call", {"name": "refused"}),
        ("tools/call", {"name": "insist"}),
        ("resources/read", {"uri": "note://1"}),
        ("prompts/get", {"name": "greet", "arguments": {"who": "you"}}),
        (
            "completion/complete",
            {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "who", "value": "pa"}},
        ),
    ],
)
async def test_every_result_is_of_the_revisions_schema_and_names_the_server(
    wire: Wire, method: str, params: dict[str, Any]
) -> None:
    answer = await wire.modern(method, params)
    assert answer.status == 200
    methods.validate_server_result(method, MODERN, answer.result)
    assert answer.result["resultType"] in ("complete", "input_required")
    assert answer.result["_meta"][f"{PREFIX}serverInfo"] == INFO
    cached = method in methods.CACHEABLE_METHODS
    assert (answer.result.get("cacheScope") == "private") == cached
    assert isinstance(answer.result.get("ttlMs"), int) == cached


async def test_a_list_changes_as_soon_as_the_gateway_has_another(hub: Served) -> None:
    first = await hub.wire.modern("tools/list")
    assert (await hub.wire.modern("tools/list")).raw == first.raw
    hub.gateway.tools = [*hub.gateway.tools, {"name": "new", "inputSchema": {"type": "object"}}]
    assert (await hub.wire.modern("tools/list")).result["tools"][-1]["name"] == "new"


@pytest.mark.parametrize("cursor", ["", "abc", 5])
async def test_a_cursor_that_is_not_ours_is_invalid(wire: Wire, cursor: Any) -> None:
    answer = await wire.modern("tools/list", {"cursor": cursor})
    assert (answer.status, answer.error["code"]) == (400, -32602)


@pytest.mark.parametrize(
    "method",
    [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "unknown/method",
        "tools/List",
    ],
)
async def test_a_method_of_another_era_or_of_none_is_404(wire: Wire, method: str) -> None:
    answer = await wire.modern(method, known=5)
    assert (answer.status, answer.error["code"], answer.message["id"]) == (404, -32601, 5)


async def test_a_notification_is_accepted_without_a_body(wire: Wire) -> None:
    note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    answer = await wire.post(note, MCP_Protocol_Version=MODERN)
    assert (answer.status, answer.raw) == (202, b"")


async def test_batches_and_responses_are_refused(wire: Wire) -> None:
    body, headers = wire.modern_parts("tools/list")
    assert (await wire.post([body], **headers)).error["code"] == -32600
    response = {"jsonrpc": "2.0", "id": 1, "result": {}}
    answer = await wire.post(response, MCP_Protocol_Version=MODERN)
    assert (answer.status, answer.error["code"]) == (400, -32600)


async def test_get_and_delete_do_not_exist_and_a_session_id_is_ignored(wire: Wire) -> None:
    for method in ("GET", "DELETE"):
        headers = wire.headers(MCP_Protocol_Version=MODERN)
        async with wire.http.request(method, wire.url, headers=headers) as response:
            assert response.status == 405
            assert "POST" in response.headers["Allow"]
    body, headers_ = wire.modern_parts("tools/list")
    answer = await wire.post(body, **headers_, Mcp_Session_Id="forged", Last_Event_ID="7")
    assert answer.status == 200
    assert "Mcp-Session-Id" not in answer.headers


async def test_an_unknown_tool_or_prompt_is_invalid_params(wire: Wire) -> None:
    for method in ("tools/call", "prompts/get"):
        answer = await wire.modern(method, {"name": "nope"})
        assert (answer.status, answer.error["code"]) == (400, -32602)
        assert "nope" in answer.error["message"]


async def test_a_missing_resource_is_invalid_params_with_its_uri(wire: Wire) -> None:
    answer = await wire.modern("resources/read", {"uri": "note://9"})
    assert (answer.status, answer.error["code"], answer.error["data"]) == (400, -32602, {"uri": "note://9"})


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {}),
        ("tools/call", {"name": 5}),
        ("tools/call", {"name": "echo", "arguments": [1]}),
        ("tools/call", {"name": "echo", "inputResponses": "x"}),
        ("tools/call", {"name": "echo", "requestState": 5}),
        ("resources/read", {"uri": None}),
        ("completion/complete", {"ref": {"type": "ref/other"}, "argument": {"name": "a", "value": "b"}}),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "a"}}),
        ("subscriptions/listen", {}),
        ("subscriptions/listen", {"notifications": {"toolsListChanged": "yes"}}),
        ("subscriptions/listen", {"notifications": {"resourceSubscriptions": [1]}}),
    ],
)
async def test_parameters_of_the_wrong_shape_are_invalid(wire: Wire, method: str, params: dict[str, Any]) -> None:
    body, headers = wire.modern_parts(method, params)
    headers["Mcp_Name"] = str(params.get("name", "x"))
    answer = await wire.post(body, **headers)
    assert (answer.status, answer.error["code"]) == (400, -32602)


async def test_a_missing_capability_is_named_as_the_client_would_declare_it(wire: Wire) -> None:
    answer = await wire.call("needy", known="n")
    assert (answer.status, answer.error["code"], answer.message["id"]) == (400, -32021, "n")
    assert answer.error["data"] == {"requiredCapabilities": {"sampling": {}}}


async def test_capabilities_count_for_the_request_that_declares_them_only(wire: Wire) -> None:
    assert (await wire.call("ask", capabilities={"elicitation": {}})).result["resultType"] == "input_required"
    assert (await wire.call("ask")).error["code"] == -32021


async def test_a_question_travels_in_the_result_and_its_answer_in_a_new_request(wire: Wire) -> None:
    first = (await wire.call("ask", capabilities={"elicitation": {}})).result
    assert first["inputRequests"]["who"]["method"] == "elicitation/create"
    assert "ttlMs" not in first
    params = {
        "name": "ask",
        "inputResponses": {"who": {"action": "accept", "content": {"name": "Ada"}}},
        "requestState": first["requestState"],
    }
    second = await wire.modern("tools/call", params, known=2, capabilities={"elicitation": {}})
    assert second.result["content"][0]["text"] == "Hello Ada"
    params["requestState"] = "tampered"
    third = await wire.modern("tools/call", params, known=3, capabilities={"elicitation": {}})
    assert (third.status, third.error["code"]) == (400, -32602)


async def test_a_refusal_is_a_result_for_a_tool_and_an_error_elsewhere(wire: Wire) -> None:
    result = (await wire.call("refused")).result
    assert result["isError"] is True
    assert "may only read" in result["content"][0]["text"]
    assert (await wire.modern("prompts/get", {"name": "greet"})).error["code"] == -32602


async def test_structured_content_may_be_anything_and_a_tools_own_meta_stays(wire: Wire) -> None:
    assert (await wire.call("echo", {"a": 1})).result["structuredContent"] == [{"a": 1}]
    assert (await wire.call("odd")).result["_meta"]["x/y"] == 1
    assert (await wire.modern("tools/list")).result["tools"][0]["outputSchema"] == {"type": "array"}


async def test_progress_is_told_on_a_stream_only_to_who_asked(wire: Wire) -> None:
    plain = await wire.call("steps")
    assert not plain.is_stream
    streamed = await wire.call("steps", progressToken="t-1")
    assert streamed.is_stream
    assert streamed.headers["X-Accel-Buffering"] == "no"
    notes = streamed.messages[:-1]
    assert [note["params"]["progress"] for note in notes] == [0, 50, 100]
    assert {note["params"]["progressToken"] for note in notes} == {"t-1"}
    for note in notes:
        methods.parse_server_notification(note["method"], MODERN, note["params"])
    assert streamed.result["content"][0]["text"] == "done"


async def test_a_client_that_reads_no_streams_gets_the_result_alone(wire: Wire) -> None:
    body, headers = wire.modern_parts("tools/call", {"name": "steps"}, progressToken=1)
    for accept in ("application/json", "*/*"):
        answer = await wire.post(body, **headers, Accept=accept)
        assert not answer.is_stream
        assert answer.result["content"][0]["text"] == "done"


async def test_log_lines_come_from_the_level_the_request_names_and_never_unasked(wire: Wire) -> None:
    def level(name: str) -> dict[str, Any]:
        return {f"{PREFIX}logLevel": name}

    assert len((await wire.call("logs")).messages) == 1
    loud = await wire.call("logs", **level("debug"))
    assert [note["params"]["level"] for note in loud.messages[:-1]] == ["debug", "warning", "error"]
    quiet = await wire.call("logs", **level("warning"))
    assert [note["params"]["level"] for note in quiet.messages[:-1]] == ["warning", "error"]
    for note in loud.messages[:-1]:
        methods.parse_server_notification(note["method"], MODERN, note["params"])


async def test_an_unknown_log_level_is_invalid(wire: Wire) -> None:
    level: dict[str, Any] = {f"{PREFIX}logLevel": "loud"}
    answer = await wire.call("logs", **level)
    assert (answer.status, answer.error["code"]) == (400, -32602)


async def test_completions_are_given(wire: Wire) -> None:
    ref = {"type": "ref/resource", "uri": "note://{id}"}
    answer = await wire.modern("completion/complete", {"ref": ref, "argument": {"name": "id", "value": "par"}})
    assert answer.result["completion"]["values"] == ["paris", "park", "party"]


async def test_a_modern_meta_without_a_version_is_not_taken_for_an_old_request(wire: Wire) -> None:
    only = {key: value for key, value in meta().items() if not key.endswith("protocolVersion")}
    answer = await wire.post(request("tools/list", {"_meta": only}))
    assert (answer.status, answer.error["code"]) == (400, -32602)
