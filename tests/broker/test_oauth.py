"""Accounts by OAuth, against a certified provider: connect, call, renew, connect again, disconnect."""

import asyncio
import base64
import html
import re
import sqlite3
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from yarl import URL

from tests.broker.scene import SECRET, House, house_at, text_of
from tests.waiting import PATIENCE


async def test_an_account_is_connected_on_the_vendors_page_and_signs_calls(house: House) -> None:
    before = await house.call("notes_read_note")
    assert before["isError"]
    assert f"{house.base}/connect/notes?t=" in text_of(before)
    page = await (await house.browser()).connect()
    assert page.title == "Connected", page.alert or page.text
    assert "ada@example.com" in page.text
    after = await house.call("notes_read_note")
    assert after["structuredContent"]["whose"] == "ada"
    assert after["_meta"]["hub/account"] == {"label": "ada@example.com"}


@pytest.mark.proves("third-party-scopes")
async def test_the_page_names_every_scope_that_the_vendor_is_asked_for(house: House) -> None:
    ada = await house.browser()
    page = await ada.open("/connect/notes")
    named = re.search(r"will be asked for: ([^<]*)<", page.text)
    assert named is not None
    asked = parse_qs(urlsplit(await ada.begin()).query)["scope"][0].split()
    assert sorted(html.unescape(named[1]).strip().split(", ")) == sorted(asked)
    assert "notes:write" in asked


async def test_a_credential_the_app_repeats_reaches_neither_model_nor_connector(house: House) -> None:
    await (await house.browser()).connect()
    told = await house.call("notes_read_note")
    assert told["structuredContent"]["echo"] == "[credential removed]"


@pytest.mark.parametrize("method", ["basic", "body"])
@pytest.mark.parametrize("pkce", [True, False])
async def test_every_way_of_the_client_to_show_itself_connects(tmp_path: Path, method: str, pkce: bool) -> None:
    async with house_at(tmp_path, method=method, pkce_required=pkce) as house:
        assert (await (await house.browser()).connect()).title == "Connected"
        assert not (await house.call("notes_read_note")).get("isError")


async def test_an_expired_token_is_renewed_once_for_many_calls(house: House) -> None:
    await (await house.browser()).connect()
    for _ in range(2):
        house.clock.advance(3601)
        await house.vendor.control(token_calls=0, fail="slow")
        results = await asyncio.gather(*(house.call("notes_read_note") for _ in range(40)))
        # The vendor's own clock did not move, so that only the hub thinks the token has ended.
        assert [one for one in results if one.get("isError")] == []
        assert (await house.vendor.control())["token_calls"] == 1


async def test_callers_that_leave_do_not_end_the_renewal_they_began(house: House) -> None:
    await (await house.browser()).connect()
    house.clock.advance(3601)
    await house.vendor.control(token_calls=0, fail="slow")
    calls = [asyncio.create_task(house.call("notes_read_note")) for _ in range(20)]
    async with asyncio.timeout(PATIENCE):
        while (await house.vendor.control())["token_calls"] == 0:
            pass
    for one in calls[:15]:
        one.cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [one for one in results[15:] if isinstance(one, BaseException) or one.get("isError")] == []
    assert (await house.vendor.control())["token_calls"] == 1
    assert not (await house.call("notes_read_note")).get("isError")


async def test_a_vendor_that_fails_is_no_reason_to_sign_in_again(house: House) -> None:
    await (await house.browser()).connect()
    house.clock.advance(3601)
    await house.vendor.control(fail="error")
    failed = await house.call("notes_read_note")
    assert failed["_meta"]["hub/error"]["kind"] == "unavailable"
    await house.vendor.control(token_calls=0, fail=None)
    cooling = await house.call("notes_read_note")
    assert cooling["_meta"]["hub/error"]["kind"] == "unavailable"
    assert (await house.vendor.control())["token_calls"] == 0, "a failed renewal is not tried again at once"
    house.clock.advance(31)
    assert not (await house.call("notes_read_note")).get("isError")


async def test_a_live_token_is_used_whatever_the_last_renewal_came_to(house: House) -> None:
    await (await house.browser()).connect()
    house.clock.advance(3600 - 300)
    await house.vendor.control(fail="error", token_calls=0)
    for _ in range(3):
        assert not (await house.call("notes_read_note")).get("isError")
    assert (await house.vendor.control())["token_calls"] == 1


async def test_an_answer_lost_after_the_token_was_used_up_asks_for_a_sign_in_once_and_says_so(house: House) -> None:
    browser = await house.browser()
    await browser.connect()
    house.clock.advance(3601)
    await house.vendor.control(fail="drop")
    lost = await house.call("notes_read_note")
    assert lost["_meta"]["hub/error"]["kind"] == "unavailable"
    await house.vendor.control(fail=None, token_calls=0)
    house.clock.advance(31)
    for _ in range(3):
        told = await house.call("notes_read_note")
        assert told["_meta"]["hub/error"]["kind"] == "connection_needed"
        assert "invalid_grant" in text_of(told)
    assert (await house.vendor.control())["token_calls"] == 1, "a dead grant is asked about once"
    kept = (await house.hub.store.connections.list((await house.user()).id))[0]
    again = await browser.connect(again=kept.id)
    assert "again" in again.text
    assert not (await house.call("notes_read_note")).get("isError")
    assert len(await house.hub.store.connections.list((await house.user()).id)) == 1


async def test_a_token_refused_before_its_time_is_renewed_once_and_the_call_sent_again(house: House) -> None:
    await (await house.browser()).connect()
    user = await house.user()
    kept = (await house.hub.store.connections.list(user.id))[0]
    vault = house.hub.brokerage.vault
    secrets = vault.open(kept.secret, id=kept.id, user_id=user.id)
    assert secrets is not None
    spoilt = vault.seal({**secrets, "token": "no-longer-good"}, id=kept.id, user_id=user.id)
    await house.hub.store.connections.renewed(kept, spoilt, kept.expires_at, kept.scopes, kept.fields)
    await house.vendor.control(token_calls=0)
    assert not (await house.call("notes_read_note")).get("isError")
    assert (await house.vendor.control())["token_calls"] == 1


async def test_a_request_refused_while_the_account_works_is_not_taken_for_a_dead_account(house: House) -> None:
    await (await house.browser()).connect()
    told = await house.call("notes_forbidden")
    assert told["_meta"]["hub/error"]["kind"] == "tool_error"
    assert "although the account" in text_of(told)
    assert not (await house.call("notes_read_note")).get("isError")


async def test_connecting_again_refuses_another_account(house: House) -> None:
    await (await house.browser()).connect()
    kept = (await house.hub.store.connections.list((await house.user()).id))[0]
    wrong = await (await house.browser(vendor_name="eve")).connect(again=kept.id)
    assert wrong.title == "Not connected"
    assert "eve@example.com" in wrong.alert
    assert (await house.call("notes_read_note"))["structuredContent"]["whose"] == "ada"


async def test_of_several_accounts_one_must_be_named_and_the_default_only_reads(house: House) -> None:
    await (await house.browser()).connect()
    await (await house.browser(vendor_name="eve")).connect(label="Work")
    assert (await house.call("notes_read_note"))["structuredContent"]["whose"] == "ada"
    named = await house.call("notes_read_note", {"account": "work"})
    assert named["structuredContent"]["whose"] == "eve"
    assert text_of(named).endswith("Account: Work")
    unclear = await house.call("notes_write_note")
    assert unclear["isError"]
    assert "ada@example.com, Work" in text_of(unclear)
    nobody = await house.call("notes_read_note", {"account": "mallory"})
    assert "no Notes account 'mallory'" in text_of(nobody)


async def test_the_same_account_connected_twice_is_one_connection(house: House) -> None:
    browser = await house.browser()
    await browser.connect()
    await browser.connect()
    assert len(await house.hub.store.connections.list((await house.user()).id)) == 1


async def test_two_people_connect_the_same_account_and_neither_hears_of_the_other(house: House) -> None:
    await (await house.browser("ada")).connect()
    page = await (await house.browser("bob")).connect()
    assert page.title == "Connected"
    assert "again" not in page.text
    assert (await house.call("notes_read_note", name="bob"))["structuredContent"]["whose"] == "ada"
    kept = (await house.hub.store.connections.list((await house.user("ada")).id))[0]
    stolen = await house.call("notes_read_note", {"account": kept.id}, name="bob")
    assert stolen["isError"]


async def test_disconnecting_ends_the_grant_at_the_vendor_and_says_so(house: House) -> None:
    browser = await house.browser()
    await browser.connect()
    user = await house.user()
    kept = (await house.hub.store.connections.list(user.id))[0]
    secrets = house.hub.brokerage.vault.open(kept.secret, id=kept.id, user_id=user.id)
    page = await browser.open("/account/connections")
    csrf = page.form("connection-" + kept.id)["csrf"]
    done = await browser.send(f"/account/connections/{kept.id}/disconnect", {"csrf": csrf})
    assert "Ended at Notes" in done.text
    assert (await house.call("notes_read_note"))["_meta"]["hub/error"]["kind"] == "connection_needed"
    assert secrets is not None
    form = {"grant_type": "refresh_token", "refresh_token": secrets["refresh_token"], "client_id": "hub"}
    async with house.vendor.client.post(
        f"{house.vendor.issuer}/token", data=form, headers={"Authorization": "Basic " + _basic("hub", SECRET)}
    ) as reply:
        assert reply.status == 400


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


async def test_a_flow_belongs_to_one_browser_one_person_and_is_used_once(house: House) -> None:
    ada, other = await house.browser("ada"), await house.browser("bob", vendor_name="eve")
    url = await ada.begin()
    state = parse_qs(urlsplit(url).query)["state"][0]
    await other.open("/connect/notes")
    for browser in (other, await house.browser("ada")):
        stolen = await browser.open(f"/callback/notes?code=x&state={state}")
        assert stolen.title == "Not connected", "the flow was begun in another browser"
    page = await ada.agree(url)
    assert page.title == "Connected"
    again = await ada.open(page.url)
    assert again.title == "Not connected"
    assert "done already" in again.alert


async def test_an_account_is_not_connected_to_somebody_who_signed_in_at_the_browser_meanwhile(house: House) -> None:
    browser, other = await house.browser("ada"), await house.browser("bob")
    url = await browser.begin()
    theirs = {cookie.key: cookie.value for cookie in other.client.cookie_jar if "session" in cookie.key}
    browser.client.cookie_jar.update_cookies(theirs, URL(house.base))
    page = await browser.agree(url)
    assert "Somebody else signed in" in page.alert
    for name in ("ada", "bob"):
        assert await house.hub.store.connections.list((await house.user(name)).id) == []


async def test_a_flow_left_lying_for_ten_minutes_is_over(house: House) -> None:
    browser = await house.browser()
    url = await browser.begin()
    house.clock.advance(601)
    page = await browser.agree(url)
    assert page.title == "Not connected"


async def test_an_answer_of_another_issuer_is_refused(house: House) -> None:
    browser = await house.browser()
    state = parse_qs(urlsplit(await browser.begin()).query)["state"][0]
    page = await browser.open(f"/callback/notes?code=x&state={state}&iss=https://evil.example")
    assert "not from Notes" in page.alert


async def test_a_link_made_for_somebody_else_is_refused(house: House) -> None:
    told = text_of(await house.call("notes_read_note", name="ada"))
    link = next(word for word in told.split() if word.startswith(house.base))
    page = await (await house.browser("bob")).open(link)
    assert "another person" in page.alert
    assert (await (await house.browser("ada")).open(link)).title == "Connect Notes"


@pytest.mark.proves("upstream-storage")
async def test_no_secret_lies_readable_in_the_database(house: House) -> None:
    await (await house.browser()).connect()
    user = await house.user()
    kept = (await house.hub.store.connections.list(user.id))[0]
    secrets = house.hub.brokerage.vault.open(kept.secret, id=kept.id, user_id=user.id)
    assert secrets is not None
    with sqlite3.connect(house.folder / "data" / "hub.db") as database:
        dump = "\n".join(database.iterdump())
    for secret in (*secrets.values(), SECRET):
        assert secret not in dump
    other = house.hub.brokerage.vault
    assert other.open(kept.secret, id=kept.id, user_id="somebody-else") is None
    assert other.open(kept.secret, id="another-row", user_id=user.id) is None
