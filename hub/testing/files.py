"""Files while a recording is made or replayed: kept in memory for the one call, named and linked the same every time.

Not sealed and not shared: what is recorded is what the model is told, and that must not differ between two replays.
"""

import itertools
from collections.abc import AsyncIterator

from hub.clock import Clock
from hub.files import Files, Kept, Limits
from hub.files.assembly import FileParts
from hub.files.files import KEEP, missing
from hub.files.given import Given
from hub.files.kept import Source, clean_name, clean_type
from hub.files.links import FileLinks
from hub.files.memory import Memory
from hub.gateway.files import CallFiles
from hub.sdk.http import Send

PLACE = "https://hub.example"
"""Where a recording's hub is."""


class RehearsedFiles(Files):
    """Files in memory; their ids count from 1."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ids = itertools.count(1)
        self._held: dict[str, tuple[Kept, bytes]] = {}
        self.limits = Limits()

    def new_id(self) -> str:
        """The next number."""
        return f"{next(self._ids):032d}"

    async def take(
        self,
        user_id: str,
        parts: AsyncIterator[bytes],
        *,
        name: str,
        mime_type: str | None,
        source: Source | None,
        size: int | None = None,
        id: str | None = None,
    ) -> Kept:
        """Keep what comes."""
        data = b"".join([part async for part in parts])
        kind = clean_type(mime_type, name)
        id = id or self.new_id()
        until = self._clock.now() + KEEP
        kept = Kept(id, user_id, clean_name(name, kind), kind, len(data), source, until)
        self._held[id] = (kept, data)
        return kept

    async def find(self, user_id: str, id: str) -> Kept:
        """A file of this call. Raises ``NotFoundError``."""
        if id not in self._held:
            raise missing(id)
        return self._held[id][0]

    async def parts(self, kept: Kept, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """Its bytes at once."""
        yield self._held[kept.id][1][start : kept.size if stop is None else stop]


class PlainLinks(FileLinks):
    """Links without a seal, which say nothing of when they were made."""

    def __init__(self) -> None:
        pass

    def download(self, kept: Kept) -> str:
        """The same for the same file."""
        return f"{PLACE}/files/{kept.id}"


def rehearsed_files(clock: Clock, send: Send) -> CallFiles:
    """The files of one recorded call; URLs are fetched by ``send``, as a part of the recording."""
    files = RehearsedFiles(clock)
    return CallFiles(FileParts(files, Given(files, send), PlainLinks(), Memory(4 * files.limits.file)))
