"""The bodies of requests: read within a time, up to a length, and up to so many bytes of all of them at once.

What came with its head is small and costs nothing to take. What arrives by and by is counted until it is answered, so
that many long messages at once cannot fill the memory. Not what is in them (``messages.py``).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from hub.mcp_server.errors import INTERNAL_ERROR, INVALID_REQUEST, RpcError
from hub.mcp_server.limits import Limits

_SHARES = 4
"""One user's bodies take at most this part of all."""


class Bodies:
    """The bodies held at this moment."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = 0
        self._by_user: Counter[str] = Counter()

    def whole(self, request: web.Request) -> bytes:
        """A body that came with its head. Raises ``RpcError`` 413 when it is too long."""
        body = request.content.read_nowait()
        self._check(len(body))
        return body

    @asynccontextmanager
    async def arriving(self, request: web.Request, user: str) -> AsyncIterator[bytes]:
        """A body that is still to come, decompressed, counted as held while the block runs.

        Raises ``RpcError``: 413 when it is too long, 408 when too slow, 400 when broken, 503 when the hub holds as much
        as it can.
        """
        self._check(request.content_length or 0)
        body = bytearray()
        counted = 0
        try:
            try:
                async with asyncio.timeout(self._limits.reading):
                    while chunk := await request.content.readany():
                        self._make_room(user, len(chunk))
                        counted += len(chunk)
                        body += chunk
                        self._check(len(body))
            except TimeoutError:
                raise RpcError(INVALID_REQUEST, "The body did not arrive in time.", status=408) from None
            except (ConnectionError, web.RequestPayloadError):
                raise RpcError(INVALID_REQUEST, "The body broke off or is not encoded as its headers say.") from None
            yield bytes(body)
        finally:
            self._held -= counted
            self._by_user[user] -= counted
            if not self._by_user[user]:
                del self._by_user[user]

    def _check(self, length: int) -> None:
        most = self._limits.body
        if length > most:
            raise RpcError(INVALID_REQUEST, f"The body is longer than {most} bytes.", status=413)

    def _make_room(self, user: str, length: int) -> None:
        most = self._limits.bodies
        if self._held + length > most or self._by_user[user] + length > most // _SHARES:
            text = "The hub holds as many long messages as it can; try again in 5 seconds."
            raise RpcError(INTERNAL_ERROR, text, {"retryAfterSeconds": 5}, status=503)
        self._held += length
        self._by_user[user] += length
