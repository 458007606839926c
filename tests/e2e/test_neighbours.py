"""Tools that fail, hang, block, overflow or try to end the program, beside calls that must not notice."""

import asyncio
import itertools
import time
from typing import Any

import pytest

from tests.e2e.conftest import Besieged
from tests.interop.peers import LEGACY, MODERN, Answer, Peer, connected
from tests.waiting import SLACK

SOON = 5.0 * SLACK
"""Seconds a call beside a hostile one may take, also on a busy machine; undisturbed it takes a few milliseconds."""


async def neighbours(peer: Peer, rounds: int = 5) -> None:
    """Calls of other connectors in each way a tool can run; each answers rightly, and soon."""
    for number in range(rounds):
        begun = time.monotonic()
        assert (await peer.call("calm_quick", word=f"word {number}")).text == f"word {number}"
        assert (await peer.call("calm_threaded", word=f"word {number}")).text == f"word {number}"
        assert (await peer.call("echo_get_item", id=f"n{number}")).data == {"target": f"/api/v1/items/n{number}"}
        assert time.monotonic() - begun < SOON


async def beside(peer: Peer, name: str, **arguments: Any) -> Answer:
    """The answer of a hostile call, made while others are under way."""
    hostile = asyncio.create_task(peer.call(name, **arguments))
    await neighbours(peer)
    return await hostile


@pytest.mark.parametrize("tool", ["fails", "recurses", "returns_nonsense", "returns_deep"])
async def test_a_tool_that_fails_ends_only_its_own_call_and_tells_no_story(peer: Peer, tool: str) -> None:
    answer = await beside(peer, f"bad_{tool}")
    assert answer.failed
    assert answer.kind == "internal"
    assert "reference" in answer.text
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("tool", ["exits", "exits_in_a_task", "exits_in_a_thread", "interrupts"])
async def test_a_tool_that_tries_to_end_the_program_ends_only_its_own_call(
    besieged: Besieged, peer: Peer, tool: str
) -> None:
    answer = await beside(peer, f"bad_{tool}")
    assert answer.failed
    assert "only this call was ended" in answer.text
    assert besieged.hub.program.running


async def test_a_callback_that_tries_to_end_the_program_ends_nothing(besieged: Besieged, peer: Peer) -> None:
    answer = await beside(peer, "bad_exits_in_a_callback")
    assert answer.text == "still here"
    assert besieged.hub.program.running


@pytest.mark.parametrize("revision", [MODERN, LEGACY])
@pytest.mark.parametrize("tool", ["raises_base", "raises_base_in_a_thread", "cancels_itself"])
async def test_a_tool_that_raises_what_is_no_exception_is_answered_all_the_same(
    besieged: Besieged, tool: str, revision: str
) -> None:
    async with connected("python", revision, besieged.hub.url, "none") as peer:
        answer = await beside(peer, f"bad_{tool}")
        await neighbours(peer, 1)
    assert answer.failed
    assert "reference" in answer.text
    assert "hunter2" not in answer.text


@pytest.mark.parametrize("kind", ["text", "dict", "image", "page"])
async def test_fifty_megabytes_from_a_tool_stay_in_the_hub(peer: Peer, kind: str) -> None:
    answer = await beside(peer, "bad_huge", kind=kind)
    assert len(answer.text) <= 140_000
    assert "50,000,0" in answer.text or "50,450,0" in answer.text


async def test_fifty_megabytes_from_a_provider_are_not_even_read(peer: Peer) -> None:
    answer = await beside(peer, "echo_get_large")
    assert answer.failed
    assert "at most 10 MB" in answer.text


async def test_json_ten_thousand_deep_from_a_provider_is_a_failed_call(peer: Peer) -> None:
    answer = await beside(peer, "echo_get_deep")
    assert answer.failed
    assert answer.kind == "unavailable"


async def test_a_provider_that_never_answers_costs_its_caller_the_tools_own_time(peer: Peer) -> None:
    begun = time.monotonic()
    answer = await beside(peer, "echo_wait")
    assert answer.failed
    assert "no whole answer within 0.5 s" in answer.text
    assert "may or may not have carried out" in answer.text
    assert time.monotonic() - begun < SOON * 2


async def test_more_blocked_threads_than_a_connector_may_hold_leave_the_others_free(peer: Peer) -> None:
    calls = [asyncio.create_task(peer.call("bad_blocks")) for _ in range(40)]
    try:
        assert (await peer.call("bad_blocked", count=32)).text == "blocked"
        refused = [await call for call in itertools.islice(asyncio.as_completed(calls), 8)]
        assert all(answer.kind == "unavailable" and "busy" in answer.text for answer in refused)
        await neighbours(peer)
        assert sum(not call.done() for call in calls) == 32
    finally:
        await peer.call("bad_let_go")
    answers = await asyncio.gather(*calls)
    await peer.call("bad_hold")
    assert sum(answer.text == "let go" for answer in answers) == 32


async def test_threads_that_keep_a_processor_busy_leave_the_others_their_turn(peer: Peer) -> None:
    calls = [asyncio.create_task(peer.call("bad_spins")) for _ in range(3)]
    try:
        assert (await peer.call("bad_blocked", count=3)).text == "blocked"
        await neighbours(peer, 3)
        assert not any(call.done() for call in calls)
    finally:
        await peer.call("bad_let_go")
    assert [answer.text for answer in await asyncio.gather(*calls)] == ["let go"] * 3
    await peer.call("bad_hold")


@pytest.mark.parametrize("revision", [MODERN, LEGACY])
@pytest.mark.parametrize("tool", ["hangs", "clings"])
async def test_a_call_its_client_gives_up_is_cancelled_in_the_tool_and_nowhere_else(
    besieged: Besieged, peer: Peer, revision: str, tool: str
) -> None:
    bystander = peer
    async with connected("python", revision, besieged.hub.url, "none") as peer:
        hanging = asyncio.create_task(peer.call(f"bad_{tool}"))
        assert (await peer.call("bad_begun")).text == "begun"
        other = asyncio.create_task(peer.call("bad_cancelled"))
        await neighbours(peer, 3)
        assert not hanging.done()
        assert not other.done()
        hanging.cancel()
        assert (await asyncio.wait_for(other, SOON)).text == "cancelled"
        await neighbours(peer, 3)
    with pytest.raises(asyncio.CancelledError):
        await hanging
    if tool == "clings":
        await bystander.call("bad_release")
