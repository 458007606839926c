"""Streams of events, read piece by piece (HTML, section 9.2.6, Interpreting an event stream). Not a connection."""

from dataclasses import dataclass

from hub.upstream.errors import Lost

EVENT_MAX = 16_000_000
"""Bytes of one event; a server that sends more is cut off."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``retry`` are the milliseconds asked for before the connection is made again."""

    kind: str
    data: str
    id: str | None = None
    retry: int | None = None


class Events:
    """Makes events of bytes."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, piece: bytes) -> list[Event]:
        """The events that end within ``piece``. Raises ``Lost`` for one that is longer than ``EVENT_MAX``."""
        self._rest += piece
        if b"\r" in piece:
            last = self._rest.endswith(b"\r")
            self._rest = self._rest.replace(b"\r\n", b"\n")
            if not last:
                self._rest = self._rest.replace(b"\r", b"\n")
        found = []
        while (at := self._rest.find(b"\n\n")) >= 0:
            block = bytes(self._rest[:at])
            del self._rest[: at + 2]
            event = _event(block.decode("utf-8", "replace"))
            if event is not None:
                found.append(event)
        if len(self._rest) > EVENT_MAX:
            raise Lost(f"one of its events has more than {EVENT_MAX:,} bytes")
        return found


def _event(block: str) -> Event | None:
    kind, data, id, retry = "message", [], None, None
    for line in block.removeprefix("\ufeff").split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            data.append(value)
        elif name == "id" and "\0" not in value:
            id = value
        elif name == "retry" and value.isdigit():
            retry = int(value)
    return Event(kind, "\n".join(data), id, retry) if data or id is not None or retry is not None else None
