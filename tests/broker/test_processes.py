"""Renewal across processes: two hubs on one database, and one that was killed between sending and committing."""

import asyncio
import os
from datetime import timedelta
from typing import Any

from hub import config
from hub.app import Hub
from hub.broker.idle import WATCH, IdleRenewal
from hub.sdk.talk import Silence
from tests.broker.scene import House, text_of
from tests.oauth.scene import ShiftedClock
from tests.waiting import PATIENCE


class Minute(ShiftedClock):
    """A clock on which a sleep of a minute is over at once, the first time; the second sets ``asleep``."""

    def __init__(self, moved: ShiftedClock) -> None:
        super().__init__()
        self.moved = moved
        self.slept = 0.0
        self.asleep = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds >= WATCH and self.slept >= WATCH:
            self.asleep.set()
            await asyncio.Event().wait()
        self.slept += seconds
        self.moved.advance(seconds)


async def test_two_hubs_renew_one_token_once(house: House) -> None:
    await (await house.browser()).connect()
    second = await Hub.start(config.load(house.folder / "config.yaml", {}), clock=house.clock)
    try:
        house.clock.advance(3601)
        await house.vendor.control(token_calls=0, fail="slow")
        caller = await house.caller()
        calls = [
            hub.gateway.call_tool(caller, "notes_read_note", {}, Silence())
            for _ in range(30)
            for hub in (house.hub, second)
        ]
        results: list[dict[str, Any]] = await asyncio.gather(*calls)
        assert [text_of(one) for one in results if one.get("isError")] == []
        assert (await house.vendor.control())["token_calls"] == 1
    finally:
        await second.close()


async def test_a_renewal_whose_process_was_killed_is_found_and_tried_again(house: House) -> None:
    await (await house.browser()).connect()
    rows = house.hub.store.connections
    (kept,) = await rows.list((await house.user()).id)
    assert await rows.lease(kept, "killed", house.clock.now() + timedelta(seconds=60))
    house.clock.advance(3601)
    (found,) = await rows.abandoned()
    assert found.lease_owner == "killed"
    assert await house.hub.brokerage.idle.once() == 1
    assert await rows.abandoned() == []
    (now,) = await rows.list(found.user_id)
    assert (now.version, now.health, now.lease_owner) == (kept.version + 1, "ok", None)
    assert not (await house.call("notes_read_note")).get("isError")


async def test_a_token_written_by_somebody_else_is_never_overwritten(house: House) -> None:
    await (await house.browser()).connect()
    rows = house.hub.store.connections
    (kept,) = await rows.list((await house.user()).id)
    assert await rows.renewed(kept, kept.secret, kept.expires_at, kept.scopes, kept.fields)
    assert not await rows.renewed(kept, "older", kept.expires_at, kept.scopes, kept.fields)
    assert not await rows.failed(kept, "needs_sign_in", "older")
    assert not await rows.lease(kept, "late", house.clock.now() + timedelta(seconds=60))


async def test_a_renewal_that_failed_meanwhile_is_not_tried_again_with_what_was_read_before(house: House) -> None:
    await (await house.browser()).connect()
    rows = house.hub.store.connections
    (kept,) = await rows.list((await house.user()).id)
    assert await rows.failed(kept, "ok", "no answer")
    assert not await rows.lease(kept, "late", house.clock.now() + timedelta(seconds=60))


async def test_a_lease_that_had_not_lapsed_at_the_start_is_found_once_it_has(house: House) -> None:
    await (await house.browser()).connect()
    hub = house.hub
    rows = hub.store.connections
    (kept,) = await rows.list((await house.user()).id)
    assert await rows.lease(kept, "killed", house.clock.now() + timedelta(seconds=60))
    waking = Minute(house.clock)
    idle = IdleRenewal(
        hub.store, hub.brokerage.broker._renewals, waking, hub.registry.catalog.providers.get, os.urandom
    )
    keeping = asyncio.create_task(idle.keep())
    try:
        async with asyncio.timeout(PATIENCE):
            await waking.asleep.wait()
            now = await rows.get(kept.id)
            assert now is not None
            assert now.lease_owner is None
            assert (now.version, now.health) == (kept.version + 1, "ok")
    finally:
        keeping.cancel()


async def test_accounts_that_lie_idle_are_renewed_before_their_token_dies(house: House) -> None:
    await (await house.browser()).connect()
    assert await house.hub.brokerage.idle.once() == 0
    house.clock.advance(43_300)
    assert await house.hub.brokerage.idle.once() == 1
