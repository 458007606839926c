"""The change table: every watcher on the database hears of every change, once, in order, within a second."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Protocol

from hub.clock import FixedClock
from hub.store import EVERYTHING, Change, Changes, Store
from hub.store.database import Database
from tests.waiting import A_SECOND

Opener = Callable[[], Awaitable[Store]]


class Heard(Protocol):
    """The watcher of conftest.py."""

    changes: list[Change]

    @property
    def told(self) -> list[tuple[str, str]]: ...
    def __call__(self, change: Change) -> None: ...
    async def until(self, count: int, seconds: float = ...) -> float: ...


class Cluster(Protocol):
    """The server of conftest.py."""

    def url(self, database: str) -> str: ...
    async def execute(self, statement: str) -> None: ...


async def test_a_change_of_ones_own_is_told_before_the_write_returns(store: Store, heard: Callable[[], Heard]) -> None:
    watcher = heard()
    store.changes.watch(watcher)
    user = await store.users.add("anna")
    assert watcher.told == [("user", user.id)]


async def test_a_change_by_another_is_told_within_a_second(another: Opener, heard: Callable[[], Heard]) -> None:
    here, there = await another(), await another()
    watcher = heard()
    here.changes.watch(watcher)
    user = await there.users.add("anna")
    token, _ = await there.tokens.create(user.id, "laptop", ["read"])
    await there.tokens.revoke(token.id)
    assert await watcher.until(3) < A_SECOND
    assert watcher.told == [("user", user.id), ("token", token.id), ("token", token.id)]


async def test_a_change_by_another_process_is_told_within_a_second(
    url: str, store: Store, heard: Callable[[], Heard]
) -> None:
    watcher = heard()
    store.changes.watch(watcher)
    code = (
        "import asyncio, sys\n"
        "from hub.clock import SystemClock\n"
        "from hub.store import Store\n"
        "async def main():\n"
        "    store = Store.open(sys.argv[1], SystemClock())\n"
        "    await store.migrate()\n"
        "    print((await store.users.add('anna')).id)\n"
        "    await store.close()\n"
        "asyncio.run(main())\n"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, url, stdout=asyncio.subprocess.PIPE)
    out, _ = await child.communicate()
    assert child.returncode == 0
    assert await watcher.until(1) < A_SECOND
    assert watcher.told == [("user", out.decode().strip())]


async def test_each_change_is_told_once_to_everyone_when_many_write_at_once(
    another: Opener, heard: Callable[[], Heard]
) -> None:
    stores = [await another() for _ in range(3)]
    watchers = [heard() for _ in stores]
    for store, watcher in zip(stores, watchers, strict=True):
        store.changes.watch(watcher)
    await asyncio.gather(*(stores[n % 3].users.add(f"user {n}") for n in range(30)))
    for watcher in watchers:
        await watcher.until(30)
    assert len({tuple(watcher.told) for watcher in watchers}) == 1
    assert len(set(watchers[0].told)) == 30


async def test_of_two_writes_at_once_the_one_committed_last_is_not_passed_over(
    url: str, store: Store, clock: FixedClock, heard: Callable[[], Heard]
) -> None:
    watcher = heard()
    store.changes.watch(watcher)
    database = Database(url)
    slow = Changes(database, clock)
    async with database.write() as connection:
        await slow.record(connection, "user", "slow")
        quick = asyncio.create_task(store.users.add("anna"))
        # Were the quick one let past, its change would be told now and the older one never.
        await asyncio.wait({quick}, timeout=0.8)
    user = await quick
    await watcher.until(2)
    assert watcher.told == [("user", "slow"), ("user", user.id)]
    await database.close()


async def test_on_postgresql_a_change_is_told_without_waiting_for_the_next_look(
    cluster: Cluster, clock: FixedClock, heard: Callable[[], Heard]
) -> None:
    await cluster.execute("CREATE DATABASE listened")
    store = Store.open(cluster.url("listened"), clock)
    await store.migrate()
    database = Database(cluster.url("listened"))
    listener = Changes(database, clock, interval=3600)
    await listener.start()
    watcher = heard()
    listener.watch(watcher)
    await store.users.add("anna")
    await watcher.until(1)
    await store.users.add("ben")
    await watcher.until(2)
    await listener.close()
    await database.close()
    await store.close()


async def test_a_write_that_fails_tells_nothing(store: Store, heard: Callable[[], Heard]) -> None:
    await store.users.add("anna")
    watcher = heard()
    store.changes.watch(watcher)
    (added,) = await asyncio.gather(store.users.add("anna"), return_exceptions=True)
    assert isinstance(added, Exception)
    user = await store.users.add("ben")
    assert watcher.told == [("user", user.id)]


async def test_who_stops_watching_hears_no_more(store: Store, heard: Callable[[], Heard]) -> None:
    watcher = heard()
    stop = store.changes.watch(watcher)
    stop()
    await store.users.add("anna")
    assert watcher.told == []


async def test_a_watcher_that_fails_does_not_keep_the_others_from_hearing(
    store: Store, heard: Callable[[], Heard]
) -> None:
    def broken(change: Change) -> None:
        raise RuntimeError("a mistake")

    watcher = heard()
    store.changes.watch(broken)
    store.changes.watch(watcher)
    user = await store.users.add("anna")
    assert watcher.told == [("user", user.id)]


async def test_old_changes_are_pruned_and_the_next_is_still_told(
    store: Store, clock: FixedClock, heard: Callable[[], Heard]
) -> None:
    watcher = heard()
    store.changes.watch(watcher)
    await store.users.add("anna")
    assert await store.changes.prune() == 0
    for _ in range(4):
        clock.advance(1000)
        await store.changes.look()
    assert await store.changes.prune() == 1
    last = await store.users.add("ben")
    assert watcher.told[-1] == ("user", last.id)


async def test_who_slept_longer_than_changes_are_kept_is_told_that_some_were_missed(
    url: str, store: Store, clock: FixedClock, heard: Callable[[], Heard]
) -> None:
    database = Database(url)
    sleeper = Changes(database, clock, interval=3600)
    await sleeper.start()
    watcher = heard()
    sleeper.watch(watcher)
    clock.advance(7200)
    await store.users.add("anna")
    await sleeper.look()
    assert watcher.told[0] == (EVERYTHING, EVERYTHING)
    user = await store.users.add("ben")
    await sleeper.look()
    assert watcher.told[-1] == ("user", user.id)
    assert watcher.told.count((EVERYTHING, EVERYTHING)) == 1
    await sleeper.close()
    await database.close()
