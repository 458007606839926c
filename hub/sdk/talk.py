"""What a running tool may say to the client, and what it may ask.

``Elicit``, ``Sample`` and ``Roots`` are the three questions the protocol knows (specification, client/
elicitation, client/sampling, client/roots). ``Talk`` is what the wire gives the gateway for one request.
Not a transport: how a question travels (a request on the back channel, or an input-required result) is the
wire's and the gateway's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from hub.sdk.schema import validator

Level = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
"""Log levels of RFC 5424, as ``notifications/message`` uses them."""

LEVELS: tuple[Level, ...] = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")


TASKS = "io.modelcontextprotocol/tasks"
"""The extension by which a call's result may be fetched later (MCP extension "Tasks")."""


@dataclass(frozen=True, slots=True)
class Elicit:
    """Ask the user to fill in a form. Never for secrets: passwords and keys have their own page.

    ``properties`` are flat JSON Schema properties (string, number, integer, boolean, enum); ``required``
    names those that must be there. The answer is ``{"action": "accept" | "decline" | "cancel",
    "content": {...}}``.
    """

    message: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] | None = None

    @property
    def needs(self) -> dict[str, Any]:
        """The client capability this question needs, shaped like ``ClientCapabilities``."""
        return {"elicitation": {}}

    def request(self) -> dict[str, Any]:
        """The question as an MCP request, without id. All properties are required unless told otherwise."""
        return {
            "method": "elicitation/create",
            "params": {"mode": "form", "message": self.message, "requestedSchema": self._schema()},
        }

    def accepts(self, answer: Any) -> bool:
        """Whether ``answer`` answers this: declined, cancelled, or accepted with content that fits the form."""
        if not isinstance(answer, Mapping):
            return False
        if answer.get("action") in ("decline", "cancel"):
            return True
        content = answer.get("content", {})
        return answer.get("action") == "accept" and validator(self._schema(), "the form").is_valid(content)

    def _schema(self) -> dict[str, Any]:
        required = list(self.properties if self.required is None else self.required)
        schema: dict[str, Any] = {"type": "object", "properties": dict(self.properties)}
        return schema | {"required": required} if required else schema


@dataclass(frozen=True, slots=True)
class Sample:
    """Ask the client's model to write something. The answer is a ``CreateMessageResult``.

    ``prompt`` is one user message; ``max_tokens`` bounds the answer.
    """

    prompt: str
    max_tokens: int = 1000
    system: str | None = None

    @property
    def needs(self) -> dict[str, Any]:
        """The client capability this question needs."""
        return {"sampling": {}}

    def request(self) -> dict[str, Any]:
        """The question as an MCP request, without id."""
        params: dict[str, Any] = {
            "messages": [{"role": "user", "content": {"type": "text", "text": self.prompt}}],
            "maxTokens": self.max_tokens,
        }
        if self.system:
            params["systemPrompt"] = self.system
        return {"method": "sampling/createMessage", "params": params}

    def accepts(self, answer: Any) -> bool:
        """Whether ``answer`` is a message."""
        return isinstance(answer, Mapping) and "content" in answer


@dataclass(frozen=True, slots=True)
class Roots:
    """Ask which folders the client works in. The answer is ``{"roots": [{"uri", "name"?}]}``."""

    @property
    def needs(self) -> dict[str, Any]:
        """The client capability this question needs."""
        return {"roots": {}}

    def request(self) -> dict[str, Any]:
        """The question as an MCP request, without id."""
        return {"method": "roots/list", "params": {}}

    def accepts(self, answer: Any) -> bool:
        """Whether ``answer`` is a list of roots."""
        return isinstance(answer, Mapping) and isinstance(answer.get("roots"), list)


class Ask(Protocol):
    """A question."""

    @property
    def needs(self) -> dict[str, Any]:
        """The client capability this question needs, shaped like ``ClientCapabilities``."""
        ...

    def request(self) -> dict[str, Any]:
        """The question as an MCP request, without id."""
        ...

    def accepts(self, answer: Any) -> bool:
        """Whether ``answer`` answers it."""
        ...


class AskPending(BaseException):
    """Ends a tool's run because its questions travel in the result; the tool runs again with the answers.

    Raised by ``Context.ask`` where the client cannot be asked while the call runs (2026-07-28), answered by
    the gateway with an input-required result. Authors never see it.
    """

    def __init__(self, asks: Mapping[str, Ask]) -> None:
        super().__init__(", ".join(asks))
        self.asks = dict(asks)


class Talk(Protocol):
    """The client's end of one request, as the wire offers it to the gateway.

    ``capabilities`` is what this client declared for this request (legacy: for its session); ``waits`` says
    whether ``ask`` can put a question and wait for its answer on the back channel (legacy sessions only).
    """

    @property
    def capabilities(self) -> Mapping[str, Any]: ...

    @property
    def waits(self) -> bool: ...

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:
        """Send ``notifications/progress`` when the client gave a token; nothing otherwise."""
        ...

    async def log(self, level: Level, data: Any, logger: str) -> None:
        """Send ``notifications/message`` when the client wants that level; nothing otherwise."""
        ...

    async def ask(self, requests: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Put all questions on the back channel and wait for the answers, by the same keys.

        Raises ``ToolError`` when the client refuses or goes away. Only where ``waits``.
        """
        ...


@runtime_checkable
class TaskTalk(Talk, Protocol):
    """A ``Talk`` whose call may become a task: the client declared ``TASKS``. Once ``begun``, progress and log lines
    go nowhere, and questions wait in the task."""

    @property
    def begun(self) -> bool: ...

    async def begin(self) -> None:
        """Make the call a task, durably; nothing when it is one already. Raises ``ToolError`` and
        ``OperatorNeeded`` when it cannot become one."""
        ...


@runtime_checkable
class ResumableTalk(Talk, Protocol):
    """A ``Talk`` whose client can lose its connection and come back for what it missed."""

    async def hang_up(self) -> None:
        """Close the connection; the answer is kept until the client fetches it."""
        ...


@runtime_checkable
class ErrorTalk(Talk, Protocol):
    """A ``Talk`` whose client is sent to a page by an error (2025-11-25). ``declared`` is what it declared for its
    session, also where this request has no stream to ask on."""

    @property
    def declared(self) -> Mapping[str, Any]: ...


class Silence:
    """A ``Talk`` with nobody at the other end: the command line, recordings, a call from the console."""

    capabilities: Mapping[str, Any] = {}
    waits = False

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:
        return None

    async def log(self, level: Level, data: Any, logger: str) -> None:
        return None

    async def ask(self, requests: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        raise AssertionError("nobody is there to be asked")
