"""The rows that processes share: tasks, and what is kept of legacy sessions."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from hub.clock import FixedClock
from hub.store import Store, Task
from hub.store.tasks import LEASE
from tests.store.conftest import START, Heard, Opener

HOUR = timedelta(hours=1)


def task(id: str, user: str = "ada", owner: str = "one") -> Task:
    """A task that has just begun."""
    until = START + LEASE
    return Task(id, user, "working", "call", "", None, owner, until, START, START, START + 2 * HOUR)


async def test_a_task_is_read_as_it_was_added(store: Store) -> None:
    await store.tasks.add(task("a"))
    assert await store.tasks.get("a") == task("a")
    assert await store.tasks.get("b") is None


async def test_amendments_by_two_processes_at_once_are_both_kept_and_told(store: Store, another: Opener) -> None:
    other = await another()
    heard = Heard()
    other.changes.watch(heard)
    await store.tasks.add(task("a"))

    async def add(where: Store, letter: str) -> None:
        await where.tasks.amend("a", lambda row: replace(row, state=row.state + letter))

    await asyncio.gather(*(add(where, letter) for where in (store, other) for letter in "xyz"))
    row = await store.tasks.get("a")
    assert row is not None
    assert sorted(row.state) == list("xxyyzz")
    await heard.until(6)
    assert set(heard.told) == {("task", "a")}


async def test_an_amendment_of_nothing_changes_and_tells_nothing(store: Store) -> None:
    await store.tasks.add(task("a"))
    heard = Heard()
    store.changes.watch(heard)
    assert await store.tasks.amend("a", lambda row: None) == task("a")
    assert await store.tasks.amend("nobody's", lambda row: row) is None
    assert heard.told == []


async def test_a_lease_is_renewed_by_its_owner_until_the_task_has_ended(store: Store, clock: FixedClock) -> None:
    await store.tasks.add(task("a"))
    await store.tasks.add(task("b", owner="two"))
    await store.tasks.add(task("c"))
    await store.tasks.amend("c", lambda row: replace(row, status="cancelled"))
    clock.advance(10)
    assert await store.tasks.renew("one", clock.now() + LEASE) == {"a"}
    clock.advance(10)
    assert [row.id for row in await store.tasks.lapsed()] == ["b"]


async def test_a_forgotten_task_is_neither_found_nor_kept(store: Store, clock: FixedClock) -> None:
    await store.tasks.add(task("a"))
    assert await store.tasks.owned("ada", {"a", "b"}) == {"a"}
    assert await store.tasks.owned("bob", {"a"}) == set()
    clock.advance(2 * HOUR.total_seconds())
    assert await store.tasks.get("a") is None
    assert await store.tasks.owned("ada", {"a"}) == set()
    assert await store.tasks.prune() == 1


async def test_a_user_gets_no_task_too_many_however_many_are_added_at_once(store: Store, another: Opener) -> None:
    other = await another()
    added = await asyncio.gather(
        *(where.tasks.add(task(f"{n}{where is store}"), 5) for n in range(6) for where in (store, other))
    )
    assert sum(added) == 5
    assert await store.tasks.add(task("bob's", user="bob"), 5)
    await store.tasks.amend(
        f"{added.index(True) // 2}{added.index(True) % 2 == 0}", lambda row: replace(row, status="completed")
    )
    assert [await store.tasks.add(task(id), 5) for id in "ab"] == [True, False]


async def test_the_end_of_a_session_is_known_to_all_until_it_would_have_ended(
    store: Store, another: Opener, clock: FixedClock
) -> None:
    other = await another()
    heard = Heard()
    other.changes.watch(heard)
    await store.sessions.end("s", START + HOUR)
    await store.sessions.end("s", START + HOUR)
    assert await other.sessions.ended("s")
    assert not await other.sessions.ended("t")
    await heard.until(1)
    assert heard.told == [("session", "s")]
    clock.advance(HOUR.total_seconds())
    assert await other.sessions.prune() == 1
    assert not await other.sessions.ended("s")


async def test_notes_of_two_processes_at_once_are_both_kept(store: Store, another: Opener, clock: FixedClock) -> None:
    other = await another()

    async def add(where: Store, letter: str) -> None:
        await where.sessions.note("k", lambda before: (before or "") + letter, START + HOUR)

    await asyncio.gather(*(add(where, letter) for where in (store, other) for letter in "xyz"))
    assert sorted(await store.sessions.noted("k") or "") == list("xxyyzz")
    clock.advance(HOUR.total_seconds())
    assert await store.sessions.noted("k") is None


async def test_an_answer_is_left_once_told_and_taken_once(store: Store, another: Opener) -> None:
    other = await another()
    heard = Heard()
    other.changes.watch(heard)
    await store.sessions.post("q", "first", START + HOUR)
    await store.sessions.post("q", "second", START + HOUR)
    await heard.until(1)
    assert heard.told == [("answer", "q")]
    taken = await asyncio.gather(store.sessions.take("q"), other.sessions.take("q"))
    assert sorted(taken, key=str) == [None, "first"]
