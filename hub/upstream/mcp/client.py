"""``Client``: a connection to one MCP server, in the era it speaks.

2026-07-28 is probed first (``server/discover``), then the handshake of 2025-11-25 and before; over HTTP, where neither
is known, HTTP+SSE. Not what the hub believes of what a server says.
"""

import asyncio
import base64
import itertools
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Any

import orjson

from hub.upstream.errors import Lost, TransportError
from hub.upstream.mcp.commands import Command, Pipes
from hub.upstream.mcp.ear import Ear
from hub.upstream.mcp.http import StreamableHttp, Streams
from hub.upstream.mcp.sse import HttpSse
from hub.upstream.mcp.wire import (
    METHOD_NOT_FOUND,
    MODERN,
    UNSUPPORTED_VERSION,
    Conversation,
    Message,
    NotMcp,
    RpcError,
    Wire,
)

LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")

_META = "io.modelcontextprotocol/"
PROBE_SECONDS = 10.0
"""How long a server may take to answer the probe; programs that know only the handshake may not answer at all."""

CONNECT_SECONDS = 30.0

PAGES = 50
ITEMS = 1_000
LIST_BYTES = 4_000_000
"""What one list of a server may come to; a longer one is refused whole."""

_LISTS = {
    "tools": ("tools", "tools/list"),
    "resources": ("resources", "resources/list"),
    "resourceTemplates": ("resources", "resources/templates/list"),
    "prompts": ("prompts", "prompts/list"),
}
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


class Client:
    """One server, connected. ``version`` is the revision spoken, ``told`` what the server said of itself:
    ``capabilities``, ``instructions``, ``serverInfo``."""

    def __init__(self, wire: Wire, info: Mapping[str, Any], allow: frozenset[str]) -> None:
        self._wire = wire
        self._info = info
        self._sampling = "sampling" in allow
        self._ids = itertools.count(1)
        self._ear = Ear()
        self.version = ""
        self.told: Message = {}

    @classmethod
    async def over_http(
        cls,
        streams: Streams,
        url: str,
        connector: str,
        headers: Mapping[str, str],
        *,
        info: Mapping[str, Any],
        allow: frozenset[str] = frozenset(),
    ) -> "Client":
        """Connect to the server at ``url``; ``info`` is how the hub names itself, ``allow`` may hold ``sampling``.

        Raises ``TransportError`` kinds, ``Unauthorized``, ``NotMcp`` and ``RpcError``.
        """
        client = cls(StreamableHttp(streams, url, connector, headers), info, allow)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await client._agree()
                return client
        except TimeoutError:
            raise Lost(f"it did not answer within {CONNECT_SECONDS:g} s") from None
        except NotMcp as wrong:
            # 2024-11-05's way: the POST is refused, the stream is at the same address (basic/transports,
            # Backwards Compatibility).
            if wrong.status not in (400, 404, 405):
                raise
            first = wrong
        old = HttpSse(streams, url, connector, headers)
        try:
            await old.open()
        except NotMcp:
            raise first from None
        client = cls(old, info, allow)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await client._shake()
        except TimeoutError:
            await old.close()
            raise Lost(f"it did not answer within {CONNECT_SECONDS:g} s") from None
        except BaseException:
            await old.close()
            raise
        return client

    @classmethod
    async def over_pipes(
        cls,
        command: Command,
        environment: Mapping[str, str],
        *,
        info: Mapping[str, Any],
        allow: frozenset[str] = frozenset(),
    ) -> "Client":
        """Start a program and connect to it. Raises as ``over_http`` does."""
        pipes = Pipes(command, environment)
        try:
            await pipes.open()
            client = cls(pipes, info, allow)
            async with asyncio.timeout(CONNECT_SECONDS):
                await client._agree()
            return client
        except TimeoutError:
            await pipes.close()
            raise Lost(f"it did not answer within {CONNECT_SECONDS:g} s") from None
        except BaseException:
            await pipes.close()
            raise

    @property
    def modern(self) -> bool:
        """Whether 2026-07-28 is spoken: no session, no requests of the server."""
        return self.version == MODERN

    @property
    def tied(self) -> bool:
        """Whether all rests on one pipe or stream, whose end is the connection's."""
        return not isinstance(self._wire, StreamableHttp)

    @property
    def over(self) -> bool:
        """Whether the pipe or stream has ended."""
        return isinstance(self._wire, Pipes | HttpSse) and self._wire.over

    @property
    def session(self) -> object:
        """What what a server was told lasts as long as: its session, or the connection where there is none."""
        return self._wire.session if isinstance(self._wire, StreamableHttp) else None

    def has(self, capability: str, part: str | None = None) -> bool:
        """Whether the server declared a capability, or one part of it."""
        held = self.told.get("capabilities", {}).get(capability)
        return isinstance(held, Mapping) and (part is None or bool(held.get(part)))

    async def _agree(self) -> None:
        """Find the era (specification 2026-07-28, basic/versioning, Dual-era clients)."""
        self.version = MODERN
        try:
            try:
                told = await self._send("server/discover", {}, _deaf, seconds=PROBE_SECONDS)
            except RpcError as wrong:
                if wrong.code != UNSUPPORTED_VERSION or MODERN not in _supported(wrong):
                    raise
                told = await self._send("server/discover", {}, _deaf, seconds=PROBE_SECONDS)
        except RpcError as wrong:
            supported = _supported(wrong)
            if wrong.code == UNSUPPORTED_VERSION and supported and not {MODERN, *LEGACY} & supported:
                raise
        except NotMcp as wrong:
            if not 400 <= wrong.status < 500:
                raise
        except Lost:
            if not isinstance(self._wire, Pipes):
                raise
        else:
            versions = told.get("supportedVersions")
            if isinstance(versions, list) and MODERN in versions:
                self.told = _sane(told, told.get("_meta", {}).get(f"{_META}serverInfo"))
                self._wire.settled(MODERN)
                return
        await self._shake()

    async def _shake(self) -> None:
        """The handshake (specification 2025-11-25, basic/lifecycle)."""
        self.version = LEGACY[0]
        capabilities: Message = {"elicitation": {}}
        if self._sampling:
            capabilities["sampling"] = {}
        params = {"protocolVersion": LEGACY[0], "capabilities": capabilities, "clientInfo": dict(self._info)}
        told = await self._send("initialize", params, _deaf, seconds=CONNECT_SECONDS)
        version = told.get("protocolVersion")
        if version not in LEGACY:
            raise NotMcp(200, f"it speaks MCP revision {str(version)[:40]!r}, which the hub does not")
        self.version = version
        self._wire.settled(version)
        self.told = _sane(told, told.get("serverInfo"))
        await self._wire.notify({"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def renew(self) -> None:
        """Shake hands again, as the server ended the session. Raises as connecting does."""
        async with asyncio.timeout(CONNECT_SECONDS):
            await self._shake()

    async def call(
        self,
        method: str,
        params: Mapping[str, Any],
        hear: Conversation,
        *,
        capabilities: Mapping[str, Any],
        seconds: float,
        mirrored: Mapping[str, Any] | None = None,
        logs: bool = False,
    ) -> Message:
        """The result of a request whose progress, log lines and questions ``hear`` gets.

        ``capabilities`` are what can be asked during it, ``mirrored`` the arguments repeated in headers, by header.
        Raises ``RpcError``, ``TransportError`` kinds, ``Unauthorized``, ``SessionEnded`` and ``NotMcp``.
        """
        headers = {name: told for name, value in (mirrored or {}).items() if (told := _told(value)) is not None}
        wire = self._wire
        stream = wire if capabilities and not self.modern and isinstance(wire, StreamableHttp) else None
        async with self._ear.open(stream):
            return await self._send(
                method,
                params,
                hear,
                seconds=seconds,
                capabilities=capabilities,
                headers=headers,
                logs=logs,
                follow=True,
            )

    async def ask(self, method: str, params: Mapping[str, Any]) -> Message:
        """The result of a request during which nothing is heard. Raises as ``call`` does."""
        return await self._send(method, params, _deaf, seconds=CONNECT_SECONDS)

    async def definitions(self) -> Message:
        """All lists of the server, with ``instructions`` and ``serverInfo``; those it does not have are empty.

        Raises as ``call`` does, and ``Lost`` for lists above the caps.
        """
        found: Message = {key: [] for key in _LISTS}
        for key, (capability, method) in _LISTS.items():
            if self.has(capability):
                found[key] = await self._list(key, method)
        for key in ("instructions", "serverInfo"):
            if key in self.told:
                found[key] = self.told[key]
        return found

    async def _list(self, key: str, method: str) -> list[Message]:
        items: list[Message] = []
        params: Message = {}
        for _ in range(PAGES):
            try:
                page = await self._send(method, params, _deaf, seconds=CONNECT_SECONDS)
            except RpcError as wrong:
                if wrong.code == METHOD_NOT_FOUND:
                    return []
                raise
            held = page.get(key)
            items += [one for one in held if isinstance(one, dict)] if isinstance(held, list) else []
            if len(items) > ITEMS or len(orjson.dumps(items)) > LIST_BYTES:
                raise Lost(f"its {method} has more than {ITEMS:,} items or {LIST_BYTES:,} bytes")
            cursor = page.get("nextCursor")
            if not isinstance(cursor, str):
                return items
            params = {"cursor": cursor}
        raise Lost(f"its {method} has more than {PAGES} pages")

    async def listen(self, changed: Conversation, uris: AbstractSet[str] = frozenset()) -> bool:
        """Hear of changed lists until the stream ends, or raise why it ended; False at once where the server tells of
        none. On a pipe it lasts as long as the connection. ``uris`` are the resources watched by it (2026-07-28; the
        eras before are told by requests)."""
        if not self.modern:
            await self._hear_stream(changed)
            return True
        wants: Message = {
            f"{name}ListChanged": True for name in ("tools", "prompts", "resources") if self.has(name, "listChanged")
        }
        if uris and self.has("resources", "subscribe"):
            wants["resourceSubscriptions"] = sorted(uris)
        asking = self._send("subscriptions/listen", {"notifications": wants}, changed, seconds=None) if wants else None
        if not self.tied:
            if asking is not None:
                await asking
            return asking is not None
        subscribed = asyncio.create_task(asking) if asking is not None else None
        try:
            await self._wire.listen(changed)
            return True
        finally:
            if subscribed is not None:
                subscribed.cancel()
                await asyncio.gather(subscribed, return_exceptions=True)

    async def _hear_stream(self, changed: Conversation) -> None:
        wire = self._wire
        if not isinstance(wire, StreamableHttp):
            return await wire.listen(changed)
        try:
            await self._ear.listen(wire, changed)
        except NotMcp as wrong:
            # A session that ended, or a server without such a stream? A request that is answered tells.
            if wire.session is not None and wrong.status in (400, 404):
                await self.ask("ping", {})
            raise

    async def close(self) -> None:
        """End the connection. Never raises."""
        with suppress(TransportError, NotMcp, TimeoutError):
            await self._wire.close()

    async def _send(
        self,
        method: str,
        params: Mapping[str, Any],
        hear: Conversation,
        *,
        seconds: float | None,
        capabilities: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        logs: bool = False,
        follow: bool = False,
    ) -> Message:
        id = next(self._ids)
        meta: Message = {"progressToken": id} if follow else {}
        sent = dict(headers or {})
        if self.modern:
            meta[f"{_META}protocolVersion"] = MODERN
            meta[f"{_META}clientInfo"] = dict(self._info)
            meta[f"{_META}clientCapabilities"] = dict(capabilities or {})
            if logs:
                meta[f"{_META}logLevel"] = "debug"
            sent |= {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
            named = params.get(_NAMED.get(method, ""))
            if isinstance(named, str):
                sent["Mcp-Name"] = _told(named) or ""
        else:
            sent = {}
        held = dict(params)
        if meta:
            held["_meta"] = meta
        message: Message = {"jsonrpc": "2.0", "id": id, "method": method}
        if held or self.modern:
            message["params"] = held
        answer = await self._wire.request(message, hear, headers=sent, seconds=seconds)
        if "error" in answer:
            raise RpcError.of(answer["error"])
        result = answer.get("result")
        if not isinstance(result, dict):
            raise Lost("its answer has no result")
        return result


async def _deaf(method: str, params: Mapping[str, Any]) -> Message | None:
    raise RpcError(METHOD_NOT_FOUND, f"{method} is not answered here")


def _supported(wrong: RpcError) -> set[str]:
    """The revisions that a server says it supports (2026-07-28, basic/versioning)."""
    held = wrong.data.get("supported") if isinstance(wrong.data, Mapping) else None
    return set(map(str, held)) if isinstance(held, list) else set()


def _sane(told: Mapping[str, Any], info: Any) -> Message:
    """What a server says of itself, in the kinds it must have."""
    held: Message = {}
    capabilities = told.get("capabilities")
    held["capabilities"] = capabilities if isinstance(capabilities, dict) else {}
    if isinstance(told.get("instructions"), str):
        held["instructions"] = told["instructions"]
    if isinstance(info, dict):
        held["serverInfo"] = info
    return held


def _told(value: Any) -> str | None:
    """A value as a header holds it (2026-07-28, streamable-http, Value Encoding); None for what no header repeats."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return orjson.dumps(value).decode()
    if not isinstance(value, str):
        return None
    plain = value.isascii() and value.replace("\t", " ").isprintable() and value == value.strip()
    if plain and not value.startswith("=?base64?"):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="
