"""A server's reply as it comes, with every trace of a credential taken off: what an MCP server repeats goes to nobody.

The same as ``signing.scrubbed`` for replies that are read whole. Not the signing, which is ``account.py``'s.
"""

import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from hub.broker.signing import HIDDEN
from hub.upstream.streaming import Streamed


class Scrubbed(Streamed):
    """``inner`` without ``traces``, longest first, and without what ``spelled`` finds (``signing.spellings``). Whoever
    opened ``inner`` closes it."""

    def __init__(self, inner: Streamed, traces: Sequence[str], spelled: Iterable[re.Pattern[bytes]]) -> None:
        self._inner = inner
        self._traces = [trace.encode() for trace in traces]
        self._spelled = tuple(spelled)
        self.status = inner.status
        headers: Mapping[str, str] = inner.headers
        for trace in traces:
            if any(trace in value for value in headers.values()):
                headers = {name: value.replace(trace, HIDDEN) for name, value in headers.items()}
        self.headers = headers

    async def pieces(self) -> AsyncIterator[bytes]:
        """See ``Streamed``; whole lines, as events are made of, so that nothing is missed that comes in two pieces."""
        held = bytearray()
        async for piece in self._inner.pieces():
            held += piece
            end = max(piece.rfind(b"\n"), piece.rfind(b"\r"))
            if end >= 0:
                end += len(held) - len(piece) + 1
                yield self._without(bytes(held[:end]))
                del held[:end]
        if held:
            yield self._without(bytes(held))

    def close(self) -> None:
        """Nothing: ``inner`` is closed where it was opened."""

    def _without(self, raw: bytes) -> bytes:
        for trace in self._traces:
            if trace in raw:
                raw = raw.replace(trace, HIDDEN.encode())
        for pattern in self._spelled:
            raw = pattern.sub(HIDDEN.encode(), raw)
        return raw
