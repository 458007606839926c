"""What stands in another MCP server: a tool, resource or prompt that the hub passes on as a ``Relay``.

Plain data and the way it is carried out, as a protocol. Not the connection to that server (``upstream/mcp``), and not
its renaming into the hub's names (``importers/foreign``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from hub.sdk.files import Accepts
from hub.sdk.talk import AskPending

if TYPE_CHECKING:
    from hub.sdk.context import Context

Method = Literal["tools/call", "resources/read", "prompts/get", "completion/complete"]

STATE = "hub/relay"
"""Under this key the upstream's own ``requestState`` travels in the state of a call that asked."""


FileForm = Literal["base64", "data", "link"]
"""As what a server takes a file: its bytes in base64, the same in a data URL, or an address where it can be fetched."""


@dataclass(frozen=True, slots=True)
class FileSlot:
    """Where in a tool's arguments a file of the hub's is handed over (see ``FilePlace``), and as what."""

    path: tuple[str | None, ...]
    form: FileForm
    accepts: Accepts = field(default_factory=Accepts)

    @property
    def name(self) -> str:
        """As it is told to the model."""
        return ".".join(step for step in self.path if step is not None)


@dataclass(frozen=True, slots=True)
class Relay:
    """A request to a connector's MCP server; ``name`` is the server's own name (tools, prompts), ``headers`` are the
    arguments it wants repeated in ``Mcp-Param-*`` headers, each with its path. ``renamed`` are arguments whose names
    are the hub's (the name shown, the server's own). In ``files`` files of the hub's are handed over."""

    connector: str
    method: Method
    name: str = ""
    headers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    files: tuple[FileSlot, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """Where a connector's MCP server is: ``url`` (Streamable HTTP or HTTP+SSE) or ``command``, a name of the operator's
    configuration. ``headers`` are sent as they stand; ``credential`` is the header filled from the operator's
    credential of that connector (name, text with ``{field}``). ``sign_in``: calls are signed with an account.
    ``allow`` names what is off by default: ``sampling``, ``ui``."""

    title: str
    url: str | None = None
    command: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    credential: tuple[str, str] | None = None
    sign_in: bool = False
    allow: frozenset[str] = frozenset()

    @property
    def address(self) -> str:
        """What is pinned: definitions of one server never count for another."""
        return self.url if self.url is not None else f"command {self.command}"


@dataclass(frozen=True, slots=True)
class Relayed:
    """A server's result, as it came but for its URIs, which are the hub's."""

    result: dict[str, Any]


class Relays(Protocol):
    """Carries out relays."""

    async def __call__(self, relay: Relay, arguments: Mapping[str, Any], context: "Context") -> Relayed:
        """The result of ``relay``; for resources ``arguments`` is ``{"uri"}``, the hub's. Raises ``ToolError``,
        ``NotFoundError``, ``ProviderUnavailable``, ``OperatorNeeded`` and ``ConnectionNeeded``, and ``AskPending``."""
        ...


class RelayPending(AskPending):
    """A server's questions, which travel in the result; ``state`` is what it wants back with the answers."""

    def __init__(self, asks: Mapping[str, "ForeignAsk"], state: str | None) -> None:
        super().__init__(asks)
        self.state = state


@dataclass(frozen=True, slots=True)
class ForeignAsk:
    """A question of another server, shown as its own: ``title`` asks."""

    title: str
    method: str
    params: Mapping[str, Any]

    @property
    def needs(self) -> dict[str, Any]:
        """The client capability this question needs."""
        return {"elicitation" if self.method == "elicitation/create" else "sampling": {}}

    def request(self) -> dict[str, Any]:
        """The question as an MCP request, without id, and with who asks."""
        params = dict(self.params)
        if self.method == "elicitation/create":
            params["message"] = f"{self.title} asks: {params.get('message', '')}"
        params.pop("_meta", None)
        return {"method": self.method, "params": params}

    def accepts(self, answer: Any) -> bool:
        """Whether it was answered at all; the server judges what was said."""
        if not isinstance(answer, Mapping):
            return False
        if self.method == "elicitation/create":
            return answer.get("action") in ("accept", "decline", "cancel")
        return "content" in answer


def uri_prefix(connector: str) -> str:
    """What a connector's foreign URIs begin with: a scheme of its own before the server's (RFC 3986, section 3.1 allows
    ``+`` and ``-`` in a scheme, and no underscore). Connectors' names have no hyphen, so it says which it is."""
    return f"{connector.replace('_', '-')}+"


def connector_of_uri(uri: str) -> str | None:
    """The connector whose server a URI belongs to, if it is spelled like one."""
    scheme, plus, rest = uri.partition("+")
    return scheme.replace("-", "_") if plus and rest and scheme.replace("-", "").isalnum() else None
