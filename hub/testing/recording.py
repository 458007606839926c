"""A recording: one call of a tool, resource or prompt as data: arguments, exchanges, result.

The model of the file, and its loading with line numbers. Not the replay (``replay.py``, ``suite.py``) and not the
writing (``record.py``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hub import yaml
from hub.errors import HubError
from hub.testing.bodies import words

Json = Any

DEFAULT_AT = datetime(2026, 1, 15, 12, 0, 0, tzinfo=UTC)
"""What the clock shows in a recording that does not say."""

SUFFIX = ".yaml"

ErrorKind = Literal[
    "tool_error",
    "not_found",
    "unavailable",
    "operator_needed",
    "connection_needed",
    "approval_needed",
    "refused",
    "connector_error",
    "timeout",
    "capability_missing",
    "unknown_name",
    "protocol_error",
]
"""How a call may fail, as the result's ``hub/error`` names it; ``tool_error`` covers ``not_found``, a thing the
app does not have. The last three fail the request itself."""

QueryValue = str | list[str]


class RecordingError(HubError):
    """A recording cannot be read or does not hold; names file, line and path."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RecordedRequest(_Strict):
    """The request the tool must send."""

    method: str = "GET"
    url: str = Field(description="Absolute; its query may stand here or under query.")
    query: dict[str, QueryValue] = Field(
        default_factory=dict, description="Decoded parameters; a list where one is repeated. Their order is free."
    )
    headers: dict[str, str] = Field(default_factory=dict, description="Those that matter; others are not compared.")
    body: Json = Field(
        default=None, description="Decoded: JSON, the fields of a form, or text. Left out: there is no body."
    )

    @field_validator("method")
    @classmethod
    def _upper(cls, value: str) -> str:
        return value.upper()

    @field_validator("url")
    @classmethod
    def _absolute(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("an absolute http or https URL is needed")
        return value

    @field_validator("query", mode="before")
    @classmethod
    def _as_sent(cls, value: Any) -> Any:
        """Numbers and booleans as they stand in a URL."""
        if not isinstance(value, Mapping):
            return value
        return words(value)

    @property
    def has_body(self) -> bool:
        """Whether a body is recorded, be it null."""
        return "body" in self.model_fields_set


class RecordedResponse(_Strict):
    """What the app answered."""

    status: int = Field(default=200, ge=100, le=599)
    headers: dict[str, str] = Field(default_factory=dict)
    body: Json = Field(default=None, description="JSON, text as sent, or {base64: ...} for bytes. Left out: empty.")

    @property
    def has_body(self) -> bool:
        """Whether there is a body, be it null."""
        return "body" in self.model_fields_set


class Exchange(_Strict):
    """One round trip."""

    request: RecordedRequest
    response: RecordedResponse


class Failure(_Strict):
    """How a call failed."""

    kind: ErrorKind
    contains: str = Field(default="", description="Words that stand in the message.")


class Recording(_Strict):
    """One call, what it sent and got, and what the model saw of it."""

    source: str = Field(
        description="The vendor's page or API description behind the responses.", pattern=r"^https?://[^\s]+$"
    )
    at: datetime = Field(default=DEFAULT_AT, description="What the clock shows; it stands still.")
    settings: dict[str, str] = Field(default_factory=dict, description="The connector's settings.")
    client: dict[str, Json] = Field(default_factory=dict, description="The capabilities the client declares.")
    answers: dict[str, dict[str, Json]] = Field(
        default_factory=dict, description="The client's answers to what the tool asks, by the question's name."
    )
    arguments: dict[str, Json] = Field(default_factory=dict)
    resource: str | None = Field(
        default=None, description="The URI of a resource that is read, instead of a tool called."
    )
    prompt: str | None = Field(default=None, description="The name of a prompt that is made, instead of a tool called.")
    exchanges: list[Exchange] = Field(description="In order; all are used. [] when nothing is sent.")
    result: Json = Field(
        default=None, description="The structured content; the text where there is none; or {content: [...]}."
    )
    error: Failure | None = Field(default=None, description="How the call fails, instead of result.")

    @field_validator("at")
    @classmethod
    def _aware(cls, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise ValueError("a time with its zone is needed, such as 2026-01-15T12:00:00Z")
        return value.astimezone(UTC)

    @model_validator(mode="after")
    def _one_of(self) -> "Recording":
        if ("result" in self.model_fields_set) == (self.error is not None):
            raise ValueError("exactly one of result and error is needed")
        if self.resource is not None and self.prompt is not None:
            raise ValueError("at most one of resource and prompt")
        return self


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """A recording with where it stands: ``shown`` is the file as people read it, ``data`` its YAML with lines."""

    path: Path
    shown: str
    recording: Recording
    data: Any

    @property
    def tool(self) -> str | None:
        """The tool it is of, by the file's name; None for a resource or a prompt."""
        if self.recording.resource is not None or self.recording.prompt is not None:
            return None
        return self.path.name.removesuffix(SUFFIX).partition(".")[0]

    def place(self, *steps: str | int) -> str:
        """``file:line`` of what stands at ``steps``."""
        line = yaml.line_of(self.data, steps)
        return f"{self.shown}:{line}" if line else self.shown


def load(path: Path, shown: str | None = None) -> RecordingFile:
    """Read one recording. Raises ``RecordingError`` with file, line and path of all that is wrong."""
    name = shown or str(path)
    try:
        data = yaml.load(path.read_text("utf-8"), name)
    except OSError as wrong:
        raise RecordingError(f"{name}: cannot be read: {wrong.strerror}.") from None
    except UnicodeDecodeError as wrong:
        raise RecordingError(f"{name}: is not UTF-8 text (byte {wrong.start}).") from None
    except yaml.YamlError as wrong:
        raise RecordingError(f"{name}:{wrong.line}: {wrong.problem}" if wrong.line else str(wrong)) from None
    if not isinstance(data, yaml.Map):
        raise RecordingError(f"{name}: a recording is a mapping of keys; source, exchanges and result are needed.")
    try:
        return RecordingFile(path, name, Recording.model_validate(yaml.plain(data)), data)
    except ValidationError as wrong:
        lines = [_told(one["loc"], one["type"], one["msg"], data, name) for one in wrong.errors()]
        raise RecordingError("\n".join(lines)) from None


def _told(steps: Sequence[str | int], kind: str, message: str, data: Any, name: str) -> str:
    if kind == "extra_forbidden":
        message = "unknown key"
    elif kind == "missing":
        message = "is required"
    line = yaml.line_of(data, steps)
    dotted = ".".join(str(step) for step in steps)
    place = f"{name}:{line}" if line else name
    return f"{place}: {dotted + ': ' if dotted else ''}{message.removeprefix('Value error, ')}"


def folder_of(connector: Path) -> Path:
    """Where a connector keeps its recordings: ``recordings/`` in its folder, ``x.recordings/`` beside a single file."""
    if connector.is_dir():
        return connector / "recordings"
    return connector.with_name(f"{connector.stem}.recordings")


def files_of(connector: Path) -> list[Path]:
    """The recordings of the connector at this file or folder, by name."""
    folder = folder_of(connector)
    return sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
