"""``Watched``: the resources of one server that somebody listens to, and what the server was told of that.

Not the listeners (the gateway's), and not the connection (``link.py``).
"""

import asyncio
from collections.abc import Set as AbstractSet

from hub import observe
from hub.upstream.mcp import Client, RpcError

MOST = 1_000
"""Resources watched at one server, of all people; what is above is not told of."""

_log = observe.log("servers")


class Watched:
    """By the server's own URIs. ``news`` is set when what is wanted changed."""

    def __init__(self, connector: str) -> None:
        self.news = asyncio.Event()
        self.wanted: frozenset[str] = frozenset()
        self._connector = connector
        self._told: frozenset[str] = frozenset()
        self._client: Client | None = None
        self._session: object = None

    def want(self, uris: AbstractSet[str]) -> None:
        """From now on these are watched."""
        wanted = frozenset(sorted(uris)[:MOST])
        if wanted != self.wanted:
            self.wanted = wanted
            self.news.set()

    async def tell(self, client: Client) -> None:
        """Tell a server of the eras before 2026-07-28 what differs from what this session of it was told (2025-11-25,
        server/resources, Subscriptions). Raises as ``Client.call`` does, but for what the server refuses."""
        if client is not self._client or client.session is not self._session:
            self._client, self._session, self._told = client, client.session, frozenset()
        for method, uris in (
            ("resources/unsubscribe", self._told - self.wanted),
            ("resources/subscribe", self.wanted - self._told),
        ):
            for uri in sorted(uris):
                self._told = self._told - {uri} if method.endswith("/unsubscribe") else self._told | {uri}
                try:
                    await client.ask(method, {"uri": uri})
                except RpcError as wrong:
                    _log.info(
                        "an MCP server lets a resource not be watched", connector=self._connector, code=wrong.code
                    )
