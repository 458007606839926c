"""The audit log: an intent is durable before the call is sent; what is noted trails by at most a second."""

import asyncio
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hub.clock import FixedClock, SystemClock
from hub.store import Call, Store, StoreUnavailable
from tests.waiting import A_SECOND

Opener = Callable[[], Awaitable[Store]]


def call(clock: FixedClock, tool: str = "post", **ended: object) -> Call:
    return Call("u1", "t1", "chat", tool, "send", "sha256:00", clock.now(), **ended)  # type: ignore[arg-type]


async def test_an_intent_is_there_when_it_returns(another: Opener, clock: FixedClock) -> None:
    here, there = await another(), await another()
    id = await here.audit.intent(call(clock))
    (entry,) = await there.audit.recent(10)
    assert (entry.id, entry.call) == (id, call(clock))


async def test_an_intent_survives_a_kill(url: str) -> None:
    code = (
        "import asyncio, os, signal, sys\n"
        "from hub.clock import SystemClock\n"
        "from hub.store import Call, Store\n"
        "async def main():\n"
        "    clock = SystemClock()\n"
        "    store = Store.open(sys.argv[1], clock)\n"
        "    await store.migrate()\n"
        "    await store.audit.intent(Call('u1', None, 'chat', 'post', 'send', 'sha256:00', clock.now()))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, url)
    assert await child.wait() == -signal.SIGKILL
    store = Store.open(url, SystemClock())
    await store.migrate()
    (entry,) = await store.audit.recent(10)
    await store.close()
    assert (entry.call.tool, entry.call.outcome) == ("post", None)


async def test_an_outcome_completes_its_intent_and_the_first_stands(store: Store, clock: FixedClock) -> None:
    id = await store.audit.intent(call(clock))
    store.audit.outcome(id, "ok", 12.5)
    await store.audit.flush()
    store.audit.outcome(id, "tool_error", 99.0)
    await store.audit.flush()
    (entry,) = await store.audit.recent(1)
    assert (entry.call.outcome, entry.call.ms) == ("ok", 12.5)


async def test_what_is_noted_is_written_within_a_second_by_itself(another: Opener, clock: FixedClock) -> None:
    here, there = await another(), await another()
    here.audit.note(call(clock, "search", outcome="ok", ms=3.0))
    async with asyncio.timeout(A_SECOND):
        found = await there.audit.recent(1)
        while not found:
            found = await there.audit.recent(1)
    (entry,) = found
    assert (entry.call.tool, entry.call.outcome, entry.call.ms) == ("search", "ok", 3.0)


async def test_what_is_noted_is_written_at_the_end(url: str, another: Opener, clock: FixedClock) -> None:
    first = Store.open(url, clock)
    await first.migrate()
    for n in range(50):
        first.audit.note(call(clock, f"tool_{n}", outcome="ok", ms=1.0))
    await first.close()
    assert len(await (await another()).audit.recent(100)) == 50


async def test_many_intents_at_once_are_all_there(store: Store, clock: FixedClock) -> None:
    ids = await asyncio.gather(*(store.audit.intent(call(clock, f"tool_{n}")) for n in range(200)))
    assert len(set(ids)) == 200
    assert {entry.id for entry in await store.audit.recent(500)} == set(ids)


async def test_the_newest_calls_come_first(store: Store, clock: FixedClock) -> None:
    for n in range(5):
        clock.advance(1)
        store.audit.note(call(clock, f"tool_{n}"))
    await store.audit.flush()
    assert [entry.call.tool for entry in await store.audit.recent(3)] == ["tool_4", "tool_3", "tool_2"]


async def test_a_row_that_cannot_be_written_does_not_take_the_others_with_it(store: Store, clock: FixedClock) -> None:
    wrong = call(clock, "half \ud800")
    results = await asyncio.gather(
        store.audit.intent(call(clock, "good")), store.audit.intent(wrong), return_exceptions=True
    )
    assert isinstance(results[0], str)
    assert isinstance(results[1], StoreUnavailable)
    store.audit.note(wrong)
    store.audit.note(call(clock, "also good"))
    await store.audit.flush()
    assert {entry.call.tool for entry in await store.audit.recent(10)} == {"good", "also good"}


async def test_an_intent_whose_caller_gave_up_hurts_no_other(store: Store, clock: FixedClock) -> None:
    gone = asyncio.create_task(store.audit.intent(call(clock, "gone")))
    kept = asyncio.create_task(store.audit.intent(call(clock, "kept")))
    await asyncio.sleep(0)
    gone.cancel()
    assert await kept
    assert "kept" in {entry.call.tool for entry in await store.audit.recent(10)}


async def test_no_intent_is_taken_after_the_end(url: str, clock: FixedClock) -> None:
    store = Store.open(url, clock)
    await store.migrate()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.audit.intent(call(clock))


async def test_while_the_database_is_away_an_intent_fails_and_what_is_noted_waits(
    tmp_path: Path, clock: FixedClock
) -> None:
    path = tmp_path / "hub.db"
    store = Store.open(f"sqlite+aiosqlite:///{path}?timeout=0.2", clock)
    await store.migrate()
    try:
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        store.audit.note(call(clock, "search"))
        with pytest.raises(StoreUnavailable, match=r"hub\.db does not answer"):
            await store.audit.intent(call(clock))
        lock.execute("ROLLBACK")
        lock.close()
        await store.audit.flush()
        assert [entry.call.tool for entry in await store.audit.recent(10)] == ["search"]
    finally:
        await store.close()
