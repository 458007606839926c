"""The load: requests as prebuilt bytes over kept-open connections, timed one by one.

Raw sockets on asyncio, so that it costs a fraction of what it measures. Knows HTTP only as far as these servers speak
it (a length or chunks), and nothing of MCP.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

SECONDS = 120.0
"""How long one series of requests may take before it counts as stuck."""


@dataclass(frozen=True, slots=True)
class Series:
    """What a series of requests took: ``seconds`` in all, ``median`` of one in seconds."""

    count: int
    seconds: float
    median: float


class BadAnswer(Exception):
    """A server answered a request with something other than 200, or closed the connection."""


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """One POST as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class _Connection(asyncio.Protocol):
    """One connection: sends the next request as soon as the last one is answered whole."""

    def __init__(self, requests: Iterator[bytes], counter: Iterator[int], keep: bool) -> None:
        self._requests = requests
        self._counter = counter
        self._keep = keep
        self._parts: list[bytes] = []
        self._held = 0
        self._length = 0
        self._begun = 0.0
        self.took: list[float] = []
        self.answers: list[bytes] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(BadAnswer("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        self._held += len(data)
        if not self._length and not self._read_head():
            return
        # A chunked answer has no length: it is whole when its last chunk is there.
        if self._held < self._length or (self._length < 0 and not data.endswith(b"0\r\n\r\n")):
            return
        self.took.append(time.perf_counter() - self._begun)
        if self._keep:
            self.answers.append(b"".join(self._parts))
        self._next()

    def _read_head(self) -> bool:
        head, blank, _ = b"".join(self._parts).partition(b"\r\n\r\n")
        if not blank:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            self._fail(b"".join(self._parts)[:600])
            return False
        _, found, rest = head.lower().partition(b"content-length:")
        self._length = len(head) + 4 + int(rest.partition(b"\r\n")[0]) if found else -1
        return True

    def _fail(self, seen: bytes) -> None:
        if not self.done.done():
            self.done.set_exception(BadAnswer(seen.decode(errors="replace")))
        if self._transport is not None:
            self._transport.abort()

    def _next(self) -> None:
        self._parts, self._held, self._length = [], 0, 0
        if self._transport is None:
            return
        if next(self._counter, None) is None:
            if not self.done.done():
                self.done.set_result(None)
            self._transport.close()
            return
        request = next(self._requests)
        self._begun = time.perf_counter()
        self._transport.write(request)


async def drive(port: int, requests: Sequence[bytes], *, connections: int, count: int) -> Series:
    """Send ``count`` requests, taken from ``requests`` in turn, over ``connections`` connections.

    Each connection keeps to requests of its own, so that no two are under way alike. Raises ``BadAnswer``.
    """
    made, seconds = await _run(port, requests, connections, count, keep=False)
    took = [one for connection in made for one in connection.took]
    return Series(len(took), seconds, statistics.median(took))


async def ask(port: int, requests: Sequence[bytes]) -> list[bytes]:
    """The answers to ``requests``, whole with their heads. Raises ``BadAnswer``."""
    made, _ = await _run(port, requests, 1, len(requests), keep=True)
    return made[0].answers


async def _run(
    port: int, requests: Sequence[bytes], connections: int, count: int, *, keep: bool
) -> tuple[list[_Connection], float]:
    loop = asyncio.get_running_loop()
    counter = iter(range(count))
    begun = time.perf_counter()
    made: list[_Connection] = []
    for number in range(connections):
        own = itertools.cycle(requests[number::connections] or requests)
        _, connection = await loop.create_connection(
            lambda own=own: _Connection(own, counter, keep),  # type: ignore[misc]  # bound now, not when called
            "127.0.0.1",
            port,
        )
        made.append(connection)
    async with asyncio.timeout(SECONDS):
        for connection in made:
            await connection.done
    return made, time.perf_counter() - begun
