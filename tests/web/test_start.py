"""The start page: the address and how to add it, what is behind it, and for whom it says more."""

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner

from hub import config
from hub.app import Hub, application
from hub.cli.program import app
from hub.store import Role
from hub.web.people.cookies import Cookies
from tests.databases import furnished

CONNECTOR = """
title: Notes & more
description: Notes.
base_url: https://notes.example
tools:
  list_notes: {description: Lists all the notes there are., effect: read, request: {path: /notes}}
  get_note: {description: Reads the one note of the day., effect: read, request: {path: /note}}
"""
SETTINGS = """
public_url: https://hub.example
connectors: {shipped: false, paths: [connectors]}
profiles:
  research: {title: Research, effects: [read]}
"""


@asynccontextmanager
async def opened(folder: Path, settings: str) -> AsyncIterator[tuple[Hub, str]]:
    """A hub and its origin on this machine."""
    (folder / "connectors").mkdir()
    (folder / "connectors" / "notes.yaml").write_text(CONNECTOR, "utf-8")
    (folder / "config.yaml").write_text(settings, "utf-8")
    hub = await Hub.start(furnished(config.load(folder / "config.yaml", {})))
    server = TestServer(application(hub))
    await server.start_server()
    yield hub, str(server.make_url("")).rstrip("/")
    await server.close()
    await hub.close()


async def page(url: str, cookie: dict[str, str] | None = None, path: str = "/") -> tuple[str, dict[str, str]]:
    """The start page as a browser with this cookie gets it, and its headers; or that at ``path``."""
    async with ClientSession() as client, client.get(f"{url}{path}", headers=cookie) as reply:
        assert reply.status == 200
        return await reply.text(), dict(reply.headers)


async def session(hub: Hub, name: str, role: Role = "member") -> dict[str, str]:
    """The cookie of a new person's browser."""
    user = await hub.store.users.add(name, role)
    _, secret = await hub.store.web_sessions.open(user.id, strong=True, method="test", address="x", agent="x")
    return {"Cookie": f"{Cookies(hub.config.public_url).session_name}={secret}"}


def links(text: str) -> set[str]:
    """Where the page leads."""
    return {html.unescape(one) for one in re.findall(r'href="([^"]+)"', text)}


async def test_a_signed_in_person_finds_the_address_the_dialog_their_apps_and_their_pages(tmp_path: Path) -> None:
    async with opened(tmp_path, SETTINGS) as (hub, url):
        text, headers = await page(url, await session(hub, "ada"))
    assert "signed in as <strong>ada</strong>" in text
    assert '<code id="address">https://hub.example/mcp</code>' in text
    assert 'data-copy="address"' in text
    assert "Notes &amp; more: 2 tools" in text
    assert {"/account", "/account/grants", "/account#tokens", "/account#sessions"} <= links(text)
    assert not any(one.startswith("/console") for one in links(text))
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


async def test_the_add_link_opens_claudes_dialog_with_name_and_address_for_the_hub_and_each_profile(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, SETTINGS) as (hub, url):
        text, _ = await page(url, await session(hub, "ada"))
    found = [urlsplit(one) for one in links(text) if one.startswith("https://claude.ai/")]
    assert {(one.netloc, one.path) for one in found} == {("claude.ai", "/customize/connectors")}
    asked = sorted((parse_qs(one.query) for one in found), key=lambda one: one["connectorUrl"])
    assert asked == [
        {"modal": ["add-custom-connector"], "connectorName": ["Hub"], "connectorUrl": ["https://hub.example/mcp"]},
        {
            "modal": ["add-custom-connector"],
            "connectorName": ["Research"],
            "connectorUrl": ["https://hub.example/mcp/research"],
        },
    ]


async def test_who_is_not_signed_in_learns_the_address_and_nothing_of_what_is_behind_it(tmp_path: Path) -> None:
    async with opened(tmp_path, SETTINGS) as (_, url):
        text, _ = await page(url)
    assert "https://hub.example/mcp" in text
    assert "/signin?next=/" in links(text)
    for inside in ("Notes", "Research", "/console", "/account"):
        assert inside not in text


async def test_an_admin_is_led_to_people_and_to_the_hosts_that_wait(tmp_path: Path) -> None:
    async with opened(tmp_path, SETTINGS) as (hub, url):
        cookie = await session(hub, "boss", "admin")
        quiet, _ = await page(url, cookie)
        await hub.store.clients.ask("one.example", "One", "ada")
        await hub.store.clients.ask("two.example", "Two", "ada")
        told, _ = await page(url, cookie)
    assert {"/console/people", "/console/clients"} <= links(quiet)
    assert 'id="waiting"' not in quiet
    assert "2 addresses wait for your yes" in told


async def test_admins_are_told_of_connectors_that_are_held_back_until_one_agrees(tmp_path: Path) -> None:
    description = {
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "1"},
        "servers": [{"url": "https://shop.example"}],
        "paths": {"/things": {"get": {"operationId": "listThings", "responses": {"200": {"description": "ok"}}}}},
    }
    api = tmp_path / "api.json"
    api.write_text(json.dumps(description))

    async def command(*words: str) -> None:
        given = ["--config", str(tmp_path / "config.yaml"), "import", *words]
        done = await asyncio.to_thread(CliRunner().invoke, app, given, prog_name="hub")
        assert done.exit_code == 0, done.output

    async with opened(tmp_path, SETTINGS) as (hub, url):
        await command("openapi", str(api), "--name", "shop")
        await hub.registry.reload()
        boss, ada = await session(hub, "boss", "admin"), await session(hub, "ada")
        assert 'id="held"' not in (await page(url, boss))[0]
        api.write_text(json.dumps({**description, "servers": [{"url": "https://evil.example"}]}))
        await command("again", "shop")
        await hub.registry.reload()
        for path in ("/", "/account"):
            told = (await page(url, boss, path))[0]
            assert "servers: + https://evil.example" in told
            assert "hub import agree shop" in told
            assert "evil.example" not in (await page(url, ada, path))[0]
        await command("agree", "shop")
        await hub.registry.reload()
        assert 'id="held"' not in (await page(url, boss))[0]


@pytest.mark.parametrize("mode", ["oauth", "none"])
async def test_an_address_claudes_servers_cannot_reach_has_no_link_and_says_why(tmp_path: Path, mode: str) -> None:
    settings = SETTINGS.replace("https://hub.example", "http://localhost:8080") + f"auth: {{mode: {mode}}}\n"
    async with opened(tmp_path, settings) as (hub, url):
        text, _ = await page(url, await session(hub, "ada") if mode == "oauth" else None)
    assert not any("claude.ai" in one for one in links(text))
    assert "they need https" in text
    assert "claude mcp add --transport http hub http://localhost:8080/mcp" in text
    assert "Notes &amp; more: 2 tools" in text
    assert ("asks for no token" in text) == (mode == "none")


async def test_the_script_that_copies_is_the_hubs_own(tmp_path: Path) -> None:
    async with opened(tmp_path, SETTINGS) as (hub, url):
        text, _ = await page(url, await session(hub, "ada"))
        (script,) = re.findall(r'<script src="([^"]+)" defer></script>', text)
        async with ClientSession() as client, client.get(url + script) as reply:
            assert reply.status == 200
            assert "data-copy" in await reply.text()
