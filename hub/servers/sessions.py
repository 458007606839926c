"""``Sessions``: connections to servers that ask for an account, one for each account, never shared between two.

Opened at an account's first call, closed when it has not called for a while. How requests are signed is the account's.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from hub.clock import Clock
from hub.errors import HubError, OperatorNeeded
from hub.sdk.http import Outgoing
from hub.sdk.relay import Server
from hub.servers.link import meaning
from hub.upstream.errors import TransportError
from hub.upstream.mcp import Client, RpcError, SessionEnded, Unauthorized
from hub.upstream.mcp.http import Streams
from hub.upstream.mcp.wire import NotMcp
from hub.upstream.streaming import Streamed

IDLE = 600.0
"""Seconds without a call after which a session is closed."""

MOST = 1000
"""Sessions at once; the one unused for longest makes room."""

PAUSE = 5.0
"""Seconds for which a server that could not be reached is not tried again, by anybody."""


class Signer(Protocol):
    """One person's account as a session needs it (``hub.broker.Account``)."""

    @property
    def id(self) -> str:
        """Which account it is; the same for every call with it."""
        ...

    def stream(
        self, streams: Streams, outgoing: Outgoing, *, connector: str, timeout: float
    ) -> AbstractAsyncContextManager[Streamed]:
        """The reply to ``outgoing``, signed and sent through ``streams``."""
        ...


class _Signed:
    """The way out on one account: the one the last call came with, which is always the same person's."""

    def __init__(self, streams: Streams, signer: Signer) -> None:
        self._streams = streams
        self.signer = signer

    def stream(
        self,
        outgoing: Outgoing,
        *,
        connector: str,
        timeout: float,
    ) -> AbstractAsyncContextManager[Streamed]:
        """See ``Streams``."""
        return self.signer.stream(self._streams, outgoing, connector=connector, timeout=timeout)


@dataclass(slots=True)
class Session:
    """One account's connection to one server; ``client`` is None until it is made."""

    way: _Signed
    server: Server
    used: float
    client: Client | None = None
    connecting: asyncio.Lock = field(default_factory=asyncio.Lock)
    renewing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def renewed(self, client: Client) -> None:
        """Shake hands again after the server ended the session; once for all calls that found out."""
        before = client.session
        async with self.renewing:
            if client.session is None or client.session == before:
                await client.renew()


class Sessions:
    """The sessions of all accounts. ``streams`` is the guarded way out, None where there is no network."""

    def __init__(self, streams: Streams | None, clock: Clock, info: Mapping[str, Any]) -> None:
        self._streams = streams
        self._clock = clock
        self._info = info
        self._sessions: dict[tuple[str, str], Session] = {}
        self._down: dict[str, tuple[float, HubError]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def session(self, name: str, server: Server, signer: Signer) -> tuple[Session, Client]:
        """The account's session with the server of the connector ``name``, opened where there is none.

        Raises ``ProviderUnavailable``, ``OperatorNeeded`` and ``ConnectionNeeded``.
        """
        if self._streams is None or server.url is None:
            raise OperatorNeeded(f"{server.title} cannot be reached: there is no network here.")
        now = self._clock.monotonic()
        self._sweep(now)
        key = (name, signer.id)
        found = self._sessions.get(key)
        if found is None or found.server != server:
            found = self._sessions[key] = Session(_Signed(self._streams, signer), server, now)
        found.way.signer, found.used = signer, now
        self._sessions[key] = self._sessions.pop(key)  # the last used stands last
        async with found.connecting:
            if found.client is not None and found.client.over:
                self.drop(found, found.client)
            if found.client is None:
                found.client = await self._connected(name, server, found.way)
            return found, found.client

    async def _connected(self, name: str, server: Server, way: Streams) -> Client:
        until, why = self._down.get(name, (0.0, None))
        if why is not None and self._clock.monotonic() < until:
            raise why
        try:
            url = server.url or ""
            return await Client.over_http(way, url, name, server.headers, info=self._info, allow=server.allow)
        except (TransportError, NotMcp, RpcError, SessionEnded, Unauthorized) as wrong:
            told = meaning(wrong, name, server)
            if isinstance(wrong, TransportError):
                self._down[name] = (self._clock.monotonic() + PAUSE, told)
            raise told from None

    def drop(self, session: Session, client: Client) -> None:
        """Do not use this connection again."""
        if session.client is client:
            session.client = None
            self._later(_closed(client))

    def forget(self, name: str) -> None:
        """Close the sessions of one connector."""
        for key in [key for key in self._sessions if key[0] == name]:
            self._end(self._sessions.pop(key))
        self._down.pop(name, None)

    async def close(self) -> None:
        """Close all sessions."""
        while self._sessions:
            self._end(self._sessions.popitem()[1])
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _sweep(self, now: float) -> None:
        for key, one in list(self._sessions.items()):
            if now - one.used <= IDLE and len(self._sessions) < MOST:
                break
            self._end(self._sessions.pop(key))

    def _end(self, session: Session) -> None:
        if session.client is not None:
            self._later(_closed(session.client))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _closed(client: Client) -> None:
    with suppress(HubError):  # an account that is gone cannot sign the goodbye
        await client.close()
