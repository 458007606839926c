"""A hub, a certified provider with an API of its own, and people who connect accounts in scripted browsers."""

import asyncio
import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, CookieJar
from aiohttp.test_utils import TestServer

from hub import config
from hub.app import Hub, application
from hub.identity import Caller
from hub.sdk.effect import EFFECTS
from hub.sdk.talk import Silence
from hub.store import User
from hub.web.people.cookies import Cookies
from tests import commands, plants
from tests.databases import furnished
from tests.oauth.scene import ShiftedClock
from tests.ports import free_port

HERE = Path(__file__).resolve().parent
SECRET = "planted-client-secret-0123456789"
CLIENT = {
    "client_id": "hub",
    "client_secret": SECRET,
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
}
PROVIDER = """
title: Notes
hosts: ["{issuer}"]
methods:
  oauth:
    kind: oauth2
    authorize: {{url: "{issuer}/auth", params: {{prompt: consent}}}}
    token: {{url: "{issuer}/token", client_auth: {client_auth}}}
    scopes: {{always: [openid, email, offline_access]}}
    issuer: "{issuer}"
    refresh: {{mode: rotate, idle: 86400}}
    app: {{register_at: "https://notes.example/apps", steps: ["Set the redirect address to {{redirect_uri}}"]}}
    wrong_turns: [{{when: invalid_client, tell: "Make a new client secret"}}]
who: {{request: {{url: "{issuer}/me"}}, id: sub, label: email}}
revoke:
  request: {{method: POST, url: "{issuer}/token/revocation", form: {{token: "{{refresh_token}}"}}}}
  client_auth: basic
implies: {{"notes:write": ["notes:read"]}}
"""
CONNECTOR = """
title: Notes
description: Notes for tests.
provider: notes
base_url: {issuer}/api
hosts: ["{other}"]
tools:
  read_note:
    description: Read the one note there is.
    effect: read
    request: {{path: /note}}
  list_notes:
    description: List the notes there are.
    effect: read
    scopes: ["notes:read"]
    request: {{path: /note}}
  write_note:
    description: Write the one note there is.
    effect: write
    summary: Write the note
    scopes: ["{scope}"]
    request: {{method: POST, path: /note, body: {{text: x}}}}
  forbidden:
    description: Read what nobody may read.
    effect: read
    request: {{path: /forbidden}}
"""


@dataclass
class Vendor:
    """The provider's process."""

    issuer: str
    client: ClientSession

    async def control(self, **changed: Any) -> dict[str, Any]:
        """Change how it behaves; returns what it has counted."""
        async with self.client.post(f"{self.issuer}/control", data=json.dumps(changed)) as reply:
            told: dict[str, Any] = await reply.json()
            return told


@dataclass(frozen=True)
class Process:
    """A running vendor, and the port of the hub that its client is registered with."""

    port: int
    hub_port: int


_running: dict[str, tuple[Process, "subprocess.Popen[bytes]"]] = {}


def vendor_process(*, method: str, **options: Any) -> Process:
    """``oidc-provider`` whose client authenticates by ``method``; one process for all tests that want the same."""
    node = shutil.which("node")
    if node is None or not (HERE / "oidc" / "node_modules" / "oidc-provider").is_dir():
        pytest.skip("oidc-provider is not installed; run: make programs")
    client = options.pop("client", {})
    key = json.dumps([method, client, options])
    if key in _running:
        return _running[key][0]
    found = Process(free_port(), free_port())
    names = {"basic": "client_secret_basic", "body": "client_secret_post", "private_key_jwt": "private_key_jwt"}
    redirect_uri = f"http://localhost:{found.hub_port}/callback/notes"
    one = {**CLIENT, "redirect_uris": [redirect_uri], "token_endpoint_auth_method": names[method], **client}
    one = {name: value for name, value in one.items() if value is not None}
    asked = json.dumps({"port": found.port, "clients": [one], **options})
    process = subprocess.Popen(
        [node, "provider.mjs", asked], cwd=HERE / "oidc", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    assert b"ready" in process.stdout.readline()
    _running[key] = (found, process)
    return found


def end_vendors() -> None:
    """End all processes."""
    for _, process in _running.values():
        process.kill()
        process.communicate()
    _running.clear()


@dataclass
class Page:
    """What a browser shows at the end of all redirects."""

    status: int
    url: str
    text: str

    @property
    def title(self) -> str:
        """The page's heading."""
        found = re.search(r"<h1>(.*?)</h1>", self.text, re.S)
        return html.unescape(found[1]) if found else ""

    @property
    def alert(self) -> str:
        """What the page warns of."""
        found = re.search(r'<p role="alert"[^>]*>(.+?)</p>', self.text, re.S)
        return html.unescape(found[1]) if found else ""

    def form(self, id: str) -> dict[str, str]:
        """The fields of the form with this id as they stand."""
        text = self.text[self.text.index(f'id="{id}"') :].partition("</form>")[0]
        found = {}
        for tag in re.findall(r"<input\b[^>]*>", text):
            known = {key: html.unescape(value) for key, value in re.findall(r'(\w+)="([^"]*)"', tag)}
            found[known["name"]] = known.get("value", "")
        return found


async def _page(reply: ClientResponse) -> Page:
    text = await reply.text()
    plants.answered(text)
    return Page(reply.status, str(reply.url), text)


@dataclass
class Browser:
    """A browser, at which somebody may be signed in at the hub."""

    client: ClientSession
    base: str
    vendor_name: str = "ada"

    async def open(self, url: str) -> Page:
        """Open a page; a path is one of the hub's."""
        async with self.client.get(url if url.startswith("http") else self.base + url) as reply:
            return await _page(reply)

    async def send(self, path: str, fields: Mapping[str, str]) -> Page:
        """Send a form."""
        url = path if path.startswith("http") else self.base + path
        async with self.client.post(url, data=dict(fields)) as reply:
            return await _page(reply)

    async def begin(self, connector: str = "notes", **fields: str) -> str:
        """Choose to connect by the vendor's page; the vendor's address."""
        page = await self.open(f"/connect/{connector}" + ("?again=" + fields.pop("again") if "again" in fields else ""))
        sent = await self.send(f"/connect/{connector}/by/oauth", {**page.form("by-oauth"), **fields})
        found = re.search(r'id="onward"', sent.text)
        assert found is not None, sent.alert or sent.text
        return html.unescape(re.findall(r'<a href="([^"]*)" id="onward"', sent.text)[0])

    async def agree(self, url: str) -> Page:
        """Sign in at the vendor as ``vendor_name``, agree, and come back to the hub."""
        return await self.through(await self.open(url))

    async def through(self, page: Page) -> Page:
        """The same from a page of the vendor's on."""
        for _ in range(4):
            if "/interaction/" not in page.url:
                break
            prompt = re.findall(r'name="prompt" value="(\w+)"', page.text)[0]
            login = {"login": self.vendor_name, "password": "x"} if prompt == "login" else {}
            target = html.unescape(re.findall(r'action="([^"]*)"', page.text)[0])
            page = await self.send(target, {"prompt": prompt, **login})
        return page

    async def connect(self, **fields: str) -> Page:
        """The whole walk."""
        return await self.agree(await self.begin(**fields))


@dataclass
class House:
    """One hub, its vendor, and its people."""

    hub: Hub
    base: str
    vendor: Vendor
    clock: ShiftedClock
    folder: Path
    _sessions: list[ClientSession] = field(default_factory=list)

    async def user(self, name: str = "ada") -> User:
        """A person of this hub."""
        return await self.hub.store.users.by_name(name) or await self.hub.store.users.add(name, "member")

    async def browser(self, name: str | None = "ada", vendor_name: str = "ada") -> Browser:
        """A browser at which ``name`` is signed in at the hub."""
        session = ClientSession(cookie_jar=CookieJar(unsafe=True))
        self._sessions.append(session)
        if name is not None:
            user = await self.user(name)
            _, secret = await self.hub.store.web_sessions.open(
                user.id, strong=True, method="test", address="127.0.0.1", agent="test"
            )
            session.cookie_jar.update_cookies({Cookies(self.base).session_name: secret})
        return Browser(session, self.base, vendor_name)

    async def caller(self, name: str = "ada") -> Caller:
        """This person as a caller of tools."""
        user = await self.user(name)
        return Caller(user.id, user.name, None, frozenset(EFFECTS), False)

    async def call(self, tool: str, arguments: Mapping[str, Any] | None = None, name: str = "ada") -> dict[str, Any]:
        """Call a tool as this person."""
        result = await self.hub.gateway.call_tool(await self.caller(name), tool, arguments or {}, Silence())
        plants.answered(result)
        return result

    async def admin(self, name: str = "root") -> User:
        """An admin of this hub."""
        return await self.hub.store.users.by_name(name) or await self.hub.store.users.add(name, "admin")

    async def command(self, *words: str) -> tuple[int, str, str]:
        """Run ``hub`` as a process of its own on this hub's data: exit code, what it printed, and its complaints."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        words = ("--config", str(self.folder / "config.yaml"), *words)
        done = await asyncio.to_thread(commands.run, words, {**environment, "COLUMNS": "400"}, self.folder)
        return done.code, done.out, done.err

    async def close(self) -> None:
        """Close the browsers."""
        for session in self._sessions:
            await session.close()


def text_of(result: Mapping[str, Any]) -> str:
    """What the model reads of a result."""
    return "\n".join(block.get("text", "") for block in result["content"])


@asynccontextmanager
async def house_at(folder: Path, *, method: str = "basic", settings: str = "", **options: Any) -> AsyncIterator[House]:
    """A hub on ``folder`` with the connector ``notes``; ``settings`` are added to its configuration."""
    clock = ShiftedClock()
    scope = options.pop("scope", "notes:write")
    declared, secret = options.pop("declared", PROVIDER), options.pop("secret", SECRET)
    secret_expires = options.pop("secret_expires", "null")
    process = vendor_process(method=method, **options)
    port, own = process.port, process.hub_port
    base, issuer = f"http://localhost:{own}", f"http://localhost:{port}"
    place = folder / "apps" / "notes"
    place.mkdir(parents=True, exist_ok=True)
    (place / "provider.yaml").write_text(declared.format(issuer=issuer, client_auth=method), "utf-8")
    (place / "connector.yaml").write_text(
        CONNECTOR.format(issuer=issuer, other=f"localhost:{free_port()}", scope=scope), "utf-8"
    )
    path = folder / "config.yaml"
    path.write_text(
        f"public_url: {base}\ndata_dir: {folder / 'data'}\nconnectors: {{shipped: false, paths: [{folder / 'apps'}]}}\n"
        "network: {allow_private: {notes: [127.0.0.0/8, '::1/128']}}\n"
        f"providers: {{notes: {{client_id: hub, client_secret: {json.dumps(secret)}, "
        f"secret_expires: {secret_expires}}}}}\n"
        f"{settings}",
        "utf-8",
    )
    async with ClientSession() as client:
        other = Vendor(issuer, client)
        await other.control(token_calls=0, refreshes=0, api_calls=0, fail=None, lost_revocations=0)
        hub = await Hub.start(furnished(config.load(path, {})), clock=clock)
        server = TestServer(application(hub), host="localhost", port=own)
        await server.start_server()
        house = House(hub, base, other, clock, folder)
        try:
            yield house
        finally:
            async with client.get(f"{base}/metrics") as reply:
                plants.note("/metrics", await reply.text())
            await house.close()
            await server.close()
            await hub.close()
