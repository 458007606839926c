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
from hub.servers.watched import Watched
from hub.upstream.errors import NotSent, TransportError
from hub.upstream.mcp import Client, RpcError, SessionEnded, Unauthorized
from hub.upstream.mcp.wire import NotMcp

PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0, 120.0)
"""Seconds between attempts at a server that does not answer."""

STEADY = 60.0
"""Seconds a connection has lasted whose end counts as the first failure again."""

READ_AGAIN = 300.0
"""Seconds after which the lists of a server that tells of no changes are read again."""

SETTLE = 0.5
"""Seconds after a change was told of before the lists are read: changes come in rows."""

TOGETHER = 0.05
"""Seconds after somebody began to watch a resource before its server is told: people's clients begin together."""

ACKNOWLEDGED = 10.0
"""Seconds a server may take to say that it listens to what is watched now."""

CHANGES_APART = 5.0
"""Seconds at least between two readings, however often a server tells of changes."""

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
        self._heard = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._renewing = asyncio.Lock()
        self._updated = updated
        self._acknowledged = asyncio.Event()
        self.watched = Watched(name)

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

    def again(self) -> None:
        """Read the lists soon: what was accepted of them changed."""
        self._heard.set()

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
        self.watched.news.set()

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
                await self._follow(client)
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

    async def _ended(self, client: Client | None, why: HubError) -> None:
        """Let go of a connection that ended, unless a call has made another since."""
        if client is None or client is self._client:
            await self._drop(self._client)
            self._failed(why)

    async def _follow(self, client: Client) -> None:
        """Read the lists again when the server tells of changes, and every now and then. Raises when it is gone."""
        listening: asyncio.Task[bool] | None = self._listening(client)
        try:
            if self.watched.wanted and not client.modern:
                await self._watch(client, listening)
            while client is self._client:
                told = [asyncio.create_task(event.wait()) for event in (self._heard, self.watched.news)]
                waits: set[asyncio.Task[Any]] = {*told} if listening is None else {*told, listening}
                await asyncio.wait(waits, timeout=READ_AGAIN, return_when=asyncio.FIRST_COMPLETED)
                for one in told:
                    one.cancel()
                if self.watched.news.is_set() and (listening is None or not listening.done()):
                    await self._clock.sleep(TOGETHER)
                    self.watched.news.clear()
                    listening = await self._watch(client, listening)
                    continue
                if listening is not None and listening.done():
                    gone = listening.exception()
                    if gone is not None and (client.tied or isinstance(gone, Unauthorized | SessionEnded)):
                        raise gone
                    if isinstance(gone, NotMcp | RpcError) or (gone is None and not listening.result()):
                        listening = None  # it tells of nothing: its lists are read every now and then
                        continue
                    await self._clock.sleep(CHANGES_APART)
                    listening = self._listening(client)
                await self._clock.sleep(SETTLE)
                self._heard.clear()
                await self.read()
                await self._clock.sleep(CHANGES_APART)
        finally:
            if listening is not None:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    def _listening(self, client: Client) -> asyncio.Task[bool]:
        listened = client.listen(self._changed, self.watched.wanted)
        return asyncio.create_task(listened, name=f"server {self.name} listens")

    async def _watch(self, client: Client, listening: asyncio.Task[bool] | None) -> asyncio.Task[bool] | None:
        """Tell the server which resources are watched now; the stream that hears of them. Raises as calls do."""
        if not client.has("resources", "subscribe"):
            return listening
        if not client.modern:
            await self.watched.tell(client)
            return listening
        # The new stream begins before the old one ends, so that nothing falls between.
        self._acknowledged.clear()
        fresh = self._listening(client)
        begun = asyncio.create_task(self._acknowledged.wait())
        await asyncio.wait({fresh, begun}, timeout=ACKNOWLEDGED, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        if listening is not None:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        return fresh

    async def _changed(self, method: str, params: Mapping[str, Any]) -> dict[str, Any] | None:
        if method.endswith("/list_changed"):
            self._heard.set()
        elif method == "notifications/resources/updated":
            uri = params.get("uri")
            if isinstance(uri, str) and uri in self.watched.wanted:
                self._updated(uri)
        elif method == "notifications/subscriptions/acknowledged":
            self._acknowledged.set()
        if method == "ping":
            return {}
        if not method.startswith("notifications/"):
            raise RpcError(-32601, f"{method} is not answered here")
        return None

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
