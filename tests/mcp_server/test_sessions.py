"""Legacy sessions and the back channel: who may have one, who may answer on it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.mcp_server import Limits
from tests.mcp_server.small_hub import Served, serving
from tests.mcp_server.wire_client import Wire, events, request
from tests.waiting import PATIENCE


async def _delete(wire: Wire, session: str | None) -> int:
    async with wire.http.delete(wire.url, headers=wire.headers(Mcp_Session_Id=session)) as response:
        return int(response.status)


@pytest.mark.parametrize(
    "capabilities", [{"sampling": {}}, {"elicitation": {"url": {}}}, {"roots": {"listChanged": True}}]
)
async def test_a_session_is_given_to_a_client_that_can_be_asked(wire: Wire, capabilities: dict[str, Any]) -> None:
    session = (await wire.initialize(capabilities)).headers["Mcp-Session-Id"]
    assert session.isascii()
    assert session.isprintable()
    assert " " not in session
    assert (await wire.legacy("ping", Mcp_Session_Id=session)).result == {}


@pytest.mark.parametrize("capabilities", [{}, {"experimental": {"x": {}}}, {"sampling": True}, {"tasks": {}}])
async def test_no_session_is_given_to_a_client_that_cannot(wire: Wire, capabilities: dict[str, Any]) -> None:
    assert "Mcp-Session-Id" not in (await wire.initialize(capabilities)).headers


async def test_a_session_id_stays_short_whatever_the_client_declares(wire: Wire) -> None:
    capabilities = {
        "elicitation": {f"x{n}": {"y": "z" * 100} for n in range(1000)},
        "sampling": {"tools": {"a": "b" * 9999}},
    }
    assert len((await wire.initialize(capabilities)).headers["Mcp-Session-Id"]) < 1000


@pytest.mark.parametrize("spoil", ["", "x", "A" * 200, "flip", "cut"])
async def test_a_session_id_that_is_not_ours_is_404(wire: Wire, spoil: str) -> None:
    session = await wire.session()
    forged = {"flip": session[:-2] + ("A" if session[-2] != "A" else "B") + session[-1], "cut": session[:-1]}
    assert (await wire.legacy("ping", Mcp_Session_Id=forged.get(spoil, spoil))).status == 404


async def test_another_users_session_is_404_for_every_method(hub: Served) -> None:
    session, bob = await hub.wire.session(), hub.wire.as_user("bob")
    assert (await hub.wire.legacy("ping", Mcp_Session_Id=session)).status == 200
    assert (await bob.legacy("ping", Mcp_Session_Id=session)).status == 404
    assert await _delete(bob, session) == 404
    async with bob.http.get(bob.url, headers=bob.headers(Mcp_Session_Id=session, Accept="text/event-stream")) as got:
        assert got.status == 404
    assert (await hub.wire.legacy("ping", Mcp_Session_Id=session)).status == 200


async def test_a_session_expires(hub: Served) -> None:
    session = await hub.wire.session()
    hub.clock.advance(24 * 3600 - 1)
    assert (await hub.wire.legacy("ping", Mcp_Session_Id=session)).status == 200
    hub.clock.advance(2)
    assert (await hub.wire.legacy("ping", Mcp_Session_Id=session)).status == 404


async def test_a_session_outlives_the_process_that_made_it(hub: Served) -> None:
    session = await hub.wire.session({"sampling": {}})
    async with serving() as replica:
        assert (await replica.wire.legacy("ping", Mcp_Session_Id=session)).status == 200


async def test_delete_ends_a_session(wire: Wire) -> None:
    session, other = await wire.session(), await wire.session()
    assert await _delete(wire, session) == 204
    assert (await wire.legacy("tools/list", Mcp_Session_Id=session)).status == 404
    assert await _delete(wire, session) == 404
    assert (await wire.legacy("ping", Mcp_Session_Id=other)).status == 200
    assert await _delete(wire, None) == 400


async def test_initialize_begins_again_whatever_session_is_named(wire: Wire) -> None:
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {"sampling": {}},
        "clientInfo": {"name": "x", "version": "1"},
    }
    answer = await wire.post(request("initialize", params), Mcp_Session_Id="ended")
    assert answer.headers["Mcp-Session-Id"]


class Asked:
    """A call under way that asks, and the question it put."""

    def __init__(
        self, wire: Wire, session: str, stream: AsyncIterator[dict[str, Any]], question: dict[str, Any]
    ) -> None:
        self.wire = wire
        self.session = session
        self.stream = stream
        self.question = question

    async def answer(self, wire: Wire | None = None, session: str | None = None, **body: Any) -> int:
        """POST a response to the question; the HTTP status."""
        message = {"jsonrpc": "2.0", "id": self.question["id"], **body}
        return (await (wire or self.wire).post(message, Mcp_Session_Id=session or self.session)).status

    async def result(self) -> dict[str, Any]:
        """The call's result."""
        response = await asyncio.wait_for(anext(self.stream), PATIENCE)
        return dict(response["result"])


YES = {"action": "accept", "content": {"name": "Ada"}}


@pytest.fixture
async def asked(hub: Served) -> AsyncIterator[Asked]:
    """A call that has put its question."""
    session = await hub.wire.session()
    headers = {"MCP_Protocol_Version": "2025-11-25", "Mcp_Session_Id": session}
    async with hub.wire.send(request("tools/call", {"name": "ask"}, "c"), **headers) as response:
        stream = events(response)
        yield Asked(hub.wire, session, stream, await asyncio.wait_for(anext(stream), PATIENCE))


async def test_a_question_travels_on_the_calls_stream_and_its_answer_comes_by_post(asked: Asked) -> None:
    assert asked.question["method"] == "elicitation/create"
    assert asked.question["params"]["message"] == "Who are you?"
    assert await asked.answer(result=YES) == 202
    assert (await asked.result())["content"][0]["text"] == "Hello Ada"


async def test_only_the_session_that_was_asked_can_answer(hub: Served, asked: Asked) -> None:
    wrong = {"action": "accept", "content": {"name": "Mallory"}}
    bob = hub.wire.as_user("bob")
    assert await asked.answer(bob, result=wrong) == 404
    assert await asked.answer(bob, await bob.session(), result=wrong) == 202
    assert await asked.answer(session=await hub.wire.session(), result=wrong) == 202
    message = {"jsonrpc": "2.0", "id": asked.question["id"], "result": wrong}
    assert (await hub.wire.post(message)).status == 400
    assert await asked.answer(result=YES) == 202
    assert (await asked.result())["content"][0]["text"] == "Hello Ada"


async def test_a_client_that_answers_with_an_error_fails_the_call_in_words(asked: Asked) -> None:
    assert await asked.answer(error={"code": -1, "message": "The user walked away"}) == 202
    result = await asked.result()
    assert result["isError"] is True
    assert "The user walked away" in result["content"][0]["text"]


@pytest.mark.parametrize("body", [{"result": 5}, {"error": "x"}, {"error": {"message": 5}}])
async def test_a_malformed_answer_fails_the_call_in_words(asked: Asked, body: dict[str, Any]) -> None:
    assert await asked.answer(**body) == 202
    assert (await asked.result())["isError"] is True


async def test_an_answer_that_comes_twice_or_too_late_is_ignored(asked: Asked) -> None:
    assert await asked.answer(result=YES) == 202
    assert await asked.answer(result={"action": "decline"}) == 202
    assert (await asked.result())["content"][0]["text"] == "Hello Ada"
    assert await asked.answer(result=YES) == 202


async def test_a_question_nobody_answers_is_taken_back_and_the_call_fails_in_words() -> None:
    async with serving(Limits(question=0.1)) as served:
        session = await served.wire.session()
        answer = await served.wire.legacy("tools/call", {"name": "ask"}, Mcp_Session_Id=session)
        question, taken_back, _ = answer.messages
        assert taken_back["method"] == "notifications/cancelled"
        assert taken_back["params"]["requestId"] == question["id"]
        assert "did not answer within 0.1 seconds" in answer.result["content"][0]["text"]


async def test_a_client_that_leaves_with_a_question_open_lets_the_call_end() -> None:
    async with serving(Limits(poll=0.02, absence=0.05)) as served:
        session = await served.wire.session()
        async with served.wire.send(request("tools/call", {"name": "ask"}), Mcp_Session_Id=session) as response:
            await asyncio.wait_for(anext(events(response)), PATIENCE)
            assert served.gateway.running == 1
            response.close()
        async with asyncio.timeout(PATIENCE):
            while served.gateway.running:
                await served.wire.legacy("ping")


async def test_questions_cannot_be_guessed(hub: Served) -> None:
    session = await hub.wire.session()
    seen = set()
    for _ in range(2):
        headers = {"MCP_Protocol_Version": "2025-11-25", "Mcp_Session_Id": session}
        async with hub.wire.send(request("tools/call", {"name": "ask"}), **headers) as response:
            seen.add((await asyncio.wait_for(anext(events(response)), PATIENCE))["id"])
    assert len(seen) == 2
    assert all(len(number) > 30 for number in seen)


async def test_a_client_without_a_session_or_a_stream_is_not_asked(wire: Wire) -> None:
    assert (await wire.legacy("tools/call", {"name": "ask"})).result["isError"] is True
    session = await wire.session()
    answer = await wire.legacy("tools/call", {"name": "ask"}, Mcp_Session_Id=session, Accept="application/json")
    assert answer.result["isError"] is True


async def test_a_client_that_declared_urls_only_is_not_sent_a_form(wire: Wire) -> None:
    session = await wire.session({"elicitation": {"url": {}}})
    result = (await wire.legacy("tools/call", {"name": "ask"}, Mcp_Session_Id=session)).result
    assert result["isError"] is True
    assert "cannot be asked by form" in result["content"][0]["text"]


async def test_an_older_session_is_asked_in_its_own_words(hub: Served) -> None:
    session = await hub.wire.session(version="2025-06-18")
    async with hub.wire.send(request("tools/call", {"name": "ask"}), Mcp_Session_Id=session) as response:
        question = await asyncio.wait_for(anext(events(response)), PATIENCE)
    assert "mode" not in question["params"]


async def test_cancelling_a_call_that_waits_for_an_answer_ends_it(asked: Asked) -> None:
    note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "c"}}
    assert (await asked.wire.post(note, Mcp_Session_Id=asked.session)).status == 202
    assert [message async for message in asked.stream] == []
    assert await asked.answer(result=YES) == 202
