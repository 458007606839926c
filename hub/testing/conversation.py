"""One recorded call: made on a gateway as a client would make it, and told as a recording tells it.

Replaying and recording are both this, over different transports. Not the comparison (``suite.py``).
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from hub.clock import Clock
from hub.errors import (
    CapabilityMissing,
    ProtocolError,
    ReadFailed,
    Refused,
    ResourceMissing,
    StateRejected,
    ToolError,
    UnknownName,
)
from hub.gateway import Gateway, Resume
from hub.gateway.asks import Cursors
from hub.gateway.failures import failure
from hub.identity import Caller
from hub.registry import Catalog
from hub.sdk.request import Call
from hub.sdk.talk import Level
from hub.sdk.tool import EFFECTS
from hub.seal import KeyRing
from hub.testing.recording import Recording, RecordingError

CALLER = Caller("recording", "recording", None, frozenset(EFFECTS))
"""On whose behalf recordings are replayed: nobody, who may do everything."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the model saw: ``forms`` are the ways a recording may write the result; where the call failed, ``kind`` and
    ``message``."""

    forms: tuple[Any, ...] = ()
    kind: str | None = None
    message: str = ""


class Client:
    """The client's end as a recording declares it (``sdk.talk.Talk``): asked through the result, never while a call
    runs."""

    waits = False

    def __init__(self, capabilities: Mapping[str, Any]) -> None:
        self.capabilities = capabilities

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:
        """Nobody looks."""

    async def log(self, level: Level, data: Any, logger: str) -> None:
        """Nobody reads."""

    async def ask(self, requests: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Never called: ``waits`` is false."""
        raise ToolError("This client is asked through the result.")


class Conversation:
    """Makes one call, answers what it asks, and tells what came of it."""

    def __init__(
        self, gateway: Gateway, catalog: Catalog, ring: KeyRing, clock: Clock, caller: Caller = CALLER
    ) -> None:
        self._gateway = gateway
        self._catalog = catalog
        self._cursors = ring.box("cursor")
        self._clock = clock
        self._caller = caller

    async def hold(self, recording: Recording, full_name: str | None) -> Seen:
        """Call the tool ``full_name``, or read the resource or make the prompt the recording names.

        Raises ``RecordingError`` when the call asks what the recording does not answer, or not all of its answers are
        asked for.
        """
        resume: Resume | None = None
        left = dict(recording.answers)
        try:
            while True:
                result = await self._once(recording, full_name, resume)
                if result["resultType"] != "input_required":
                    break
                asked = result["inputRequests"]
                missing = [name for name in asked if name not in left]
                if missing:
                    raise RecordingError(f"it asks {', '.join(missing)}, which answers does not hold.")
                resume = Resume({name: left.pop(name) for name in asked}, result["requestState"])
        except (ProtocolError, Refused) as wrong:
            return _failed(wrong, full_name or recording.resource or str(recording.prompt))
        if left:
            raise RecordingError(f"answers holds {', '.join(left)}, which was never asked.")
        if result.get("isError"):
            kind = str(result.get("_meta", {}).get("hub/error", {}).get("kind", "tool_error"))
            return Seen(kind=kind, message=_text(result.get("content", [])))
        if "contents" in result:
            return Seen(_contents(result["contents"]))
        if "messages" in result:
            return Seen(_messages(result))
        return Seen(self._answer(result, full_name))

    async def _once(self, recording: Recording, full_name: str | None, resume: Resume | None) -> dict[str, Any]:
        talk = Client(recording.client)
        if recording.resource is not None:
            return await self._gateway.read_resource(self._caller, recording.resource, talk, resume)
        arguments = dict(recording.arguments)
        if recording.prompt is not None:
            return await self._gateway.get_prompt(self._caller, recording.prompt, arguments, talk, resume)
        if full_name is None:
            raise RecordingError("it names neither a tool nor a resource nor a prompt.")
        cursor = arguments.get("cursor")
        if isinstance(cursor, str) and self._links(full_name, cursor):
            arguments["cursor"] = self._seal(full_name).wrap(cursor)
        return await self._gateway.call_tool(self._caller, full_name, arguments, talk, resume)

    def _links(self, full_name: str, cursor: str) -> bool:
        """Whether this cursor is a URL that the hub hands out sealed. Recordings hold the URL itself."""
        if not cursor.startswith(("https://", "http://")):
            return False
        entry = self._catalog.tools.get(full_name)
        run = entry.tool.run if entry is not None else None
        return not isinstance(run, Call) or (run.paging is not None and run.paging.style == "link")

    def _seal(self, full_name: str) -> Cursors:
        return Cursors(self._cursors, self._clock, f"{self._caller.user_id}\ntool {full_name}")

    def _answer(self, result: Mapping[str, Any], full_name: str | None) -> tuple[Any, ...]:
        content = result.get("content", [])
        held = result.get("structuredContent")
        text = _text(content)
        blocks = {"content": content}
        if held is None:
            if len(content) != 1 or content[0].get("type") != "text":
                return (blocks,)
            scalar = _json(text)
            return (text, blocks) if isinstance(scalar, str | dict | list) or scalar is None else (text, scalar, blocks)
        whole = {**blocks, "structuredContent": held}
        if _json(text) != held or len(content) != 1:
            return (whole, held, blocks)
        cursor = held.get("next_cursor")
        if isinstance(cursor, str) and full_name is not None:
            with suppress(ToolError):  # the app's own cursor travels as it is
                held = {**held, "next_cursor": self._seal(full_name).unwrap(cursor)}
        return (held, whole)


def _failed(wrong: ProtocolError | Refused, name: str) -> Seen:
    match wrong:
        case ResourceMissing():
            kind = "not_found"
        case CapabilityMissing():
            kind = "capability_missing"
        case UnknownName():
            kind = "unknown_name"
        case StateRejected():
            kind = "protocol_error"
        case ReadFailed() if wrong.__cause__ is not None:
            _, kind = failure(wrong.__cause__, connector="", tool=name)
        case Refused():
            kind = "refused"
        case _:
            kind = "protocol_error"
    return Seen(kind=kind, message=str(wrong))


def _text(content: list[dict[str, Any]]) -> str:
    return "\n".join(str(block["text"]) for block in content if block.get("type") == "text")


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _contents(contents: list[dict[str, Any]]) -> tuple[Any, ...]:
    if len(contents) == 1 and "text" in contents[0]:
        text = contents[0]["text"]
        plain = contents[0].get("mimeType", "").split(";")[0]
        if plain.endswith("json"):
            return (_json(text), text, {"contents": contents})
        return (text, {"contents": contents})
    return ({"contents": contents},)


def _messages(result: Mapping[str, Any]) -> tuple[Any, ...]:
    messages = result["messages"]
    whole = {"messages": messages}
    if len(messages) == 1 and messages[0]["role"] == "user" and messages[0]["content"].get("type") == "text":
        return (messages[0]["content"]["text"], whole)
    return (whole, {"description": result.get("description"), **whole})
