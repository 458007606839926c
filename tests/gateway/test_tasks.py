"""Calls that become tasks, with the store as it is and the client played by the test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from hub.app import Hub
from hub.clock import FixedClock
from hub.errors import CapabilityMissing, ProtocolError
from hub.gateway import Gateway, Wants
from hub.gateway.admission import Admission, Room
from hub.identity import Caller, local_caller
from hub.sdk.talk import TASKS
from hub.store.tasks import LEASE
from tests.gateway.conftest import Begin, Wire, Write
from tests.gateway.lab import DECLARED, LAB, Client, answer, call, now, reached
from tests.waiting import PATIENCE


@pytest.fixture
async def hub(begin: Begin, write: Write, wire: Wire) -> AsyncIterator[Hub]:
    """A hub with the lab."""
    write("lab.py", LAB)
    wire.answers["https://lab.example/thing"] = (200, {})
    hub = await begin()
    yield hub
    assert hub.gateway.tasks is not None
    await hub.gateway.tasks.close()


def beside(hub: Hub, **options: Any) -> Gateway:
    """Another gateway on the same store and connectors, as another process would have."""
    return Gateway(
        catalog=lambda: hub.registry.catalog,
        send=hub.upstream.send,
        audit=hub.store.audit,
        ring=hub.ring,
        clock=hub.clock,
        store=hub.store,
        **options,
    )


@asynccontextmanager
async def another(hub: Hub, **options: Any) -> AsyncIterator[Gateway]:
    """``beside``, with its tasks ended at the end."""
    gateway = beside(hub, **options)
    yield gateway
    assert gateway.tasks is not None
    await gateway.tasks.close()


async def test_a_call_becomes_a_task_only_where_the_client_can_fetch_it(hub: Hub) -> None:
    assert (await call(hub.gateway, "rest", seconds=0))["resultType"] == "task"
    plain = await call(hub.gateway, "rest", Client({"elicitation": {}}), seconds=0)
    assert plain["content"][0]["text"].startswith("rested")
    with pytest.raises(CapabilityMissing) as missing:
        await call(hub.gateway, "pester", Client({}))
    assert missing.value.required == {"extensions": {TASKS: {}}}


async def test_the_seed_tells_where_to_ask_and_how_long_it_is_kept(hub: Hub) -> None:
    task = await call(hub.gateway, "rest", seconds=0)
    assert len(task["taskId"]) >= 40
    assert task["status"] == "working"
    assert task["ttlMs"] == 2 * 3600 * 1000
    assert task["createdAt"] == task["lastUpdatedAt"] == "2026-11-01T12:00:00.000Z"
    assert not {"result", "error", "inputRequests"} & set(task)
    done = await reached(hub.gateway, task["taskId"], "completed")
    assert done["result"]["content"][0]["text"] == "rested, started 1 times"


async def test_a_call_that_outlives_its_deadline_becomes_a_task(hub: Hub) -> None:
    async with another(hub, deadline=0.05) as hasty:
        client = Client(DECLARED)
        task = await call(hasty, "slow", client, seconds=0.1)
        assert task["resultType"] == "task"
        asked = await reached(hasty, task["taskId"], "input_required")
        assert list(asked["inputRequests"]) == ["who"]
        await answer(hasty, task["taskId"], who="Ada")
        done = await reached(hasty, task["taskId"], "completed")
        assert done["result"]["content"][0]["text"] == "slow, Ada"
        # What a task says has nowhere to go once its request is answered.
        assert client.lines == ["before"]


async def test_a_call_that_outlives_its_deadline_fails_in_words_where_the_client_knows_no_tasks(hub: Hub) -> None:
    async with another(hub, deadline=0.05) as hasty:
        told = await call(hasty, "slow", Client({"elicitation": {}}))
        assert told["isError"] is True
        assert "did not answer in time" in told["content"][0]["text"]


async def test_a_tool_may_ask_after_it_acted_once_it_is_a_task(hub: Hub, wire: Wire) -> None:
    id = (await call(hub.gateway, "act_and_ask"))["taskId"]
    await reached(hub.gateway, id, "input_required")
    await answer(hub.gateway, id, who=None)
    done = await reached(hub.gateway, id, "completed")
    assert done["result"]["content"][0]["text"] == "decline"
    assert len(wire.sent) == 1
    outcomes = [(entry.call.tool, entry.call.outcome) for entry in await audited(hub)]
    assert ("lab_act_and_ask", "ok") in outcomes


async def audited(hub: Hub) -> list[Any]:
    """The audit log, all of it written."""
    await hub.store.audit.flush()
    return await hub.store.audit.recent(20)


async def test_a_questions_key_is_never_used_twice_and_several_wait_at_once(hub: Hub) -> None:
    id = (await call(hub.gateway, "pester"))["taskId"]
    tasks = hub.gateway.tasks
    assert tasks is not None
    keys = []
    for _ in range(2):
        (key,) = (await reached(hub.gateway, id, "input_required"))["inputRequests"]
        keys.append(key)
        await tasks.update(local_caller(), id, {key: {"action": "accept", "content": {"name": 5}}, "other": {}})
        async with asyncio.timeout(PATIENCE):
            while key in (await now(hub.gateway, id)).get("inputRequests", {}):
                pass
    (key,) = (await reached(hub.gateway, id, "input_required"))["inputRequests"]
    assert len({*keys, key}) == 3
    await answer(hub.gateway, id, **{key: "Ada"})
    async with asyncio.timeout(PATIENCE):
        while set((await now(hub.gateway, id)).get("inputRequests", {})) != {"a", "b"}:
            pass
    await answer(hub.gateway, id, a="one")
    partly = await now(hub.gateway, id)
    assert partly["status"] == "input_required"
    assert list(partly["inputRequests"]) == ["b"]
    await answer(hub.gateway, id, a="changed my mind", b="two")
    done = await reached(hub.gateway, id, "completed")
    assert done["result"]["content"][0]["text"] == "2 wrong, then ['one', 'two']"


@pytest.mark.parametrize(
    ("how", "status", "words"),
    [("protocol", "failed", "roots"), ("tool", "completed", "It did not work."), ("", "completed", "reference")],
)
async def test_a_failure_is_a_result_unless_the_protocol_itself_failed(
    hub: Hub, how: str, status: str, words: str
) -> None:
    id = (await call(hub.gateway, "broken", how=how))["taskId"]
    done = await reached(hub.gateway, id, "failed", "completed")
    assert done["status"] == status
    if status == "failed":
        assert done["error"]["kind"] == "capability_missing"
        assert words in done["error"]["message"]
    else:
        assert done["result"]["isError"] is True
        assert words in done["result"]["content"][0]["text"]
    assert "the secret inside" not in str(done)


async def test_another_users_task_is_unknown(hub: Hub) -> None:
    id = (await call(hub.gateway, "rest"))["taskId"]
    tasks = hub.gateway.tasks
    assert tasks is not None
    stranger = Caller("bob", "Bob", "t", frozenset({"read"}))
    attempts: list[Callable[[], Awaitable[Any]]] = [
        lambda: tasks.get(stranger, id),
        lambda: tasks.update(stranger, id, {}),
        lambda: tasks.cancel(stranger, id),
        lambda: tasks.get(local_caller(), "nobody's"),
    ]
    for attempt in attempts:
        with pytest.raises(ProtocolError, match="no such task"):
            await attempt()
    assert await tasks.owned(stranger, frozenset({id})) == frozenset()
    assert await tasks.owned(local_caller(), frozenset({id, "x"})) == {id}
    assert (await now(hub.gateway, id))["status"] == "working"


async def test_a_token_that_may_not_do_it_may_not_see_it(hub: Hub) -> None:
    id = (await call(hub.gateway, "act_and_ask"))["taskId"]
    tasks = hub.gateway.tasks
    assert tasks is not None
    reader = Caller("local", "local", "t", frozenset({"read"}))
    with pytest.raises(ProtocolError, match="no such task"):
        await tasks.get(reader, id)


async def test_a_cancelled_task_stops_running_and_its_end_stands(hub: Hub) -> None:
    id = (await call(hub.gateway, "rest"))["taskId"]
    tasks = hub.gateway.tasks
    assert tasks is not None
    await tasks.cancel(local_caller(), id)
    await tasks.cancel(local_caller(), id)
    assert (await now(hub.gateway, id))["status"] == "cancelled"
    async with asyncio.timeout(PATIENCE):
        while ("lab_rest", "cancelled") not in [(one.call.tool, one.call.outcome) for one in await audited(hub)]:
            pass
    assert (await now(hub.gateway, id))["status"] == "cancelled"


async def test_a_client_that_leaves_before_it_is_told_of_a_task_cancels_the_call(hub: Hub) -> None:
    client = Client(DECLARED)
    calling = asyncio.create_task(call(hub.gateway, "slow", client))
    await asyncio.wait_for(client.spoken_to.wait(), PATIENCE)
    assert any("call lab_slow" in one.get_name() for one in asyncio.all_tasks())
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert not any("call lab_slow" in one.get_name() for one in asyncio.all_tasks())


async def test_a_task_whose_owner_falls_silent_fails_as_interrupted_for_good(hub: Hub, clock: FixedClock) -> None:
    async with another(hub) as owner:
        id = (await call(owner, "rest"))["taskId"]
        clock.advance(LEASE.total_seconds() - 1)
        assert (await now(hub.gateway, id))["status"] == "working"
        clock.advance(2)
        task = await now(hub.gateway, id)
        assert task["status"] == "failed"
        assert task["error"]["kind"] == "interrupted"
        assert "Call again" in task["error"]["message"]
        # Its owner, that was only slow, hears of it and stops.
        async with asyncio.timeout(PATIENCE):
            while ("lab_rest", "cancelled") not in [(one.call.tool, one.call.outcome) for one in await audited(hub)]:
                pass
    assert (await now(hub.gateway, id)) == task


async def test_a_renewed_lease_does_not_lapse(hub: Hub, clock: FixedClock) -> None:
    tasks = hub.gateway.tasks
    assert tasks is not None
    id = (await call(hub.gateway, "rest"))["taskId"]
    start = clock.time()
    # The clock's sleep is an advance: as long as the upkeep runs, time flies.
    keeping = asyncio.create_task(tasks.keep())
    async with asyncio.timeout(PATIENCE):
        while clock.time() - start < 4 * LEASE.total_seconds():
            await now(hub.gateway, id)
    keeping.cancel()
    await asyncio.wait((keeping,))
    assert (await now(hub.gateway, id))["status"] == "working"


async def test_a_task_is_kept_for_an_hour_after_its_end_and_then_deleted(hub: Hub, clock: FixedClock) -> None:
    id = (await call(hub.gateway, "rest", seconds=0))["taskId"]
    await reached(hub.gateway, id, "completed")
    clock.advance(3599)
    task = await now(hub.gateway, id)
    assert task["ttlMs"] == 3600 * 1000
    clock.advance(2)
    with pytest.raises(ProtocolError, match="no such task"):
        await now(hub.gateway, id)
    assert await hub.store.tasks.prune() == 1


async def test_the_hubs_end_is_its_tasks_end(hub: Hub) -> None:
    async with another(hub) as gateway:
        id = (await call(gateway, "rest"))["taskId"]
    assert (await now(hub.gateway, id))["error"]["kind"] == "interrupted"


async def test_nothing_of_a_call_can_be_read_in_its_row(hub: Hub) -> None:
    id = (await call(hub.gateway, "pester"))["taskId"]
    await reached(hub.gateway, id, "input_required")
    await answer(hub.gateway, id, who="a-very-private-name")
    await reached(hub.gateway, id, "input_required")
    row = await hub.store.tasks.get(id)
    assert row is not None
    for word in ("pester", "private", "Who?", "inputRequests"):
        assert word not in repr(row)
    other = await call(hub.gateway, "rest", seconds=0)
    await reached(hub.gateway, other["taskId"], "completed")
    end = await hub.store.tasks.get(other["taskId"])
    assert end is not None
    outcome = end.outcome
    # Whoever writes to the database cannot give one task another's result.
    await hub.store.tasks.amend(id, lambda task: replace(task, status="completed", outcome=outcome))
    with pytest.raises(ProtocolError):
        await now(hub.gateway, id)


async def test_a_user_has_so_many_tasks_and_no_more(hub: Hub) -> None:
    ids = [(await call(hub.gateway, "rest"))["taskId"] for _ in range(64)]
    told = await call(hub.gateway, "rest")
    assert told["isError"] is True
    assert "64 tasks" in told["content"][0]["text"]
    tasks = hub.gateway.tasks
    assert tasks is not None
    await tasks.cancel(local_caller(), ids[0])
    assert (await call(hub.gateway, "rest", seconds=0))["resultType"] == "task"


async def test_calls_that_become_tasks_at_once_are_no_more_than_a_user_may_have(hub: Hub) -> None:
    async with another(hub, tasks_per_user=3) as gateway:
        told = await asyncio.gather(*(call(gateway, "rest") for _ in range(8)))
        assert sorted(one["resultType"] for one in told) == ["complete"] * 5 + ["task"] * 3
        assert {one["isError"] for one in told if one["resultType"] == "complete"} == {True}


async def test_a_task_lends_its_place_while_it_waits_for_a_person_and_needs_one_to_go_on(hub: Hub) -> None:
    admission = Admission(Room(calls=1, per_user=1, waiting=0))
    async with another(hub, admission=admission) as gateway:
        asking = (await call(gateway, "pester"))["taskId"]
        await reached(gateway, asking, "input_required")
        # Its place is another's now, who works, and so keeps it.
        working = (await call(gateway, "rest"))["taskId"]
        refused = await call(gateway, "rest")
        assert refused["_meta"]["hub/error"]["kind"] == "busy"
        await answer(gateway, asking, who="Ada")
        async with asyncio.timeout(PATIENCE):
            while not admission.waiting:
                await now(gateway, asking)
        assert (await now(gateway, asking))["status"] == "working"
        assert gateway.tasks is not None
        await gateway.tasks.cancel(local_caller(), working)
        # It goes on with the place that came free, and asks the next thing.
        assert set((await reached(gateway, asking, "input_required"))["inputRequests"]) <= {"a", "b"}
        assert (admission.running, admission.lent, admission.waiting) == (0, 1, 0)
        await gateway.tasks.cancel(local_caller(), asking)
        async with asyncio.timeout(PATIENCE):
            while admission.lent:
                await now(gateway, asking)
        assert admission.running == 0


async def test_no_more_places_are_lent_than_there_are(hub: Hub) -> None:
    admission = Admission(Room(calls=1, waiting=0))
    async with another(hub, admission=admission) as gateway:
        for _ in range(2):
            await reached(gateway, (await call(gateway, "pester"))["taskId"], "input_required")
        assert (admission.running, admission.lent) == (1, 1)
        assert (await call(gateway, "rest"))["_meta"]["hub/error"]["kind"] == "busy"


async def test_answers_too_large_to_keep_are_refused_and_the_question_stays(hub: Hub) -> None:
    id = (await call(hub.gateway, "act_and_ask"))["taskId"]
    await reached(hub.gateway, id, "input_required")
    with pytest.raises(ProtocolError, match="answer more briefly"):
        await answer(hub.gateway, id, who="x" * 1_000_001)
    assert list((await now(hub.gateway, id))["inputRequests"]) == ["who"]


async def test_who_follows_a_task_hears_of_each_status(hub: Hub) -> None:
    id = (await call(hub.gateway, "act_and_ask"))["taskId"]
    await reached(hub.gateway, id, "input_required")
    news = hub.gateway.listeners.open(local_caller(), Wants(tasks=frozenset({id})))
    stream = aiter(news)
    await answer(hub.gateway, id, who=None)
    heard: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE):
        while not heard or heard[-1]["status"] != "completed":
            note = await anext(stream)
            assert note["method"] == "notifications/tasks"
            heard.append(note["params"])
    assert heard[-1]["result"]["content"][0]["text"] == "decline"
    news.close()


async def test_a_disabled_users_tasks_end_at_once_and_others_go_on(hub: Hub) -> None:
    callers = {}
    for name in ("ada", "bob"):
        user = await hub.store.users.add(name)
        token, _ = await hub.store.tokens.create(user.id, "laptop", {"read"})
        callers[name] = Caller(user.id, name, token.id, frozenset({"read"}))
    tasks = hub.gateway.tasks
    assert tasks is not None
    begun = {
        name: (await hub.gateway.call_tool(caller, "lab_rest", {}, Client(DECLARED)))["taskId"]
        for name, caller in callers.items()
    }
    await hub.store.users.disable(callers["ada"].user_id)
    async with asyncio.timeout(PATIENCE):
        while (told := await tasks.get(callers["ada"], begun["ada"]))["status"] == "working":
            pass
    assert told["status"] == "cancelled"
    assert "no longer valid" in told["statusMessage"]
    assert (await tasks.get(callers["bob"], begun["bob"]))["status"] == "working"


async def test_the_last_progress_message_is_the_status_of_a_task(hub: Hub) -> None:
    tasks = hub.gateway.tasks
    assert tasks is not None
    id = (await call(hub.gateway, "report"))["taskId"]
    keeping = asyncio.create_task(tasks.keep())
    async with asyncio.timeout(PATIENCE):
        while (told := await now(hub.gateway, id)).get("statusMessage") != "two of three":
            pass
    keeping.cancel()
    await asyncio.wait((keeping,))
    assert told["status"] == "working"
