"""Reading a reply: is it an error, and whose; which part of it is the answer.

Pure functions of a ``Reply``. What goes into a ``CallToolResult`` is the gateway's business.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import orjson

from hub.errors import (
    ConnectionNeeded,
    HubError,
    NotFoundError,
    OperatorNeeded,
    ProviderUnavailable,
    RateLimited,
    ToolError,
)
from hub.sdk import convert
from hub.sdk.content import File
from hub.sdk.http import Reply
from hub.sdk.limits import wait_asked
from hub.sdk.paths import Getter, Key, whole

Kind = Literal[
    "ok", "tool_error", "not_found", "needs_sign_in", "missing_scope", "rate_limited", "unavailable", "operator"
]
"""What a reply means, by who can act on it."""

MESSAGE_CHARACTERS = 500
"""How much of a provider's error text reaches the model."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of ``errors``: when a reply matches, it ``is`` this kind, with the message found there.

    ``statuses`` are exact codes, or classes as 4 for 4xx; empty matches every status.
    """

    kind: Kind
    statuses: frozenset[int] = frozenset()
    body: Getter | None = None
    message: Getter | None = None
    tell: str | None = None

    def matches(self, reply: Reply, data: Any) -> bool:
        """Whether this rule speaks of this reply; ``data`` is its body as JSON, None where it is not JSON."""
        if self.statuses and not {reply.status, reply.status // 100} & self.statuses:
            return False
        return self.body is None or bool(self.body(data))


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an answer: where it is found, how it is converted, what is taken of it below."""

    path: Getter
    converter: str | None = None
    below: "Mapping[str, Field] | None" = None

    def reader(self) -> Getter:
        """What reads the field's value from one item, None where there is none."""
        path, converter = self.path, self.converter
        if self.below is not None:
            below = picker(self.below)

            def read_below(data: Any) -> Any:
                value = path(data)
                if isinstance(value, list):
                    return [below(item) for item in value]
                return below(value) if value is not None else None

            return read_below
        if converter:
            return lambda data: convert.read(converter, path(data))
        return path


@dataclass(frozen=True, slots=True)
class Reading:
    """How a reply becomes an answer.

    ``rules`` are tried in order before the status speaks. ``reply`` names the body's kind; ``auto`` goes by
    its content type. ``items`` finds a
    list that is not paged; ``root`` the part that is the answer; ``fields`` what is kept of it, per item where
    there are items.
    """

    rules: tuple[Rule, ...] = ()
    reply: Literal["json", "text", "markdown", "csv", "file", "none", "auto"] = "json"
    root: Getter | None = None
    items: Getter | None = None
    fields: Mapping[str, Field] | None = None
    graphql: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)

    shape: Getter = field(init=False, compare=False)
    """One item, or the whole answer, with only its ``fields``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", picker(self.fields) if self.fields is not None else whole)


def picker(fields: Mapping[str, Field]) -> Getter:
    """What takes the named fields of one item; those it does not have are left out. Made once for all items."""
    keys = [
        (name, one.path.name)
        for name, one in fields.items()
        if isinstance(one.path, Key) and one.below is None and not one.converter
    ]
    readers = [(name, one.reader()) for name, one in fields.items()]

    def pick_keys(data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            return {}
        get = data.get
        return {name: value for name, key in keys if (value := get(key)) is not None}

    def pick(data: Any) -> dict[str, Any]:
        return {name: value for name, read in readers if (value := read(data)) is not None}

    return pick_keys if len(keys) == len(readers) else pick


def parsed(reply: Reply) -> Any:
    """The body as JSON, or None where it is none."""
    if not reply.body:
        return None
    try:
        return orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return None


def decode(reply: Reply, reading: Reading) -> Any:
    """The body as ``reading.reply`` says. Raises ``ProviderUnavailable`` when JSON was expected and is not there."""
    match reading.reply:
        case "json":
            return reply.json() if reply.body else None
        case "text":
            return reply.text()
        case "markdown":
            return convert.markdown(reply.text())
        case "csv":
            return convert.csv_in(reply.text())
        case "file":
            kind = reply.headers.get("content-type", "application/octet-stream")
            return File(reply.body, kind, file_name(reply))
        case "none":
            return {"ok": True}
        case "auto":
            return _told_by_type(reply)


def _told_by_type(reply: Reply) -> Any:
    """The body as its own content type says: JSON, text, or a file; None where there is none."""
    if not reply.body:
        return None
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.endswith("json") or (not kind and reply.body[:1] in b'{["'):
        return reply.json()
    if kind.startswith("text/") or kind.endswith(("xml", "yaml", "javascript", "x-ndjson")) or kind == "":
        return reply.text()
    return File(reply.body, kind, file_name(reply))


def file_name(reply: Reply) -> str:
    """What a file is called: by ``Content-Disposition`` (RFC 6266), else by the last part of its address."""
    disposition = reply.headers.get("content-disposition", "")
    if "filename" in disposition.lower() and len(disposition) < 2000:
        held = Message()
        held["Content-Disposition"] = "".join(char if char.isprintable() else "_" for char in disposition)
        try:
            named = held.get_filename()
        except (LookupError, ValueError):
            named = None
        if named:
            return named
    return unquote(urlsplit(reply.url).path.rsplit("/", 1)[-1]) or "file"


def verify(reply: Reply, reading: Reading, *, connector: str, signed: bool) -> None:
    """Raise the typed error this reply stands for, if it is one.

    ``signed`` says whether an account's credential was on the request: only then is a 401 the user's to mend.
    """
    data: Any = None
    if reading.rules or reading.graphql or reply.status >= 400:
        data = parsed(reply)
    for rule in reading.rules:
        if rule.matches(reply, data):
            if rule.kind == "ok":
                return
            told = rule.message(data) if rule.message is not None else None
            words = clean(told) if told else said(reply, data)
            if rule.tell:
                words = f"{words.rstrip('.')}. {rule.tell}" if words else rule.tell
            raise _error(rule.kind, reply, words, connector, signed)
    if reply.status >= 400:
        raise _error(_kind(reply.status, signed), reply, said(reply, data), connector, signed)
    if reply.status >= 300:
        raise ProviderUnavailable(f"{_host(reply)} answered with a redirect that leads nowhere (HTTP {reply.status}).")
    if reading.graphql and isinstance(data, dict) and data.get("errors") and not data.get("data"):
        raise _error("tool_error", reply, said(reply, data), connector, signed)


def _kind(status: int, signed: bool) -> Kind:
    if status == 401:
        return "needs_sign_in" if signed else "operator"
    if status in (404, 410):
        return "not_found"
    if status == 429:
        return "rate_limited"
    return "unavailable" if status >= 500 else "tool_error"


def _error(kind: Kind, reply: Reply, message: str, connector: str, signed: bool) -> HubError:
    host = _host(reply)
    # An error inside a 200 is told without the status, which would only mislead.
    status = f" HTTP {reply.status}" if reply.status >= 300 or not message else ""
    told = f"{host} answered{status}" + (f": {message}" if message else ".")
    match kind:
        case "not_found":
            return NotFoundError(told, data={"status": reply.status})
        case "needs_sign_in" | "missing_scope":
            if signed:
                return ConnectionNeeded(told, connector=connector, unscoped=kind == "missing_scope")
            return OperatorNeeded(told)
        case "rate_limited":
            return RateLimited(told, after=wait_asked(reply.headers) or 60.0)
        case "unavailable":
            return ProviderUnavailable(told, after=retry_after(reply))
        case "operator":
            return OperatorNeeded(told)
        case _:
            return ToolError(told, data={"status": reply.status})


def retry_after(reply: Reply) -> float | None:
    """``Retry-After`` in seconds where it is a number (RFC 9110, section 10.2.3); a date gives None."""
    value = reply.headers.get("retry-after", "").strip()
    return float(value) if value.isascii() and value.isdigit() and len(value) < 8 else None


def _host(reply: Reply) -> str:
    return urlsplit(reply.url).hostname or "the app"


_MESSAGE_KEYS = (
    "message", "error_description", "error_message", "errorMessage", "detail", "details", "description", "title",
    "reason", "info", "error", "errors", "errorMessages", "fault", "msg",
)  # fmt: skip


def said(reply: Reply, data: Any) -> str:
    """What the provider said went wrong, from JSON, plain text or an HTML page; trimmed, on one line."""
    if data is not None:
        return clean(_message(data, 0) or "")
    kind = reply.headers.get("content-type", "")
    text = reply.text()[:20_000]
    if "html" in kind or text.lstrip()[:1] == "<":
        title = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
        return clean(convert.text(title.group(1) if title else text))
    return clean(text)


def _message(data: Any, depth: int) -> str | None:
    if isinstance(data, str):
        return data
    if depth > 4:
        return None
    if isinstance(data, list):
        told = [message for message in (_message(item, depth + 1) for item in data[:3]) if message]
        return "; ".join(told) or None
    if isinstance(data, Mapping):
        for key in _MESSAGE_KEYS:
            message = _message(data[key], depth + 1) if data.get(key) else None
            if message:
                return message
    return None


def clean(message: Any) -> str:
    """A provider's message on one line, without control characters, at most ``MESSAGE_CHARACTERS`` long."""
    text = message if isinstance(message, str) else orjson.dumps(message, default=str).decode()
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= MESSAGE_CHARACTERS else text[: MESSAGE_CHARACTERS - 1] + "…"
