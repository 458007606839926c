"""README.md: its commands are run, its first connector is written, called and recorded, its tables are true."""

import asyncio
import re
import shlex
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub.clock import SystemClock
from hub.mcp_server.revisions import SUPPORTED
from hub.registry import Place, Registry
from hub.registry.places import SHIPPED
from tests.docs.pages import ROOT, Block, Page, first_cells, tables
from tests.docs.running import Reader
from tests.mcp_server.wire_client import Wire, events
from tests.waiting import PATIENCE

PAGE = Page.of("README.md")
ORIGIN = "http://localhost:8080"
APP = "https://api.dictionaryapi.dev"
TIDE = [
    {
        "word": "tide",
        "phonetic": "/tide/",
        "meanings": [
            {
                "partOfSpeech": "noun",
                "definitions": [
                    {"definition": "The periodic change of the sea level.", "synonyms": [], "antonyms": []},
                    {"definition": "A stream, current or flood.", "synonyms": [], "antonyms": []},
                ],
            }
        ],
        "sourceUrls": ["https://en.wiktionary.org/wiki/tide"],
    }
]
"""How the Free Dictionary API answers (https://dictionaryapi.dev), shortened."""


def consoles(title: str, words: str = "") -> list[Block]:
    """The console blocks under the heading ``title`` whose fence says ``words``."""
    above = PAGE.text.partition(f"## {title}\n")[2].partition("\n## ")[0]
    return [one for one in Page(PAGE.path, above).blocks if one.language == "console" and one.words == words]


def hub_words(command: str) -> list[str]:
    """The words after ``.venv/bin/hub``."""
    program, *words = shlex.split(command)
    assert program == ".venv/bin/hub", command
    return words


def offered(command: str) -> tuple[str, str | None]:
    """The address and the Authorization header that ``claude mcp add`` is given."""
    words = shlex.split(command)
    assert words[:6] == ["claude", "mcp", "add", "--transport", "http", "hub"], command
    header = words[words.index("--header") + 1] if "--header" in words else None
    return words[6], header


@pytest.fixture
async def app() -> AsyncIterator[TestServer]:
    """The dictionary on this machine's loopback."""

    async def entry(request: web.Request) -> web.Response:
        known = request.path == "/api/v2/entries/en/tide"
        return web.json_response(TIDE if known else {"title": "No Definitions Found"}, status=200 if known else 404)

    routes = web.Application()
    routes.router.add_get("/{path:.*}", entry)
    server = TestServer(routes)
    async with server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def test_the_two_commands_serve_and_test() -> None:
    (block,) = consoles("Two commands")
    assert block.commands == ["make serve", "make test"]
    for command, does in zip(block.commands, ["hub serve", "-m pytest"], strict=True):
        done = subprocess.run(["make", "--dry-run", *command.split()[1:]], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert does in done.stdout


async def chosen_and_made(link: str, tokens: str) -> str:
    """What a person does who opens the link: choose a password, make a token on the account page."""
    password = {"password": "nine violet umbrellas", "repeated": "nine violet umbrellas"}
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        text = ""
        for method, url, fields in (
            ("GET", link, {}),
            ("POST", link, password),
            ("POST", tokens, {"name": "Claude Code", "effects": "everything", "days": "90"}),
        ):
            csrf = re.search(r'name="csrf" value="(\w+)"', text)
            form = {**fields, "csrf": csrf[1]} if csrf is not None else None
            async with browser.request(method, url, data=form) as page:
                assert page.status == 200
                text = await page.text()
        found = re.search(r'<code id="token">(hub_[A-Za-z0-9_-]+)</code>', text)
        assert found is not None
        return found[1]


async def test_what_the_readme_gives_claude_code_lets_it_in(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    (block,) = consoles("Add it to Claude Code")
    add, create, claude = block.commands
    url, header = offered(claude)
    assert (url, header) == (f"{ORIGIN}/mcp", "Authorization: Bearer YOUR_TOKEN")
    reader = Reader(tmp_path, {})
    async with reader.serving() as origin:
        assert (await Wire(http, f"{origin}/mcp", None).initialize()).status == 401
        link = (await reader.types(*hub_words(add))).strip()
        shown = await chosen_and_made(link.replace(ORIGIN, origin), f"{origin}/account/tokens")
        for token in (shown, (await reader.types(*hub_words(create))).strip()):
            assert (await Wire(http, f"{origin}/mcp", token).initialize()).status == 200


async def test_without_a_token_it_works_on_ones_own_machine(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    (block,) = consoles("Add it to Claude Code", "none")
    serve, claude = block.commands
    variable, *make = shlex.split(serve)
    assert make == ["make", "serve"]
    name, _, value = variable.partition("=")
    assert offered(claude) == (f"{ORIGIN}/mcp", None)
    async with Reader(tmp_path, {}).serving(**{name: value}) as origin:
        assert (await Wire(http, f"{origin}/mcp", None).initialize()).status == 200


async def test_who_signs_in_with_claude_code_is_led_to_the_hubs_own_sign_in(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    (block,) = consoles("Add it to Claude Code", "sign-in")
    (claude,) = block.commands
    assert offered(claude) == (f"{ORIGIN}/mcp", None)
    async with Reader(tmp_path, {}).serving() as origin:
        refused = await Wire(http, f"{origin}/mcp", None).initialize()
        challenge = re.search(r'resource_metadata="([^"]+)"', refused.headers["WWW-Authenticate"])
        assert (refused.status, challenge is not None) == (401, True)
        assert challenge is not None
        async with http.get(challenge[1].replace(ORIGIN, origin)) as reply:
            assert (await reply.json())["authorization_servers"] == [ORIGIN]
        async with http.get(f"{origin}/.well-known/oauth-authorization-server") as reply:
            assert (await reply.json())["authorization_endpoint"] == f"{ORIGIN}/authorize"


async def test_the_first_connector_works_in_a_running_hub_and_replays_afterwards(
    tmp_path: Path, app: TestServer, http: aiohttp.ClientSession
) -> None:
    (file,) = [one for one in PAGE.blocks if one.language == "yaml"]
    look, record = consoles("Your first connector in five minutes")
    assert APP in file.text
    here = str(app.make_url("")).rstrip("/")
    opened = f'{{dictionary: ["{here.removeprefix("http://")}"]}}'
    reader = Reader(tmp_path, {"HUB_NETWORK__ALLOW_PRIVATE": opened})
    async with reader.serving(HUB_AUTH__MODE="none") as origin:
        wire = Wire(http, f"{origin}/mcp", None)
        body, headers = wire.modern_parts("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
        async with asyncio.timeout(PATIENCE), wire.send(body, **headers) as stream:
            told = events(stream)
            assert (await anext(told))["method"] == "notifications/subscriptions/acknowledged"
            path = tmp_path / file.words
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text.replace(APP, here), "utf-8")
            assert (await anext(told))["method"] == "notifications/tools/list_changed"
        seen = (await wire.call("dictionary_define_word", {"word": "tide"})).result
        assert seen["structuredContent"]["items"][0]["meanings"][0]["part_of_speech"] == "noun"
    listed, traced = [await reader.types(*hub_words(command)) for command in look.commands]
    assert "dictionary  [ok]  Dictionary" in listed
    assert f"--> GET {here}/api/v2/entries/en/tide" in traced
    assert "The periodic change of the sea level." in traced.partition("What the model sees")[2]
    recorded, checked = [await reader.types(*hub_words(command)) for command in record.commands]
    assert "was written, and replays" in recorded
    assert "dictionary: ok (tools: 1, recordings: 1)" in checked


async def test_the_shipped_connectors_are_those_of_the_table_and_its_examples_are_tools() -> None:
    catalog = await Registry([Place(ROOT / "connectors", SHIPPED)], clock=SystemClock()).load()
    assert first_cells(tables(PAGE.section("The shipped connectors"))[0]) == set(catalog.connectors)
    opening = PAGE.prose.partition("## Two commands")[0]
    examples = re.findall(r"`([a-z]+_[a-z_]+)`", opening)
    assert len(examples) > 1
    assert [name for name in examples if name not in catalog.tools] == []


def test_the_revisions_it_names_are_those_the_hub_speaks() -> None:
    named = set(re.findall(r"\b20\d\d-\d\d-\d\d\b", PAGE.prose.partition("## Two commands")[0]))
    # The oldest has only its initialize answered, which is not the revision spoken.
    assert named == set(SUPPORTED) - {"2024-11-05"}
