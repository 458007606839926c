"""Server-sent events on one response, and the answer to one POST, which becomes such a stream only where it must.

Carries bytes; what they say is others' business. Not resumable: no event ids (2026-07-28 has none, before they were
optional).
"""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from hub.mcp_server.headers import Accept
from hub.mcp_server.limits import Limits

_STREAM_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    # Proxies such as nginx would otherwise hold events back (2026-07-28, basic/transports/streamable-http).
    "X-Accel-Buffering": "no",
}
_JSON_HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store"}
_COMMENT = b": keep-alive\n\n"


def json_response(status: int, body: bytes, headers: Mapping[str, str]) -> web.Response:
    """A JSON answer, never cached by anyone in between."""
    return web.Response(status=status, body=body, headers={**_JSON_HEADERS, **headers})


class EventStream:
    """One response as an event stream (WHATWG HTML, server-sent events)."""

    def __init__(self, request: web.Request, headers: Mapping[str, str], limits: Limits) -> None:
        self._request = request
        self._limits = limits
        self._lock = asyncio.Lock()
        self._broken = False
        self._closed = False
        self.response = web.StreamResponse(headers={**_STREAM_HEADERS, **headers})

    @property
    def opened(self) -> bool:
        """Whether the status line has been sent."""
        return self.response.prepared

    @property
    def gone(self) -> bool:
        """Whether the reader is no longer there."""
        transport = self._request.transport
        return self._broken or transport is None or transport.is_closing()

    @property
    def congested(self) -> bool:
        """Whether the reader has so much unread that what is merely nice to know should not be added."""
        transport = self._request.transport
        return transport is not None and transport.get_write_buffer_size() > self._limits.congestion

    async def open(self) -> bool:
        """Send the head, with a comment so that it leaves at once; False when the reader is gone."""
        return await self._write(_COMMENT)

    async def send(self, message: bytes) -> bool:
        """Send one message (JSON without line breaks); False when the reader is gone or takes nothing any more."""
        return await self._write(b"event: message\ndata: " + message + b"\n\n")

    async def note(self, message: bytes) -> bool:
        """Send one message that may be lost: it is dropped where much is unread already, and not waited for long."""
        if self.congested:
            return not self.gone
        return await self._write(b"event: message\ndata: " + message + b"\n\n", passing=True)

    async def beat(self) -> bool:
        """Send a comment, which keeps proxies and clients from giving up; False when the reader is gone."""
        return await self._write(_COMMENT)

    async def close(self) -> web.StreamResponse:
        """End the stream. What is sent after goes nowhere."""
        self._closed = True
        if self.opened and not self.gone:
            try:
                async with asyncio.timeout(self._limits.stall):
                    await self.response.write_eof()
            except (ConnectionError, TimeoutError):
                self._drop()
        return self.response

    async def _write(self, data: bytes, *, passing: bool = False) -> bool:
        # The lock keeps two writers from both sending the head, and a message from splitting another.
        async with self._lock:
            if self.gone or self._closed:
                return False
            try:
                if not self.response.prepared:
                    await self.response.prepare(self._request)
                async with asyncio.timeout(self._limits.patience if passing else self._limits.stall):
                    await self.response.write(data)
            except ConnectionError:
                self._drop()
                return False
            except TimeoutError:
                # The bytes are in the buffer; only the reader has not taken them.
                if not passing:
                    self._drop()
                return passing
            return True

    def _drop(self) -> None:
        self._broken = True
        transport = self._request.transport
        if transport is not None:
            transport.abort()


class Answer:
    """The answer to one POST: JSON at once, or an event stream from the first message before the result on.

    ``headers`` go on whatever it becomes. Where the client does not accept event streams, messages before the result
    are dropped; where it accepts nothing else, the result alone is a stream.
    """

    def __init__(self, request: web.Request, headers: dict[str, str], accept: Accept, limits: Limits) -> None:
        self._request = request
        self._limits = limits
        self._accept = accept
        self._stream: EventStream | None = None
        self.headers = headers

    @property
    def streams(self) -> bool:
        """Whether messages can go before the result."""
        return self._accept.events

    @property
    def gone(self) -> bool:
        """Whether the client closed the connection."""
        if self._stream is not None:
            return self._stream.gone
        transport = self._request.transport
        return transport is None or transport.is_closing()

    def _events(self) -> EventStream:
        if self._stream is None:
            self._stream = EventStream(self._request, self.headers, self._limits)
        return self._stream

    async def notify(self, message: bytes) -> None:
        """Send what is nice to know; dropped when nobody reads, so that it never holds up a call."""
        if self._accept.events:
            await self._events().note(message)

    async def send(self, message: bytes) -> bool:
        """Send what must arrive; False when it cannot."""
        return self._accept.events and await self._events().send(message)

    async def beat(self) -> None:
        """Show that the call is still at work: begin the stream, or send a comment on it."""
        if self._accept.events:
            await self._events().beat()

    def abandon(self) -> web.StreamResponse:
        """What aiohttp gets to finish with when nobody is there to answer."""
        return web.Response(status=202) if self._stream is None else self._stream.response

    async def give(self, status: int, body: bytes | None) -> web.StreamResponse:
        """The result, and the end. None for a request that was cancelled and gets no response."""
        if self._stream is not None and self._stream.opened:
            if body is not None:
                await self._stream.send(body)
            return await self._stream.close()
        if body is None:
            if not self._accept.events:
                return web.Response(status=202, headers={"Cache-Control": "no-store", **self.headers})
            await self._events().open()
            return await self._events().close()
        if self._accept.json or status != 200:
            return json_response(status, body, self.headers)
        await self._events().send(body)
        return await self._events().close()
