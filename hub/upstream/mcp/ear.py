"""``Ear``: holds open the stream on which a server of 2025-11-25 may ask by itself, for as long as calls are under way.

Nothing else listens at a session that is one account's. What comes there is led to its call by ``http.py``.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

from hub.errors import HubError
from hub.upstream.errors import TransportError
from hub.upstream.mcp.wire import METHOD_NOT_FOUND, Conversation, Message, NotMcp, RpcError, SessionEnded, Unauthorized

OPENING = 5.0
"""Seconds a call waits at most for the stream to be open."""


class Stream(Protocol):
    """A way to a server with a stream of its own: ``listening`` is set while it is open, ``silent`` says that there is
    none."""

    listening: asyncio.Event
    silent: bool

    async def listen(self, hear: Conversation) -> None:
        """Hear what the server says by itself until the stream ends."""
        ...


class Ear:
    """The stream that is held open at one server."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._users = 0

    @asynccontextmanager
    async def open(self, stream: Stream | None) -> AsyncIterator[None]:
        """Hold the stream open: one for all calls, and none where it is open already or the server has none."""
        if stream is None or stream.silent:
            yield
            return
        self._users += 1
        try:
            if self._task is None and not stream.listening.is_set():
                self._task = asyncio.create_task(_listened(stream))
            if self._task is not None and not stream.listening.is_set():
                opened = asyncio.create_task(stream.listening.wait())
                await asyncio.wait({self._task, opened}, timeout=OPENING, return_when=asyncio.FIRST_COMPLETED)
                opened.cancel()
            yield
        finally:
            self._users -= 1
            if self._users == 0 and self._task is not None:
                self._task.cancel()
                self._task = None


async def _listened(stream: Stream) -> None:
    with suppress(TransportError, NotMcp, Unauthorized, SessionEnded, TimeoutError, HubError):
        await stream.listen(_deaf)


async def _deaf(method: str, params: Mapping[str, Any]) -> Message | None:
    raise RpcError(METHOD_NOT_FOUND, f"{method} is not answered here")
