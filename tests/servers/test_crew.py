"""Twenty-three MCP servers of other people behind one hub at once: each shows and gives through the hub, byte for byte,
what it shows and gives the official client directly; three that die take nothing with them."""

import asyncio
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub import config
from hub.app import Hub, application
from tests.ports import free_port
from tests.servers.conftest import until
from tests.servers.crew import FASTMCP, MODULES, PYTHON, Listener, Server, crew, files, listeners
from tests.servers.taps import Result, Tap, over_http, over_pipes, tapped

INSTALLED = MODULES.exists() and PYTHON.exists() and FASTMCP.exists() and shutil.which("git") is not None
pytestmark = [
    pytest.mark.skipif(not INSTALLED, reason="the servers are not installed (make programs installs them)"),
    pytest.mark.asyncio(loop_scope="module"),
]

KEPT = ("description", "inputSchema", "outputSchema", "icons", "_meta")
"""What of a tool passes word for word."""


class Band:
    """All servers behind one hub."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers: list[Server] = []
        self.listening: dict[str, Listener] = {}
        self.web = ""
        self.hub: Hub
        self.url = ""

    def env(self, server: Server, client: str) -> dict[str, str]:
        """A server's environment, with a folder of its own for each client where it wants one."""
        own = self.folder / f"{server.name}-{client}"
        own.mkdir(exist_ok=True)
        return {name: value.format(own=own) for name, value in server.env.items()}

    def arguments(self, server: Server) -> dict[str, Any]:
        """What it is called with."""
        return {name: self.web if value == "{web}" else value for name, value in server.arguments.items()}

    def config(self) -> Path:
        """The hub's configuration: the programs, and a connector for each server on the network."""
        programs = [one for one in self.servers if one.path is None]
        for name, listener in self.listening.items():
            (self.folder / "connectors").mkdir(exist_ok=True)
            told = {"kind": "mcp", "title": name.title(), "url": listener.url, "allow": listener.server.allow}
            (self.folder / "connectors" / f"{name}.yaml").write_bytes(orjson.dumps(told))
        commands = {
            one.name: {"run": one.run, "env": self.env(one, "hub"), "allow": one.allow, "folder": str(self.folder)}
            for one in programs
        }
        path = self.folder / "config.yaml"
        path.write_bytes(
            orjson.dumps(
                {
                    "data_dir": "data",
                    "auth": {"mode": "none"},
                    "commands": commands,
                    "connectors": {"shipped": False, "paths": ["connectors"]},
                    "network": {"allow_private": {name: ["127.0.0.0/8"] for name in self.listening}},
                }
            )
        )
        return path

    def answers(self, name: str) -> bool:
        """Whether a server's definitions are known and it answers."""
        pin = self.hub.servers.pins.get(name)
        compiled = self.hub.registry.catalog.connectors[name].compiled
        known = compiled is not None and (compiled.tools or compiled.resources)
        return pin is not None and pin.accepted is not None and pin.trouble is None and bool(known)

    async def all_answer(self) -> None:
        """Wait until all do."""
        try:
            await until(self.hub, lambda: all(self.answers(one.name) for one in self.servers), seconds=100)
        except TimeoutError:
            pins = {one.name: self.hub.servers.pins.get(one.name) for one in self.servers if not self.answers(one.name)}
            raise AssertionError({name: pin and pin.trouble for name, pin in pins.items()}) from None

    async def direct(self, server: Server, stack: AsyncExitStack) -> Tap:
        """The official client, connected to the server itself."""
        listener = self.listening.get(server.name)
        if listener is not None:
            transport = over_http(listener.url, sse=server.sse)
            return await stack.enter_async_context(tapped(transport, "legacy" if server.sse else "auto"))
        return await stack.enter_async_context(tapped(over_pipes(server.run, self.env(server, "direct"), self.folder)))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def band(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Band]:
    """All servers, running behind a hub; made once, as that takes a while."""
    folder = tmp_path_factory.mktemp("band")
    files(folder / "files")
    made = Band(folder)
    made.servers = crew(folder / "files")
    made.listening = listeners(made.servers, free_port)

    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<html><body><h1>Page</h1><p>A page.</p></body></html>", content_type="text/html")

    pages = web.Application()
    pages.router.add_get("/", page)
    async with TestServer(pages) as shown:
        made.web = str(shown.make_url("/"))
        try:
            for listener in made.listening.values():
                await listener.start()
            made.hub = await Hub.start(config.load(made.config(), {}))
            try:
                async with TestServer(application(made.hub)) as served:
                    made.url = str(served.make_url("/mcp"))
                    await made.all_answer()
                    yield made
            finally:
                await made.hub.close()
        finally:
            for listener in made.listening.values():
                await listener.stop()


def plain(name: str) -> str:
    """A name as the hub writes it."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")


def relayed(held: Any, scheme: str, below: bool = False) -> Any:
    """A server's result with its URIs as the hub's: those of blocks and contents, and no other text."""
    if isinstance(held, list):
        return [relayed(one, scheme, below) for one in held]
    if not isinstance(held, dict):
        return held
    made = {}
    for key, value in held.items():
        if below and key == "uri":
            made[key] = scheme + value
        else:
            made[key] = relayed(value, scheme, below or key in ("content", "contents", "messages"))
        if not below and key == "structuredContent":
            made[key] = value
    return made


def said(result: Result) -> bytes:
    """What a result says, as bytes, without what the protocol or the hub says of it."""
    held = {key: value for key, value in result.items() if key not in ("resultType", "ttlMs", "cacheScope", "_meta")}
    own = ("hub/", "io.modelcontextprotocol/")
    meta = {key: value for key, value in result.get("_meta", {}).items() if not key.startswith(own)}
    return orjson.dumps({**held, "_meta": meta}, option=orjson.OPT_SORT_KEYS)


async def compared(band: Band, server: Server, through: Tap, listed: dict[str, dict[str, Result]]) -> list[str]:
    """What differs between a server and the same behind the hub."""
    wrong: list[str] = []
    prefix, scheme = f"{server.name}_", f"{server.name.replace('_', '-')}+"
    async with AsyncExitStack() as stack:
        tap = await band.direct(server, stack)
        capabilities = tap.client.server_capabilities
        assert capabilities is not None
        if capabilities.tools is not None:
            own = {
                prefix + plain(one["name"]): one
                for one in await tap.listed("tools/list", "tools")
                if one["name"] not in server.lacks
            }
            mine = {name: one for name, one in listed["tools"].items() if name in own}
            if len(mine) != len(own):
                wrong.append(f"{server.name}: tools {sorted(set(own) - set(mine))} are missing")
            for name, one in mine.items():
                for key in KEPT:
                    if orjson.dumps(one.get(key)) != orjson.dumps(own[name].get(key)):
                        wrong.append(f"{name}: {key} is {one.get(key)!r}, directly {own[name].get(key)!r}")
        if capabilities.prompts is not None:
            for one in await tap.listed("prompts/list", "prompts"):
                shown = listed["prompts"].get(prefix + plain(one["name"]), {})
                if shown.get("arguments", []) != one.get("arguments", []):
                    wrong.append(f"{server.name}: prompt {one['name']} differs")
        if capabilities.resources is not None and not server.lively:
            for method, kind, key in (("list", "resources", "uri"), ("templates/list", "templates", "uriTemplate")):
                for one in await tap.listed(
                    f"resources/{method}", "resourceTemplates" if kind == "templates" else kind
                ):
                    shown = listed[kind].get(scheme + one[key], {})
                    if shown.get("name") != one["name"] or shown.get("mimeType") != one.get("mimeType"):
                        wrong.append(f"{server.name}: {kind} {one[key]} differs")
        if server.tool:
            arguments = band.arguments(server)
            wanted = await tap.called(server.tool, arguments)
            got = await through.called(prefix + plain(server.tool), arguments)
        else:
            wanted = await tap.read_resource(server.uri)
            got = await through.read_resource(scheme + server.uri)
        if said(got) != said(relayed(wanted, scheme)):
            wrong.append(f"{server.name}: gives {said(got)!r}, directly {said(wanted)!r}")
        if wanted.get("isError"):
            wrong.append(f"{server.name}: fails directly: {wanted}")
    return wrong


async def lists(tap: Tap) -> dict[str, dict[str, Result]]:
    """All lists, by name or URI."""
    return {
        "tools": {one["name"]: one for one in await tap.listed("tools/list", "tools")},
        "prompts": {one["name"]: one for one in await tap.listed("prompts/list", "prompts")},
        "resources": {one["uri"]: one for one in await tap.listed("resources/list", "resources")},
        "templates": {
            one["uriTemplate"]: one for one in await tap.listed("resources/templates/list", "resourceTemplates")
        },
    }


async def test_every_server_shows_and_gives_through_the_hub_what_it_does_directly(band: Band) -> None:
    assert len(band.servers) >= 20
    async with tapped(over_http(band.url), "legacy") as through:
        listed = await lists(through)
        found = await asyncio.gather(*(compared(band, one, through, listed) for one in band.servers))
    wrong = [line for one in found for line in one]
    assert not wrong, "\n".join(wrong)
    assert "Form asks: Please provide your shipping address:" in through.asked


def process_of(server: Server) -> int:
    """The process id of a program the hub started."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            run = (status.parent / "cmdline").read_bytes().split(b"\0")
            if parent == os.getpid() and run[:-1] == [part.encode() for part in server.run]:
                return int(status.parent.name)
    raise AssertionError(f"{server.name} does not run")


async def test_three_that_die_take_nothing_with_them_and_come_back(band: Band) -> None:
    killed = ["streamable", "modern", "time"]
    others = [one for one in band.servers if one.name in ("filesystem", "thinking", "json", "both", "weather_http")]
    by_name = {one.name: one for one in band.servers}
    async with tapped(over_http(band.url), "legacy") as through:

        async def given(server: Server) -> Result:
            return await through.called(f"{server.name}_{plain(server.tool)}", band.arguments(server))

        async def gives(name: str) -> bool:
            return not (await given(by_name[name])).get("isError")

        before = await lists(through)
        for name in ("streamable", "modern"):
            await band.listening[name].stop()
        first = process_of(by_name["time"])
        os.kill(first, signal.SIGKILL)

        for server in others:
            assert not (await given(server)).get("isError"), server.name
        for name in ("streamable", "modern"):
            answer = await given(by_name[name])
            assert answer["isError"]
            assert answer["_meta"]["hub/error"]["kind"] == "unavailable"
            assert f"{name.title()} does not answer" in answer["content"][0]["text"]
            pin = band.hub.servers.pins.get(name)
            assert pin is not None
            assert "does not answer" in str(pin.trouble), "hub list and the account page tell of it"
        after = await lists(through)
        del before["resources"], after["resources"]  # one of the servers adds some all the time
        assert after == before

        for name in ("streamable", "modern"):
            await band.listening[name].start()
        async with asyncio.timeout(60):
            for name in killed:
                while not await gives(name):  # noqa: ASYNC110 - the hub makes pauses between its attempts
                    await asyncio.sleep(0.2)
        assert process_of(by_name["time"]) != first
        await band.all_answer()
