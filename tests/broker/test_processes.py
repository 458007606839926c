"""Renewal across processes: two hubs on one database, and one that was killed between sending and committing."""

import asyncio
from datetime import timedelta
from typing import Any

from hub import config
from hub.app import Hub
from hub.sdk.talk import Silence
from tests.broker.scene import House, text_of


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


async def test_accounts_that_lie_idle_are_renewed_before_their_token_dies(house: House) -> None:
    await (await house.browser()).connect()
    assert await house.hub.brokerage.idle.once() == 0
    house.clock.advance(43_300)
    assert await house.hub.brokerage.idle.once() == 1
