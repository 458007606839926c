"""From what a tool returned to a ``CallToolResult``, within the budget.

Text is the compact JSON of the structured content, and both count. Not the place where fields are chosen: that
is the connector's.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import BaseModel

from hub.broker.credential import Settled
from hub.errors import ToolError
from hub.sdk.content import Audio, Embedded, File, Image, Link, Message, Page, Result, Text
from hub.sdk.relay import Relayed
from hub.sdk.request import Call
from hub.sdk.tool import Tool

CHARACTERS = 140_000
"""What a result may weigh, text and structured content together; claude.ai takes about 150,000."""

BINARY_CHARACTERS = 8_000_000
"""What images, audio and files of one result may weigh together, in base64."""

MEDIA_CHARACTERS = 4_700_000
"""What one picture, sound or embedded resource of another server may weigh, in base64; Claude takes 5 MB."""

_BLOCKS = (Text, Image, Audio, File, Embedded, Link)


class TooLarge(ToolError):
    """The answer is more than can be passed on: ``whole`` is all of it, as JSON, of ``size`` characters."""

    def __init__(self, message: str, whole: bytes, size: int) -> None:
        super().__init__(message)
        self.whole = whole
        self.size = size


class Answer(dict[str, Any]):
    """A result; ``encoded`` is its structured content as JSON, which the wire need not write a second time."""

    __slots__ = ("encoded",)

    def __init__(self, result: dict[str, Any], encoded: bytes) -> None:
        super().__init__(result)
        self.encoded = encoded


def result(tool: Tool, value: Any) -> dict[str, Any]:
    """The result for a returned ``value``.

    Raises ``ToolError`` for one that is larger than the budget allows and cannot be cut with sense, and
    ``TypeError`` for one that is not JSON.
    """
    if type(value) is dict:
        return _structured(tool, value)
    if isinstance(value, Relayed):
        return relayed(value)
    if isinstance(value, Result):
        return _blocks(tool, list(value.blocks), value.data)
    if isinstance(value, _BLOCKS):
        return _blocks(tool, [value], None)
    if isinstance(value, list | tuple) and value and all(isinstance(item, _BLOCKS) for item in value):
        return _blocks(tool, list(value), None)
    if isinstance(value, bytes):
        return _blocks(tool, [File(value, "application/octet-stream", tool.name)], None)
    if isinstance(value, str):
        return {"resultType": "complete", "content": [{"type": "text", "text": _cut(value)}]}
    if isinstance(value, Page):
        page: dict[str, Any] = {"items": value.items}
        if value.next is not None:
            page["next_cursor"] = value.next
        return _structured(tool, page)
    if isinstance(value, list | tuple | set | frozenset):
        return _structured(tool, {"items": list(value)})
    if value is None:
        return {"resultType": "complete", "content": [{"type": "text", "text": "Done."}]}
    if isinstance(value, bool | int | float):
        return {"resultType": "complete", "content": [{"type": "text", "text": orjson.dumps(value).decode()}]}
    return _structured(tool, value)


class Overweight(ToolError):
    """Another server's result is more than can be passed on as it came."""


def relayed(value: Relayed) -> dict[str, Any]:
    """A result of another MCP server, as it came. Raises ``Overweight`` where it is above the budget."""
    blocks = [*value.result.get("content", ()), *value.result.get("contents", ())]
    for message in value.result.get("messages", ()):
        held = message.get("content", {})
        blocks += held if isinstance(held, list) else [held]
    data = value.result.get("structuredContent")
    text = len(orjson.dumps(data)) if data is not None else 0
    text += sum(text_of(block) for block in blocks)
    media = [media_of(block) for block in blocks]
    if text > CHARACTERS or sum(media) > BINARY_CHARACTERS or max(media, default=0) > MEDIA_CHARACTERS:
        raise Overweight(
            f"The answer has {text + sum(media):,} characters, more than can be passed on ({CHARACTERS:,} of text). "
            "Ask for less: fewer items, fewer fields or a smaller part."
        )
    return {"resultType": "complete", **value.result}


def text_of(block: Any) -> int:
    """The characters of text in a content block, or in a resource's contents."""
    return _length(block, "text")


def media_of(block: Any) -> int:
    """The characters of base64 in a content block, or in a resource's contents."""
    return _length(block, "data") + _length(block, "blob")


def _length(block: Any, key: str) -> int:
    held = block.get("resource", block) if isinstance(block, Mapping) else None
    value = held.get(key) if isinstance(held, Mapping) else None
    return len(value) if isinstance(value, str) else 0


def _structured(tool: Tool, value: Any) -> dict[str, Any]:
    raw = orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    if len(raw) * 2 > CHARACTERS:
        text = raw.decode()
        if len(text) * 2 > CHARACTERS:
            raise TooLarge(_too_large(tool, value, len(text)), raw, len(text))
    # A declared call's answer is fresh from JSON; what came of Python objects is read back, so that what travels is
    # what the text says.
    held = value if isinstance(tool.run, Call) else orjson.loads(raw)
    made: dict[str, Any] = {"resultType": "complete", "content": [{"type": "text", "text": raw.decode()}]}
    if isinstance(held, dict):
        made["structuredContent"] = held
        return Answer(made, raw)
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _too_large(tool: Tool, value: Any, characters: int) -> str:
    told = f"The answer has {characters:,} characters, more than can be passed on ({CHARACTERS // 2:,})."
    items = value.get("items") if isinstance(value, Mapping) else None
    if isinstance(items, list) and len(items) > 1 and "limit" in tool.input.get("properties", {}):
        fitting = max(1, len(items) * CHARACTERS // 2 * 8 // (characters * 10))
        return f"{told} Call again with limit {fitting} or less."
    return f"{told} Ask for less: fewer items, fewer fields or a smaller part."


def _cut(text: str) -> str:
    if len(text) <= CHARACTERS:
        return text
    return text[: CHARACTERS - 200] + f"\n\n[Cut here: {len(text):,} characters in all. Ask for a smaller part.]"


def _blocks(tool: Tool, blocks: list[Any], data: Mapping[str, Any] | None) -> dict[str, Any]:
    made = [block.block() for block in blocks]
    text = sum(len(block.get("text", "")) + len(block.get("resource", {}).get("text", "")) for block in made)
    binary = sum(len(block.get("data", "")) + len(block.get("resource", {}).get("blob", "")) for block in made)
    if binary > BINARY_CHARACTERS:
        raise ToolError(
            f"The answer has {binary * 3 // 4:,} bytes, more than can be passed on ({BINARY_CHARACTERS * 3 // 4:,})."
        )
    if text > CHARACTERS:
        if len(made) == 1 and made[0]["type"] == "text":
            made[0]["text"] = _cut(made[0]["text"])
        else:
            raise ToolError(_too_large(tool, data, text))
    answer: dict[str, Any] = {"resultType": "complete", "content": made}
    if data is not None:
        answer["structuredContent"] = orjson.loads(orjson.dumps(data, default=_plain))
    return answer


def contents(uri: str, mime_type: str | None, value: Any) -> list[dict[str, Any]]:
    """A read resource's contents (specification, server/resources, ReadResourceResult).

    Raises ``ToolError`` when they are too large, ``TypeError`` for what is neither text, bytes nor JSON.
    """
    parts = value if isinstance(value, list) and value and all(isinstance(one, Embedded) for one in value) else [value]
    made = []
    for part in parts:
        if isinstance(part, Embedded):
            made.append(part.contents_block())
        elif isinstance(part, File):
            made.append(Embedded(uri, part.data, mime_type or part.mime_type).contents_block())
        elif isinstance(part, bytes):
            made.append(Embedded(uri, part, mime_type or "application/octet-stream").contents_block())
        elif isinstance(part, str):
            made.append(Embedded(uri, part, mime_type or "text/plain").contents_block())
        else:
            held = {"items": part.items} if isinstance(part, Page) else part
            raw = orjson.dumps(held, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()
            made.append(Embedded(uri, raw, mime_type or "application/json").contents_block())
    weight = sum(len(one.get("text", "")) + len(one.get("blob", "")) for one in made)
    if weight > BINARY_CHARACTERS:
        raise ToolError(f"The resource has {weight:,} characters, more than can be passed on ({BINARY_CHARACTERS:,}).")
    return made


def messages(value: Any) -> list[dict[str, Any]]:
    """A prompt's messages from text, one ``Message`` or a list of either."""
    parts = value if isinstance(value, list | tuple) else [value]
    return [(part if isinstance(part, Message) else Message(part)).message() for part in parts]


def sign(answer: dict[str, Any], settled: Settled) -> None:
    """Say which account answered: for programs always, for the model where the person has several."""
    meta = answer.get("_meta")
    answer["_meta"] = {**meta, **settled.told} if meta else settled.told
    if settled.several:
        label = settled.credential.kept.label
        answer["content"] = [*answer.get("content", []), {"type": "text", "text": f"Account: {label}"}]
