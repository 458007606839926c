"""The revisions that begin with initialize, but for sessions."""

from typing import Any

import pytest
from mcp_types import methods

from hub.mcp_server import Limits
from tests.mcp_server.small_hub import INFO, Served, serving
from tests.mcp_server.wire_client import Wire, request

ALL = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]


@pytest.mark.parametrize("version", ALL)
async def test_initialize_answers_the_version_it_was_asked_for(wire: Wire, version: str) -> None:
    answer = await wire.initialize(version=version)
    assert answer.result["protocolVersion"] == version
    assert answer.result["serverInfo"] == INFO
    assert answer.result["instructions"] == "Tools for Ada."
    methods.validate_server_result("initialize", version, answer.result)


@pytest.mark.parametrize("version", ["2026-07-28", "2030-01-01", "1.0"])
async def test_initialize_answers_the_newest_legacy_version_for_one_it_does_not_speak(wire: Wire, version: str) -> None:
    assert (await wire.initialize(version=version)).result["protocolVersion"] == "2025-11-25"


@pytest.mark.parametrize("params", [{}, {"protocolVersion": 5}, {"protocolVersion": "2025-11-25", "capabilities": []}])
async def test_a_malformed_initialize_is_invalid_params(wire: Wire, params: dict[str, Any]) -> None:
    answer = await wire.post(request("initialize", params))
    assert (answer.status, answer.error["code"]) == (200, -32602)


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("ping", {}),
        ("tools/list", {}),
        ("resources/list", {}),
        ("resources/templates/list", {}),
        ("prompts/list", {}),
        ("logging/setLevel", {"level": "debug"}),
        ("resources/subscribe", {"uri": "note://1"}),
        ("resources/unsubscribe", {"uri": "note://1"}),
        ("tools/call", {"name": "echo", "arguments": {"a": 1}}),
        ("tools/call", {"name": "odd"}),
        ("tools/call", {"name": "refused"}),
        ("tools/call", {"name": "needy"}),
        ("tools/call", {"name": "insist"}),
        ("resources/read", {"uri": "note://1"}),
        ("prompts/get", {"name": "greet", "arguments": {"who": "you"}}),
        (
            "completion/complete",
            {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "who", "value": "pa"}},
        ),
    ],
)
async def test_every_result_is_of_its_revisions_schema_without_what_came_later(
    wire: Wire, method: str, params: dict[str, Any], version: str
) -> None:
    answer = await wire.legacy(method, params, MCP_Protocol_Version=version)
    assert answer.status == 200
    methods.validate_server_result(method, version, answer.result)
    assert not {"resultType", "ttlMs", "cacheScope"} & set(answer.result)


async def test_a_client_that_names_no_version_is_served(wire: Wire) -> None:
    assert (await wire.legacy("tools/list", MCP_Protocol_Version=None)).result["tools"]


@pytest.mark.parametrize("version", ["2027-01-01", "x", ""])
async def test_an_unknown_version_header_is_400_with_the_known_ones(wire: Wire, version: str) -> None:
    answer = await wire.legacy("ping", MCP_Protocol_Version=version)
    assert (answer.status, answer.error["code"], answer.message["id"]) == (400, -32022, 1)
    assert "2025-11-25" in answer.error["data"]["supported"]


async def test_structured_content_that_is_no_object_and_its_schema_are_left_out(wire: Wire) -> None:
    result = (await wire.legacy("tools/call", {"name": "echo", "arguments": {"a": 1}})).result
    assert "structuredContent" not in result
    assert result["content"][0]["text"] == '{"a":1}'
    tools = (await wire.legacy("tools/list")).result["tools"]
    assert all("outputSchema" not in tool for tool in tools)
    assert (await wire.legacy("tools/call", {"name": "odd"})).result["structuredContent"] == {"ok": True}


async def test_content_a_revision_does_not_know_becomes_text(wire: Wire) -> None:
    kinds = {}
    for version in ALL:
        result = (await wire.legacy("tools/call", {"name": "odd"}, MCP_Protocol_Version=version)).result
        kinds[version] = [block["type"] for block in result["content"]]
    assert kinds == {
        "2025-11-25": ["resource_link", "audio"],
        "2025-06-18": ["resource_link", "audio"],
        "2025-03-26": ["text", "audio"],
        "2024-11-05": ["text", "text"],
    }


async def test_errors_travel_with_200_because_404_would_end_a_session(wire: Wire) -> None:
    for method, params, code in (
        ("no/such", {}, -32601),
        ("server/discover", {}, -32601),
        ("subscriptions/listen", {"notifications": {}}, -32601),
        ("tools/call", {"name": "nope"}, -32602),
        ("tools/call", {}, -32602),
        ("tools/list", {"cursor": "x"}, -32602),
        ("logging/setLevel", {"level": "loud"}, -32602),
        ("resources/subscribe", {}, -32602),
        ("prompts/get", {"name": "greet"}, -32602),
        ("resources/read", {"uri": "note://9"}, -32002),
    ):
        answer = await wire.legacy(method, params, known="e")
        assert (answer.status, answer.error["code"], answer.message["id"]) == (200, code, "e"), method


async def test_a_missing_resource_is_named(wire: Wire) -> None:
    assert (await wire.legacy("resources/read", {"uri": "note://9"})).error["data"] == {"uri": "note://9"}


@pytest.mark.parametrize("tool", ["needy", "refused", "insist"])
async def test_what_only_the_newest_revision_can_say_is_said_to_the_model_in_words(wire: Wire, tool: str) -> None:
    result = (await wire.legacy("tools/call", {"name": tool})).result
    assert result["isError"] is True
    assert "inputRequests" not in result


async def test_a_state_of_the_newest_revision_means_nothing_here(wire: Wire) -> None:
    params = {"name": "echo", "requestState": 5, "inputResponses": "x"}
    assert (await wire.legacy("tools/call", params)).result["content"]


async def test_notifications_are_accepted_without_a_body(wire: Wire) -> None:
    for method in ("notifications/initialized", "notifications/roots/list_changed", "notifications/no/such"):
        answer = await wire.post({"jsonrpc": "2.0", "method": method})
        assert (answer.status, answer.raw) == (202, b"")


async def test_progress_and_logs_come_on_the_calls_stream(wire: Wire) -> None:
    answer = await wire.legacy("tools/call", {"name": "steps", "_meta": {"progressToken": 5}})
    assert [note["params"]["progress"] for note in answer.messages[:-1]] == [0, 50, 100]
    for note in answer.messages[:-1]:
        methods.parse_server_notification(note["method"], "2025-11-25", note["params"])
    answer = await wire.legacy("tools/call", {"name": "logs"})
    assert [note["params"]["level"] for note in answer.messages[:-1]] == ["warning", "error"]


async def test_the_log_level_is_kept_for_each_session_and_for_a_token_without_one(hub: Served) -> None:
    one, two = await hub.wire.session(), await hub.wire.session()
    await hub.wire.legacy("logging/setLevel", {"level": "debug"}, Mcp_Session_Id=one)
    await hub.wire.legacy("logging/setLevel", {"level": "emergency"})

    async def heard(wire: Wire, **headers: str) -> int:
        return len((await wire.legacy("tools/call", {"name": "logs"}, **headers)).messages) - 1

    assert await heard(hub.wire, Mcp_Session_Id=one) == 3
    assert await heard(hub.wire, Mcp_Session_Id=two) == 2
    assert await heard(hub.wire) == 0
    assert await heard(hub.wire.as_user("bob")) == 2


async def test_the_resources_a_client_watches_are_bounded() -> None:
    async with serving(Limits(uris=2)) as served:
        for number in range(2):
            assert (await served.wire.legacy("resources/subscribe", {"uri": f"note://{number}"})).result == {}
        assert (await served.wire.legacy("resources/subscribe", {"uri": "note://9"})).error["code"] == -32602
        assert (await served.wire.legacy("resources/subscribe", {"uri": "note://1"})).result == {}


OLD = {"MCP_Protocol_Version": "2025-03-26"}


@pytest.mark.parametrize("version", ["2025-03-26", None])
async def test_a_batch_is_answered_together_in_order_without_its_notifications(wire: Wire, version: str | None) -> None:
    batch = [
        request("tools/call", {"name": "echo", "arguments": {"n": 1}}, "a"),
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        request("ping", {}, 2),
        request("no/such", {}, 3),
        {"jsonrpc": "2.0", "id": 4, "method": 5},
        request("initialize", {"protocolVersion": "2025-03-26", "capabilities": {}}, 6),
        request("tools/call", {"name": "refused"}, 7),
    ]
    answer = await wire.post(batch, MCP_Protocol_Version=version)
    assert answer.status == 200
    together: list[dict[str, Any]] = answer.messages[0]  # type: ignore[assignment]
    assert [one["id"] for one in together] == ["a", 2, 3, 4, 6, 7]
    assert [one.get("error", {}).get("code") for one in together] == [None, None, -32601, -32600, -32600, None]


async def test_a_batch_of_notifications_has_no_answer(wire: Wire) -> None:
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    answer = await wire.post([note, note], **OLD)
    assert (answer.status, answer.raw) == (202, b"")


@pytest.mark.parametrize("size", [0, 51])
async def test_an_empty_or_huge_batch_is_refused(wire: Wire, size: int) -> None:
    answer = await wire.post([request("ping", {}, n) for n in range(size)], **OLD)
    assert (answer.status, answer.error["code"]) == (400, -32600)


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25"])
async def test_batches_ended_with_2025_06_18(wire: Wire, version: str) -> None:
    answer = await wire.post([request("ping")], MCP_Protocol_Version=version)
    assert (answer.status, answer.error["code"]) == (400, -32600)


async def test_a_batch_out_of_time_answers_every_request_in_it() -> None:
    async with serving(Limits(deadline=0.1, unwind=0.1)) as served:
        batch = [request("tools/call", {"name": "wait"}, 1), request("tools/call", {"name": "wait"}, 2)]
        answer = await served.wire.post(batch, **OLD)
        together: list[dict[str, Any]] = answer.messages[0]  # type: ignore[assignment]
        assert [(one["id"], one["result"]["isError"]) for one in together] == [(1, True), (2, True)]
        assert served.gateway.running == 0


async def test_messages_of_a_batch_travel_on_its_stream(wire: Wire) -> None:
    params = {"name": "steps", "_meta": {"progressToken": "t"}}
    answer = await wire.post([request("tools/call", params, 1), request("ping", {}, 2)], **OLD)
    assert answer.is_stream
    assert len(answer.messages) == 4
    together: list[dict[str, Any]] = answer.messages[-1]  # type: ignore[assignment]
    assert [one["id"] for one in together] == [1, 2]
