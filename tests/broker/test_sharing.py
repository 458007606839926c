"""Sharing: own by default; what an admin shares of their own is used in the bounds they set, and nothing else is."""

import asyncio
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.cli.program import app
from tests.broker.scene import Browser, House, text_of
from tests.waiting import PATIENCE


async def shared_by_root(house: House, **form: str) -> Browser:
    """An account of an admin's own, shared as ``form`` says; the admin's browser."""
    await house.admin()
    root = await house.browser("root", vendor_name="ada")
    await root.connect()
    (kept,) = await house.hub.store.connections.list((await house.admin()).id)
    page = await root.open("/account/connections")
    fields = {"csrf": page.form(f"share-{kept.id}")["csrf"], "whom": "everyone", "names": "", **form}
    done = await root.send(f"/account/connections/{kept.id}/share", fields)
    assert done.status == 200, done.alert
    return root


async def used(house: House) -> list[tuple[str, str | None]]:
    """Who called with which account, by the audit, newest first."""
    await house.hub.store.audit.flush()
    return [(one.call.user_id, one.call.account) for one in await house.hub.store.audit.recent(20)]


def kind(result: dict[str, Any]) -> str:
    """The kind of a failure."""
    return str(result["_meta"]["hub/error"]["kind"])


async def test_an_account_is_its_owners_own_until_it_is_shared(house: House) -> None:
    await house.admin()
    await (await house.browser("root")).connect()
    assert kind(await house.call("notes_read_note", name="bob")) == "connection_needed"


async def test_what_is_shared_with_everyone_is_used_and_the_audit_names_the_account_and_the_caller(
    house: House,
) -> None:
    root = await shared_by_root(house)
    told = await house.call("notes_read_note", name="bob")
    assert told["structuredContent"]["whose"] == "ada"
    assert told["_meta"]["hub/account"] == {"label": "ada@example.com (shared by root)"}
    (kept,) = await house.hub.store.connections.list((await house.admin()).id)
    assert (await used(house))[0] == ((await house.user("bob")).id, kept.id)
    assert not (await house.call("notes_write_note", name="bob")).get("isError")
    assert (await used(house))[0] == ((await house.user("bob")).id, kept.id)
    bobs = await (await house.browser("bob")).open("/account/connections")
    assert "by root" in bobs.text
    listed = (await house.call("hub_list_connections", name="bob"))["structuredContent"]["items"]
    assert listed[0]["shared_by"] == "root"
    form = {"csrf": (await root.open("/account/connections")).form(f"connection-{kept.id}")["csrf"]}
    await root.send(f"/account/connections/{kept.id}/unshare", form)
    assert kind(await house.call("notes_read_note", name="bob")) == "connection_needed"


async def test_what_is_shared_for_reading_only_only_reads(house: House) -> None:
    await house.user("bob")
    root = await shared_by_root(house, whom="named", names="bob", read_only="yes")
    assert not (await house.call("notes_read_note", name="bob")).get("isError")
    refused = await house.call("notes_write_note", name="bob")
    assert "shared for reading only" in text_of(refused)
    assert not (await house.call("notes_write_note", name="root")).get("isError"), "its owner may as ever"
    assert kind(await house.call("notes_read_note", name="carla")) == "connection_needed", "shared with bob alone"
    # It is changed as a whole on a page of its own, which shows how it stands.
    (kept,) = await house.hub.store.connections.list((await house.admin()).id)
    path = f"/account/connections/{kept.id}/sharing"
    assert path in (await root.open("/account/connections")).text
    page = await root.open(path)
    assert 'value="nobody" checked' in page.text
    form = page.form("sharing")
    assert (form["whole"], form["reading"]) == ("", "bob")
    for fields, told in (
        ({"everyone": "nobody", "whole": "bob, nobody-here"}, "There is no user 'nobody-here'"),
        ({"everyone": "nobody", "whole": "BOB", "reading": "bob"}, "stands in both lists"),
        ({"everyone": "all", "whole": "bob"}, "Say what everyone may"),
        ({"everyone": "nobody", "whole": "root"}, "own account"),
    ):
        answer = await root.send(path, {**form, "reading": "", **fields})
        assert (answer.status, told in answer.alert) == (400, True), answer.alert
        assert answer.form("sharing")["whole"] == fields["whole"], "what was typed stands there still"
    wanted = {"everyone": "nobody", "whole": "bob", "reading": "carla"}
    await house.admin("rob")
    members, others = await house.browser("bob"), await house.browser("rob")
    theirs = [page.form("others")["csrf"] for page in [await others.open("/account/connections")]]
    assert (await root.send(path, {**wanted, "csrf": "forged"})).status == 403
    assert (await members.open(path)).status == 403
    assert (await members.send(path, {**wanted, "csrf": form["csrf"]})).status == 403
    assert "You have no such account" in (await others.open(path)).alert
    assert "You have no such account" in (await others.send(path, {**wanted, "csrf": theirs[0]})).alert
    assert kind(await house.call("notes_write_note", name="bob")) == "tool_error", "nothing was changed by all that"
    assert (await root.send(path, {**form, **wanted})).title == "Your accounts at apps"
    assert not (await house.call("notes_write_note", name="bob")).get("isError")
    assert not (await house.call("notes_read_note", name="carla")).get("isError")
    assert "shared for reading only" in text_of(await house.call("notes_write_note", name="carla"))
    await root.send(path, {**form, "everyone": "reading", "whole": "", "reading": ""})
    assert "shared for reading only" in text_of(await house.call("notes_write_note", name="bob"))
    await root.send(path, {**form, "everyone": "nobody", "whole": "", "reading": ""})
    assert kind(await house.call("notes_read_note", name="bob")) == "connection_needed"


async def test_an_own_and_a_shared_account_are_two_and_fail_closed(house: House) -> None:
    await shared_by_root(house)
    await (await house.browser("bob", vendor_name="eve")).connect()
    assert (await house.call("notes_read_note", name="bob"))["structuredContent"]["whose"] == "eve", "own reads first"
    unclear = await house.call("notes_write_note", name="bob")
    assert "eve@example.com, ada@example.com (shared by root)" in text_of(unclear)
    named = await house.call("notes_write_note", {"account": "ada@example.com (shared by root)"}, name="bob")
    assert named["structuredContent"]["whose"] == "ada"


async def test_members_cannot_share_and_admins_cannot_share_a_members_account(house: House) -> None:
    await house.admin()
    ada, root = await house.browser("ada"), await house.browser("root")
    await ada.connect()
    user = await house.user("ada")
    (kept,) = await house.hub.store.connections.list(user.id)
    form = {"whom": "everyone", "csrf": (await ada.open("/account/connections")).form(f"connection-{kept.id}")["csrf"]}
    assert (await ada.send(f"/account/connections/{kept.id}/share", form)).status == 403
    form["csrf"] = (await root.open("/account/connections")).form("others")["csrf"]
    refused = await root.send(f"/account/connections/{kept.id}/share", form)
    assert "You have no such account" in refused.alert
    code, _, words = await house.command("connection", "share", kept.id, "--everyone")
    assert (code, "only an admin's own" in words) == (1, True)
    assert kind(await house.call("notes_read_note", name="bob")) == "connection_needed"
    # Nor does an admin act with it, by its label or its id.
    assert kind(await house.call("notes_read_note", {"account": kept.id}, name="root")) == "connection_needed"
    seen = await root.open("/account/connections")
    assert "ada@example.com" in seen.text
    ended = await root.send(f"/account/connections/{kept.id}/revoke", {"csrf": form["csrf"]})
    assert "Ended at Notes" in ended.text
    assert kind(await house.call("notes_read_note", name="ada")) == "connection_needed"


async def test_a_share_ends_with_its_owners_being_an_admin(house: House) -> None:
    await shared_by_root(house)
    root = await house.admin()
    assert not (await house.call("notes_read_note", name="bob")).get("isError")
    await house.hub.store.users.set_role(root.id, "member")
    assert kind(await house.call("notes_read_note", name="bob")) == "connection_needed"
    await house.hub.store.users.set_role(root.id, "admin")
    assert not (await house.call("notes_read_note", name="bob")).get("isError")
    await house.hub.store.users.disable(root.id)
    assert kind(await house.call("notes_read_note", name="bob")) == "connection_needed"


async def test_whoever_uses_a_shared_account_is_led_to_no_page_when_it_needs_its_owner(house: House) -> None:
    await shared_by_root(house)
    (kept,) = await house.hub.store.connections.list((await house.admin()).id)
    await house.hub.store.connections.failed(kept, "needs_sign_in", "Notes says no.")
    house.clock.advance(3700)
    told = await house.call("notes_read_note", name="bob")
    assert kind(told) == "operator_needed"
    assert "root shares the account" in text_of(told)
    assert "/connect/" not in text_of(told)
    assert kind(await house.call("notes_read_note", name="root")) == "connection_needed"


async def test_sharing_by_command_is_seen_by_the_running_hub(house: House) -> None:
    await house.admin()
    await house.user("bob")
    await (await house.browser("root")).connect()
    (kept,) = await house.hub.store.connections.list((await house.admin()).id)
    assert kind(await house.call("notes_read_note", name="bob")) == "connection_needed"
    done = await house.command("connection", "share", kept.id, "--user", "bob", "--read-only")
    assert done[1].strip() == "Shared with bob, for reading only."
    async with asyncio.timeout(PATIENCE):
        while (await house.call("notes_read_note", name="bob")).get("isError"):
            pass
    await house.hub.store.connections.failed(kept, "needs_operator", "Notes does not know the hub.")
    listed = (await house.command("connection", "list"))[1]
    assert "shared with bob (reading only)" in listed
    assert "needs_operator: Notes does not know the hub." in listed
    bobs = (await (await house.browser("bob")).open("/account/connections")).text
    assert "for reading only (needs operator: Notes does not know the hub.)" in bobs


@pytest.mark.parametrize(("words", "told"), [(("--everyone", "--user", "bob"), "Say with whom"), ((), "Say with whom")])
def test_sharing_with_nobody_or_with_both_is_refused(words: tuple[str, ...], told: str) -> None:
    done = CliRunner().invoke(app, ["connection", "share", "x", *words], prog_name="hub")
    assert (done.exit_code, told in done.stderr) == (1, True)
