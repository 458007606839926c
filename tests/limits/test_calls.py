"""How many calls run at once, who waits, and what those are told for whom there is no place."""

import asyncio
from typing import Any

from tests.limits.conftest import Program, Start, asking


async def together(hub: Program, seconds: float, *tokens: str) -> list[dict[str, Any]]:
    """The results of calls that are all under way at once, those that failed last."""
    answers = await asyncio.gather(*(hub.call("waits_wait", {"seconds": seconds}, token) for token in tokens))
    return sorted(answers, key=lambda one: bool(one.get("isError")))


async def test_a_call_too_many_of_one_user_is_told_when_to_try_again(program: Start) -> None:
    async with program(limits={"calls_per_user": 1, "waiting": 0}) as hub:
        served, refused = await together(hub, 2, hub.ada, hub.ada)
        after = await hub.call("waits_wait", {"seconds": 0}, hub.ada)
    error = refused["_meta"]["hub/error"]
    assert error["kind"] == "busy"
    assert error["retry_after_seconds"] > 0
    assert f"Try again in {round(error['retry_after_seconds'])} seconds" in refused["content"][0]["text"]
    assert served["content"][0]["text"] == after["content"][0]["text"] == "waited"


async def test_one_users_many_calls_take_no_place_of_anothers(program: Start) -> None:
    async with program(limits={"calls_per_user": 1, "waiting": 0}) as hub:
        answers = await together(hub, 2, hub.ada, hub.bob, hub.ada, hub.ada)
    assert [bool(one.get("isError")) for one in answers] == [False, False, True, True]


async def test_a_call_that_finds_no_place_waits_for_one(program: Start) -> None:
    async with program(limits={"calls": 1, "waiting": 10, "waiting_seconds": 30}) as hub:
        answers = await together(hub, 0.2, hub.ada, hub.bob, hub.ada, hub.bob)
    assert [one["content"][0]["text"] for one in answers] == ["waited"] * 4


async def test_a_call_waits_no_longer_than_the_operator_allows(program: Start) -> None:
    async with program(limits={"calls": 1, "waiting": 10, "waiting_seconds": 0.3}) as hub:
        served, refused = await together(hub, 4, hub.ada, hub.bob)
    assert served["content"][0]["text"] == "waited"
    assert refused["_meta"]["hub/error"]["kind"] == "busy"


async def test_a_resource_that_finds_no_place_is_an_error_that_says_when(program: Start) -> None:
    async with program(limits={"calls": 1, "waiting": 0}) as hub:
        reads = (hub.send(asking("resources/read", {"uri": "waits://2"}, one)) for one in (hub.ada, hub.bob))
        told = [message for _, _, message in await asyncio.gather(*reads)]
    (error,) = [one["error"] for one in told if "error" in one]
    assert error["code"] == -32603
    assert error["data"]["retryAfterSeconds"] > 0
    assert "result" in told[0] or "result" in told[1]
