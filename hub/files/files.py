"""``Files``: kept in the database that all processes of the hub share, sealed piece by piece, and read the same way.

A file's pieces are bound to its owner, its id and their number, so that none opens in another's place, and its head
says of how many bytes they are. Where bytes come from and go to is not known here.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta

import orjson

from hub.clock import Clock
from hub.errors import NotFoundError, ToolError
from hub.files.kept import Kept, Source, clean_name, clean_type, told_size
from hub.seal import KeyRing, SealBroken
from hub.store import Store

KEEP = timedelta(hours=1)
"""How long a file is kept from when it is whole."""

PIECE = 256 * 1024
"""Bytes of one piece: what of a file is in memory at a time."""

OVERHEAD = 4096
"""Bytes each file counts for besides its contents, so that there are not countless empty ones."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes: of one file, of one user's files together, of all files."""

    file: int = 25_000_000
    user: int = 250_000_000
    total: int = 2_000_000_000


class Files:
    """All files. ``random`` gives the bytes of ids."""

    def __init__(
        self, store: Store, ring: KeyRing, clock: Clock, limits: Limits, *, random: Callable[[int], bytes]
    ) -> None:
        self._rows = store.files
        self._box = ring.box("file")
        self._clock = clock
        self._random = random
        self.limits = limits

    def new_id(self) -> str:
        """The id of a file that is still to come: 128 random bits."""
        return self._random(16).hex()

    async def keep(self, user_id: str, data: bytes, *, name: str, mime_type: str, source: Source | None) -> Kept:
        """Keep ``data`` as a file of this user. Raises as ``take`` does."""

        async def whole() -> AsyncIterator[bytes]:
            yield data

        return await self.take(user_id, whole(), name=name, mime_type=mime_type, source=source, size=len(data))

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
        """Keep what comes in ``parts`` as a file of this user; ``size`` are its bytes where they are known.

        Raises ``ToolError`` where it is too large, there is no room for it, or there is one of this ``id`` already, and
        ``StoreUnavailable``; nothing is kept then.
        """
        if size is not None and size > self.limits.file:
            raise self._too_large(size)
        id = id or self.new_id()
        await self._begin(id, user_id, (self.limits.file if size is None else size) + OVERHEAD)
        try:
            total = 0
            number = 0
            async for piece in _pieces(parts):
                total += len(piece)
                if total > self.limits.file:
                    raise self._too_large(None)
                if size is not None and total > size:
                    raise ToolError("The file has more bytes than was said.")
                await self._rows.add(id, number, self._box.seal_bytes(piece, bound=bound(user_id, id, number)))
                number += 1
            if size is not None and total < size:
                raise ToolError("The file was cut off.")
            kind = clean_type(mime_type, name)
            expires_at = self._clock.now() + KEEP
            kept = Kept(id, user_id, clean_name(name, kind), kind, total, source, expires_at)
            head = orjson.dumps({"name": kept.name, "type": kind, "size": total, "source": source})
            sealed = self._box.seal(head, bound=bound(user_id, id, -1))
            if not await self._rows.finish(id, sealed, total + OVERHEAD, expires_at):
                raise ToolError("The file took too long to come; hand it in again.")
            return kept
        except BaseException:
            # Also when the call or upload was cancelled: what it set aside is given back first.
            await asyncio.shield(self._rows.delete(id))
            raise

    async def _begin(self, id: str, user_id: str, room: int) -> None:
        begun = await self._rows.begin(id, user_id, room, user_most=self.limits.user, most=self.limits.total)
        if begun == "taken":
            raise ToolError("This link was used already; ask for a new one.")
        if begun == "full":
            raise ToolError(
                "The hub has no room for more files at the moment. They are kept for an hour each: try again later, or "
                "the operator raises files.total_bytes."
            )
        if begun == "user_full":
            taken, first = await self._rows.taken(user_id)
            when = f"; the first of them goes at {first:%H:%M} UTC" if first is not None else ""
            raise ToolError(
                f"The user's files take {told_size(taken)} of the {told_size(self.limits.user)} they may, and "
                f"{told_size(room)} more do not fit. Files are kept for an hour{when}."
            )

    def _too_large(self, size: int | None) -> ToolError:
        told = told_size(size) if size is not None else f"more than {told_size(self.limits.file)}"
        return ToolError(f"The file has {told}; at most {told_size(self.limits.file)} are taken (files.max_bytes).")

    async def find(self, user_id: str, id: str) -> Kept:
        """This user's file of this id. Raises ``NotFoundError``, with the same words for every reason."""
        row = await self._rows.get(id)
        if row is not None and row.head is not None and row.user_id == user_id:
            try:
                held = self._box.open(row.head, bound=bound(user_id, id, -1), now=self._clock.time())
            except SealBroken:
                raise missing(id) from None
            head = orjson.loads(held)
            source = head["source"]
            made_by = (source[0], source[1]) if source else None
            return Kept(id, user_id, head["name"], head["type"], head["size"], made_by, row.expires_at)
        raise missing(id)

    async def read(self, kept: Kept) -> bytes:
        """A file's contents, whole. Raises ``NotFoundError`` when it lapsed meanwhile."""
        return b"".join([part async for part in self.parts(kept)])

    async def parts(self, kept: Kept, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """A file's bytes from ``start`` to before ``stop``, piece by piece. Raises ``NotFoundError``."""
        stop = kept.size if stop is None else min(stop, kept.size)
        for number in range(start // PIECE, -(-stop // PIECE)):
            if start >= stop:
                return
            sealed = await self._rows.piece(kept.id, number)
            if sealed is None:
                raise missing(kept.id)
            try:
                piece = self._box.open_bytes(sealed, bound=bound(kept.user_id, kept.id, number), now=self._clock.time())
            except SealBroken:
                raise missing(kept.id) from None
            at = number * PIECE
            yield piece[max(start - at, 0) : stop - at]

    async def forget(self, kept: Kept) -> None:
        """Keep a file no longer. Raises ``StoreUnavailable``."""
        await self._rows.delete(kept.id)


def missing(id: str) -> NotFoundError:
    """What is said of a file that is not there, or not this user's."""
    return NotFoundError(
        f"There is no file hub://files/{id} of this user: it was not uploaded yet, or its hour is over. Get it again "
        "from where it came, or a new link by hub_upload_file."
    )


def bound(user_id: str, id: str, number: int) -> str:
    """What a file's piece of this number is bound to; its head's number is -1."""
    return f"{id}\n{number}\n{user_id}"


async def _pieces(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces of ``PIECE``, the last one shorter."""
    held = bytearray()
    async for part in parts:
        view = memoryview(part)
        while len(view):
            taken = PIECE - len(held)
            held += view[:taken]
            view = view[taken:]
            if len(held) == PIECE:
                yield bytes(held)
                held.clear()
    if held:
        yield bytes(held)
