"""Server-sent events on one response, and the answer to one POST, which becomes such a stream only where it must.

Carries bytes; what they say is others' business. With a trail (``trails.py``) a client that lost the stream can come
back for what it missed; 2026-07-28 has no such thing.
"""

import asyncio
from collections.abc import Callable, Mapping

from aiohttp import web

from hub.mcp_server.headers import Accept
from hub.mcp_server.limits import Limits
from hub.mcp_server.messages import Body, in_one
from hub.mcp_server.trails import Trail
from hub.mcp_server.whole import WholeResponse

_STREAM_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    # Proxies such as nginx would otherwise hold events back (2026-07-28, basic/transports/streamable-http).
    "X-Accel-Buffering": "no",
}
_COMMENT = b": keep-alive\n\n"


class EventStream:
    """One response as an event stream (WHATWG HTML, server-sent events). What is sent is kept on ``trail``, too."""

    def __init__(
        self, request: web.Request, headers: Mapping[str, str], limits: Limits, trail: Trail | None = None
    ) -> None:
        self._request = request
        self._trail = trail
        self._limits = limits
        self._lock = asyncio.Lock()
        self._broken = False
        self._closed = False
        self.response = web.StreamResponse(headers={**_STREAM_HEADERS, **headers})
        if trail is not None:
            # Its reader may be let go while the call goes on and holds the connection: nothing may be sent on it then.
            self.response.force_close()

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
        """Send one message (JSON without line breaks); False when the reader is gone or takes nothing any more, unless
        it can come back for it."""
        if self._trail is None:
            return await self._write(b"event: message\ndata: " + message + b"\n\n")
        if await self._write(self._trail.add(message)):
            self._trail.seen = asyncio.get_running_loop().time()
        return True

    async def replay(self, event: bytes) -> bool:
        """Send an event as it was sent before; False when the reader is gone."""
        return await self._write(event)

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
                    if self._trail is not None:
                        data = self._trail.opening() + data
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

    def __init__(
        self,
        request: web.Request,
        headers: dict[str, str],
        accept: Accept,
        limits: Limits,
        trail: Callable[[], Trail] | None = None,
    ) -> None:
        """``trail`` makes one for a stream that can be come back to."""
        self._make_trail = trail
        self._trail: Trail | None = None
        self._let_go = False
        self._given = False
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
        """Whether the client closed the connection, or was let go."""
        if self._let_go:
            return True
        if self._stream is not None:
            return self._stream.gone
        transport = self._request.transport
        return transport is None or transport.is_closing()

    def _events(self) -> EventStream:
        if self._stream is None:
            self._trail = self._make_trail() if self._make_trail is not None else None
            self._stream = EventStream(self._request, self.headers, self._limits, self._trail)
        return self._stream

    @property
    def deserted(self) -> bool:
        """Whether the client is gone, and has not come back in time where it can."""
        if not self.gone:
            if self._trail is not None:
                self._trail.seen = asyncio.get_running_loop().time()
            return False
        return self._trail is None or self._trail.deserted(self._limits.absence)

    async def hang_up(self) -> None:
        """Close the connection of a client that can come back; nothing for others."""
        if self._make_trail is not None and self._accept.events and not self.gone:
            await self._events().open()
            self._let_go = True
            await self._events().close()
            self._hang_up()

    def afterwards(self, body: Body | None) -> None:
        """The result, when nobody was there to be given it."""
        if self._trail is not None:
            if body is not None:
                self._trail.add(in_one(body))
            self._trail.end()

    @property
    def dismissed(self) -> bool:
        """Whether the server ends the request itself, as it does when it stops. A call that cancels its own task, which
        may be the connection's, is not meant: then the connection stays."""
        return self._request.task.cancelling() > 0 and self._request.protocol._force_close

    async def part(self, response: web.StreamResponse) -> None:
        """Send what ``give`` gave, and close the connection: for a request whose own task does not return."""
        try:
            if not response.prepared:
                response.force_close()
                await response.prepare(self._request)
                await response.write_eof()
        except ConnectionError:
            pass
        self._hang_up()

    def _hang_up(self) -> None:
        if self._request.transport is not None:
            self._request.transport.close()

    async def notify(self, message: bytes) -> None:
        """Send what is nice to know; dropped when nobody reads, so that it never holds up a call."""
        if self._accept.events and not self._given:
            await self._events().note(message)

    async def send(self, message: bytes) -> bool:
        """Send what must arrive; False when it cannot."""
        return self._accept.events and not self._given and await self._events().send(message)

    async def beat(self) -> None:
        """Show that the call is still at work: begin the stream, or send a comment on it."""
        if self._accept.events and not self._given:
            await self._events().beat()

    def abandon(self) -> web.StreamResponse:
        """What aiohttp gets to finish with when nobody is there to answer."""
        return web.Response(status=202) if self._stream is None else self._stream.response

    async def give(self, status: int, body: Body | None) -> web.StreamResponse:
        """The result, and the end: what is sent after goes nowhere. None for a request that was cancelled and gets no
        response."""
        self._given = True
        if self._stream is not None and self._stream.opened:
            if body is not None:
                await self._stream.send(in_one(body))
            if self._trail is not None:
                self._trail.end()
            return await self._stream.close()
        if body is None:
            if not self._accept.events:
                return web.Response(status=202, headers={"Cache-Control": "no-store", **self.headers})
            await self._events().open()
            return await self._events().close()
        if self._accept.json or status != 200:
            return WholeResponse(status, body, self.headers)
        await self._events().send(in_one(body))
        if self._trail is not None:
            self._trail.end()
        return await self._events().close()
