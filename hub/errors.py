"""The hub's errors, typed by who can put it right (docs/architecture.md, "Errors").

    HubError
    ├── ConfigError          the operator: the hub does not start
    ├── ConnectorError       the author: the connector is set aside with the reason
    ├── ToolError            the model: a result with ``isError``
    │   └── NotFoundError    the same, for a thing the app does not have
    ├── ConnectionNeeded     the user: an account must be connected or signed in again
    ├── ApprovalNeeded       the user: a call waits for a yes
    ├── ProviderUnavailable  time: try again later
    │   ├── RateLimited      the same, where the app itself asks to wait
    │   └── HubBusy          the same, where the hub itself has too much to do
    ├── OperatorNeeded       the operator, while the hub runs
    ├── Refused              the operator or the user's grant: this caller may not do this
    └── ProtocolError        the MCP client: the request itself is wrong
        ├── UnknownName      no such tool or prompt
        ├── ResourceMissing  no such resource
        ├── StateRejected    a ``requestState`` or cursor that is not ours, or no longer
        ├── ConnectionPage     the user must open a page first, told by an error
        ├── CapabilityMissing  the client did not declare what the call needs
        └── ReadFailed       a resource, prompt or completion could not be made

Raised where the cause is known, answered in one place (``hub/gateway``; ``ProtocolError`` in
``hub/mcp_server``). Messages are for the person or model who reads them and never hold a secret. This
module is not a place for HTTP status codes or JSON-RPC numbers: the wire owns those.
"""

from collections.abc import Mapping
from typing import Any


class HubError(Exception):
    """Base of all errors the hub raises on purpose; its text may be shown to whoever must act."""


class ConfigError(HubError):
    """A setting is wrong; says which key, what was found and what is allowed. The hub does not start."""


class ConnectorError(HubError):
    """A connector's declaration or code is wrong; names file, line where known, and path."""


class ToolError(HubError):
    """A call the model can correct: says what was wrong and what would be right.

    ``data`` are facts the model may use (plain JSON), placed in the result's ``_meta``.
    """

    def __init__(self, message: str, *, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.data = dict(data or {})


class NotFoundError(ToolError):
    """The app has no such thing (a 404, or ``errors.is: not_found``)."""


class ConnectionNeeded(HubError):
    """The user must connect an account, or sign in to it again; ``scopes`` are those still missing, ``connection`` is
    the id of the account that is meant, where it is one. ``unscoped``: the app said that a scope is missing, not
    which."""

    def __init__(
        self,
        message: str,
        *,
        connector: str,
        scopes: tuple[str, ...] = (),
        connection: str = "",
        unscoped: bool = False,
    ) -> None:
        super().__init__(message)
        self.connector = connector
        self.scopes = scopes
        self.connection = connection
        self.unscoped = unscoped


class ApprovalNeeded(HubError):
    """The call waits for the user's yes at ``/approve/<id>``."""

    def __init__(self, message: str, *, approval: str) -> None:
        super().__init__(message)
        self.approval = approval


class ProviderUnavailable(HubError):
    """The app does not answer, or asks to wait; ``after`` are the seconds to wait where known."""

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class RateLimited(ProviderUnavailable):
    """The app answered, and asks to be left alone for ``after`` seconds (None where it does not say how long)."""


class HubBusy(ProviderUnavailable):
    """The hub has as many calls under way as it takes, and as many waiting; ``after`` says when to try again."""


class OperatorNeeded(HubError):
    """Only the operator can mend this (a missing setting, a client credential, a blocked address)."""


class Refused(HubError):
    """The caller's grant or the operator's policy does not allow this call; says which grant would."""


class ProtocolError(HubError):
    """The MCP request is malformed or cannot be served; answered as a JSON-RPC error."""

    def __init__(self, message: str, *, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.data = dict(data or {})


class UnknownName(ProtocolError):
    """No tool or prompt of that name is offered to this caller."""


class ResourceMissing(ProtocolError):
    """No resource at ``uri``; ``data.uri`` carries it (specification, server/resources)."""

    def __init__(self, uri: str) -> None:
        super().__init__(f"There is no resource {uri!r}.", data={"uri": uri})


class StateRejected(ProtocolError):
    """A ``requestState`` or cursor that was altered, has expired or belongs to another call or user."""


class CapabilityMissing(ProtocolError):
    """The call needs client capabilities that were not declared; ``required`` is shaped like
    ``ClientCapabilities`` (specification 2026-07-28, basic/index, MissingRequiredClientCapability)."""

    def __init__(self, required: Mapping[str, Any]) -> None:
        names = ", ".join(sorted(required))
        super().__init__(f"This call needs the client capability {names}.")
        self.required = dict(required)


class ConnectionPage(ProtocolError):
    """The user must open ``url`` before the call can be made, where the client is told so by an error (specification
    2025-11-25, client/elicitation, URLElicitationRequiredError)."""

    def __init__(self, message: str, *, url: str, id: str) -> None:
        elicitation = {"mode": "url", "elicitationId": id, "url": url, "message": message}
        super().__init__(message, data={"elicitations": [elicitation]})


class ReadFailed(ProtocolError):
    """A resource could not be read, or a prompt or completion not made; says why, as a tool's failure would."""
