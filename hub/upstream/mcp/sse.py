"""HTTP+SSE, the transport of 2024-11-05: a stream of events one way, POSTs the other.

Deprecated, and still spoken by servers nobody has updated. Its ``endpoint`` must lie at the stream's own origin.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urljoin, urlsplit

import orjson

from hub.sdk.http import Outgoing
from hub.upstream.errors import Lost, NotSent, TransportError
from hub.upstream.mcp.duplex import Duplex
from hub.upstream.mcp.events import Events
from hub.upstream.mcp.http import HEAD_SECONDS, Streams
from hub.upstream.mcp.wire import Conversation, Message, NotMcp, Unauthorized, parsed


class HttpSse:
    """One server whose stream is at ``url``."""

    def __init__(self, streams: Streams, url: str, connector: str, headers: Mapping[str, str]) -> None:
        self._streams = streams
        self._url = url
        self._connector = connector
        self._headers = headers
        self._duplex = Duplex()
        self._endpoint: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._version: str | None = None

    def settled(self, version: str) -> None:
        """See ``Wire``."""
        self._version = version

    @property
    def over(self) -> bool:
        """Whether it has ended by itself."""
        return self._duplex.over is not None

    async def open(self) -> None:
        """Open the stream and learn where to send. Raises ``TransportError`` kinds, ``Unauthorized``, ``NotMcp``."""
        self._task = asyncio.create_task(self._read(), name=f"mcp sse {self._connector}")
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                await asyncio.shield(self._endpoint)
        except TimeoutError:
            await self.close()
            raise Lost("its stream names no endpoint") from None
        except BaseException:
            await self.close()
            raise

    async def _read(self) -> None:
        why: Exception = Lost("its stream ended")
        try:
            headers = {**self._headers, "Accept": "text/event-stream"}
            outgoing = Outgoing("GET", self._url, headers, repeatable=True, standing=True)
            async with self._streams.stream(outgoing, connector=self._connector, timeout=HEAD_SECONDS) as reply:
                if reply.status in (401, 403):
                    raise Unauthorized
                if reply.status != 200 or not reply.headers.get("content-type", "").startswith("text/event-stream"):
                    raise NotMcp(reply.status, f"it answers HTTP {reply.status}")
                events = Events()
                async for piece in reply.pieces():
                    for event in events.feed(piece):
                        if event.kind == "endpoint":
                            self._set_endpoint(event.data)
                        elif event.kind == "message":
                            for one in parsed(event.data):
                                await self._duplex.take(one, self._write)
        except (TransportError, Unauthorized, NotMcp) as wrong:
            why = wrong
        finally:
            if not self._endpoint.done():
                self._endpoint.set_exception(why)
                self._endpoint.exception()
            self._duplex.end(why if isinstance(why, TransportError) else Lost("its stream ended"))

    def _set_endpoint(self, told: str) -> None:
        url = urljoin(self._url, told)
        if urlsplit(url)[:2] != urlsplit(self._url)[:2]:
            raise NotMcp(200, "its stream names an endpoint at another origin")
        if not self._endpoint.done():
            self._endpoint.set_result(url)

    async def _write(self, message: Message) -> None:
        headers = {**self._headers, "Content-Type": "application/json"}
        if self._version is not None:
            headers["MCP-Protocol-Version"] = self._version
        outgoing = Outgoing("POST", await self._endpoint, headers, orjson.dumps(message))
        async with self._streams.stream(outgoing, connector=self._connector, timeout=HEAD_SECONDS) as reply:
            if reply.status >= 300:
                raise NotSent(f"it answers HTTP {reply.status}")
            await reply.body(1_000_000)

    async def request(
        self, message: Message, hear: Conversation, *, headers: Mapping[str, str], seconds: float | None
    ) -> Message:
        """See ``Wire``."""
        return await self._duplex.request(message, hear, self._write, seconds)

    async def notify(self, message: Message) -> None:
        """See ``Wire``."""
        await self._write(message)

    async def listen(self, hear: Conversation) -> None:
        """See ``Wire``."""
        await self._duplex.listen(hear)

    async def close(self) -> None:
        """Close the stream."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
