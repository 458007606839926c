"""What another MCP server answered, made to fit: as it came while it fits, and else what is large of it kept as files.

A text is cut and says where the whole of it is; a picture, a sound or an embedded resource becomes a link. Not the
budget itself (``results.py``), and not where files are kept (``hub/files``).
"""

import base64
import binascii
import mimetypes
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from hub.errors import ToolError
from hub.files import Kept
from hub.gateway.results import BINARY_CHARACTERS, CHARACTERS, MEDIA_CHARACTERS, media_of, text_of
from hub.sdk.content import Link

Keep = Callable[[bytes, str, str], Awaitable[Kept]]
"""Keeps bytes under a name, of a media type; raises ``ToolError`` where there is no room."""

Tell = Callable[[Kept], dict[str, Any]]

NOTE = 600
"""Characters the words about what was cut take at most."""

READ = "All of it can be read in parts with hub_read_file."

_Place = tuple[Any, Any]
"""Where a block stands: the list or mapping that holds it, and under what."""


class Fitting:
    """Makes one result fit. ``name`` is what its files are called where the server does not say; ``strict``: the server
    promised a form of the structured content, which nothing else may take the place of; ``done`` is said before it."""

    def __init__(self, keep: Keep, tell: Tell, name: str, *, done: str, strict: bool) -> None:
        self._keep = keep
        self._tell = tell
        self._name = name
        self._done = done
        self._strict = strict
        self._facts: list[dict[str, Any]] = []

    async def fitted(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """The result, within the budget. Raises ``ToolError`` where its parts cannot be kept, and for a prompt of too
        many short ones."""
        made = dict(result)
        places = _places(made)
        total = sum(media_of(holder[key]) for holder, key in places)
        for holder, key in sorted(places, key=lambda place: -media_of(place[0][place[1]])):
            size = media_of(holder[key])
            if size <= MEDIA_CHARACTERS and total <= BINARY_CHARACTERS:
                break
            holder[key] = await self._linked(holder[key])
            total -= size
        await self._shorten(made, places)
        content = made.get("content")
        if isinstance(content, list):
            content += [{"type": "text", "text": orjson.dumps(one).decode()} for one in self._facts]
        return {"resultType": "complete", **made}

    async def _shorten(self, made: dict[str, Any], places: list[_Place]) -> None:
        data = made.get("structuredContent")
        weight = len(orjson.dumps(data)) if data is not None else 0
        if weight > CHARACTERS - NOTE:
            await self._replace_data(made, data)
            weight = len(orjson.dumps(made.get("structuredContent")))
        weight += sum(text_of(holder[key]) for holder, key in places)
        weight += sum(len(orjson.dumps(one)) for one in self._facts)
        for holder, key in sorted(places, key=lambda place: -text_of(place[0][place[1]])):
            if weight <= CHARACTERS:
                return
            before = text_of(holder[key])
            if before <= NOTE:
                break
            block = holder[key]
            whole = isinstance(block.get("resource"), Mapping)
            holder[key] = await (self._linked(block) if whole else self._cut(block, weight - CHARACTERS))
            weight += text_of(holder[key]) - before + (len(orjson.dumps(self._facts[-1])) if whole else 0)
        if weight > CHARACTERS:
            # It is of very many short parts.
            told = f"{self._done}The answer has {weight:,} characters, more than can be passed on ({CHARACTERS:,})."
            if not isinstance(made.get("content"), list):
                raise ToolError(told)
            kept = await self._keep(orjson.dumps(made["content"]), f"{self._name}.json", "application/json")
            self._facts = [{"too_large": f"{told} {READ}", **self._tell(kept)}, *self._facts]
            made["content"] = []

    async def _replace_data(self, made: dict[str, Any], data: Any) -> None:
        raw = orjson.dumps(data)
        kept = await self._keep(raw, f"{self._name}.json", "application/json")
        told = f"{self._done}The structured content has {len(raw):,} characters, more than can be passed on. {READ}"
        facts = {"too_large": told, **self._tell(kept)}
        self._facts.append(facts)
        if self._strict:
            # A client holds structured content against the server's schema, but for errors (server/tools, Output
            # Schema).
            del made["structuredContent"]
            made["isError"] = True
        else:
            made["structuredContent"] = facts

    async def _cut(self, block: Mapping[str, Any], excess: int) -> dict[str, Any]:
        text = block["text"]
        kept = await self._keep(text.encode(), f"{self._name}.txt", "text/plain")
        shown = text[: max(len(text) - excess - NOTE, 0)]
        note = (
            f"[Cut here: {len(text):,} characters in all. All of it is kept for an hour as {kept.uri}; hub_read_file "
            f"with offset {len(shown.encode())} reads on. The user's link: {self._tell(kept)['download']}]"
        )
        return {**block, "text": f"{shown}\n\n{note}"}

    async def _linked(self, block: Mapping[str, Any]) -> dict[str, Any]:
        """The link to what a block held. Of the block stays what is not its contents."""
        kept = await kept_of(block, self._keep, self._name)
        held = block.get("resource", block)
        self._facts.append(self._tell(kept))
        of = f" {held['uri']}" if isinstance(held.get("uri"), str) else ""
        told = f"As it is large,{of or ' this'} is kept for an hour instead of being passed on."
        link = Link(kept.uri, kept.name, description=told, mime_type=kept.mime_type, size=kept.size)
        return {**link.block(), **{key: block[key] for key in ("annotations", "_meta") if key in block}}


async def kept_of(block: Mapping[str, Any], keep: Keep, name: str) -> Kept:
    """The file made of what a block, or contents of a resource, hold. Raises ``ToolError`` for what is no base64."""
    held = block.get("resource", block)
    text = held.get("text")
    kind = str(held.get("mimeType") or ("text/plain" if isinstance(text, str) else "application/octet-stream"))
    if isinstance(text, str):
        data = text.encode()
    else:
        try:
            data = base64.b64decode(held.get("data") or held.get("blob") or "")
        except (binascii.Error, ValueError, TypeError):
            raise ToolError("The server's answer is too large to be passed on, and is no base64.") from None
    last = str(held.get("uri") or "").partition("?")[0].rstrip("/").rpartition("/")[2]
    return await keep(data, last or f"{name}{mimetypes.guess_extension(kind.partition(';')[0].strip()) or ''}", kind)


def _places(made: dict[str, Any]) -> list[_Place]:
    """Where in a result its blocks stand; the lists around them are made anew."""
    found: list[_Place] = []
    if isinstance(made.get("content"), list):
        made["content"] = list(made["content"])
        found += [(made["content"], number) for number in range(len(made["content"]))]
    if isinstance(made.get("messages"), list):
        made["messages"] = [dict(one) if isinstance(one, Mapping) else one for one in made["messages"]]
        for message in made["messages"]:
            if isinstance(message, dict) and isinstance(message.get("content"), list):
                message["content"] = list(message["content"])
                found += [(message["content"], number) for number in range(len(message["content"]))]
            elif isinstance(message, dict) and "content" in message:
                found.append((message, "content"))
    return [place for place in found if isinstance(place[0][place[1]], Mapping)]
