"""From ``docker compose up`` to a person's own data in an MCP client, by pasting a key: every step as the README says.

The hub is the image's program under the image's settings, started without an engine (``tests/docker`` starts images);
the client is the official SDK's; GitHub is what its recordings say, reached through a proxy that the settings name.
"""

import asyncio
import re
import shlex
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import httpx2
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import TextContent

from hub.testing import load
from tests.broker.scene import Browser, Page
from tests.docs.pages import ROOT
from tests.docs.running import Reader
from tests.docs.test_readme import consoles, hub_words, offered
from tests.doctor.deployment import Authority

KEY = "ghp_planted0123456789abcdefghijklmnop"
PASSWORD = "nine violet umbrellas"
PUBLIC = "http://localhost:8080"
MINUTES = 10
A_STEP = 30.0
"""Seconds a person is given for each thing they do: type a command, open a page, fill in a form."""

RECORDINGS = ROOT / "connectors" / "github" / "recordings"


@dataclass
class Effort:
    """What the walk took: the machine's time, and how much a person did."""

    began: float
    steps: int = 0

    def step(self) -> None:
        """A person does something."""
        self.steps += 1

    def __str__(self) -> str:
        minutes = self.minutes
        machine = time.monotonic() - self.began
        return (
            f"from docker compose up to one's own data: {machine:.1f} s of the machine's time, {self.steps} steps of a "
            f"person's; {minutes:.1f} minutes where each takes {A_STEP:.0f} s (without building the image)"
        )

    @property
    def minutes(self) -> float:
        """The whole, with a person's time."""
        return (time.monotonic() - self.began + self.steps * A_STEP) / 60


@asynccontextmanager
async def github(folder: Path) -> AsyncIterator[dict[str, str]]:
    """GitHub's API as recorded, for whoever shows the key; gives the settings under which a hub reaches it."""
    answers = {}
    for name in ("get_me", "list_issues"):
        (exchange,) = load(RECORDINGS / f"{name}.yaml").recording.exchanges
        answers[exchange.request.url.removeprefix("https://api.github.com")] = exchange.response.body

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return web.json_response({"message": "Bad credentials"}, status=401)
        return web.json_response(answers[request.path])

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    authority = Authority(folder)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(ssl=authority.context("api.github.com"))

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"CONNECT api.github.com:443 "):
            writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(_pumped(reader, back), _pumped(there, writer))

    proxy = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    try:
        yield {"HUB_NETWORK__PROXY": f"http://127.0.0.1:{port}", "HUB_NETWORK__CA_FILE": str(authority.file)}
    finally:
        proxy.close()
        await server.close()


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(65536):
        writer.write(part)
    writer.close()


def image_settings(folder: Path) -> dict[str, str]:
    """The settings the image and compose.yaml give the hub, with ``/data`` in a folder of this machine."""
    (given,) = re.findall(r"^ENV PATH=(.*?)\n\n", (ROOT / "Dockerfile").read_text("utf-8"), re.M | re.S)
    named = dict(word.split("=", 1) for word in shlex.split(given.replace("\\\n", " ")) if word.startswith("HUB_"))
    assert {"HUB_DATA_DIR", "HUB_LISTEN__PORT", "HUB_CONNECTORS__PATHS"} <= set(named)
    # Outside of a container nothing but this machine may reach it; the port is any free one.
    return {**named, "HUB_DATA_DIR": str(folder / "data"), "HUB_LISTEN__HOST": "127.0.0.1", "HUB_PUBLIC_URL": PUBLIC}


async def chosen(browser: Browser, page: Page) -> Page:
    """Choose a password on the page of a set-up link."""
    csrf = re.findall(r'name="csrf" value="(\w+)"', page.text)[0]
    return await browser.send(page.url, {"csrf": csrf, "password": PASSWORD, "repeated": PASSWORD})


@pytest.mark.proves("first-data")
async def test_the_readme_leads_from_compose_up_to_ones_own_data_within_ten_minutes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = consoles("Host it", "docker")
    up, add, create, claude = block.commands
    assert up == "docker compose up --detach"
    inside = "docker compose exec hub hub "
    url, header = offered(claude)
    assert header == "Authorization: Bearer YOUR_TOKEN"
    effort = Effort(time.monotonic())
    async with github(tmp_path) as network:
        reader = Reader(tmp_path, {**image_settings(tmp_path), **network})
        effort.step()
        async with reader.serving() as origin, aiohttp.ClientSession(cookie_jar=_jar()) as session:
            effort.step()
            link = (await reader.types(*hub_words(add.replace(inside, ".venv/bin/hub ")))).strip()
            browser = Browser(session, origin)
            page = await browser.open(link.replace(PUBLIC, origin))
            effort.step()
            assert (await chosen(browser, page)).status == 200
            effort.step()
            accounts = await browser.open("/account/connections")
            effort.step()
            assert "/connect/github" in accounts.text
            connect = await browser.open("/connect/github")
            effort.step()
            assert "https://github.com/settings/personal-access-tokens/new" in connect.text, "where a key is made"
            effort.step()
            sent = await browser.send("/connect/github/by/token", {**connect.form("by-token"), "field_key": KEY})
            effort.step()
            assert sent.title == "Connected", sent.alert or sent.text
            token = (await reader.types(*hub_words(create.replace(inside, ".venv/bin/hub ")))).strip()
            effort.step()
            name, _, value = header.partition(": ")
            effort.step()
            async with (
                httpx2.AsyncClient(headers={name: value.replace("YOUR_TOKEN", token)}) as http,
                Client(streamable_http_client(url.replace(PUBLIC, origin), http_client=http)) as client,
            ):
                told = await client.call_tool("github_get_me", {})
                issues = await client.call_tool(
                    "github_list_issues", {"owner": "octocat", "repo": "Hello-World", "state": "all", "labels": "bug"}
                )
            effort.step()
    for result, words in ((told, "octocat@github.com"), (issues, "Found a bug")):
        (text, *_) = result.content
        assert isinstance(text, TextContent)
        assert not result.is_error, text.text
        assert words in orjson.dumps(result.structured_content).decode()
    assert effort.minutes < MINUTES
    with capsys.disabled():
        print(f"\n{effort}")


def _jar() -> aiohttp.CookieJar:
    return aiohttp.CookieJar(unsafe=True)
