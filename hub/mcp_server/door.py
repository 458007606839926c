"""What the wire needs from the rooms below it: the gateway's door, and the way to a caller.

Only protocols. The gateway itself is ``hub/gateway``; ``app.py`` joins
both.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol

from aiohttp import web

from hub.gateway import Resume, Wants
from hub.identity import Caller
from hub.sdk.talk import Talk

__all__ = ["Arrivals", "Authenticate", "Gateway", "Listeners", "Resume", "Subscription", "Tasks", "Wants"]

Authenticate = Callable[[web.Request], Awaitable[Caller | None]]
"""Who sends this request, or None: no token, or one that is not valid (any more). Called before anything is parsed."""


class Arrivals(Protocol):
    """Who follows the first steps of clients; nothing is decided by it, and it raises nothing.

    ``newcomers`` are the tokens (``Caller.token_id``) whose client has not asked for its tools yet.
    """

    @property
    def newcomers(self) -> Collection[str]: ...

    def knocked(self, request: web.Request) -> None:
        """A request without a token, or with one that opens nothing, is answered with 401."""
        ...

    def turned_away(self, request: web.Request, status: int) -> None:
        """A request is refused for its ``Host`` or ``Origin``."""
        ...

    def listed(self, caller: Caller, tools: int) -> None:
        """A newcomer is told its tools."""
        ...

    def refused(self, caller: Caller, reason: str) -> None:
        """A newcomer's request is refused for what it says."""
        ...


class Subscription(Protocol):
    """Changes as they come: notifications ``{"method", "params"?}``. Ends after ``close``."""

    def __aiter__(self) -> AsyncIterator[dict[str, Any]]: ...

    def close(self) -> None:
        """End it; may be called twice."""
        ...


class Listeners(Protocol):
    """Where changes are heard."""

    def open(self, caller: Caller, wants: Wants) -> Subscription:
        """Begin to listen, from now on."""
        ...


class Tasks(Protocol):
    """Calls whose results are fetched later (``hub/gateway/tasks``). All raise ``ProtocolError`` for a task the caller
    does not have."""

    async def get(self, caller: Caller, id: str) -> dict[str, Any]: ...

    async def update(self, caller: Caller, id: str, responses: Mapping[str, Any]) -> None: ...

    async def cancel(self, caller: Caller, id: str) -> None: ...

    async def owned(self, caller: Caller, ids: frozenset[str]) -> frozenset[str]: ...

    async def tell(self, id: str) -> None: ...


class Gateway(Protocol):
    """The use cases, for one caller each (docs/architecture.md, "floor 4").

    Results are plain dicts in 2026-07-28 shape without ``ttlMs``, ``cacheScope`` and ``serverInfo``. A list method
    returns the same list object until its content changes. The coroutines raise only ``ProtocolError`` and
    ``Refused``; cancelling one cancels the call.
    """

    @property
    def listeners(self) -> Listeners: ...

    def list_tools(self, caller: Caller) -> list[dict[str, Any]]: ...

    def list_resources(self, caller: Caller) -> list[dict[str, Any]]: ...

    def list_templates(self, caller: Caller) -> list[dict[str, Any]]: ...

    def list_prompts(self, caller: Caller) -> list[dict[str, Any]]: ...

    def instructions(self, caller: Caller) -> str: ...

    async def call_tool(
        self, caller: Caller, name: str, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None = None
    ) -> dict[str, Any]: ...

    async def read_resource(
        self, caller: Caller, uri: str, talk: Talk, resume: Resume | None = None
    ) -> dict[str, Any]: ...

    async def get_prompt(
        self, caller: Caller, name: str, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None = None
    ) -> dict[str, Any]: ...

    async def complete(
        self, caller: Caller, ref: Mapping[str, Any], argument: Mapping[str, Any], context: Mapping[str, Any]
    ) -> dict[str, Any]: ...
