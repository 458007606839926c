"""How many calls run at once, who waits, and what those are told for whom there is no place."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from tests.limits.conftest import Program, Start, asking

Answer = TypeVar("Answer")


async def first(count: int, asked: Iterable[Coroutine[Any, Any, Answer]], hub: Program) -> list[Answer]:
    """The answers to requests that are all under way at once, in their order: those that find a place are held until
    ``count`` of them are answered."""
    tasks = [asyncio.create_task(one) for one in asked]
    while sum(task.done() for task in tasks) < count:
        await asyncio.wait([task for task in tasks if not task.done()], return_when=asyncio.FIRST_COMPLETED)
    assert sum(task.done() for task in tasks) == count
    hub.gate.touch()
    return await asyncio.gather(*tasks)


async def together(hub: Program, refused: int, *tokens: str) -> list[dict[str, Any]]:
    """The results of calls that are all under way at once, those that failed last; so many are to be refused."""
    answers = await first(refused, (hub.call("waits_hold", {}, token) for token in tokens), hub)
    return sorted(answers, key=lambda one: bool(one.get("isError")))


async def test_a_call_too_many_of_one_user_is_told_when_to_try_again(program: Start) -> None:
    async with program(limits={"calls_per_user": 1, "waiting": 0}) as hub:
        served, refused = await together(hub, 1, hub.ada, hub.ada)
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
        people = (hub.ada, hub.bob, hub.ada, hub.bob)
        answers = await asyncio.gather(*(hub.call("waits_wait", {"seconds": 0.2}, one) for one in people))
    assert [one["content"][0]["text"] for one in answers] == ["waited"] * 4


async def test_a_call_waits_no_longer_than_the_operator_allows(program: Start) -> None:
    async with program(limits={"calls": 1, "waiting": 10, "waiting_seconds": 0.3}) as hub:
        served, refused = await together(hub, 1, hub.ada, hub.bob)
    assert served["content"][0]["text"] == "waited"
    assert refused["_meta"]["hub/error"]["kind"] == "busy"


async def test_a_resource_that_finds_no_place_is_an_error_that_says_when(program: Start) -> None:
    async with program(limits={"calls": 1, "waiting": 0}) as hub:
        reads = (hub.send(asking("resources/read", {"uri": "waits://x"}, one)) for one in (hub.ada, hub.bob))
        told = [message for _, _, message in await first(1, reads, hub)]
    (error,) = [one["error"] for one in told if "error" in one]
    assert error["code"] == -32603
    assert error["data"]["retryAfterSeconds"] > 0
    assert "result" in told[0] or "result" in told[1]
