"""Deadlines on one timer: they end what takes too long, only that, and leave nothing behind."""

import asyncio

import pytest

from hub.clock import STEP, Alarms
from tests.waiting import PATIENCE, SLACK


class Woken:
    """Notes when it was woken."""

    def __init__(self) -> None:
        self.at = 0.0
        self.done = asyncio.Event()

    def wake(self) -> None:
        self.at = asyncio.get_running_loop().time()
        self.done.set()


async def test_a_block_that_takes_too_long_ends_with_a_timeout() -> None:
    alarms = Alarms()
    begun = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError), alarms.within(0.1):
        await asyncio.Event().wait()
    assert 0.1 <= asyncio.get_running_loop().time() - begun < 5.0 * SLACK
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_block_that_ends_in_time_is_left_alone_for_ever() -> None:
    alarms = Alarms()
    with alarms.within(0.05):
        await asyncio.sleep(0)
    await asyncio.sleep(4 * STEP)


async def test_only_the_outer_deadline_that_passed_is_told() -> None:
    alarms, inner = Alarms(), asyncio.Event()

    async def nested() -> None:
        try:
            with alarms.within(30.0):
                await asyncio.Event().wait()
        except TimeoutError:
            inner.set()

    with pytest.raises(TimeoutError), alarms.within(0.1):
        await nested()
    assert not inner.is_set()


async def test_the_inner_deadline_leaves_the_outer_block_running() -> None:
    alarms = Alarms()
    with alarms.within(30.0):
        with pytest.raises(TimeoutError), alarms.within(0.05):
            await asyncio.Event().wait()
        await asyncio.sleep(0)


async def test_someone_elses_cancellation_is_no_timeout() -> None:
    alarms = Alarms()
    begun = asyncio.Event()

    async def wait() -> None:
        with alarms.within(30.0):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_block_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), Alarms().within(1.0):
        _ = 1 / 0


async def test_alarms_ring_in_order_and_those_taken_back_never() -> None:
    alarms = Alarms()
    early, late, never = Woken(), Woken(), Woken()
    alarms.set(0.3, late)
    alarms.set(0.2, never).discard(never)
    alarms.set(0.1, early)
    begun = alarms.loop.time()
    async with asyncio.timeout(PATIENCE):
        await late.done.wait()
    assert early.at - begun >= 0.1 - 0.001
    assert late.at > early.at
    assert late.at - begun >= 0.3 - 0.001
    assert not never.done.is_set()


async def test_an_alarm_set_while_others_ring_rings_too() -> None:
    alarms = Alarms()
    second = Woken()

    class First:
        def wake(self) -> None:
            alarms.set(0.05, second)

    alarms.set(0.05, First())
    async with asyncio.timeout(PATIENCE):
        await second.done.wait()


async def test_one_timer_serves_a_thousand_deadlines() -> None:
    alarms = Alarms()
    late = 0

    async def wait() -> None:
        nonlocal late
        try:
            with alarms.within(0.2):
                await asyncio.Event().wait()
        except TimeoutError:
            late += 1

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(wait() for _ in range(1000)))
    assert late == 1000
