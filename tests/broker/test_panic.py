"""``hub panic`` and shutting people out: calls stop in every process, accounts end at their vendors, all of it told."""

import asyncio
import json
from typing import Any

import pytest

from hub import config
from hub.app import Hub
from hub.broker import Purpose
from hub.errors import Refused
from hub.sdk.http import Outgoing, Reach
from hub.sdk.talk import Silence
from hub.store.connections import Connection
from tests.broker.scene import House
from tests.waiting import PATIENCE


async def connection(house: House, name: str = "ada") -> Connection:
    """The person's one connection."""
    (kept,) = await house.hub.store.connections.list((await house.user(name)).id)
    return kept


async def works_at_vendor(house: House, kept: Connection) -> bool:
    """Whether the vendor still honours what a connection held."""
    secrets = house.hub.brokerage.vault.open(kept.secret, id=kept.id, user_id=kept.user_id)
    assert secrets is not None
    headers = {"Authorization": f"Bearer {secrets['token']}"}
    async with house.vendor.client.get(f"{house.vendor.issuer}/api/note", headers=headers) as reply:
        return reply.status == 200


async def stopped(hub: Hub, house: House, name: str = "ada") -> str:
    """What a call is refused with, once it is; a second is what a change may take."""
    caller = await house.caller(name)
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await hub.gateway.call_tool(caller, "notes_read_note", {}, Silence())
            except Refused as wrong:
                return str(wrong)
            await asyncio.sleep(0.02)


async def audited(house: House) -> list[tuple[str, str | None, str | None]]:
    """Endings in the audit: whose, how, and which account."""
    calls = [one.call for one in await house.hub.store.audit.recent(50)]
    return [(one.user_id, one.outcome, one.account) for one in calls if one.tool == "hub_disconnect"]


async def test_panic_stops_calls_everywhere_ends_accounts_and_tells_which_vendor_did_not_confirm(house: House) -> None:
    await (await house.browser("ada")).connect()
    await (await house.browser("bob", vendor_name="eve")).connect()
    held = [await connection(house, name) for name in ("ada", "bob")]
    second = await Hub.start(config.load(house.folder / "config.yaml", {}), clock=house.clock)
    try:
        await house.vendor.control(lost_revocations=1)
        code, told, _ = await house.command("panic")
        assert code == 0, told
        lines = told.splitlines()
        assert "Everyone's calls are stopped" in lines[0]
        assert "NOT revoked" in lines[1]
        assert "did not confirm its end" in lines[1]
        assert "Ended at Notes" in lines[2]
        assert "1 of 2" in lines[3]
        assert sorted([await works_at_vendor(house, one) for one in held]) == [False, True]
        for hub in (house.hub, second):
            for name in ("ada", "bob"):
                assert "stopped by its operator" in await stopped(hub, house, name)
        ada = await house.browser("ada")
        form = (await ada.open("/connect/notes")).form("by-oauth")
        refused = await ada.send("/connect/notes/by/oauth", form)
        assert "stopped by its operator" in refused.alert, "nobody connects anew meanwhile"
        assert {(user, how) for user, how, _ in await audited(house)} == {
            (held[0].user_id, held_outcome(told, "ada")),
            (held[1].user_id, held_outcome(told, "bob")),
        }
        assert (await house.command("panic", "--lift"))[1].strip() == "Everyone's calls go on."
        assert (await goes_on(house.hub, house))["_meta"]["hub/error"]["kind"] == "connection_needed"
        assert (await goes_on(second, house))["_meta"]["hub/error"]["kind"] == "connection_needed"
    finally:
        await second.close()
    await house.admin()
    seen = (await (await house.browser("root")).open("/account/connections")).text
    assert "did not confirm its end" in seen
    assert "panic, by the operator" in seen
    assert "did not confirm" not in (await (await house.browser("ada")).open("/account/connections")).text


def held_outcome(told: str, name: str) -> str:
    """The audit's word for what the report says of this person's account."""
    (line,) = [line for line in told.splitlines() if line.startswith(f"{name} ")]
    return "panic: not_revoked" if "NOT revoked" in line else "panic: revoked"


async def goes_on(hub: Hub, house: House) -> dict[str, Any]:
    """A call, once it is refused no more."""
    caller = await house.caller()
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await hub.gateway.call_tool(caller, "notes_read_note", {}, Silence())
            except Refused:
                await asyncio.sleep(0.02)


async def test_panic_for_one_person_leaves_the_others_alone(house: House) -> None:
    await (await house.browser("ada")).connect()
    await (await house.browser("bob", vendor_name="eve")).connect()
    code, told, words = await house.command("panic", "--user", "ada", "--json")
    assert code == 0, words
    assert [(one["user"], one["revoked"]) for one in json.loads(told)] == [("ada", True)]
    assert "hub panic --user ada --lift" in words
    await stopped(house.hub, house, "ada")
    assert (await house.call("notes_read_note", name="bob"))["structuredContent"]["whose"] == "eve"
    assert (await house.command("panic", "--lift"))[
        1
    ].strip() == "Everyone's calls were not stopped. Still stopped: ada."
    assert "no user" in (await house.command("panic", "--user", "nobody"))[2]


async def test_a_call_in_flight_signs_nothing_more_once_calls_are_stopped(house: House) -> None:
    await (await house.browser()).connect()
    user, loaded = await house.user(), house.hub.registry.catalog.connectors["notes"]
    assert loaded.provider is not None
    purpose = Purpose("notes", "Notes", False, loaded.code, loaded.provider)
    account = await house.hub.brokerage.broker.account(user.id, purpose, None, house.hub.upstream.send)
    await house.hub.store.halts.begin(user.id)
    await house.vendor.control(api_calls=0)
    note = Outgoing("GET", f"{house.vendor.issuer}/api/note", {}, None, repeatable=True)
    with pytest.raises(Refused):
        await account.send(note, Reach("notes", (house.vendor.issuer.removeprefix("http://"),), plain=True))
    assert (await house.vendor.control())["api_calls"] == 0


async def test_a_halt_holds_for_a_hub_that_starts_later(house: House) -> None:
    await house.hub.store.halts.begin(None)
    later = await Hub.start(config.load(house.folder / "config.yaml", {}), clock=house.clock)
    try:
        with pytest.raises(Refused, match="stopped by its operator"):
            await later.gateway.call_tool(await house.caller(), "notes_read_note", {}, Silence())
    finally:
        await later.close()


async def test_shutting_somebody_out_ends_their_accounts_at_the_vendors(house: House) -> None:
    await (await house.browser("ada")).connect()
    await (await house.browser("bob", vendor_name="eve")).connect()
    held = [await connection(house, name) for name in ("ada", "bob")]
    code, told, words = await house.command("user", "disable", "ada")
    assert code == 0, words
    assert "ada is shut out." in told
    assert "Ended at Notes" in told
    await house.admin()
    root = await house.browser("root")
    form = {"csrf": (await root.open("/account/connections")).form("others")["csrf"]}
    page = await root.send(f"/console/people/{held[1].user_id}/disable", form)
    assert page.title == "bob is shut out"
    assert "Ended at Notes" in page.text
    assert [await works_at_vendor(house, one) for one in held] == [False, False]
    assert await house.hub.store.connections.all() == []
    causes = [(one.cause, one.by) for one in await house.hub.store.endings.recent(5)]
    assert causes == [("disabled", "root"), ("disabled", "")]


async def test_a_member_cannot_shut_anybody_out_or_revoke_an_account(house: House) -> None:
    await (await house.browser("ada")).connect()
    kept = await connection(house)
    bob = await house.browser("bob", vendor_name="eve")
    await bob.connect()
    own = await connection(house, "bob")
    form = {"csrf": (await bob.open("/account/connections")).form(f"connection-{own.id}")["csrf"]}
    assert (await bob.send(f"/account/connections/{kept.id}/revoke", form)).status == 403
    assert (await bob.send(f"/account/connections/{kept.id}/disconnect", form)).status == 400
    assert (await bob.send(f"/console/people/{kept.user_id}/disable", form)).status == 403
    assert await works_at_vendor(house, kept)
