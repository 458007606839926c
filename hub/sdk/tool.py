"""What a connector comes down to, whatever it was written in: plain tools, resources and prompts.

Python functions, YAML and imported descriptions all compile to these. Nothing here loads, sends or decides:
the registry loads, ``upstream`` sends, the gateway decides.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from hub.sdk.context import Context
from hub.sdk.effect import EFFECTS, Effect
from hub.sdk.files import FilePlace
from hub.sdk.provider.provider import Provider
from hub.sdk.relay import Relay, Server
from hub.sdk.request import Call
from hub.sdk.response import Reading
from hub.sdk.setting import Setting

__all__ = [
    "EFFECTS",
    "Argument",
    "CompiledConnector",
    "Completer",
    "Effect",
    "Function",
    "Prompt",
    "Resource",
    "Setting",
    "Tool",
]


@dataclass(frozen=True, slots=True)
class Function:
    """A Python function as a tool's ``run``: called with the context (when it takes one) and the arguments.

    ``threaded`` marks a plain ``def``, which runs in a thread of its own. ``convert`` turns validated JSON
    arguments into the types of the signature (pydantic models, dates) and raises ``ToolError``.
    """

    call: Callable[..., Any]
    takes_context: bool
    threaded: bool
    convert: Callable[[Mapping[str, Any]], dict[str, Any]]
    context_name: str = "ctx"


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """One callable of a connector, ready to list and run.

    ``input`` is the complete JSON Schema shown to the model, reserved arguments included; ``validator`` checks
    arguments against it. ``output`` is a relaxed JSON Schema of the structured content, or None. ``run`` is a
    ``Function``, a ``Call`` (a declared request) or a ``Relay``; ``further`` are more members of its listing.
    ``lookups`` maps an argument to the read tool that lists
    its values. ``files`` says where in the arguments files stand. ``timeout`` is for one run, in seconds.
    """

    name: str
    title: str
    description: str
    input: Mapping[str, Any]
    effect: Effect
    run: Function | Call | Relay
    validator: jsonschema_rs.Validator
    output: Mapping[str, Any] | None = None
    idempotent: bool = False
    scopes: tuple[str, ...] = ()
    untrusted: bool = False
    egress: str | None = None
    summary: str | None = None
    preview: Call | None = None
    renamed_from: tuple[str, ...] = ()
    lookups: Mapping[str, str] = field(default_factory=dict)
    files: tuple[FilePlace, ...] = ()
    timeout: float = 60.0
    meta: Mapping[str, Any] = field(default_factory=dict)
    further: Mapping[str, Any] = field(default_factory=dict)

    def annotations(self) -> dict[str, Any]:
        """The effect as MCP tool annotations (specification, ToolAnnotations).

        read: readOnlyHint. destroy: destructiveHint. write: idempotentHint when idempotent. send and pay are
        neither read-only nor destructive. openWorldHint is true where the tool reaches strangers' things.
        """
        hints: dict[str, Any] = {
            "title": self.title,
            "readOnlyHint": self.effect == "read",
            "destructiveHint": self.effect == "destroy",
            "openWorldHint": self.untrusted or self.effect in ("send", "pay") or self.egress is not None,
        }
        if self.effect != "read":
            hints["idempotentHint"] = self.idempotent
        return hints


Completer = Callable[[Context, str, Mapping[str, str]], Awaitable[list[str]]]
"""Completes one argument: gets the context, what was typed and the other arguments; returns values."""


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """A resource or, where ``uri`` has ``{variables}``, a resource template (RFC 6570 level 1).

    ``run`` is a ``Function`` called with the variables by name, a ``Call``, or a ``Relay`` of the URI; ``further`` are
    more members of its listing.
    """

    uri: str
    name: str
    title: str
    description: str
    run: Function | Call | Relay
    mime_type: str | None = None
    variables: tuple[str, ...] = ()
    completions: Mapping[str, Completer] = field(default_factory=dict)
    lookups: Mapping[str, str] = field(default_factory=dict)
    further: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a prompt (always text)."""

    name: str
    description: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """A prompt: a ``Function`` returning messages, ``text`` with ``{argument}`` places, or a ``Relay``.

    ``further`` are more members of its listing.
    """

    name: str
    title: str
    description: str
    arguments: tuple[Argument, ...]
    run: Function | str | Relay
    completions: Mapping[str, Completer] = field(default_factory=dict)
    lookups: Mapping[str, str] = field(default_factory=dict)
    further: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class CompiledConnector:
    """One connector, compiled: immutable, shared by all calls until the next load.

    ``hosts`` are those its requests may reach besides ``base_url``'s; ``provider`` names who signs its calls (None:
    no account needed); ``auth`` is that provider where the connector declares it itself; ``reading`` holds the
    error rules for all its requests; ``server`` is the MCP server behind it, where it is one. ``warnings`` are lints
    that did not stop the load.
    """

    name: str
    title: str
    description: str
    version: str
    category: str
    tools: Mapping[str, Tool]
    resources: tuple[Resource, ...] = ()
    prompts: Mapping[str, Prompt] = field(default_factory=dict)
    base_url: str | None = None
    hosts: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Setting] = field(default_factory=dict)
    provider: str | None = None
    auth: Provider | None = None
    instructions: str = ""
    reading: Reading = field(default_factory=Reading)
    server: Server | None = None
    warnings: tuple[str, ...] = ()
