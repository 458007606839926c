"""The rows of the connection trace on both databases: folded whole, by one process at a time."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from hub.clock import FixedClock
from hub.store.oauth import Folded, Handshake, Step
from tests.store.conftest import Opener


async def test_folds_of_several_processes_do_not_lose_each_others_steps(another: Opener, clock: FixedClock) -> None:
    stores = [await another() for _ in range(3)]

    def add(number: int) -> Callable[[Sequence[Handshake]], Folded]:
        def change(rows: Sequence[Handshake]) -> Folded:
            step = Step("request", "ok", f"step {number}", 1.5, 1.5, 1, "198.51.100.7", "")
            one = rows[0] if rows else Handshake("a" * 32, clock.now(), clock.now(), "198.51.100.7")
            return Folded([replace(one, steps=(*one.steps, step))], [])

        return change

    await asyncio.gather(*(stores[number % 3].handshakes.fold(add(number)) for number in range(12)))
    (found,) = await stores[0].handshakes.recent()
    assert sorted(step.text for step in found.steps) == sorted(f"step {number}" for number in range(12))
    assert found.steps[0].at == 1.5


async def test_rows_are_told_newest_first_and_dropped_by_their_id(another: Opener, clock: FixedClock) -> None:
    store = await another()
    rows = []
    for number in range(3):
        rows.append(Handshake(str(number) * 32, clock.now(), clock.now(), "Claude", user_name="ada"))
        clock.advance(1)
    await store.handshakes.fold(lambda known: Folded(rows, []))
    assert [one.id[0] for one in await store.handshakes.recent()] == ["2", "1", "0"]
    await store.handshakes.fold(lambda known: Folded([], [known[1].id]))
    assert await store.handshakes.recent() == [rows[2], rows[0]]
