"""What a tool may return besides plain data: text, images, audio, files, links and pages.

Not results: ``gateway/results.py`` turns a returned value into a ``CallToolResult`` and keeps its budget.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic_core import CoreSchema, core_schema

from hub.sdk.file_schema import file_schema

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One call's items and how to get the next: ``next`` is an opaque cursor, None at the end."""

    items: list[T]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A text block (specification, server/tools, TextContent)."""

    text: str

    def block(self) -> dict[str, Any]:
        """The block as it travels."""
        return {"type": "text", "text": self.text}


@dataclass(frozen=True, slots=True)
class Image:
    """An image block; ``data`` are the raw bytes."""

    data: bytes
    mime_type: str

    def block(self) -> dict[str, Any]:
        """The block as it travels."""
        return {"type": "image", "data": base64.b64encode(self.data).decode(), "mimeType": self.mime_type}


@dataclass(frozen=True, slots=True)
class Audio:
    """An audio block; ``data`` are the raw bytes."""

    data: bytes
    mime_type: str

    def block(self) -> dict[str, Any]:
        """The block as it travels."""
        return {"type": "audio", "data": base64.b64encode(self.data).decode(), "mimeType": self.mime_type}


@dataclass(frozen=True, slots=True)
class File:
    """A file: bytes with a name and a type.

    As a parameter of a tool it is what the model named, fetched. In a result it travels as an embedded resource, or the
    hub keeps it and links to it.
    """

    data: bytes
    mime_type: str
    name: str

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        """A parameter is a ``File`` by the time its function is called."""
        return core_schema.is_instance_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        """What the model sees of it."""
        return file_schema()

    def block(self) -> dict[str, Any]:
        """The block as it travels; text types as text, all else base64."""
        return Embedded(f"file:///{self.name}", self.data, self.mime_type).block()


@dataclass(frozen=True, slots=True)
class Embedded:
    """A resource's contents inside a result or prompt; ``contents`` is text or raw bytes."""

    uri: str
    contents: str | bytes
    mime_type: str

    def contents_block(self) -> dict[str, Any]:
        """The contents as ``resources/read`` returns them."""
        held: dict[str, Any] = {"uri": self.uri, "mimeType": self.mime_type}
        if isinstance(self.contents, str):
            return held | {"text": self.contents}
        textual = self.mime_type.startswith("text/") or self.mime_type.split(";")[0].endswith(("json", "xml"))
        if textual:
            try:
                return held | {"text": self.contents.decode()}
            except UnicodeDecodeError:
                pass
        return held | {"blob": base64.b64encode(self.contents).decode()}

    def block(self) -> dict[str, Any]:
        """The block as it travels."""
        return {"type": "resource", "resource": self.contents_block()}


@dataclass(frozen=True, slots=True)
class Link:
    """A pointer to a resource the client may read later (ResourceLink)."""

    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = None

    def block(self) -> dict[str, Any]:
        """The block as it travels."""
        extra: dict[str, Any] = {
            "title": self.title,
            "description": self.description,
            "mimeType": self.mime_type,
            "size": self.size,
        }
        return {"type": "resource_link", "uri": self.uri, "name": self.name} | {
            key: value for key, value in extra.items() if value is not None
        }


Block = Text | Image | Audio | File | Embedded | Link


@dataclass(frozen=True, slots=True)
class Result:
    """A result told in full: ``blocks`` for the client, ``data`` as structured content (None for none)."""

    blocks: tuple[Block, ...]
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt; ``role`` is ``user`` or ``assistant``."""

    content: Block | str
    role: str = "user"

    def message(self) -> dict[str, Any]:
        """The message as it travels (specification, server/prompts, PromptMessage)."""
        block = Text(self.content) if isinstance(self.content, str) else self.content
        return {"role": self.role, "content": block.block()}
