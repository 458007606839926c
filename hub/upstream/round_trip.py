"""One request and its reply over one connection of the pool: bytes out, aiohttp's parser in.

aiohttp's pool, TLS, proxies and parser are used as they are; its session and its request and response objects, which
are made for every need of a browser's kind, are not. Which connection, how long and what a failure means is
``transport.py``'s; where it may lead was judged before.
"""

import asyncio
from collections.abc import ItemsView, Iterator, Mapping, Sequence, ValuesView

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from aiohttp.streams import StreamReader
from multidict import CIMultiDictProxy

from hub.errors import ToolError
from hub.sdk.http import Outgoing, Reply
from hub.upstream.target import Target

MAX_HEADER_LINE = 32_768
"""Bytes; long Link and policy headers are common, and aiohttp's own bound is a quarter of this."""

STREAMED_BODY = 1_000_000
"""Bytes; larger bodies are written in pieces, so that one upload does not hold up the loop."""

STREAM_SECONDS = 20.0
"""How long a stream of events is listened to; what came by then is the answer."""

STREAM_BYTES = 400_000
"""How much of a stream of events is taken."""

_STREAMS = ("text/event-stream", "application/stream+json")
_PIECE = 65_536
_ACCEPTED = tuple(
    (name.lower(), f"{name}: {value}\r\n") for name, value in aiohttp.ClientRequest.DEFAULT_HEADERS.items()
)
"""``Accept`` and the ``Accept-Encoding`` that aiohttp's parser can undo."""

_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods whose requests say nothing of a body they do not have (RFC 9110, section 8.6)."""

_PORTS = {"http": 80, "https": 443}


def head(outgoing: Outgoing, target: Target, headers: Mapping[str, tuple[str, str]], proxied: bool) -> bytes:
    """The request's head (RFC 9112, section 3), with ``headers`` as ``sendable`` gives them.

    ``proxied`` says that an HTTP proxy reads it, which needs the whole URL in the request line (section 3.2.2).
    """
    text = f"{outgoing.method} {target.url if proxied else target.path} HTTP/1.1\r\n{_host(target)}"
    for name, value in headers.values():
        text += f"{name}: {value}\r\n"
    for lower, line in _ACCEPTED:
        if lower not in headers:
            text += line
    body = outgoing.body
    if body is not None or outgoing.method not in _WITHOUT_BODY:
        text += f"Content-Length: {len(body or b'')}\r\n"
    return f"{text}\r\n".encode()


def _host(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"Host: {host}\r\n" if target.port == _PORTS[target.scheme] else f"Host: {host}:{target.port}\r\n"


class Reading(ResponseHandler):
    """aiohttp's end of a connection, which by itself would parse nothing once more after every piece that was read,
    even where reading was never paused. ``used`` says that it has carried a request before."""

    used = False

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Go on where reading was paused."""
        if self._reading_paused:
            super().resume_reading(resume_parser)


async def exchanged(connection: Connection, start: bytes, outgoing: Outgoing, target: Target, max_body: int) -> Reply:
    """Send the request, whose head is ``start``, and read the whole reply; at most ``max_body`` bytes of it, unpacked.

    The connection is then free for the next one, or closed where it cannot be. Raises aiohttp's errors, and
    ``ToolError`` above the cap.
    """
    protocol = connection.protocol
    try:
        if protocol is None or protocol.transport is None:
            raise aiohttp.ServerDisconnectedError
        protocol.set_response_params(
            skip_payload=outgoing.method == "HEAD",
            read_until_eof=True,
            max_line_size=MAX_HEADER_LINE,
            max_field_size=MAX_HEADER_LINE,
        )
        body = outgoing.body
        if body is not None and len(body) > STREAMED_BODY:
            message, content = await _uploaded(protocol, start, body, target, max_body)
        else:
            protocol.transport.write(start + body if body else start)
            message, content = await _read(protocol, target, max_body)
    except BaseException:
        connection.close()
        raise
    connection.release()
    return Reply(message.code, outgoing.url, Headers(message.headers, outgoing.method != "HEAD"), content)


async def _uploaded(
    protocol: ResponseHandler, start: bytes, body: bytes, target: Target, max_body: int
) -> tuple[RawResponseMessage, bytes]:
    """Send piece by piece, and listen meanwhile: a server may refuse before it has all."""
    writing = asyncio.create_task(_write(protocol, start, body))
    try:
        return await _read(protocol, target, max_body)
    finally:
        if not writing.done():
            # What was not sent would be taken for the next request; and the server may never take it.
            protocol.force_close()
            protocol.abort()
            writing.cancel()
        await asyncio.wait((writing,))
        if not writing.cancelled():
            writing.exception()  # a broken connection is told by the reading


async def _write(protocol: ResponseHandler, start: bytes, body: bytes) -> None:
    view = memoryview(body)
    piece: bytes | memoryview = start
    for at in range(0, len(body) + _PIECE, _PIECE):
        if protocol.transport is None:
            return
        protocol.transport.write(piece)
        await protocol._drain_helper()
        piece = view[at : at + _PIECE]


async def _read(protocol: ResponseHandler, target: Target, max_body: int) -> tuple[RawResponseMessage, bytes]:
    while True:
        message, payload = await protocol.read()
        # Interim replies announce the real one (RFC 9110, section 15.2); after 101 there is none.
        if not 100 <= message.code <= 199 or message.code == 101:
            break
    announced = message.headers.get("Content-Length", "")
    if announced.isdigit() and int(announced) > max_body and payload is not aiohttp.EMPTY_PAYLOAD:
        raise _too_large(target, max_body, f"{int(announced) / 1e6:.1f} MB")
    if message.headers.get("Content-Type", "").lower().startswith(_STREAMS):
        return message, await _stream(payload)
    # Often all of it came with the head.
    content = payload.read_nowait() if payload.is_eof() else await _body(payload, target, max_body)
    if len(content) > max_body:
        raise _too_large(target, max_body)
    return message, content


async def _stream(payload: StreamReader) -> bytes:
    """What a stream of events tells until it ends, is long enough or has lasted long enough. Where it was cut off
    stands a comment (HTML, 9.2.6: a line that begins with a colon); the connection is then not used again."""
    parts = bytearray()
    try:
        async with asyncio.timeout(STREAM_SECONDS):
            while part := await payload.readany():
                parts += part
                if len(parts) >= STREAM_BYTES:
                    break
            else:
                return bytes(parts)
    except TimeoutError:
        if not parts:
            raise
    return bytes(parts) + b"\n: cut off here\n"


async def _body(payload: StreamReader, target: Target, max_body: int) -> bytes:
    parts: list[bytes] = []
    total = 0
    # Unpacked piece by piece with back pressure: a small body that unpacks without end stops here too.
    while part := await payload.readany():
        total += len(part)
        if total > max_body:
            raise _too_large(target, max_body)
        parts.append(part)
    return b"".join(parts)


def _too_large(target: Target, max_body: int, size: str | None = None) -> ToolError:
    size = size or f"more than {max_body / 1e6:g} MB"
    return ToolError(
        f"{target.host} answered with {size}; at most {max_body / 1e6:g} MB can be read. "
        "Narrow the request: fewer items, a smaller range, or fewer fields."
    )


class Headers(Mapping[str, str]):
    """A reply's headers in lower case, those that came twice joined; made when the first is looked at, as most replies
    are read without. Those that describe a compressed body are left out, as the body is unpacked."""

    __slots__ = ("_came", "_hidden", "_made", "_shown", "_unpacked")

    def __init__(self, came: CIMultiDictProxy[str], unpacked: bool) -> None:
        self._came = came
        self._unpacked = unpacked
        self._hidden: Sequence[str] = ()
        self._shown = ""
        self._made: dict[str, str] | None = None

    def hide(self, texts: Sequence[str], shown: str) -> None:
        """Have ``shown`` stand for each of ``texts`` in the values, from now on."""
        self._hidden, self._shown = (*self._hidden, *texts) if self._hidden else texts, shown
        if self._made is not None:
            self._made = self._without(self._made)

    def _without(self, made: dict[str, str]) -> dict[str, str]:
        for text in self._hidden:
            made = {name: value.replace(text, self._shown) for name, value in made.items()}
        return made

    def _joined(self) -> dict[str, str]:
        if self._made is None:
            made: dict[str, str] = {}
            for name, value in self._came.items():
                lower = name.lower()
                made[lower] = f"{made[lower]}, {value}" if lower in made else value
            if self._unpacked and made.pop("content-encoding", None) is not None:
                made.pop("content-length", None)
            self._made = self._without(made)
        return self._made

    def __getitem__(self, name: str) -> str:
        return self._joined()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._joined())

    def __len__(self) -> int:
        return len(self._joined())

    def items(self) -> ItemsView[str, str]:
        """All of them, without looking each one up."""
        return self._joined().items()

    def values(self) -> ValuesView[str]:
        """All their values."""
        return self._joined().values()
