"""Connections to the hub: how many there may be, how slowly one may send, and how much it may leave unread.

aiohttp bounds none of these by itself: it waits an hour for a request's head and forever for a reader. Below every
route, so nothing is known here of what is asked. Not the time for a request's body: the route that reads it keeps that.
"""

import asyncio
import resource
import socket
import struct
from dataclasses import dataclass
from traceback import walk_tb
from typing import Any, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from hub.web.in_place import IN_PLACE, LoopInPlace
from hub.web.straight import straight

_FULL = b"The hub has as many connections as it can take; try again shortly.\n"
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(_FULL), _FULL)
)
"""The answer to a connection that finds no place; sent before anything is read."""

_NOTHING_LINGERS = struct.pack("ii", 1, 0)

SPARE_FILES = 256
"""Open files the hub needs besides connections: the database, connectors' folders, logs."""


def open_files(wanted: int) -> int:
    """Raise this process's limit of open files to ``wanted`` and some to spare, as far as the system lets it; how many
    of those wanted there will be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, max(1, soft - SPARE_FILES))


@dataclass(frozen=True, slots=True)
class Patience:
    """What a connection may take. ``most``: how many there are. ``head``: s for a request's head, from its first byte
    (for the first one, from the beginning). ``idle``: s between requests, longer than reverse proxies keep one open.
    ``stall``: s an answer may lie unread, and ``pace``: bytes a second it must be read at beyond that. ``unread``:
    bytes of all answers together."""

    most: int = 10_000
    head: float = 20.0
    idle: float = 620.0
    stall: float = 30.0
    pace: int = 32 * 1024
    unread: int = 256 * 1024 * 1024


class Connections:
    """All connections of one server, as the protocol factory of its socket."""

    def __init__(self, server: web.Server, patience: Patience) -> None:
        self._server = server
        self.patience = patience
        self.count = 0
        self._unread: dict[Connection, None] = {}

    def __call__(self) -> "Connection":
        """A protocol for a connection that was just accepted."""
        return Connection(self, self._server, keepalive_timeout=self.patience.idle, access_log=None)

    def congested(self, connection: "Connection") -> None:
        """Note that ``connection`` has much unread; where all have too much together, the first of them is ended."""
        self._unread[connection] = None
        while len(self._unread) > 1 and sum(one.unread for one in self._unread) > self.patience.unread:
            first = next(iter(self._unread))
            self.relieved(first)
            first.abort()

    def relieved(self, connection: "Connection") -> None:
        """Note that ``connection`` has little unread."""
        self._unread.pop(connection, None)


class Connection(web.RequestHandler):
    """One connection: aiohttp's own, which gives up on who does not send or does not read."""

    __slots__ = ("_all", "_counted", "_head", "_stall", "_wire")

    def __init__(self, all_of_them: Connections, server: web.Server, **options: Any) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self._all = all_of_them
        self._counted = False
        # aiohttp forgets its transport when it closes it, though what is unread may keep it open for ever.
        self._wire: asyncio.Transport | None = None
        self._head: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    @property
    def unread(self) -> int:
        """Bytes written that the other side has not taken."""
        return self._wire.get_write_buffer_size() if self._wire is not None else 0

    def abort(self) -> None:
        """End it now; what is unread is lost, also what the system still holds of it (socket(7), SO_LINGER)."""
        if self._wire is not None:
            held = self._wire.get_extra_info("socket")
            if held is not None:
                held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOTHING_LINGERS)
            self._wire.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or turn it away where there are too many."""
        wire = cast(asyncio.Transport, transport)
        if self._all.count >= self._all.patience.most:
            wire.write(FULL)
            wire.close()
            return
        self._wire = wire
        self._counted = True
        self._all.count += 1
        super().connection_made(transport)
        if IN_PLACE:
            self._loop = cast(asyncio.AbstractEventLoop, LoopInPlace(self._loop))
        self._await_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget it."""
        if not self._counted:
            return
        self._counted = False
        self._all.count -= 1
        self._wire = None
        self._have_head()
        self._is_read()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass it on, and watch the time while it is only a part of a head."""
        if not self._counted:
            return
        super().data_received(data)
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            if self._head is None:
                self._await_head()
        elif self._head is not None and self._messages:
            self._have_head()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Go on where reading was paused. aiohttp asks this after every piece of a body that was read, and would by
        itself parse nothing once more."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """aiohttp's answer to what went wrong. A head whose bytes are no text, which it stumbles over when it repeats
        them, and a form that is none, are the client's fault and not the hub's."""
        wrong = None
        if isinstance(exc, UnicodeError) and not _is_text(request):
            wrong = "The request's head has bytes that are not UTF-8.\n"
        elif isinstance(exc, ValueError | LookupError) and _while_reading(exc):
            wrong = "The request's body is not what its Content-Type says.\n"
        if wrong is not None:
            return super().handle_error(request, 400, HttpProcessingError(code=400), wrong)
        return super().handle_error(request, status, exc, message)

    def log_exception(self, *told: Any, **more: Any) -> None:
        """Log what went wrong in the hub; what strangers send wrongly fills no logs."""
        if not isinstance(more.get("exc_info"), HttpProcessingError | web.RequestPayloadError):
            super().log_exception(*told, **more)

    def pause_writing(self) -> None:
        """Much is unread: give the reader its time."""
        super().pause_writing()
        patience = self._all.patience
        seconds = patience.stall + self.unread / patience.pace
        self._stall = asyncio.get_running_loop().call_later(seconds, self.abort)
        self._all.congested(self)

    def resume_writing(self) -> None:
        """Little is unread again."""
        super().resume_writing()
        self._is_read()

    def _is_read(self) -> None:
        self._all.relieved(self)
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _await_head(self) -> None:
        self._head = asyncio.get_running_loop().call_later(self._all.patience.head, self._too_slow)

    def _have_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _too_slow(self) -> None:
        self._head = None
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            self.force_close()


def _is_text(request: web.BaseRequest) -> bool:
    try:
        "".join((request.path_qs, *request.headers.values())).encode()
    except UnicodeError:
        return False
    return True


def _while_reading(wrong: BaseException) -> bool:
    """Whether aiohttp came upon this when it took a request's body apart (an unknown charset, no boundary)."""
    return any(
        frame.f_globals.get("__name__") in ("aiohttp.web_request", "aiohttp.multipart")
        for frame, _ in walk_tb(wrong.__traceback__)
    )


class Port(web.TCPSite):
    """Where the hub listens; gives each connection to ``Connections``."""

    def __init__(self, runner: web.AppRunner, host: str, port: int, patience: Patience) -> None:
        super().__init__(runner, host, port, backlog=1024)
        self._patience = patience

    async def start(self) -> None:
        """Listen. Raises ``OSError`` when the address cannot be listened on."""
        await web.BaseSite.start(self)
        server = self._runner.server
        if server is None:
            raise RuntimeError("the runner is not set up")
        if isinstance(self._runner, web.AppRunner):
            server.request_handler = straight(self._runner.app, server.request_handler)
        connections = Connections(server, self._patience)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(connections, self._host, self._port, backlog=self._backlog)
