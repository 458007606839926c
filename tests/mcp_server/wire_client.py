"""A client with nothing hidden: every header and byte of a request and its answer.

Not an MCP client: it keeps no state and hides no mistake. ``test_interop.py`` uses the official one.
"""

import io
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from tests import plants

MODERN = "2026-07-28"
WORDS = {"ada": "ada-token", "bob": "bob-token"}


@dataclass(frozen=True)
class Told:
    """One answer, read whole: every JSON-RPC message in it, in order."""

    status: int
    headers: Mapping[str, str]
    messages: list[dict[str, Any]]
    raw: bytes

    @property
    def message(self) -> dict[str, Any]:
        """The last message: the response."""
        return self.messages[-1]

    @property
    def result(self) -> dict[str, Any]:
        """The response's result."""
        assert "result" in self.message, self.message
        return dict(self.message["result"])

    @property
    def error(self) -> dict[str, Any]:
        """The response's error."""
        assert "error" in self.message, self.message
        return dict(self.message["error"])

    @property
    def is_stream(self) -> bool:
        """Whether it was an event stream."""
        return self.headers["Content-Type"] == "text/event-stream"


def meta(capabilities: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """What every 2026-07-28 request carries."""
    prefix = "io.modelcontextprotocol/"
    return {
        f"{prefix}protocolVersion": MODERN,
        f"{prefix}clientCapabilities": dict(capabilities or {}),
        f"{prefix}clientInfo": {"name": "test", "version": "1"},
        **more,
    }


class Wire:
    """A client with nothing hidden. ``word`` is the user's token."""

    def __init__(self, http: aiohttp.ClientSession, url: str, word: str | None = WORDS["ada"]) -> None:
        self.http = http
        self.url = url
        self.word = word

    def as_user(self, name: str) -> "Wire":
        """The same client with another user's token."""
        return Wire(self.http, self.url, WORDS[name])

    def headers(self, **more: str | None) -> dict[str, str]:
        """What a client sends with every POST; None leaves a header out. Underscores stand for dashes."""
        base: dict[str, str | None] = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {self.word}" if self.word else None,
        }
        named = {key.replace("_", "-"): value for key, value in more.items()}
        return {key: value for key, value in {**base, **named}.items() if value is not None}

    def send(self, body: Any, **headers: str | None) -> Any:
        """POST a body as it is (bytes) or as JSON; an aiohttp request to enter."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        return self.http.post(self.url, data=io.BytesIO(data), headers=self.headers(**headers))

    async def post(self, body: Any, **headers: str | None) -> Told:
        """POST and read the answer to its end."""
        async with self.send(body, **headers) as response:
            return await told(response)

    def modern_parts(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        known: Any = 1,
        capabilities: Any = None,
        **more: Any,
    ) -> tuple[dict[str, Any], dict[str, str | None]]:
        """A 2026-07-28 request's body and headers; ``more`` goes into ``_meta``."""
        body = {
            "jsonrpc": "2.0",
            "id": known,
            "method": method,
            "params": {**(params or {}), "_meta": meta(capabilities, **more)},
        }
        headers: dict[str, str | None] = {"MCP_Protocol_Version": MODERN, "Mcp_Method": method}
        named = (params or {}).get("name", (params or {}).get("uri"))
        if named is not None:
            headers["Mcp_Name"] = named
        return body, headers

    async def modern(self, method: str, params: Mapping[str, Any] | None = None, **more: Any) -> Told:
        """A 2026-07-28 request and its answer."""
        body, headers = self.modern_parts(method, params, **more)
        return await self.post(body, **headers)

    async def call(self, name: str, arguments: Mapping[str, Any] | None = None, **more: Any) -> Told:
        """A 2026-07-28 tools/call."""
        return await self.modern("tools/call", {"name": name, "arguments": dict(arguments or {})}, **more)

    async def legacy(
        self, method: str, params: Mapping[str, Any] | None = None, known: Any = 1, **headers: str | None
    ) -> Told:
        """A request of 2025-11-25 (unless a header says otherwise) and its answer."""
        headers = {"MCP_Protocol_Version": "2025-11-25", **headers}
        return await self.post(request(method, params, known), **headers)

    async def initialize(self, capabilities: Mapping[str, Any] | None = None, version: str = "2025-11-25") -> Told:
        """The legacy handshake's first half."""
        params = {
            "protocolVersion": version,
            "capabilities": dict(capabilities or {}),
            "clientInfo": {"name": "test", "version": "1"},
        }
        return await self.post(request("initialize", params))

    async def session(self, capabilities: Mapping[str, Any] | None = None, version: str = "2025-11-25") -> str:
        """A legacy session's id."""
        answer = await self.initialize({"elicitation": {}} if capabilities is None else capabilities, version)
        return answer.headers["Mcp-Session-Id"]


def request(method: str, params: Mapping[str, Any] | None = None, known: Any = 1) -> dict[str, Any]:
    """A bare request."""
    return {"jsonrpc": "2.0", "id": known, "method": method, "params": dict(params or {})}


async def told(response: aiohttp.ClientResponse) -> Told:
    """Read an answer to its end."""
    raw = await response.read()
    plants.answered(raw)
    kind = response.headers.get("Content-Type", "")
    messages: list[Any] = []
    if kind == "text/event-stream":
        messages = [orjson.loads(line[6:]) for line in raw.split(b"\n") if line.startswith(b"data: ")]
    elif kind.startswith("application/json") and raw:
        messages = [orjson.loads(raw)]
    return Told(response.status, response.headers, messages, raw)


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """The messages of a stream as they come."""
    async for line in response.content:
        if line.startswith(b"data: "):
            yield orjson.loads(line[6:])


async def comment(response: aiohttp.ClientResponse) -> bytes:
    """The next comment of a stream."""
    async for line in response.content:
        if line.startswith(b":"):
            return bytes(line)
    raise AssertionError("the stream ended without a comment")
