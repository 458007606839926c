"""``Link``: the connection to one server, made when it is needed, made again with growing pauses, and shared by calls.

A server that does not answer costs a call one plain sentence at once, and the list nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from hub import observe
from hub.clock import Clock
from hub.errors import ConnectionNeeded, HubError, OperatorNeeded, ProviderUnavailable
from hub.sdk.relay import Server
from hub.servers.following import Following
from hub.upstream.errors import NotSent, TransportError
from hub.upstream.mcp import Client, RpcError, SessionEnded, Unauthorized
from hub.upstream.mcp.wire import NotMcp

PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0, 120.0)
"""Seconds between attempts at a server that does not answer."""

STEADY = 60.0
"""Seconds a connection has lasted whose end counts as the first failure again."""

_log = observe.log("servers")

Connect = Callable[[], Awaitable[Client]]


class Link:
    """One server of the connector ``name``. ``took`` is told its definitions, ``fails`` why it does not answer,
    ``updated`` of the ``watched`` resources that changed, by the server's URIs."""

    def __init__(
        self,
        name: str,
        server: Server,
        connect: Connect,
        clock: Clock,
        *,
        took: Callable[[Mapping[str, Any]], Awaitable[None]],
        fails: Callable[[str], None],
        updated: Callable[[str], None],
    ) -> None:
        self.name = name
        self.server = server
        self._connect = connect
        self._clock = clock
        self._took = took
        self._fails = fails
        self._client: Client | None = None
        self._lock = asyncio.Lock()
        self._attempts = 0
        self._since: float | None = None
        self._next = 0.0
        self._why: HubError | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._renewing = asyncio.Lock()
        self.following = Following(name, clock, read=self.read, updated=updated)

    def start(self) -> None:
        """Keep the connection, and read its lists as they change, until ``close``."""
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep(), name=f"server {self.name}")

    async def close(self) -> None:
        """End the connection."""
        if self._keeping is not None:
            self._keeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeping
        await self._drop(self._client)

    async def client(self) -> Client:
        """The connection, made where there is none. Raises ``ProviderUnavailable`` at once while a pause lasts,
        ``OperatorNeeded`` and ``ConnectionNeeded``."""
        known = self._client
        if known is not None:
            return known
        async with self._lock:
            known = self._client  # another call may have connected meanwhile
            if known is not None:
                return known
            if self._why is not None and self._clock.monotonic() < self._next:
                raise self._why
            try:
                client = await self._connect()
            except (TransportError, NotMcp, RpcError, Unauthorized, SessionEnded, HubError) as wrong:
                raise self._failed(self.meaning(wrong)) from None
            self._client, self._why, self._since = client, None, self._clock.monotonic()
            return client

    async def read(self) -> None:
        """Read the server's lists and tell of them. Raises as ``client`` does."""
        client = await self.client()
        try:
            definitions = await client.definitions()
        except SessionEnded:
            await self.renewed(client)
            definitions = await client.definitions()
        await self._took(definitions)

    async def renewed(self, client: Client) -> None:
        """Shake hands again after the server ended the session; once for all calls that found out."""
        async with self._renewing:
            await client.renew()
        self.following.watched.news.set()

    def meaning(self, wrong: Exception) -> HubError:
        """What a failure means, for the person who can do something about it."""
        return meaning(wrong, self.name, self.server)

    def _failed(self, why: HubError) -> HubError:
        # One that dies again and again soon after it was reached is not reached every second.
        if self._since is not None and self._clock.monotonic() - self._since >= STEADY:
            self._attempts = 0
        self._since = None
        pause = PAUSES[min(self._attempts, len(PAUSES) - 1)]
        self._attempts += 1
        self._next = self._clock.monotonic() + pause
        if isinstance(why, ProviderUnavailable):
            why = ProviderUnavailable(str(why), after=pause)
        self._why = why
        self._fails(str(why))
        return why

    async def _drop(self, client: Client | None) -> None:
        if client is not None:
            if client is self._client:
                self._client = None
            await client.close()

    async def _keep(self) -> None:
        while True:
            client: Client | None = None
            try:
                client = await self.client()
                await self.read()
                await self.following.follow(client, self._using(client))
            except HubError:
                pass  # noted where it was raised
            except (TransportError, NotMcp, RpcError, Unauthorized, SessionEnded, TimeoutError) as wrong:
                why = self.meaning(wrong)
                _log.info("an MCP server's connection ended", connector=self.name, reason=str(why))
                await self._ended(client, why)
            except Exception:  # an edge: one server must not end the watch over it
                _log.exception("the watch over an MCP server failed", connector=self.name)
                await self._ended(client, ProviderUnavailable(f"{self.server.title} could not be understood."))
            await self._clock.sleep(max(self._next - self._clock.monotonic(), 0.05))

    def _using(self, client: Client) -> Callable[[], bool]:
        return lambda: self._client is client

    async def _ended(self, client: Client | None, why: HubError) -> None:
        """Let go of a connection that ended, unless a call has made another since."""
        if client is None or client is self._client:
            await self._drop(self._client)
            self._failed(why)

    async def failed(self, client: Client, wrong: TransportError) -> HubError:
        """What a failed request means; the connection is not used again where it is of no more use."""
        why = self.meaning(wrong)
        if client.tied and client is self._client and client.over:
            await self._drop(client)
        elif isinstance(wrong, NotSent) and client is self._client:
            await self._drop(client)
            self._failed(why)
        return why


def meaning(wrong: Exception, name: str, server: Server) -> HubError:
    """What a failure at the server of the connector ``name`` means, for the person who can do something about it."""
    title = server.title
    if isinstance(wrong, HubError):
        return wrong
    if isinstance(wrong, Unauthorized):
        if server.credential is not None:
            return OperatorNeeded(f"{title} refuses the operator's credential; mend providers.{name}.credential.")
        return ConnectionNeeded(f"{title} wants an account, and none is connected.", connector=name)
    if isinstance(wrong, TransportError | NotMcp):
        return ProviderUnavailable(f"{title} does not answer: {wrong.reason}.")
    if isinstance(wrong, RpcError):
        return ProviderUnavailable(f"{title} refused the connection: {wrong.message[:300]}")
    return ProviderUnavailable(f"{title} ended the session.")
