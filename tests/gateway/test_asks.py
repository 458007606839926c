"""Asking the client: in the result where there is no back channel, and never for another call or person."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hub.app import Hub
from hub.clock import FixedClock
from hub.errors import CapabilityMissing, StateRejected
from hub.gateway import Resume
from hub.identity import Caller
from hub.sdk.talk import Silence
from hub.sdk.tool import EFFECTS

Begin = Callable[..., Awaitable[Hub]]
Write = Callable[[str, str], None]

ADA = Caller("user-ada", "ada", None, frozenset(EFFECTS))
EVE = Caller("user-eve", "eve", None, frozenset(EFFECTS))

PYTHON = '''
from hub.sdk import Connector, Context, Elicit, Sample

connector = Connector(title="Asking", base_url="https://api.example.com")
NAME = Elicit("Your name?", {"name": {"type": "string"}})

@connector.tool(effect="read")
async def greet(ctx: Context, greeting: str = "Hello") -> str:
    """Greets a person it first asks for their name."""
    who = await ctx.ask(who=NAME)
    if who["action"] != "accept":
        return "Nobody wants to be greeted."
    more = await ctx.ask(age=Elicit("Your age?", {"age": {"type": "integer"}}))
    return f"{greeting}, {who['content']['name']}, {more['content']['age']}!"

@connector.tool(effect="write", summary="Act")
async def acts_first(ctx: Context) -> str:
    """Acts before it asks, which is not allowed."""
    await ctx.http.post("/x", json={}, check=False)
    await ctx.ask(who=NAME)
    return "never"

@connector.tool(effect="read")
async def thinks(ctx: Context) -> str:
    """Asks the client's model for a thought."""
    return (await ctx.ask(thought=Sample("Think")))["content"]["text"]
'''

NAME = {"who": {"action": "accept", "content": {"name": "Ada"}}}
AGE = {"age": {"action": "accept", "content": {"age": 36}}}


class Client(Silence):
    """A client that fills in forms, between requests."""

    def __init__(self, **capabilities: Any) -> None:
        self.capabilities = capabilities or {"elicitation": {}}


async def greet(hub: Hub, resume: Resume | None = None, caller: Caller = ADA, **arguments: Any) -> dict[str, Any]:
    return await hub.gateway.call_tool(caller, "asking_greet", arguments, Client(), resume)


async def test_a_tool_asks_round_by_round_and_remembers_what_it_was_told(begin: Begin, write: Write) -> None:
    write("asking.py", PYTHON)
    hub = await begin()
    first = await greet(hub)
    assert first["resultType"] == "input_required"
    assert first["inputRequests"]["who"]["method"] == "elicitation/create"
    second = await greet(hub, Resume(NAME, first["requestState"]))
    assert list(second["inputRequests"]) == ["age"]
    assert second["requestState"] != first["requestState"]
    last = await greet(hub, Resume(AGE, second["requestState"]))
    assert last["content"][0]["text"] == "Hello, Ada, 36!"


async def test_an_answer_that_does_not_fit_is_asked_again_and_a_declined_one_is_an_answer(
    begin: Begin, write: Write
) -> None:
    write("asking.py", PYTHON)
    hub = await begin()
    state = (await greet(hub))["requestState"]
    unfit: list[dict[str, Any]] = [{}, {"who": {"action": "accept", "content": {"name": 5}}}, {"who": 3}, {"other": {}}]
    for wrong in unfit:
        assert list((await greet(hub, Resume(wrong, state)))["inputRequests"]) == ["who"]
    declined = await greet(hub, Resume({"who": {"action": "decline"}}, state))
    assert declined["content"][0]["text"] == "Nobody wants to be greeted."


async def test_state_is_good_for_its_user_tool_and_arguments_only_and_expires(
    begin: Begin, write: Write, clock: FixedClock
) -> None:
    write("asking.py", PYTHON)
    hub = await begin()
    state = (await greet(hub))["requestState"]
    altered = state[:10] + ("A" if state[10] != "A" else "B") + state[11:]
    for resume, caller, arguments in (
        (Resume(NAME, altered), ADA, {}),
        (Resume(NAME, "nonsense"), ADA, {}),
        (Resume(NAME, state), EVE, {}),
        (Resume(NAME, state), ADA, {"greeting": "Bye"}),
    ):
        with pytest.raises(StateRejected):
            await greet(hub, resume, caller, **arguments)
    with pytest.raises(StateRejected):
        await hub.gateway.call_tool(ADA, "asking_thinks", {}, Client(sampling={}), Resume({}, state))
    clock.advance(3601)
    with pytest.raises(StateRejected):
        await greet(hub, Resume(NAME, state))


async def test_what_the_client_did_not_declare_is_not_asked(begin: Begin, write: Write) -> None:
    write("asking.py", PYTHON)
    hub = await begin()
    with pytest.raises(CapabilityMissing) as wrong:
        await hub.gateway.call_tool(ADA, "asking_thinks", {}, Client(elicitation={}))
    assert wrong.value.required == {"sampling": {}}


async def test_a_tool_must_ask_before_it_acts(begin: Begin, write: Write) -> None:
    write("asking.py", PYTHON)
    hub = await begin()
    result = await hub.gateway.call_tool(ADA, "asking_acts_first", {}, Client())
    assert result["isError"] is True
    assert "before it acts" in result["content"][0]["text"]
