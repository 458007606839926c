"""Files in calls: what the model named becomes ``File`` arguments; what a tool returns and is no text becomes a link.

Not where files are kept or fetched (``hub/files``), and not the hub's own tools about them (``file_tools.py``).
"""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeGuard

import orjson

from hub.errors import ProtocolError, ReadFailed, ResourceMissing, ToolError
from hub.files import Kept, id_in
from hub.files.assembly import FileParts
from hub.files.kept import textual, told_size
from hub.gateway import results
from hub.gateway.authorize import authorize
from hub.gateway.relayed import Fitting, kept_of
from hub.gateway.results import CHARACTERS, TooLarge
from hub.identity import Caller
from hub.registry import Entry
from hub.sdk.content import Audio, Block, Embedded, File, Image, Link, Result, Text
from hub.sdk.files import found, replaced
from hub.sdk.names import RESERVED_CONNECTORS
from hub.sdk.relay import FileForm, Relay, Relayed
from hub.sdk.request import Call as Declared
from hub.sdk.tool import CompiledConnector, Effect

SHOWN_BYTES = 3_500_000
"""How large an image or sound may be that a client is shown; what is larger it gets a link to. Claude takes 5 MB in
base64."""

PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""The types of pictures that models see."""

READ_BYTES = 5_000_000
"""How large a file may be that ``resources/read`` answers whole."""

_FORMS = (File, Image, Audio)


class CallFiles:
    """The files of calls."""

    def __init__(self, parts: FileParts) -> None:
        self.files = parts.files
        self.links = parts.links
        self._given = parts.given
        self._memory = parts.memory

    def concern(self, entry: Entry) -> bool:
        """Whether a call of this tool has to do with files before it runs; most have not."""
        run = entry.tool.run
        whole = isinstance(run, Declared) and run.reading.reply == "file"
        handed = isinstance(run, Relay) and bool(run.files)
        return bool(entry.tool.files) or whole or handed or entry.connector.name in RESERVED_CONNECTORS

    @asynccontextmanager
    async def given(
        self, caller: Caller, entry: Entry, arguments: Mapping[str, Any]
    ) -> AsyncIterator[Mapping[str, Any]]:
        """The arguments with every file fetched, which the process's memory has room for until the block ends.

        Raises ``ToolError`` for what is no file of this user or does not fit, ``Refused``, ``HubBusy``, and what
        fetching raises.
        """
        tool = entry.tool
        held = 0
        most = self.files.limits.file
        whole = isinstance(tool.run, Declared) and tool.run.reading.reply == "file"
        try:
            if whole:
                await self._memory.take(most)
                held += most
            if entry.connector.name in RESERVED_CONNECTORS:
                own = await self._given.kept(caller.user_id, arguments.get("file"))
                if own is not None:
                    permit(caller, own)
            for place in tool.files:
                made: list[File] = []
                for value in found(arguments, place.path):
                    kept = await self._given.kept(caller.user_id, value)
                    if kept is not None:
                        permit(caller, kept, tool.effect)
                    fitting = min(most, place.accepts.max_bytes or most)
                    room = kept.size if kept is not None else fitting
                    await self._memory.take(room)
                    held += room
                    one = await self._given.file(value, place.name, kept, fitting)
                    place.accepts.check(one, place.name)
                    self._memory.give(room - len(one.data))
                    held -= room - len(one.data)
                    made.append(one)
                arguments = replaced(arguments, place.path, iter(made))
            for slot in tool.run.files if isinstance(tool.run, Relay) else ():
                handed: list[Any] = []
                for value in found(arguments, slot.path):
                    kept = await self._given.kept(caller.user_id, value) if isinstance(value, str) else None
                    if kept is None:
                        handed.append(value)  # not a file of the hub's: it is the server's to understand
                        continue
                    permit(caller, kept, tool.effect)
                    if slot.form == "link":
                        handed.append(self.links.download(kept))
                        continue
                    await self._memory.take(kept.size)
                    held += kept.size
                    fitting = min(most, slot.accepts.max_bytes or most)
                    one = await self._given.file(value, slot.name, kept, fitting)
                    slot.accepts.check(one, slot.name)
                    handed.append(_written(one, slot.form))
                arguments = replaced(arguments, slot.path, iter(handed))
            yield arguments
        finally:
            self._memory.give(held)

    async def linked(self, caller: Caller, entry: Entry, value: Any) -> Any:
        """What the tool returned, with a link in place of every file that is no short text; each is kept.

        Raises ``ToolError`` where there is no room for it.
        """
        if isinstance(value, bytes):
            value = File(value, "application/octet-stream", entry.name)
        if isinstance(value, str) and len(value) > CHARACTERS:
            return await self._cut(caller, entry, value)
        told: Result | None = None
        if isinstance(value, Result):
            told = value
        elif isinstance(value, _FORMS):
            told = Result((value,))
        elif isinstance(value, list | tuple) and any(isinstance(one, _FORMS) for one in value):
            told = Result(tuple(value))
        if told is None or not any(_too_much(one) for one in told.blocks):
            return value
        blocks: list[Any] = []
        facts: list[dict[str, Any]] = []
        for one in told.blocks:
            if not _too_much(one):
                blocks.append(one)
                continue
            named = one.name if isinstance(one, File) else entry.name
            try:
                kept = await self._keep(caller, entry, one.data, named, one.mime_type)
            except ToolError as full:
                done = "" if entry.tool.effect == "read" else "This was done. "
                size = f"{len(one.data):,} bytes"
                raise ToolError(f"{done}The answer is a file of {size}, more than can be passed on: {full}") from None
            if isinstance(one, File) and kept.mime_type in PICTURES and kept.size <= SHOWN_BYTES:
                blocks.append(Image(one.data, kept.mime_type))
            blocks.append(Link(kept.uri, kept.name, mime_type=kept.mime_type, size=kept.size))
            facts.append(self.told(kept))
        data = told.data
        if data is None:
            data = facts[0] if len(facts) == 1 else {"files": facts}
            blocks.append(Text(orjson.dumps(data).decode()))
        else:
            blocks += [Text(orjson.dumps(one).decode()) for one in facts]
        return replace(told, blocks=tuple(blocks), data=data)

    async def spilled(self, caller: Caller, entry: Entry, wrong: TooLarge) -> dict[str, Any]:
        """The answer in place of one that is too large: where all of it is kept, and how it is read."""
        done = f"This was done. Its answer has {wrong.size:,} characters, more than can be passed on."
        told = str(wrong) if entry.tool.effect == "read" else done
        try:
            kept = await self._keep(caller, entry, wrong.whole, f"{entry.full_name}.json", "application/json")
        except ToolError:
            raise ToolError(told) from None
        data = {"too_large": f"{told} All of it can be read in parts with hub_read_file.", **self.told(kept)}
        return {
            "resultType": "complete",
            "content": [
                {"type": "text", "text": orjson.dumps(data).decode()},
                Link(kept.uri, kept.name, mime_type=kept.mime_type, size=kept.size).block(),
            ],
            "structuredContent": data,
        }

    async def _cut(self, caller: Caller, entry: Entry, text: str) -> str:
        """A long text's beginning, and where all of it is kept."""
        try:
            kept = await self._keep(caller, entry, text.encode(), f"{entry.full_name}.txt", "text/plain")
        except ToolError:
            return text
        shown = text[: CHARACTERS - 1000]
        return (
            f"{shown}\n\n[Cut here: {len(text):,} characters in all. All of it is kept for an hour as {kept.uri}; "
            f"hub_read_file with offset {len(shown.encode())} reads on. The user's link: {self.links.download(kept)}]"
        )

    async def fitted(
        self, caller: Caller, value: Relayed, connector: CompiledConnector, entry: Entry | None = None
    ) -> dict[str, Any]:
        """What another server answered to a tool, or without one to something else: as it came where it fits, else with
        what is large of it kept and linked to.

        Raises ``ToolError`` where there is no room for files, and for what no link can stand for: a resource's
        contents, and a prompt of too many short parts.
        """
        try:
            return results.relayed(value)
        except results.Overweight:
            pass
        name = connector.name if entry is None else entry.full_name
        done = "" if entry is None or entry.tool.effect == "read" else "This was done. "

        async def keep(data: bytes, called: str, mime_type: str) -> Kept:
            source = (connector.name, "" if entry is None else entry.full_name)
            try:
                return await self.files.keep(caller.user_id, data, name=called, mime_type=mime_type, source=source)
            except ToolError as full:
                raise ToolError(f"{done}The answer is more than can be passed on, and cannot be kept: {full}") from None

        contents = value.result.get("contents")
        if isinstance(contents, list):
            parts = [await kept_of(one, keep, name) for one in contents]
            told = "; ".join(
                f"{one.uri} ({told_size(one.size)}, download: {self.links.download(one)})" for one in parts
            )
            raise ToolError(
                f"More than can be read at once, kept for an hour: {told}. hub_read_file reads it in parts."
            )
        strict = entry is not None and entry.tool.output is not None
        return await Fitting(keep, self.told, name, done=done, strict=strict).fitted(value.result)

    async def _keep(self, caller: Caller, entry: Entry, data: bytes, name: str, mime_type: str) -> Kept:
        source = (entry.connector.name, entry.full_name)
        return await self.files.keep(caller.user_id, data, name=name, mime_type=mime_type, source=source)

    def told(self, kept: Kept) -> dict[str, Any]:
        """What is said of a file: its URI for tools, its link for the person, what it is and until when."""
        return {
            "file": kept.uri,
            "name": kept.name,
            "mime_type": kept.mime_type,
            "bytes": kept.size,
            "download": self.links.download(kept),
            "kept_until": kept.expires_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        }

    async def contents(self, caller: Caller, uri: str) -> dict[str, Any]:
        """A file as ``resources/read`` answers it. Raises ``ResourceMissing``, ``ReadFailed`` and ``Refused``."""
        id = id_in(uri)
        try:
            if id is None:
                raise ResourceMissing(uri)
            kept = await self.files.find(caller.user_id, id)
            permit(caller, kept)
            if kept.size > READ_BYTES or (kept.textual and kept.size > CHARACTERS * 4):
                raise ReadFailed(
                    f"{kept.name} has {told_size(kept.size)}, more than can be read at once. Read it in parts with "
                    f"hub_read_file, or download it: {self.links.download(kept)}"
                )
            contents = Embedded(uri, await self.files.read(kept), kept.mime_type).contents_block()
        except ProtocolError:
            raise
        except ToolError:
            raise ResourceMissing(uri) from None
        return {"resultType": "complete", "contents": [contents]}


async def answered(files: CallFiles | None, caller: Caller, entry: Entry, value: Any) -> dict[str, Any]:
    """The result for what a tool returned; its files, and what is too large for a result, are kept. Raises as
    ``results.result`` does."""
    if files is None:
        return results.result(entry.tool, value)
    try:
        if isinstance(value, Relayed):
            return await files.fitted(caller, value, entry.connector, entry)
        if type(value) is not dict:
            value = await files.linked(caller, entry, value)
        return results.result(entry.tool, value)
    except results.TooLarge as wrong:
        return await files.spilled(caller, entry, wrong)


async def passed(
    files: CallFiles | None, caller: Caller, value: Relayed, connector: CompiledConnector
) -> dict[str, Any]:
    """What another server answered to a reading or for a prompt. Raises as ``CallFiles.fitted`` does."""
    return results.relayed(value) if files is None else await files.fitted(caller, value, connector)


def permit(caller: Caller, kept: Kept, effect: Effect = "read") -> None:
    """Raise ``Refused`` where the caller's profile does not have the tool that the file came from."""
    connector, tool = kept.source or ("hub", None)
    authorize(caller, effect, kept.uri, connector, tool or None)


def _written(file: File, form: FileForm) -> str:
    """A file's bytes as another server takes them: base64 (RFC 4648, section 4), or that in a data URL (RFC 2397)."""
    encoded = base64.b64encode(file.data).decode()
    return encoded if form == "base64" else f"data:{file.mime_type};base64,{encoded}"


def _too_much(block: Block) -> TypeGuard[File | Image | Audio]:
    """Whether a block is kept and linked to, rather than put into the answer."""
    if isinstance(block, File):
        kind = block.mime_type.partition(";")[0].strip().lower()
        return not textual(kind) or len(block.data) > CHARACTERS // 2
    return isinstance(block, Image | Audio) and len(block.data) > SHOWN_BYTES
