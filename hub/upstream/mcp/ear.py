"""``Ear``: the one stream on which a server of 2025-11-25 speaks by itself, held open as long as somebody hears it.

Calls hold it open so that the server can ask during them, and whoever follows the server holds it open for its news;
one stream serves both, as many servers allow no second one. What comes there is led to its call by ``http.py``.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

from hub.upstream.mcp.wire import METHOD_NOT_FOUND, Conversation, Message, RpcError

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
        self._hear: Conversation = _deaf

    @asynccontextmanager
    async def open(self, stream: Stream | None) -> AsyncIterator[None]:
        """Hold the stream open during a call; not where the server has none."""
        if stream is None or stream.silent:
            yield
            return
        task = self._taken(stream)
        try:
            if not stream.listening.is_set():
                opened = asyncio.create_task(stream.listening.wait())
                await asyncio.wait({task, opened}, timeout=OPENING, return_when=asyncio.FIRST_COMPLETED)
                opened.cancel()
            yield
        finally:
            self._left()

    async def listen(self, stream: Stream, hear: Conversation) -> None:
        """Hold the stream open until it ends, and hear what belongs to no call. Raises why it ended."""
        task = self._taken(stream)
        self._hear = hear
        try:
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()
        finally:
            self._hear = _deaf
            self._left()

    def _taken(self, stream: Stream) -> "asyncio.Task[None]":
        self._users += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(stream.listen(self._told), name="mcp stream of a GET")
            self._task.add_done_callback(_looked_at)
        return self._task

    def _left(self) -> None:
        self._users -= 1
        if self._users == 0 and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _told(self, method: str, params: Mapping[str, Any]) -> Message | None:
        return await self._hear(method, params)


def _looked_at(task: "asyncio.Task[None]") -> None:
    """Why the stream ended is told to whoever listens; calls go on without it."""
    if not task.cancelled():
        task.exception()


async def _deaf(method: str, params: Mapping[str, Any]) -> Message | None:
    raise RpcError(METHOD_NOT_FOUND, f"{method} is not answered here")
