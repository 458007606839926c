"""Accounts under fire: 200 callers of two processes and ``hub call``, and a provider whose answers get lost."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.processes.accounts import Streets, Town, kinds, streets_at, town_at
from tests.processes.faults import Fate
from tests.programs.processes import command

pytestmark = pytest.mark.timeout(300)

CALLS, AGAIN = 200, 40
FATES: dict[str, Fate] = {
    "sid": "slow",
    "eve": "error",
    "cal": "cut",
    "hal": "hang",
    "dot": "drop",
    "ann": "error after",
}
LATE = 3
FOUND = "a renewal was begun and never ended; it is tried again"
DOOMED = ("dot", "ann")
"""Whose tokens the provider used up without the hub learning what came of it."""


@pytest.fixture(scope="module")
def streets(database: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streets]:
    folder = tmp_path_factory.mktemp("town")
    with streets_at(folder, database(folder)) as found:
        yield found


@pytest.fixture
async def town(streets: Streets) -> AsyncIterator[Town]:
    async with town_at(streets) as found:
        yield found


@pytest.mark.proves("renewal-once", "renewal-outlived")
async def test_a_renewal_under_fire_happens_once_and_an_account_lives_as_long_as_the_vendors_side_does(
    town: Town,
) -> None:
    await town.connected(*FATES)
    town.door.fates = dict(FATES)
    beside = [
        asyncio.create_task(asyncio.to_thread(command, town.streets.config, "call", "notes_read_note", "--user", "sid"))
        for _ in range(2)
    ]
    storms = await asyncio.gather(*(town.storm(name, CALLS, CALLS // 3) for name in FATES))
    for name, results in zip(FATES, storms, strict=True):
        assert kinds(results) == ({""} if name == "sid" else {"unavailable"}), name
        assert town.door.arrived[name] == 1, name
    assert all('"whose": "sid"' in told for told in await asyncio.gather(*beside))
    assert town.door.used == {"sid": 1, "dot": 1, "ann": 1}
    assert [name for name in FATES if (await town.row(name)).health != "ok"] == []

    town.door.fates = {}
    others = [name for name in FATES if name != "sid"]
    await town.minutes_pass(*others)
    storms = await asyncio.gather(*(town.storm(name, AGAIN) for name in others))
    for name, results in zip(others, storms, strict=True):
        kept = await town.row(name)
        assert town.door.arrived[name] == 2, name
        if name not in DOOMED:
            assert kinds(results) == {""}, name
            assert (kept.health, kept.version, town.door.used[name]) == ("ok", 2, 1)
            assert town.kept_token(kept) == town.door.delivered[name]
            continue
        assert kinds(results) == {"connection_needed"}, name
        assert (kept.health, town.door.refused[name]) == ("needs_sign_in", 1)
        assert "invalid_grant" in kept.reason
        assert "The renewal before it had no answer the hub could keep" in kept.reason
    assert town.written("an account needs a sign-in") == len(DOOMED)

    # Asked once and never again: not by calls, and not by another process.
    again = await asyncio.gather(*(town.storm(name, 10) for name in DOOMED))
    assert [kinds(results) for results in again] == [{"connection_needed"}] * 2
    assert [town.door.arrived[name] for name in DOOMED] == [2, 2]


@pytest.mark.proves("renewal-killed")
async def test_after_a_kill_each_renewal_is_committed_or_found_by_its_row(town: Town) -> None:
    fates: dict[str, Fate] = {
        "ida": "held",
        "joe": "held after",
        **{f"p{number}": "held after" for number in range(LATE)},
    }
    await town.connected(*fates)
    town.door.fates = dict(fates)
    dying = town.streets.urls[1]
    calls = [asyncio.create_task(town.call(name, dying)) for name in fates]
    for name in fates:
        await town.door.until(name, 1)
    for number in range(LATE):
        # The answers arrive one after another, and the process dies in the midst of writing them down.
        town.door.let_go[f"p{number}"].set()
        if number == 1:
            await town.until_kept("p0")
    town.kill(1)
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(ended[0], Exception), "the process died while it answered"

    before = town.written(FOUND)
    committed, cut_off = [], []
    for name in fates:
        kept = await town.row(name)
        if kept.version == 1:
            assert kept.lease_owner is not None, f"{name}: nothing in the row tells of a renewal that was begun"
            cut_off.append(name)
        else:
            assert town.kept_token(kept) == town.door.delivered[name]
            committed.append(name)
    assert {"ida", "joe"} <= set(cut_off)
    assert "p0" in committed

    town.door.let_go["ida"].set()
    town.door.fates = {}
    await town.minutes_pass(*cut_off)
    await town.start_again(1)
    for name in cut_off:
        await town.door.until(name, 2)
        await town.until_settled(name)
    assert town.written(FOUND) == before + len(cut_off)
    for name in fates:
        kept = await town.row(name)
        if name in committed or name == "ida":
            assert (kept.version, kept.health) == (2, "ok"), name
            assert town.kept_token(kept) == town.door.delivered[name]
            assert kinds([await town.call(name, town.streets.urls[1])]) == {""}
        else:
            assert (kept.version, kept.health) == (1, "needs_sign_in"), name
            assert "cut off before its answer could be kept" in kept.reason
            assert kinds([await town.call(name, town.streets.urls[0])]) == {"connection_needed"}
    assert [town.door.arrived[name] for name in cut_off] == [2] * len(cut_off)
