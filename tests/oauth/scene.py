"""The scene of the authorization tests: hub, clients, and people who read pages and press buttons."""

import asyncio
import base64
import hashlib
import html
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import orjson
from aiohttp import ClientResponse, ClientSession
from aiohttp.test_utils import TestServer

from hub import config
from hub.app import Hub, application
from hub.clock import SystemClock
from hub.identity.people.passwords import Cost
from hub.sdk.http import Outgoing, Reply
from hub.store import Role, User
from hub.upstream.errors import NotSent
from hub.web.people.cookies import Cookies, csrf_of
from tests import plants
from tests.databases import furnished
from tests.waiting import A_SECOND

ISSUER = "https://hub.example"
RESOURCE = f"{ISSUER}/mcp"
CLAUDE = "https://claude.ai/oauth/mcp-oauth-client-metadata"
CLAUDE_CODE = "https://claude.ai/oauth/claude-code-client-metadata"
CALLBACK = "https://claude.ai/api/mcp/auth_callback"
SETTINGS = f"""
public_url: {ISSUER}
connectors: {{shipped: false, paths: [connectors]}}
clients:
  registered:
    our-bot: {{name: Our bot, redirect_uris: ["https://bot.example/callback"], secret: s3cret+/= word}}
    our-app: {{name: Our app, redirect_uris: ["https://app.example/callback", "http://127.0.0.1/callback"]}}
profiles:
  notes_only: {{title: Notes only, connectors: [notes]}}
  looking: {{effects: [read]}}
  one_tool: {{tools: [notes_get_note]}}
"""
CONNECTOR = """
from hub.sdk import Connector

connector = Connector(title="{title}", description="Things called {name}.", version="1.0.0", category="test")


@connector.tool(effect="read")
async def get_note(ctx) -> str:
    \"\"\"Read the note.\"\"\"
    return "{name} read"


@connector.tool(effect="write", summary="Set the note")
async def set_note(ctx) -> str:
    \"\"\"Set the note.\"\"\"
    return "{name} written"


@connector.tool(effect="destroy", summary="Drop the note")
async def drop_note(ctx) -> str:
    \"\"\"Drop the note.\"\"\"
    return "{name} dropped"


@connector.resource("{name}://note")
async def note(ctx) -> str:
    \"\"\"The note.\"\"\"
    return "{name} note"


@connector.prompt()
def sum_up(topic: str) -> str:
    \"\"\"Sum up a topic.\"\"\"
    return f"Sum up {{topic}} of {name}."
"""


class ShiftedClock(SystemClock):
    """The machine's clock, moved on by as much as a test says."""

    def __init__(self) -> None:
        self.shift = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)

    def time(self) -> float:
        return super().time() + self.shift

    def monotonic(self) -> float:
        return super().monotonic() + self.shift

    def advance(self, seconds: float | timedelta) -> None:
        """Move it on."""
        self.shift += seconds.total_seconds() if isinstance(seconds, timedelta) else seconds


class Papers:
    """A ``Transport`` that serves client documents, and counts how often it was asked."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.asked: list[str] = []

    def put(self, url: str, document: Any = None, *, status: int = 200, **headers: str) -> None:
        """Serve ``document`` at ``url``."""
        body = document if isinstance(document, bytes) else orjson.dumps(document)
        told = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        self.replies[url] = Reply(status, url, told, body)

    async def exchange(self, outgoing: Outgoing, *, connector: str, timeout: float) -> Reply:  # noqa: ASYNC109
        self.asked.append(outgoing.url)
        if outgoing.url not in self.replies:
            raise NotSent("its name has no address", permanent=True)
        return self.replies[outgoing.url]


@dataclass
class Pkce:
    """A verifier and its challenge."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        """S256 of the verifier."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Person:
    """Somebody signed in at a browser."""

    user: User
    cookie: dict[str, str]
    csrf: str


@dataclass
class Answer:
    """What came back: status, headers, text."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.text)

    @property
    def location(self) -> str:
        """Where the browser is sent."""
        return self.headers["Location"]

    @property
    def told(self) -> dict[str, str]:
        """The parameters of where the browser is sent, each of which must be there once."""
        pairs = parse_qs(urlsplit(self.location).query)
        assert all(len(values) == 1 for values in pairs.values()), self.location
        return {key: values[0] for key, values in pairs.items()}


@dataclass
class Scene:
    """A hub behind HTTP."""

    hub: Hub
    client: ClientSession
    url: str
    papers: Papers
    clock: ShiftedClock

    # -- plain requests --------------------------------------------------------------------------------------

    async def send(self, method: str, path: str, **options: Any) -> Answer:
        """Any request, redirects not followed."""
        async with self.client.request(method, self.url + path, allow_redirects=False, **options) as reply:
            return await _answer(reply)

    async def person(self, called: str = "ada", role: Role = "member") -> Person:
        """A person of this name, signed in anew."""
        user = await self.hub.store.users.by_name(called) or await self.hub.store.users.add(called, role)
        _, secret = await self.hub.store.web_sessions.open(
            user.id, strong=True, method="test", address="127.0.0.1", agent="test"
        )
        name = Cookies(self.hub.config.public_url).session_name
        return Person(user, {"Cookie": f"{name}={secret}"}, csrf_of(secret))

    # -- a client --------------------------------------------------------------------------------------------

    async def register(self, **metadata: Any) -> Answer:
        """Ask to be registered."""
        asked = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none", "client_name": "Claude"}
        return await self.send("POST", "/register", json={**asked, **metadata})

    def query(self, pkce: Pkce, **changed: str | None) -> dict[str, str]:
        """The parameters of an authorization request; None leaves one out."""
        params: dict[str, str | None] = {
            "response_type": "code",
            "client_id": CLAUDE,
            "redirect_uri": CALLBACK,
            "code_challenge": pkce.challenge,
            "code_challenge_method": "S256",
            "state": "a state & more",
            "scope": "hub",
            "resource": RESOURCE,
        }
        return {key: value for key, value in {**params, **changed}.items() if value is not None}

    async def ask(self, person: Person | None, pkce: Pkce, **changed: str | None) -> Answer:
        """Open ``/authorize`` in the person's browser."""
        headers = person.cookie if person is not None else {}
        return await self.send("GET", f"/authorize?{urlencode(self.query(pkce, **changed))}", headers=headers)

    async def press(self, person: Person, page: Answer, answer: str = "allow", **changed: str) -> Answer:
        """Press a button of a consent page."""
        form = fields(page.text)
        form |= {"answer": answer, **changed}
        return await self.send("POST", "/authorize", headers=person.cookie, data=form)

    async def code(self, person: Person, pkce: Pkce, choice: str = "write", **changed: str | None) -> str:
        """A code the person agreed to."""
        page = await self.ask(person, pkce, **{"prompt": "consent", **changed})
        assert page.status == 200, page.text
        sent = await self.press(person, page, choice=choice)
        assert sent.status == 303, sent.text
        return sent.told["code"]

    async def token(self, shown: Mapping[str, str] = MappingProxyType({}), /, **params: str) -> Answer:
        """Ask the token endpoint."""
        return await self.send("POST", "/token", data=params, headers=shown)

    async def redeem(self, code: str, pkce: Pkce, /, **changed: str) -> Answer:
        """Fetch the tokens of a code, as Claude does."""
        params = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": CLAUDE,
            "redirect_uri": CALLBACK,
            "code_verifier": pkce.verifier,
            "resource": RESOURCE,
        }
        return await self.token(**{**params, **changed})

    async def connect(self, person: Person, choice: str = "write", **changed: str) -> dict[str, Any]:
        """From nothing to tokens, as Claude does."""
        pkce = Pkce()
        code = await self.code(person, pkce, choice, **changed)
        same = {key: changed[key] for key in ("client_id", "redirect_uri", "resource") if key in changed}
        made = await self.redeem(code, pkce, **same)
        assert made.status == 200, made.text
        tokens: dict[str, Any] = made.json
        return tokens

    async def refresh(self, token: str, client_id: str = CLAUDE, **more: str) -> Answer:
        """Exchange a refresh token."""
        return await self.token(grant_type="refresh_token", refresh_token=token, client_id=client_id, **more)

    # -- MCP -------------------------------------------------------------------------------------------------

    async def rpc(self, token: str, method: str, params: dict[str, Any] | None = None, path: str = "/mcp") -> Answer:
        """One MCP request of 2026-07-28."""
        params = dict(params or {})
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": params.pop("capabilities", {}),
        }
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": method,
        }
        name = params.get("name") or params.get("uri") or params.get("taskId")
        if name:
            headers["Mcp-Name"] = name
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return await self.send("POST", path, json=body, headers=headers)

    async def tools(self, token: str, path: str = "/mcp") -> set[str]:
        """The names of the tools this token is shown."""
        answer = await self.rpc(token, "tools/list", path=path)
        assert answer.status == 200, answer.text
        return {tool["name"] for tool in answer.json["result"]["tools"]}

    async def lets_in(self, token: str, path: str = "/mcp") -> bool:
        """Whether the token opens the endpoint."""
        answer = await self.rpc(token, "tools/list", path=path)
        assert answer.status in (200, 401), answer.text
        return answer.status == 200


async def until_refused(scene: Scene, token: str) -> None:
    """Wait until the token opens nothing any more; that takes a second at most."""
    async with asyncio.timeout(A_SECOND):
        while await scene.lets_in(token):
            await scene.hub.store.ping()


def fields(page: str) -> dict[str, str]:
    """The fields of a page's first form as a browser would send them: hidden ones, and what is chosen."""
    found: dict[str, str] = {}
    form = page.partition("<form")[2].partition("</form>")[0]
    for tag in re.findall(r"<input\b[^>]*>", form):
        known = {key: html.unescape(value) for key, value in re.findall(r'(\w+)="([^"]*)"', tag)}
        if known.get("type") == "hidden" or (known.get("type") == "radio" and " checked" in tag):
            found[known["name"]] = known["value"]
    return found


async def _answer(reply: ClientResponse) -> Answer:
    text = await reply.text()
    plants.answered(text)
    return Answer(reply.status, reply.headers.copy(), text)


def params_of(location: str) -> list[tuple[str, str]]:
    """The parameters of a URL, in their order."""
    return parse_qsl(urlsplit(location).query)


CHEAP = Cost(memory=64, passes=1)
"""What a password's hash costs here; the usual is a tenth of a second."""


@asynccontextmanager
async def opened(
    folder: Path, clock: ShiftedClock, papers: Papers, settings: str, port: int | None
) -> AsyncIterator[Scene]:
    """A hub on ``folder``; ``settings`` in place of the usual ones, ``port`` to listen on."""
    (folder / "connectors").mkdir(exist_ok=True)
    for name in ("notes", "other"):
        (folder / "connectors" / f"{name}.py").write_text(CONNECTOR.format(name=name, title=name.title()), "utf-8")
    path = folder / "config.yaml"
    path.write_text(settings or SETTINGS, "utf-8")
    hub = await Hub.start(furnished(config.load(path, {})), transport=papers, clock=clock, cost=CHEAP)
    server = TestServer(application(hub), host="localhost" if port else "127.0.0.1", port=port)
    await server.start_server()
    try:
        async with ClientSession() as client:
            yield Scene(hub, client, str(server.make_url("")).rstrip("/"), papers, clock)
    finally:
        plants.note("/metrics", hub.metrics.exposition())
        await server.close()
        await hub.close()
