"""An answer that is there whole before anything is sent: head and body leave in one write.

What aiohttp's own response does for any answer (bodies that are streamed, compressed or unknown in length, cookies,
old clients) is not needed for JSON that is ready; where the client asks for less than plain HTTP/1.1, aiohttp's way is
gone. It is also gone where a newer aiohttp is inside no longer what this module knows (``missing``). Not for event
streams: those are ``stream.py``'s.
"""

from collections.abc import Iterable, Mapping

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.web_request import BaseRequest

from hub.mcp_server.messages import Body
from hub.observe import log

_HEADS: dict[int, bytes] = {}
"""The beginnings of heads by status, as few as there are statuses; nothing drops one."""

_INSIDE: tuple[tuple[type, tuple[str, ...]], ...] = (
    (web.StreamResponse, ("_keep_alive", "_eof_sent", "prepared")),
    (web.RequestHandler, ("writing_paused", "_drain_helper", "_force_close")),
)
"""What of aiohttp is used here that its documentation does not name."""


def missing(inside: Iterable[tuple[type, Iterable[str]]] = _INSIDE) -> list[str]:
    """The names this module needs of aiohttp that are not there."""
    return [f"{one.__name__}.{name}" for one, names in inside for name in names if not hasattr(one, name)]


DIRECT = not missing()
"""Whether answers leave in one write; else as aiohttp sends them, more slowly."""

if not DIRECT:
    log("mcp_server").warning("aiohttp has changed inside; answers are sent its way, more slowly", missing=missing())

JSON_HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store"}
"""Never cached by anyone in between."""


class WholeResponse(web.StreamResponse):
    """A JSON body with its status. ``headers`` come besides ``JSON_HEADERS``. Sending raises ``ValueError`` for
    one with a line break, which would begin another. ``direct``: in one write where that can be."""

    def __init__(self, status: int, body: Body, headers: Mapping[str, str], *, direct: bool = DIRECT) -> None:
        super().__init__(status=status)
        self._direct = direct
        self._pieces = (body,) if isinstance(body, bytes) else body
        self._length = sum(map(len, self._pieces))
        self._more = headers

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Send everything where nothing special was asked for; else begin as aiohttp does."""
        if self.prepared:
            return await super().prepare(request)
        protocol, transport = request.protocol, request.transport
        if not (self._direct and request.version == HttpVersion11 and request.keep_alive) or self._keep_alive is False:
            self.headers.update({**JSON_HEADERS, **self._more})
            self.content_length = self._length
            return await super().prepare(request)
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        self._keep_alive = True
        self._eof_sent = True
        transport.write(b"".join((self._head(), *self._pieces)))
        if protocol.writing_paused:
            await protocol._drain_helper()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Send the body, where it was not sent with the head."""
        if not self._eof_sent:
            await super().write_eof(b"".join(self._pieces))

    def _head(self) -> bytes:
        start = _HEADS.get(self.status)
        if start is None:
            lines = "".join(f"{name}: {value}\r\n" for name, value in JSON_HEADERS.items())
            start = _HEADS[self.status] = f"HTTP/1.1 {self.status} {self.reason}\r\n{lines}Content-Length: ".encode()
        more = ""
        if self._more:
            more = "".join(f"\r\n{name}: {value}" for name, value in self._more.items())
            if more.count("\n") != len(self._more) or more.count("\r") != len(self._more):
                raise ValueError("a header holds a line break")
        return start + f"{self._length}\r\nDate: {rfc822_formatted_time()}{more}\r\n\r\n".encode()
