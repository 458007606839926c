"""A reply that is read as it comes: for MCP servers, which speak in streams of events.

The way there is the transport's own (guard, pins, lanes). No deadline on the body: whoever reads it has one.
"""

from collections.abc import AsyncIterator, Mapping

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader

from hub.sdk.http import Outgoing
from hub.upstream.errors import Lost
from hub.upstream.round_trip import MAX_HEADER_LINE, Headers


class Streamed:
    """A reply whose head is here; ``headers`` in lower case."""

    def __init__(self, connection: Connection, status: int, headers: Mapping[str, str], payload: StreamReader) -> None:
        self.status = status
        self.headers = headers
        self._connection = connection
        self._payload = payload

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes, unpacked. Raises ``Lost`` when it is cut off."""
        try:
            while piece := await self._payload.readany():
                yield piece
        except (aiohttp.ClientError, HttpProcessingError, OSError) as wrong:
            raise Lost("the answer was cut off") from wrong

    async def body(self, most: int) -> bytes:
        """The whole body; raises ``Lost`` above ``most`` bytes, and where it is cut off."""
        held = bytearray()
        async for piece in self.pieces():
            held += piece
            if len(held) > most:
                raise Lost(f"its answer has more than {most:,} bytes")
        return bytes(held)

    def close(self) -> None:
        """Let go of the connection: for the next request where all was read, else for good."""
        if self._payload.is_eof():
            self._connection.release()
        else:
            self._connection.close()


async def begun(connection: Connection, start: bytes, outgoing: Outgoing) -> Streamed:
    """Send the request, whose head is ``start``, and read the reply's head. Raises aiohttp's errors."""
    protocol = connection.protocol
    try:
        if not isinstance(protocol, ResponseHandler) or protocol.transport is None:
            raise aiohttp.ServerDisconnectedError
        protocol.set_response_params(read_until_eof=True, max_line_size=MAX_HEADER_LINE, max_field_size=MAX_HEADER_LINE)
        protocol.transport.write(start + (outgoing.body or b""))
        while True:
            message, payload = await protocol.read()
            if not 100 <= message.code <= 199 or message.code == 101:
                break
    except BaseException:
        connection.close()
        raise
    return Streamed(connection, message.code, Headers(message.headers, True), payload)
