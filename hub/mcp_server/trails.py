"""What the streams of legacy calls have said, for clients that lost the connection, or were let go, and come back
(2025-11-25, basic/transports, Resumability and Redelivery).

In memory, of the process that runs the call; bounded in bytes and time. Progress and log lines are not kept: they are
of the moment. Not a stream: ``stream.py`` writes, ``listening.py`` serves who comes back.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hub.mcp_server.errors import INVALID_REQUEST, RpcError
from hub.mcp_server.limits import Limits

RESUMABLE = "2025-11-25"
"""The first revision whose clients know an event with an id and without data."""

_EMPTY = 3_000
"""Bytes a trail takes before anything was said: itself, its event and deque."""


class Trail:
    """One stream's messages, numbered from 1; number 0 is the event that only gives an id."""

    def __init__(self, trails: "Trails", id: str, session: str, retry_ms: int) -> None:
        self._trails = trails
        self.id = id
        self.session = session
        self.bytes = _EMPTY
        self.ended = False
        self.readers = 0
        self.seen = asyncio.get_running_loop().time()
        self.news = asyncio.Event()
        self._kept: deque[tuple[int, bytes]] = deque()
        self._last = 0
        self._retry_ms = retry_ms

    def opening(self) -> bytes:
        """The event a stream begins with: an id to come back with, and how soon (SEP-1699)."""
        return f"id: {self.id}-0\nretry: {self._retry_ms}\ndata:\n\n".encode()

    def add(self, message: bytes) -> bytes:
        """Keep a message (JSON without line breaks); the event it is sent as."""
        self._last += 1
        event = f"id: {self.id}-{self._last}\nevent: message\ndata: ".encode() + message + b"\n\n"
        self._kept.append((self._last, event))
        self.bytes += len(event)
        self._trails.make_room(self, len(event))
        self.news.set()
        return event

    def end(self) -> None:
        """Nothing more will be said; what was is kept for a while."""
        if not self.ended:
            self.ended = True
            self._trails.expire(self)
            self.news.set()

    def deserted(self, seconds: float) -> bool:
        """Whether nobody has been reading for so long."""
        return self.readers == 0 and asyncio.get_running_loop().time() - self.seen > seconds

    def after(self, number: int) -> list[tuple[int, bytes]]:
        """The kept events that came after this one."""
        return [one for one in self._kept if one[0] > number]

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Somebody reads along, as long as the block lasts."""
        self.readers += 1
        try:
            yield
        finally:
            self.readers -= 1
            self.seen = asyncio.get_running_loop().time()


class Trails:
    """All trails of this process; the oldest make room."""

    def __init__(self, random: Callable[[int], bytes], limits: Limits) -> None:
        self._random = random
        self._limits = limits
        self._all: dict[str, Trail] = {}
        self._weight = 0

    def open(self, session: str) -> Trail:
        """A new trail."""
        trail = Trail(self, self._random(12).hex(), session, round(self._limits.retry * 1000))
        self._all[trail.id] = trail
        self.make_room(trail, trail.bytes)
        return trail

    def make_room(self, trail: Trail, added: int) -> None:
        """So many bytes were added to ``trail``: where all together weigh too much, the oldest others are forgotten."""
        if trail.id not in self._all:
            return
        self._weight += added
        while self._weight > self._limits.trails:
            oldest = next((id for id, one in self._all.items() if one is not trail), None)
            if oldest is None:
                return
            self._forget(oldest)

    def _forget(self, id: str) -> None:
        trail = self._all.pop(id, None)
        if trail is not None:
            self._weight -= trail.bytes

    def expire(self, trail: Trail) -> None:
        """``trail`` has ended; forget it in a while."""
        asyncio.get_running_loop().call_later(self._limits.kept, self._forget, trail.id)

    def find(self, session: str, event: str) -> tuple[Trail, int]:
        """The trail an event is of, and the event's number. Raises ``RpcError`` 400 where this process does not have
        it (any more) or it is another session's."""
        id, _, number = event.rpartition("-")
        trail = self._all.get(id)
        if trail is None or trail.session != session or not (number.isascii() and number.isdigit()):
            text = "The stream of this Last-Event-ID is not kept here (any more); call again."
            raise RpcError(INVALID_REQUEST, text, status=400)
        return trail, int(number)
