"""Scopes step by step: an account is asked for what its client may use, and for more when a call first needs it."""

import asyncio
import html
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from hub.errors import ConnectorError
from hub.sdk.effect import Effect
from hub.sdk.provider import Provider, compile_provider
from tests.broker.scene import Browser, House, Page, text_of
from tests.broker.test_after_consent import allow, asked
from tests.oauth.scene import Pkce

BY_URL: dict[str, Any] = {"elicitation": {"url": {}, "form": {}}}
ALWAYS = ["email", "offline_access", "openid"]


async def scopes_of(browser: Browser, page: Page) -> tuple[list[str], str]:
    """What the vendor is asked for from this connect page, besides what always is; and the vendor's address."""
    path = re.findall(r'action="(/connect/notes/by/oauth)"', page.text)[0]
    onward = await browser.send(path, page.form("by-oauth"))
    vendor = html.unescape(re.findall(r'<a href="([^"]*)" id="onward"', onward.text)[0])
    told = parse_qs(urlsplit(vendor).query)["scope"][0].split()
    return sorted(set(told) - set(ALWAYS)), vendor


async def token(house: House, *effects: Effect) -> str:
    """An access token of ada's for these effects."""
    _, secret = await house.hub.store.tokens.create((await house.user()).id, "t", effects, None)
    return secret


async def modern(house: House, bearer: str, tool: str, **more: Any) -> dict[str, Any]:
    """Call as a client of 2026-07-28."""
    params: dict[str, Any] = {"name": tool, "arguments": {}, **more}
    version = "2026-07-28"
    params["_meta"] = {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": BY_URL,
    }
    headers = {"MCP-Protocol-Version": version, "Mcp-Method": "tools/call", "Mcp-Name": tool}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return (await sent(house, bearer, body, headers))[0]


async def legacy(house: House, bearer: str, tool: str) -> dict[str, Any]:
    """Call as a client of 2025-11-25."""
    hello = {"protocolVersion": "2025-11-25", "capabilities": BY_URL, "clientInfo": {"name": "t", "version": "1"}}
    _, session = await sent(house, bearer, {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}, {})
    headers = {"MCP-Protocol-Version": "2025-11-25", **({"MCP-Session-Id": session} if session else {})}
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": tool, "arguments": {}}}
    return (await sent(house, bearer, call, headers))[0]


async def sent(
    house: House, bearer: str, body: dict[str, Any], headers: dict[str, str]
) -> tuple[dict[str, Any], str | None]:
    """A message to the endpoint: the answer, and the session's id."""
    headers = {"Authorization": f"Bearer {bearer}", "Accept": "application/json, text/event-stream", **headers}
    async with house.vendor.client.post(f"{house.base}/mcp", json=body, headers=headers) as reply:
        return await reply.json(), reply.headers.get("MCP-Session-Id")


async def connected_for_reading(house: House) -> Browser:
    """A browser of ada's, whose account was connected for a token that only reads."""
    await token(house, "read")
    browser = await house.browser()
    wanted, vendor = await scopes_of(browser, await browser.open("/connect/notes"))
    assert wanted == ["notes:read"], "only what the person's clients may use"
    assert (await browser.agree(vendor)).title == "Connected"
    return browser


async def test_an_account_is_asked_for_what_the_clients_may_use_and_for_more_when_first_needed(house: House) -> None:
    browser = await connected_for_reading(house)
    bearer = await token(house, "read", "write")
    assert not (await modern(house, bearer, "notes_list_notes"))["result"].get("isError")
    led = (await modern(house, bearer, "notes_write_note"))["result"]
    assert led["resultType"] == "input_required"
    question = led["inputRequests"]["connect_notes"]["params"]
    assert "without notes:write" in question["message"]
    page = await browser.open(question["url"])
    assert "is to be allowed more: notes:write" in page.text
    wanted, vendor = await scopes_of(browser, page)
    assert wanted == ["notes:write"], "exactly what was missing, and not what it covers"
    accepted = {"connect_notes": {"action": "accept"}}
    resumed = {"inputResponses": accepted, "requestState": led["requestState"]}
    waiting = asyncio.create_task(modern(house, bearer, "notes_write_note", **resumed))
    assert "again" in (await browser.agree(vendor)).text
    assert not (await waiting)["result"].get("isError"), "the call goes on by itself"
    assert not (await modern(house, bearer, "notes_list_notes"))["result"].get("isError"), "the broader scope covers it"
    (kept,) = await house.hub.store.connections.list((await house.user()).id)
    assert "notes:write" in kept.scopes


async def test_a_client_of_2025_11_25_is_led_to_the_page_for_more_by_its_error(house: House) -> None:
    browser = await connected_for_reading(house)
    bearer = await token(house, "read", "write")
    told = await legacy(house, bearer, "notes_write_note")
    assert told["error"]["code"] == -32042
    (one,) = told["error"]["data"]["elicitations"]
    wanted, vendor = await scopes_of(browser, await browser.open(one["url"]))
    assert wanted == ["notes:write"]
    await browser.agree(vendor)
    assert not (await legacy(house, bearer, "notes_write_note"))["result"].get("isError")


async def test_what_was_allowed_before_is_kept_when_the_account_is_connected_again(house: House) -> None:
    browser = await connected_for_reading(house)
    (kept,) = await house.hub.store.connections.list((await house.user()).id)
    await token(house, "read", "write")
    page = await browser.open("/connect/notes")
    assert "does not allow notes:write yet" in page.text
    wanted, _ = await scopes_of(browser, await browser.open(f"/connect/notes?again={kept.id}"))
    assert wanted == ["notes:write"]


async def test_after_consent_the_account_is_asked_for_what_was_chosen(house: House) -> None:
    browser = await house.browser()
    for choice, expected in (("read", ["notes:read"]), ("write", ["notes:write"])):
        _, consent = await asked(house, browser, Pkce())
        page = await allow(browser, consent, choice)
        link = html.unescape(re.findall(r'<a href="([^"]*)">Connect Notes', page.text)[0])
        assert (await scopes_of(browser, await browser.open(link)))[0] == expected


async def test_without_a_client_an_account_is_asked_for_all_tools(house: House) -> None:
    browser = await house.browser()
    assert (await scopes_of(browser, await browser.open("/connect/notes")))[0] == ["notes:write"]


async def test_a_link_for_more_is_the_persons_own(house: House) -> None:
    await connected_for_reading(house)
    (url,) = re.findall(r"http://\S+", text_of(await house.call("notes_write_note")))
    page = await (await house.browser("bob")).open(url)
    assert "made for another person" in page.text
    assert "notes:write" not in page.text


async def test_an_app_that_says_a_scope_is_missing_leads_to_the_page_for_the_tools_scopes(house: House) -> None:
    browser = await house.browser()
    await browser.connect()
    place = house.folder / "apps" / "notes"
    declared = (place / "provider.yaml").read_text("utf-8")
    rule = "errors: [{when: {status: 401, body: \"error == 'not_for_you'\"}, is: missing_scope, message: error}]\n"
    (place / "provider.yaml").write_text(declared + rule, "utf-8")
    text = (place / "connector.yaml").read_text("utf-8")
    text = text.replace("request: {path: /forbidden}", 'request: {path: /forbidden}\n    scopes: ["notes:write"]')
    (place / "connector.yaml").write_text(text, "utf-8")
    await house.hub.registry.reload()
    page = await browser.open("/connect/notes")
    (kept,) = await house.hub.store.connections.list((await house.user()).id)
    await browser.send(f"/connect/notes/agree/{kept.id}", page.form(f"agree-{kept.id}"))
    told = text_of(await house.call("notes_forbidden"))
    assert "allow it for Notes there" in told
    page = await browser.open(re.findall(r"http://localhost\S+/connect/\S+", told)[0])
    assert "This is about the account <strong>ada@example.com</strong>" in page.text
    assert (await scopes_of(browser, page))[0] == ["notes:write"]


def provider(implies: dict[str, list[str]]) -> Provider:
    """A provider with this table."""
    method = {"kind": "key"}
    declared = {"title": "X", "hosts": ["x.example"], "methods": {"key": method}, "revoke": {"manual": "https://x"}}
    return compile_provider("x_app", {**declared, "implies": implies}, "provider.yaml")


def test_a_broader_scope_covers_a_narrower_one_through_any_number_of_steps() -> None:
    one = provider({"all": ["write"], "write": ["read", "list"]})
    assert one.missing(["all"], ["read", "list", "write"]) == ()
    assert one.missing(["write"], ["all", "read"]) == ("all",)
    assert one.missing(["read"], ["write", "write", "list"]) == ("write", "list")
    assert one.least(["read", "write", "other", "list"]) == ("write", "other")
    assert one.least(["all", "read"]) == ("all",)
    both = provider({"a": ["b"], "b": ["a"]})
    assert both.least(["b", "a"]) == ("b",)


@pytest.mark.parametrize("implies", [{"a": ["a"]}, {"a": []}])
def test_a_scope_that_covers_itself_or_nothing_is_a_slip(implies: dict[str, list[str]]) -> None:
    with pytest.raises(ConnectorError, match=r"implies\.a"):
        provider(implies)
