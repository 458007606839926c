"""The other kinds of connecting, against a certified provider: a code typed at the vendor, a client that signs, and
credentials of a client's own; and what a provider does that finds a refresh token used twice."""

import asyncio
import html
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import encode_basic_auth
from joserfc.jwk import RSAKey

from hub import config
from hub.app import Hub
from tests.broker.scene import SECRET, Browser, House, Page, house_at, text_of
from tests.broker.test_conversation import BY_URL, modern_call
from tests.waiting import PATIENCE

DEVICE = """
title: Notes
hosts: ["{issuer}"]
methods:
  device:
    kind: device
    device: {{url: "{issuer}/device/auth"}}
    token: {{url: "{issuer}/token", client_auth: {client_auth}}}
    scopes: {{always: [openid, email, offline_access]}}
    refresh: {{mode: rotate}}
    app: {{register_at: "https://notes.example/apps"}}
who: {{request: {{url: "{issuer}/me"}}, id: sub, label: email}}
revoke: {{manual: "https://notes.example/apps"}}
"""
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
DEVICE_CLIENT = {"grant_types": [GRANT, "refresh_token"], "redirect_uris": [], "response_types": []}


def device_house(folder: Path, **options: Any) -> Any:
    return house_at(folder, method="basic", declared=DEVICE, client=DEVICE_CLIENT, **options)


async def code_page(browser: Browser) -> Page:
    """Begin by a code; the page that shows it."""
    page = await browser.open("/connect/notes")
    return await browser.send("/connect/notes/by/device", page.form("by-device"))


def code_on(page: Page) -> str:
    return html.unescape(re.findall(r'id="user-code">([^<]+)<', page.text)[0])


def form_on(page: Page, id: str) -> tuple[str, dict[str, str]]:
    target = re.findall(rf'<form id="{re.escape(id)}"[^>]*action="([^"]+)"', page.text)[0]
    return html.unescape(target), page.form(id)


async def typed(house: House, browser: Browser, page: Page, *, abort: bool = False) -> Page:
    """Type the code at the vendor, as the person would."""
    at_vendor = await browser.open(f"{house.vendor.issuer}/device")
    target, fields = form_on(at_vendor, "op.deviceInputForm")
    confirm = await browser.send(target, {**fields, "user_code": code_on(page)})
    target, fields = form_on(confirm, "op.deviceConfirmForm")
    done = await browser.send(target, {**fields, **({"abort": "yes"} if abort else {})})
    return await browser.through(done)


async def passed(house: House, seconds: float = 5.1) -> int:
    """Time goes by, and the hub asks where it is time; how many it asked."""
    house.clock.advance(seconds)
    return await house.hub.brokerage.devices.once()


async def test_an_account_is_connected_by_a_code_typed_on_the_vendors_page_and_renewed(tmp_path: Path) -> None:
    async with device_house(tmp_path) as house:
        browser = await house.browser()
        page = await code_page(browser)
        assert page.title == "Type this code at Notes"
        assert f"{house.vendor.issuer}/device" in page.text
        assert await house.hub.brokerage.devices.once() == 0, "not before the vendor's interval"
        assert await passed(house) == 1
        assert (await browser.open(page.url)).title == "Type this code at Notes"
        assert "Success" in (await typed(house, browser, page)).text
        await passed(house)
        assert "ada@example.com" in (await browser.open(page.url)).text
        assert (await house.call("notes_read_note"))["structuredContent"]["whose"] == "ada"
        house.clock.advance(3601)
        await house.vendor.control(token_calls=0)
        assert not (await house.call("notes_read_note")).get("isError")
        assert (await house.vendor.control())["token_calls"] == 1


async def test_a_code_that_was_refused_or_ran_out_is_told_so_and_keeps_nothing(tmp_path: Path) -> None:
    async with device_house(tmp_path, device_seconds=60) as house:
        browser = await house.browser()
        refused = await code_page(browser)
        await typed(house, browser, refused, abort=True)
        await passed(house)
        assert "access_denied" in (await browser.open(refused.url)).alert
        late = await code_page(browser)
        house.clock.advance(61)
        await house.hub.brokerage.devices.once()
        assert "took too long" in (await browser.open(late.url)).alert
        assert await passed(house) == 0, "a flow that is over is not asked about"
        assert await house.hub.store.connections.list((await house.user()).id) == []


async def test_a_code_typed_while_the_hub_was_down_connects_after_its_start(tmp_path: Path) -> None:
    async with device_house(tmp_path) as house:
        browser = await house.browser()
        page = await code_page(browser)
        await typed(house, browser, page)
        house.clock.advance(6)
        second = await Hub.start(config.load(house.folder / "config.yaml", {}), clock=house.clock)
        asking = asyncio.create_task(second.brokerage.devices.keep())
        try:
            async with asyncio.timeout(PATIENCE):
                while "ada@example.com" not in (await browser.open(page.url)).text:
                    pass
        finally:
            asking.cancel()
            await second.close()


async def test_of_two_processes_one_asks_at_a_time_and_a_busy_vendor_is_asked_less(tmp_path: Path) -> None:
    async with device_house(tmp_path) as house:
        await code_page(await house.browser())
        second = await Hub.start(config.load(house.folder / "config.yaml", {}), clock=house.clock)
        try:
            await house.vendor.control(token_calls=0, fail="slow")
            house.clock.advance(5.1)
            asked = await asyncio.gather(house.hub.brokerage.devices.once(), second.brokerage.devices.once())
            assert sum(asked) == 1
            assert (await house.vendor.control(fail="error"))["token_calls"] == 1
            assert await passed(house) == 1
            assert await passed(house, 5.1) == 0, "a vendor that failed is asked half as often"
            assert await passed(house, 5.1) == 1
        finally:
            await second.close()


async def test_a_code_belongs_to_the_person_who_began(tmp_path: Path) -> None:
    async with device_house(tmp_path) as house:
        page = await code_page(await house.browser("ada"))
        other = await (await house.browser("bob")).open(page.url)
        assert "somebody else" in other.alert
        assert code_on(page) not in other.text


async def test_a_call_that_waits_for_a_code_goes_on_when_it_was_typed(tmp_path: Path) -> None:
    async with device_house(tmp_path) as house:
        browser = await house.browser()
        _, bearer = await house.hub.store.tokens.create(
            (await house.user()).id, "t", (await house.caller()).effects, None
        )
        asked = (await modern_call(browser.client, house.base, bearer, "notes_read_note", {}, BY_URL))["result"]
        question = asked["inputRequests"]["connect_notes"]["params"]
        assert (await browser.open(question["url"])).title == "Connect Notes"
        page = await code_page(browser)
        answers = {"connect_notes": {"action": "accept"}}
        waiting = asyncio.create_task(
            modern_call(
                browser.client,
                house.base,
                bearer,
                "notes_read_note",
                {},
                BY_URL,
                inputResponses=answers,
                requestState=asked["requestState"],
            )
        )
        await typed(house, browser, page)
        await passed(house)
        done = (await waiting)["result"]
        assert done["structuredContent"]["whose"] == "ada", text_of(done)


@pytest.mark.proves("upstream-storage")
async def test_nothing_of_a_code_that_connects_lies_readable_in_the_database(tmp_path: Path) -> None:
    async with device_house(tmp_path) as house:
        page = await code_page(await house.browser())
        house.clock.advance(6)
        (flow,) = await house.hub.store.connect_flows.due(10)
        assert code_on(page) not in flow.held
        held = house.hub.brokerage.keeping.open(flow)
        assert held["user_code"] == code_on(page)
        assert held["code"] not in repr(flow)


# -- a client that signs, and a client's own credentials ---------------------------------------------------------

CREDENTIALS = """
title: Notes
hosts: ["{issuer}"]
methods:
  own:
    kind: client_credentials
    token: {{url: "{issuer}/token", client_auth: {client_auth}}}
revoke: {{manual: "https://notes.example/apps"}}
"""


async def test_a_client_that_signs_connects_renews_and_is_told_when_its_key_is_wrong(tmp_path: Path) -> None:
    key = RSAKey.generate_key(2048)
    pem = key.as_pem(private=True).decode()
    public = {**key.as_dict(private=False), "use": "sig", "alg": "RS256"}
    client = {"jwks": {"keys": [public]}, "client_secret": None}
    async with house_at(tmp_path / "right", method="private_key_jwt", secret=pem, client=client) as house:
        assert (await (await house.browser()).connect()).title == "Connected"
        house.clock.advance(3601)
        assert not (await house.call("notes_read_note")).get("isError")
    wrong = RSAKey.generate_key(2048).as_pem(private=True).decode()
    async with house_at(tmp_path / "wrong", method="private_key_jwt", secret=wrong, client=client) as house:
        alert = (await (await house.browser()).connect()).alert
        assert "Only the operator" in alert
        assert "invalid_client" in alert


async def test_a_clients_own_credentials_are_exchanged_and_a_wrong_secret_is_told(tmp_path: Path) -> None:
    client = {"grant_types": ["client_credentials"], "redirect_uris": [], "response_types": []}
    async with house_at(tmp_path, method="basic", declared=CREDENTIALS, client=client) as house:
        browser = await house.browser()
        form = (await browser.open("/connect/notes")).form("by-own")
        given = {**form, "field_client_id": "hub", "field_client_secret": "planted-wrong-secret"}
        refused = await browser.send("/connect/notes/by/own", given)
        assert "refuses this" in refused.alert
        assert "planted-wrong-secret" not in refused.text
        done = await browser.send("/connect/notes/by/own", {**given, "field_client_secret": SECRET})
        assert done.title == "Connected", done.alert
        for _ in range(2):
            assert (await house.call("notes_read_note"))["structuredContent"]["whose"] == "hub"
            house.clock.advance(3601)


async def test_a_refresh_token_used_a_second_time_ends_the_grant_and_the_person_is_asked_once(house: House) -> None:
    browser = await house.browser()
    await browser.connect()
    user = await house.user()
    (kept,) = await house.hub.store.connections.list(user.id)
    secrets = house.hub.brokerage.vault.open(kept.secret, id=kept.id, user_id=user.id)
    assert secrets is not None
    form = {"grant_type": "refresh_token", "refresh_token": secrets["refresh_token"]}
    headers = {"Authorization": encode_basic_auth("hub", SECRET)}
    async with house.vendor.client.post(f"{house.vendor.issuer}/token", data=form, headers=headers) as stolen:
        assert stolen.status == 200, "somebody else uses the hub's token"
        theirs = (await stolen.json())["refresh_token"]
    house.clock.advance(3601)
    told = await house.call("notes_read_note")
    assert told["_meta"]["hub/error"]["kind"] == "connection_needed"
    form["refresh_token"] = theirs
    async with house.vendor.client.post(f"{house.vendor.issuer}/token", data=form, headers=headers) as after:
        assert after.status == 400, "the provider has ended the whole grant"
    again = await browser.connect(again=kept.id)
    assert "again" in again.text
    assert not (await house.call("notes_read_note")).get("isError")
