"""``Connector``: what an author writes in Python. Tools, resources and prompts are decorated functions.

No base class, no registration: a module has one variable ``connector``. The registry finds it, names it after
its folder, and compiles it (``hub.sdk.assembly``).
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hub.errors import ConnectorError
from hub.sdk.setting import Setting
from hub.sdk.tool import Completer, Effect

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class ToolDraft:
    """A decorated function with what its decorator said; compiled once the connector's name is known."""

    function: Callable[..., Any]
    name: str
    effect: Effect
    title: str | None = None
    description: str | None = None
    scopes: tuple[str, ...] = ()
    idempotent: bool = False
    untrusted: bool = False
    egress: str | None = None
    summary: str | None = None
    renamed_from: tuple[str, ...] = ()
    lookups: Mapping[str, str] = field(default_factory=dict)
    input: Mapping[str, Any] | None = None
    output: Mapping[str, Any] | None = None
    timeout: float = 60.0
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResourceDraft:
    """A decorated function that reads a resource."""

    function: Callable[..., Any]
    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    complete: Mapping[str, Completer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PromptDraft:
    """A decorated function that writes a prompt's messages."""

    function: Callable[..., Any]
    name: str
    title: str | None = None
    description: str | None = None
    complete: Mapping[str, Completer] = field(default_factory=dict)


class Connector:
    """One app's connector.

    ``title`` and ``description`` are shown to people and to the model. ``base_url`` is where relative paths
    lead, ``hosts`` are further hosts requests may reach (``"*"`` for any public one). ``headers`` go with every
    request; both take ``{settings.x}``. ``provider`` names who signs its calls; without it no account is
    needed. ``settings`` are values the operator gives (``Setting``). ``instructions`` are added to what clients
    are told about the hub.
    """

    def __init__(
        self,
        *,
        title: str = "",
        description: str = "",
        version: str = "1.0.0",
        category: str = "other",
        base_url: str | None = None,
        hosts: Iterable[str] = (),
        headers: Mapping[str, str] | None = None,
        settings: Iterable[Setting] = (),
        provider: str | None = None,
        instructions: str = "",
    ) -> None:
        self.title = title
        self.description = description
        self.version = version
        self.category = category
        self.base_url = base_url
        self.hosts = tuple(hosts)
        self.headers = dict(headers or {})
        self.settings = {setting.name: setting for setting in settings}
        self.provider = provider
        self.instructions = instructions
        self.beside_yaml = False
        self.tools: list[ToolDraft] = []
        self.resources: list[ResourceDraft] = []
        self.prompts: list[PromptDraft] = []

    @classmethod
    def here(cls) -> "Connector":
        """A connector declared by the ``connector.yaml`` in the same folder, to which Python adds tools."""
        connector = cls()
        connector.beside_yaml = True
        return connector

    def tool(
        self,
        *,
        effect: Effect,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        scopes: Iterable[str] = (),
        idempotent: bool = False,
        untrusted: bool = False,
        egress: str | None = None,
        summary: str | None = None,
        renamed_from: Iterable[str] = (),
        lookups: Mapping[str, str] | None = None,
        input: Mapping[str, Any] | None = None,
        output: Mapping[str, Any] | None = None,
        timeout: float = 60.0,
        meta: Mapping[str, Any] | None = None,
    ) -> Callable[[F], F]:
        """Make a function a tool.

        Its name, docstring, type hints and return type are the tool's name, description and schemas; a
        parameter of type ``Context`` is filled by the hub. ``effect`` says what it does. ``input`` gives a JSON
        Schema kept word for word instead of the signature's. ``summary`` (``"Close ticket {id}"``) is required
        unless the effect is ``read``; ``egress`` names the argument that sends data somewhere; ``lookups`` maps
        an argument to the read tool of this connector that lists its values; ``timeout`` is for one run, in
        seconds. A plain ``def`` runs in a thread.
        """

        def keep(function: F) -> F:
            self.tools.append(
                ToolDraft(
                    function,
                    name or function.__name__,
                    effect,
                    title,
                    description or inspect.getdoc(function),
                    tuple(scopes),
                    idempotent,
                    untrusted,
                    egress,
                    summary,
                    tuple(renamed_from),
                    dict(lookups or {}),
                    input,
                    output,
                    timeout,
                    dict(meta or {}),
                )
            )
            return function

        return keep

    def resource(
        self,
        uri: str,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        complete: Mapping[str, Completer] | None = None,
    ) -> Callable[[F], F]:
        """Make a function a resource at ``<connector>://...``; ``{variables}`` make it a template, and are passed
        by name. It returns text, bytes or ``Embedded``."""

        def keep(function: F) -> F:
            told = description or inspect.getdoc(function)
            self.resources.append(
                ResourceDraft(function, uri, name or function.__name__, title, told, mime_type, dict(complete or {}))
            )
            return function

        return keep

    def prompt(
        self,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        complete: Mapping[str, Completer] | None = None,
    ) -> Callable[[F], F]:
        """Make a function a prompt; its parameters are text. It returns text, a ``Message`` or a list of them."""

        def keep(function: F) -> F:
            told = description or inspect.getdoc(function)
            self.prompts.append(PromptDraft(function, name or function.__name__, title, told, dict(complete or {})))
            return function

        return keep

    def once(self, kind: str, names: Iterable[str]) -> None:
        """Raise ``ConnectorError`` when a name stands twice among ``names``."""
        seen: set[str] = set()
        for one in names:
            if one in seen:
                raise ConnectorError(f"the {kind} {one!r} is declared twice.")
            seen.add(one)
