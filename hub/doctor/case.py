"""``Case``: one hub under examination, with what the steps learn of it for those that follow. Asks as Claude asks.

Not a step, and it judges nothing.
"""

import base64
import html
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

import orjson

from hub.doctor.findings import Finding, StepName, wrong
from hub.errors import HubError
from hub.sdk.http import Outgoing
from hub.upstream.errors import NotSent
from hub.upstream.headers import DOCTOR
from hub.upstream.probe import Probe, Seen

OAUTH_AGENT = f"python-httpx/0.28.1 ({DOCTOR})"
MCP_AGENT = f"Claude-User ({DOCTOR})"
BROWSER_AGENT = f"Mozilla/5.0 ({DOCTOR})"
"""How Claude's two clients and a person's browser call themselves; bot rules go by the first word."""

CLAUDE = "https://claude.ai/oauth/mcp-oauth-client-metadata"
CALLBACK = "https://claude.ai/api/mcp/auth_callback"
EGRESS = "160.79.104.0/21"
"""Claude's own metadata document, where it has people sent back to, and the addresses it connects from."""

PASS_ON = (
    f"Let /mcp, /.well-known/, /authorize, /token, /register and /revoke through without a check for browsers, "
    f"at least for {EGRESS} and the agents Claude-User and python-httpx."
)
"""How to mend a bot rule."""

DEADLINE = 10.0
"""Claude's own for discovery, registration and tokens, in seconds."""

MODERN = "2026-07-28"
LEGACY = "2025-11-25"


class Unanswered(HubError):
    """A request without an answer; says why."""


@dataclass(slots=True)
class Case:
    """The hub at ``url`` (its MCP endpoint, without a slash at the end). ``token`` opens it, ``refresh_token`` is one
    to try the refresh with; both are sent to it and shown nowhere. ``patience`` are the seconds a stream may take to
    begin."""

    probe: Probe
    url: str
    token: str | None = None
    refresh_token: str | None = None
    client_id: str = CLAUDE
    patience: float = 5.0
    random: Callable[[int], bytes] = os.urandom
    metadata_url: str | None = None
    resource: dict[str, Any] | None = None
    server: dict[str, Any] | None = None
    registered: str | None = None
    challenge: str | None = None
    sign_in: Seen | None = None
    addresses: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def path(self) -> str:
        """The endpoint's path."""
        return urlsplit(self.url).path

    @property
    def issuer(self) -> str:
        """The authorization server, as the resource document names it; else the hub's own origin."""
        servers = (self.resource or {}).get("authorization_servers")
        named = servers[0] if isinstance(servers, list) and servers else None
        return named if isinstance(named, str) else self.origin

    def endpoint(self, member: str, path: str) -> str:
        """An endpoint of the authorization server's document; its usual place where that names none."""
        named = (self.server or {}).get(member)
        return named if isinstance(named, str) and named.startswith(("https://", "http://")) else self.origin + path

    def text(self, count: int) -> str:
        """Fresh random text of so many bytes."""
        return base64.urlsafe_b64encode(self.random(count)).rstrip(b"=").decode()

    async def ask(
        self,
        method: str,
        url: str,
        *,
        agent: str = OAUTH_AGENT,
        headers: dict[str, str] | None = None,
        json: Any = None,
        form: str | None = None,
        body: bytes | None = None,
        seconds: float = DEADLINE,
        first_only: bool = False,
    ) -> Seen:
        """Ask once. Raises ``Unanswered``."""
        told = {"User-Agent": agent, "Accept": "application/json", **(headers or {})}
        if json is not None:
            told["Content-Type"] = "application/json"
            body = orjson.dumps(json)
        elif form is not None:
            told["Content-Type"] = "application/x-www-form-urlencoded"
            body = form.encode()
        try:
            return await self.probe.ask(Outgoing(method, url, told, body), seconds=seconds, first_only=first_only)
        except NotSent as lost:
            raise Unanswered(lost.reason) from lost
        except HubError as refused:
            raise Unanswered(str(refused)) from refused

    async def rpc(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        path: str | None = None,
        agent: str = MCP_AGENT,
        token: str | None = None,
        first_only: bool = False,
    ) -> Seen:
        """One MCP request of 2026-07-28. Raises ``Unanswered``."""
        meta = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "hub-doctor", "version": "1"},
        }
        headers = {**_mcp(token), "MCP-Protocol-Version": MODERN, "Mcp-Method": method}
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**(params or {}), "_meta": meta}}
        seconds = self.patience if first_only else DEADLINE
        url = self.origin + (path or self.path)
        return await self.ask(
            "POST", url, agent=agent, headers=headers, json=message, seconds=seconds, first_only=first_only
        )

    async def legacy(
        self, message: dict[str, Any], *, token: str | None = None, session: str | None = None, version: str = LEGACY
    ) -> Seen:
        """One MCP message of 2025-11-25. Raises ``Unanswered``."""
        headers = _mcp(token)
        if message.get("method") != "initialize":
            headers["MCP-Protocol-Version"] = version
        if session is not None:
            headers["Mcp-Session-Id"] = session
        return await self.ask("POST", self.url, agent=MCP_AGENT, headers=headers, json=message)

    async def legacy_stream(self, token: str, session: str | None) -> Seen:
        """The GET stream of 2025-11-25, up to its first bytes. Raises ``Unanswered``."""
        headers = {**_mcp(token), "Accept": "text/event-stream", "MCP-Protocol-Version": LEGACY}
        if session is not None:
            headers["Mcp-Session-Id"] = session
        return await self.ask("GET", self.url, agent=MCP_AGENT, headers=headers, seconds=self.patience, first_only=True)


INITIALIZE: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": LEGACY,
        "capabilities": {},
        "clientInfo": {"name": "hub-doctor", "version": "1"},
    },
}
"""How a client of 2025-11-25 begins."""


def _mcp(token: str | None) -> dict[str, str]:
    accepts = {"Accept": "application/json, text/event-stream"}
    return accepts if token is None else {**accepts, "Authorization": f"Bearer {token}"}


def answer_of(seen: Seen) -> str:
    """An answer in a few words: its status, and what it says of itself."""
    if 300 <= seen.status < 400:
        return f"HTTP {seen.status}, sent on to {place_of(seen.headers.get('location', 'nowhere'))}"
    if seen.kind == "text/html":
        found = re.search(r"<title[^>]*>(.*?)</title>", seen.text, re.S | re.I)
        title = " ".join(html.unescape(found[1]).split())[:80] if found else ""
        return f"HTTP {seen.status} with a web page" + (f" ({title!r})" if title else "")
    return f"HTTP {seen.status} ({seen.kind or 'of no type'})"


def member(document: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
    """The object a document has under ``name``; an empty one where there is none."""
    held = (document or {}).get(name)
    return held if isinstance(held, dict) else {}


def parts_of(url: str) -> SplitResult:
    """A URL from outside in its parts; empty ones where it is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return urlsplit("")
    return parts


def texts_of(document: Mapping[str, Any], member: str) -> list[str]:
    """The texts a document lists under ``member``; what is none is left out."""
    held = document.get(member)
    return [one for one in held if isinstance(one, str)] if isinstance(held, list) else []


def place_of(location: str) -> str:
    """A URL without its query, which may hold what is nobody's business."""
    return location.partition("?")[0].partition("#")[0][:200]


def is_page(seen: Seen) -> bool:
    """Whether a web page was answered where a program asked."""
    return seen.kind == "text/html"


def no_answer(step: StepName, what: str, lost: Unanswered) -> Finding:
    """The finding for a request without an answer."""
    mend = "Look whether the hub runs and the proxy in front of it passes this path on."
    return wrong(step, f"{what}: {lost}.", mend)


def object_of(seen: Seen) -> dict[str, Any] | None:
    """The JSON object of an answer, None where there is none."""
    try:
        found = orjson.loads(seen.body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
