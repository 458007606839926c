"""The scene of ``test_apart.py``: an app that knows whose each of its accounts is, its connector, and one hub.

Not the stories, and not what must hold in them.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import aiohttp
import orjson
from aiohttp.test_utils import TestServer

from hub import config
from hub.app import Hub, application
from hub.sdk.http import Outgoing, Reply
from tests.databases import furnished
from tests.oauth.scene import ShiftedClock

MINTED_SECONDS = 600
PROVIDER = """
title: Desk
hosts: [desk.example]
methods:
  key: {kind: key, fields: {key: {title: API key}}, sign: {headers: {Authorization: "Bearer {key}"}}}
  machine:
    kind: client_credentials
    token: {url: "https://desk.example/token", client_auth: body}
who: {request: {url: "https://desk.example/me"}, id: id, label: name, save: {whose: id}}
revoke: {manual: "https://desk.example/keys"}
"""
CONNECTOR = '''
from hub.sdk import Connector, Context, File, Page

connector = Connector(
    title="Desk", description="A desk.", base_url="https://desk.example", provider="desk",
    headers={"X-Whose": "{account.whose}"},
)


@connector.tool(effect="read")
async def read_note(ctx: Context) -> dict:
    """Read."""
    return (await ctx.http.get("/note", query={"user": ctx.user.id, "label": ctx.connection.label})).json()


@connector.tool(effect="write", summary="Write")
async def write_note(ctx: Context) -> dict:
    """Write."""
    return (await ctx.http.post("/note", query={"user": ctx.user.id, "label": ctx.connection.label})).json()


@connector.tool(effect="read")
async def list_groups(ctx: Context, cursor: str | None = None) -> Page[dict]:
    """List, page by page."""
    query = {"user": ctx.user.id, "label": ctx.connection.label}
    return await ctx.http.page("/groups", style="link", items="items", next="next", query=query, cursor=cursor)


@connector.tool(effect="read")
async def give_file(ctx: Context) -> File:
    """Give a file with the note in it."""
    query = {"user": ctx.user.id, "label": ctx.connection.label}
    return File((await ctx.http.get("/note", query=query)).body + bytes(1), "application/zip", "note.zip")


@connector.tool(effect="read")
async def take_file(ctx: Context, file: File) -> dict:
    """Take a file, and say what is in it."""
    return {"whose": file.data.decode().split('"')[3]}


@connector.resource("desk://note")
async def note(ctx: Context) -> str:
    """The note."""
    return (await ctx.http.get("/note", query={"user": ctx.user.id, "label": ctx.connection.label})).text()


async def groups(ctx: Context, typed: str, given: dict) -> list[str]:
    """Groups of the account."""
    found = await ctx.http.get("/groups", query={"user": ctx.user.id, "label": ctx.connection.label})
    return [one["id"] for one in found.json()["items"]]


@connector.prompt(complete={"group": groups})
def sum_up(group: str) -> str:
    """Sum up a group."""
    return f"Sum up {group}."
'''


@dataclass
class App:
    """The app, at the transport: it knows whose each of its accounts is, and compares."""

    owners: dict[str, str] = field(default_factory=dict)
    credentials: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    served: int = 0
    numbers: "count[int]" = field(default_factory=count)

    async def exchange(
        self,
        outgoing: Outgoing,
        *,
        connector: str,
        timeout: float,  # noqa: ASYNC109 - the protocol's
    ) -> Reply:
        await asyncio.sleep(0)
        parts = urlsplit(outgoing.url)
        if parts.path == "/token":
            form = {name: values[0] for name, values in parse_qs((outgoing.body or b"").decode()).items()}
            account = self.credentials.get(form["client_secret"], "")
            if form["client_id"] != account:
                return _told(outgoing.url, {"error": "invalid_client"}, 401)
            token = f"minted-{next(self.numbers)}-{account}"
            self.credentials[token] = account
            return _told(outgoing.url, {"access_token": token, "expires_in": MINTED_SECONDS})
        shown = outgoing.headers.get("Authorization", "").removeprefix("Bearer ")
        account = self.credentials.get(shown, "")
        if not account:
            return _told(outgoing.url, {"error": "unknown"}, 401)
        if parts.path == "/me":
            return _told(outgoing.url, {"id": account, "name": account})
        query = dict(parse_qsl(parts.query))
        if self.owners[account] != query["user"] or {query["label"], outgoing.headers["X-Whose"]} != {account}:
            self.wrong.append(f"{account} of {self.owners[account]} signed for {query}")
        self.served += 1
        if parts.path == "/groups":
            items = [{"id": f"group of {account}", "name": query.get("page", "1")}]
            return _told(outgoing.url, {"items": items, "next": f"{outgoing.url}&page=2"})
        return _told(outgoing.url, {"whose": account})


def _told(url: str, data: Any, status: int = 200) -> Reply:
    return Reply(status, url, {"content-type": "application/json"}, orjson.dumps(data))


@dataclass
class World:
    """One hub for all stories; each has people of its own."""

    runner: asyncio.Runner
    hub: Hub
    app: App
    clock: ShiftedClock
    url: str
    http: aiohttp.ClientSession
    numbers: "count[int]" = field(default_factory=count)

    def do(self, work: Awaitable[Any]) -> Any:
        """Run something on the hub's loop."""

        async def done() -> Any:
            return await work

        return self.runner.run(done())


@dataclass
class Holder:
    """A person: their clients' tokens, and the accounts that must be connected, by label."""

    id: str
    tokens: list[str]
    accounts: list[str]
    connected: set[str] = field(default_factory=set)


@contextmanager
def world_at(folder: Path) -> Iterator[World]:
    """A hub on ``folder`` with the app and its connector."""
    place = folder / "apps" / "desk"
    place.mkdir(parents=True)
    (place / "provider.yaml").write_text(PROVIDER, "utf-8")
    (place / "__init__.py").write_text(CONNECTOR, "utf-8")
    (folder / "config.yaml").write_text("connectors: {shipped: false, paths: [apps]}\n", "utf-8")
    app, clock = App(), ShiftedClock()
    with asyncio.Runner() as runner:
        hub = runner.run(Hub.start(furnished(config.load(folder / "config.yaml", {})), transport=app, clock=clock))
        server = TestServer(runner.run(_made(hub)), host="localhost")
        runner.run(server.start_server())
        http = runner.run(_session())
        try:
            yield World(runner, hub, app, clock, str(server.make_url("/mcp")), http)
        finally:
            runner.run(http.close())
            runner.run(server.close())
            runner.run(hub.close())


async def _made(hub: Hub) -> Any:
    return application(hub)


async def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()
