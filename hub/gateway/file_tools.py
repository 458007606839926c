"""The hub's own tools about files: the link by which the user hands one in, and reading one that is kept.

A file never travels through the model unless it is short: it is named by its ``hub://files/<id>``.
"""

from datetime import timedelta
from typing import Annotated, Any

import orjson

from hub.errors import NotFoundError
from hub.files import id_in
from hub.files.kept import clean_name, told_size
from hub.files.links import UPLOAD
from hub.gateway.files import PICTURES, SHOWN_BYTES, CallFiles
from hub.sdk.connector import Connector
from hub.sdk.content import Image, Result, Text
from hub.sdk.context import Context

READ_BYTES = 50_000
"""Bytes of a text that one call of ``hub_read_file`` answers at most."""

_JSON_CHARACTERS = 60_000
"""The same as JSON, where some characters become six."""

FILE = "A file's hub://files/<id>."


def add_file_tools(own: Connector, files: CallFiles) -> None:
    """Add ``upload_file`` and ``read_file`` to the hub's own connector."""

    @own.tool(effect="read", title="Get a link to upload a file")
    async def upload_file(
        ctx: Context, name: Annotated[str | None, "What the file is to be called, where the user said so."] = None
    ) -> dict[str, Any]:
        """Get a page where the user hands in a file of theirs, to be given to a tool that takes one.

        Show the user the link and wait until they say that it is done; then give file, the hub://files/<id>, to the
        tool. A tool of another server takes it where its schema asks for base64 or a URI. With a shell: curl -T FILE
        "LINK".
        """
        id = files.files.new_id()
        return {
            "link": files.links.upload(ctx.user.id, id, clean_name(name) if name else ""),
            "file": f"hub://files/{id}",
            "at_most": told_size(files.files.limits.file),
            "link_works_until": _moment(ctx, UPLOAD),
        }

    @own.tool(effect="read", title="Read a file", untrusted=True)
    async def read_file(
        ctx: Context,
        file: Annotated[str, FILE],
        offset: Annotated[int, "Where in the text to begin: next_offset of the answer before.", {"minimum": 0}] = 0,
    ) -> Any:
        """Read a file the hub keeps, as tools answer them: a text in parts, a picture as it is.

        Of others it tells name, type and size, and the link by which the user downloads it. Files are kept for an hour.
        """
        id = id_in(file)
        if id is None:
            raise NotFoundError(f"file: {file[:100]!r} is no hub://files/<id>.")
        kept = await files.files.find(ctx.user.id, id)
        told = files.told(kept)
        if kept.mime_type in PICTURES and kept.size <= SHOWN_BYTES:
            return Result((Image(await files.files.read(kept), kept.mime_type), Text(str(told["download"]))), told)
        start = min(offset, kept.size)
        part = b"".join([one async for one in files.files.parts(kept, start, start + READ_BYTES)])
        while True:
            text = _text(part, first=start == 0, last=start + len(part) >= kept.size)
            if text is None and not kept.textual:
                return told
            shown = part.decode("utf-8", "replace") if text is None else text
            if len(orjson.dumps(shown)) <= _JSON_CHARACTERS:
                break
            part = part[: len(part) // 2]
        used = len(part) if text is None else len(text.encode()) + _stray(part, first=start == 0)
        told["text"] = shown
        if start + used < kept.size:
            told["next_offset"] = start + used
        return told


def _moment(ctx: Context, later: timedelta) -> str:
    return (ctx.now() + later).isoformat(timespec="seconds").replace("+00:00", "Z")


def _stray(part: bytes, *, first: bool) -> int:
    """How many bytes at the beginning belong to a character that began before."""
    count = 0
    while not first and count < min(3, len(part)) and part[count] & 0xC0 == 0x80:
        count += 1
    return count


def _text(part: bytes, *, first: bool, last: bool) -> str | None:
    """The whole characters in a part of a text in UTF-8; None where it is none."""
    held = part[_stray(part, first=first) :]
    for cut in range(1 if last else 4):
        try:
            text = held[: len(held) - cut].decode()
        except UnicodeDecodeError:
            continue
        return None if "\x00" in text else text
    return None
