"""The hub as a client of one MCP server, as a command for the conformance suite's client scenarios.

    python client.py URL          (MCP_CONFORMANCE_SCENARIO, MCP_CONFORMANCE_CONTEXT: set by the suite)

A hub without a socket, with the server as its one ``kind: mcp`` connector. This program plays the people around it: the
one who opens the authorize page (by following its redirect) and the one whose app calls the tools. What goes over the
wire is the hub's own ``upstream/mcp``, ``servers`` and ``broker``. Not a test of its own: the suite judges.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import yaml

from hub import config
from hub.app import Hub
from hub.broker import Purpose
from hub.broker.assembly import Brokerage
from hub.broker.clients import configured
from hub.broker.connecting import Wanted
from hub.errors import ConnectionNeeded
from hub.gateway.asks import Resume
from hub.identity import Caller
from hub.sdk.effect import EFFECTS

NAME = "suite"
PUBLIC_URL = "http://localhost:8999"
DOCUMENT = "https://conformance-test.local/client-metadata.json"
"""The client metadata document that the suite expects; nobody fetches it."""

ATTEMPTS = 3
"""How often a person would sign in for one thing before giving up."""

LISTED_ONLY = ("json-schema-ref-no-deref", "request-metadata")
"""Scenarios whose server has nothing but lists."""


class Person:
    """The client's end of a call: declares forms, and sends each back as it was filled in beforehand."""

    def __init__(self, *, waits: bool) -> None:
        self.capabilities: Mapping[str, Any] = {"elicitation": {}}
        self.waits = waits

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:
        """Not shown."""

    async def log(self, level: str, data: Any, logger: str) -> None:
        """Not shown."""

    async def ask(self, requests: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """All forms, accepted."""
        return {key: answered(request) for key, request in requests.items()}


def answered(request: Mapping[str, Any]) -> dict[str, Any]:
    """A form with its defaults, and yes to what has none."""
    properties = request["params"].get("requestedSchema", {}).get("properties", {})
    return {"action": "accept", "content": {name: one.get("default", True) for name, one in properties.items()}}


def fitting(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that fit a tool: something for each that is required."""
    samples = {"number": 2, "integer": 2, "boolean": True, "object": {}, "array": []}
    properties = schema.get("properties", {})
    return {name: samples.get(properties.get(name, {}).get("type"), "x") for name in schema.get("required", ())}


class Client:
    """One hub and its one server."""

    def __init__(self, hub: Hub, brokerage: Brokerage, caller: Caller) -> None:
        self._hub = hub
        self._brokerage = brokerage
        self._caller = caller

    async def connect(self) -> None:
        """Connect an account, or the one there is again: what a person does on the hub's pages and the server's."""
        provider = self._hub.registry.catalog.providers[NAME]
        mine = await self._hub.store.connections.list(self._caller.user_id)
        again = mine[0].id if mine else None
        code = self._hub.registry.catalog.connectors[NAME].code
        wanted = Wanted(self._caller.user_id, NAME, provider, "oauth", {}, again=again, code=code)
        page = await self._brokerage.connecting.begin(wanted, "visit")
        async with aiohttp.ClientSession() as browser, browser.get(page, allow_redirects=False) as reply:
            query = dict(parse_qsl(urlsplit(reply.headers["Location"]).query))
        await self._brokerage.connecting.finish(NAME, query, "visit", self._caller.user_id)

    async def read(self) -> None:
        """Have the server's lists read, on an account where it asks for one."""
        loaded = self._hub.registry.catalog.connectors[NAME]
        account = None
        if loaded.provider is not None:
            purpose = Purpose(NAME, "Suite", False, loaded.code, loaded.provider)
            account = await self._brokerage.broker.account(self._caller.user_id, purpose, None, self._hub.upstream.send)
        await self._hub.servers.read(NAME, account)
        # The hub reads by itself, too; whichever came first, its tools are there from here on.
        await self._hub.registry.recompile(NAME)

    async def call(self, own: str, arguments: Mapping[str, Any], *, waits: bool) -> None:
        """Call a tool by the server's name, and once more with the answers where it asks something."""
        name = next(
            (one.full_name for one in self._hub.registry.catalog.tools.values() if _own_name(one.tool.run) == own), None
        )
        if name is None:
            print(f"the hub does not offer {own}")
            return
        talk = Person(waits=waits)
        resume: Resume | None = None
        for _ in range(ATTEMPTS):
            result = await self._hub.gateway.call_tool(self._caller, name, arguments, talk, resume)
            print(own, json.dumps(result)[:300])
            if result.get("resultType") != "input_required":
                break
            asked = result["inputRequests"]
            resume = Resume({key: answered(one) for key, one in asked.items()}, result.get("requestState"))
        if result.get("_meta", {}).get("hub/error", {}).get("kind") == "connection_needed":
            raise ConnectionNeeded(result["content"][0]["text"], connector=NAME)

    async def until_connected(self, deed: Callable[[], Awaitable[None]]) -> None:
        """Do ``deed``, and sign in whenever that is needed."""
        for attempt in range(ATTEMPTS):
            try:
                await deed()
                return
            except ConnectionNeeded as wrong:
                print(wrong)
                if attempt == ATTEMPTS - 1:
                    raise
                await self.connect()


def _own_name(run: Any) -> str:
    return str(getattr(run, "name", ""))


async def main(url: str, folder: Path) -> None:
    """Play one scenario."""
    scenario = os.environ["MCP_CONFORMANCE_SCENARIO"]
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    connector: dict[str, Any] = {"kind": "mcp", "title": "Suite", "url": url}
    signs_in = scenario.startswith("auth/")
    if signs_in:
        connector["credential"] = {"from": "user"}
    place = folder / "connectors" / NAME
    place.mkdir(parents=True)
    (place / "connector.yaml").write_text(yaml.safe_dump(connector))
    given = {key: context[key] for key in ("client_id", "client_secret") if key in context}
    settings = {
        "data_dir": str(folder / "data"),
        "public_url": PUBLIC_URL,
        "connectors": {"shipped": False, "paths": [str(folder / "connectors")]},
        "network": {"allow_private": {NAME: ["127.0.0.0/8", "::1/128"]}},
        **({"providers": {NAME: given}} if given else {}),
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    hub = await Hub.start(config.load(folder / "config.yaml", {}))
    keeping = asyncio.create_task(hub.servers.keep())
    try:
        user = await hub.store.users.add("suite", "member")
        brokerage = Brokerage.of(
            hub.store,
            hub.ring,
            hub.clock,
            hub.upstream.send,
            public_url=PUBLIC_URL,
            configured=configured(hub.config.providers),
            provider=lambda name: hub.registry.catalog.providers.get(name),
            document=DOCUMENT,
        )
        client = Client(hub, brokerage, Caller(user.id, user.name, None, frozenset(EFFECTS), False))
        await client.until_connected(client.read)
        calls = [(one["name"], one["arguments"]) for one in context.get("toolCalls", ())]
        if not calls and scenario not in LISTED_ONLY:
            tools = [one.tool for one in hub.registry.catalog.tools.values()]
            calls = [(_own_name(tool.run), fitting(tool.input)) for tool in tools]
            observed = {_own_name(tool.run): tool.input for tool in tools}.get("json_schema_2020_12_tool")
            calls = [(name, {"schema": observed} if name == "json_schema_echo" else given) for name, given in calls]
        waits = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "") < "2026"
        for name, arguments in calls:
            await client.until_connected(partial(client.call, name, arguments, waits=waits))
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await hub.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="hub-client-") as made:
        asyncio.run(main(sys.argv[-1], Path(made)))
