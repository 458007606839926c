"""``Sessions``: connections to servers that ask for an account, one for each account, never shared between two.

Opened at an account's first call, or when somebody watches a resource by it; closed when neither was for a while. While
they last they hear what the server says by itself, as far as there is room for streams. How requests are signed is the
account's.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from hub import observe
from hub.clock import Clock
from hub.errors import HubError, OperatorNeeded, ProviderUnavailable
from hub.sdk.http import Outgoing
from hub.sdk.relay import Server
from hub.servers.following import Following
from hub.servers.link import PAUSES, STEADY, meaning
from hub.upstream.errors import TransportError
from hub.upstream.mcp import Client, RpcError, SessionEnded, Unauthorized
from hub.upstream.mcp.http import Streams
from hub.upstream.mcp.wire import NotMcp
from hub.upstream.streaming import Streamed

IDLE = 600.0
"""Seconds without a call, and with nothing watched, after which a session is closed."""

MOST = 1000
"""Sessions at once; the one unused for longest makes room."""

STREAMS = 200
"""Sessions that hear what their server says by itself at once; those that watch something come first."""

SWEEP = 60.0
"""Seconds between two looks for sessions that nobody uses."""

PAUSE = 5.0
"""Seconds for which a server that could not be reached is not tried again, by anybody."""

_log = observe.log("servers")

Updated = Callable[[str, str, str], None]
"""Told of a connector, a URI of its server, and who watches it."""


class Signer(Protocol):
    """One person's account as a session needs it (``hub.broker.Account``)."""

    @property
    def id(self) -> str:
        """Which account it is; the same for every call with it."""
        ...

    @property
    def owner(self) -> str:
        """Whose it is, by their id."""
        ...

    def stream(
        self, streams: Streams, outgoing: Outgoing, *, connector: str, timeout: float
    ) -> AbstractAsyncContextManager[Streamed]:
        """The reply to ``outgoing``, signed and sent through ``streams``."""
        ...


Fares = Callable[[str, Server, str | None], None]
"""Told of a connector and its server why that does not answer, or None where it does."""

Read = Callable[[str, Signer], None]
"""Told that a connector's server may have other lists now, and on which account that was heard."""


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


@dataclass(slots=True, eq=False)
class Session:
    """One account's connection to one server; ``client`` is None until it is made. ``watchers`` are the resources
    watched by it, by who watches them."""

    name: str
    way: _Signed
    server: Server
    used: float
    following: Following
    watchers: dict[str, frozenset[str]] = field(default_factory=dict)
    client: Client | None = None
    hearing: asyncio.Task[None] | None = None
    connecting: asyncio.Lock = field(default_factory=asyncio.Lock)
    renewing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def renewed(self, client: Client) -> None:
        """Shake hands again after the server ended the session; once for all calls that found out."""
        before = client.session
        async with self.renewing:
            if client.session is None or client.session == before:
                await client.renew()
        self.following.watched.news.set()

    def using(self, client: Client) -> Callable[[], bool]:
        """Whether ``client`` is still the connection, whenever that is asked."""
        return lambda: self.client is client

    def watch(self, user_id: str, uris: frozenset[str]) -> None:
        """From now on this user watches these resources by it."""
        self.watchers.pop(user_id, None)
        if uris:
            self.watchers[user_id] = uris
        self.following.watched.want(frozenset().union(*self.watchers.values()))


class Sessions:
    """The sessions of all accounts. ``streams`` is the guarded way out, None where there is no network. ``read`` and
    ``updated`` are told what servers say by themselves, ``fares`` whether they answer."""

    def __init__(
        self,
        streams: Streams | None,
        clock: Clock,
        info: Mapping[str, Any],
        *,
        read: Read,
        updated: Updated,
        fares: Fares,
    ) -> None:
        self._streams = streams
        self._clock = clock
        self._info = info
        self._read = read
        self._updated = updated
        self._fares = fares
        self._sessions: dict[tuple[str, str], Session] = {}
        self._down: dict[str, tuple[float, HubError]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._sweeping: asyncio.Task[None] | None = None

    async def session(self, name: str, server: Server, signer: Signer) -> tuple[Session, Client]:
        """The account's session with the server of the connector ``name``, opened where there is none.

        Raises ``ProviderUnavailable``, ``OperatorNeeded`` and ``ConnectionNeeded``.
        """
        found = self._found(name, server, signer)
        return found, await self._connected(found)

    def _found(self, name: str, server: Server, signer: Signer) -> Session:
        if self._streams is None or server.url is None:
            raise OperatorNeeded(f"{server.title} cannot be reached: there is no network here.")
        now = self._clock.monotonic()
        self.sweep()
        key = (name, signer.id)
        found = self._sessions.get(key)
        if found is None or found.server != server:
            if found is not None:
                self._end(found)
            found = self._sessions[key] = self._begun(name, _Signed(self._streams, signer), server, now)
            if self._sweeping is None:
                self._sweeping = asyncio.create_task(self._swept(), name="sessions are swept")
        found.way.signer, found.used = signer, now
        self._sessions[key] = self._sessions.pop(key)  # the last used stands last
        return found

    def _begun(self, name: str, way: _Signed, server: Server, now: float) -> Session:
        def updated(uri: str) -> None:
            for user_id, uris in tuple(session.watchers.items()):
                if uri in uris:
                    self._updated(name, uri, user_id)

        async def read() -> None:
            self._read(name, way.signer)

        following = Following(name, self._clock, read=read, updated=updated, every=None)
        session = Session(name, way, server, now, following)  # the functions above are called once it is there
        return session

    async def _connected(self, session: Session) -> Client:
        """The session's connection, made where there is none, and heard where there is room."""
        async with session.connecting:
            if session.client is not None and session.client.over:
                self.drop(session, session.client)
            if session.client is None:
                session.client = await self._reached(session.name, session.server, session.way)
                self._hear(session)
            return session.client

    async def _reached(self, name: str, server: Server, way: Streams) -> Client:
        until, why = self._down.get(name, (0.0, None))
        if why is not None and self._clock.monotonic() < until:
            raise why
        try:
            url = server.url or ""
            made = await Client.over_http(way, url, name, server.headers, info=self._info, allow=server.allow)
        except (TransportError, NotMcp, RpcError, SessionEnded, Unauthorized) as wrong:
            told = meaning(wrong, name, server)
            if isinstance(wrong, TransportError):
                self._down[name] = (self._clock.monotonic() + PAUSE, told)
            if isinstance(told, ProviderUnavailable):
                self._fares(name, server, str(told))
            raise told from None
        self._fares(name, server, None)
        return made

    # -- what servers say by themselves ------------------------------------------------------------------------

    def watch(self, name: str, server: Server, signer: Signer, user_id: str, uris: frozenset[str]) -> None:
        """Watch these resources of the server, by its own URIs, for this user on this account, and by no other.

        Raises ``OperatorNeeded``. A server that cannot be reached now is tried again.
        """
        session = self._found(name, server, signer)
        self.unwatch(name, user_id, but=session)
        session.watch(user_id, uris)
        self._hear(session)

    def unwatch(self, name: str, user_id: str, but: Session | None = None) -> None:
        """This user watches nothing at the server any more."""
        for session in self._sessions.values():
            if session.name == name and session is not but and user_id in session.watchers:
                session.watch(user_id, frozenset())

    def hearing(self) -> int:
        """How many sessions hear what their server says by itself."""
        return sum(one.hearing is not None for one in self._sessions.values())

    def _hear(self, session: Session) -> None:
        if session.hearing is not None:
            return
        if self.hearing() >= STREAMS:
            spare = (one for one in self._sessions.values() if one.hearing is not None and not one.watchers)
            found = next(spare, None) if session.watchers else None
            if found is None:
                return
            self._hush(found)
        session.hearing = asyncio.create_task(self._heard(session), name=f"server {session.name} on an account")

    def _hush(self, session: Session) -> None:
        if session.hearing is not None:
            session.hearing.cancel()
            self._closing.add(session.hearing)
            session.hearing.add_done_callback(self._closing.discard)
            session.hearing = None

    async def _heard(self, session: Session) -> None:
        """Hear a session's server, again and again, as long as there is a connection, or something to be watched."""
        failures = 0
        try:
            while True:
                client = session.client
                begun = self._clock.monotonic()
                try:
                    if client is None:
                        if not session.watchers:
                            return  # the next call connects, and is heard again
                        client = await self._connected(session)
                    await session.following.follow(client, session.using(client))
                except SessionEnded:
                    if client is not None and not await self._begun_again(session, client):
                        self.drop(session, client)
                except ProviderUnavailable:
                    pass
                except HubError as wrong:
                    # The account is of no use until somebody does something, and then it is watched by anew.
                    _log.info("an account's session is not heard", connector=session.name, reason=str(wrong))
                    if client is not None:
                        self.drop(session, client)
                    return
                except (TransportError, NotMcp, RpcError, Unauthorized, TimeoutError):
                    if client is not None:
                        self.drop(session, client)
                if self._clock.monotonic() - begun >= STEADY:
                    failures = 0
                await self._clock.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
                failures += 1
        except Exception:  # an edge: nobody waits for this
            _log.exception("the hearing of an MCP server failed", connector=session.name)
        finally:
            if session.hearing is asyncio.current_task():
                session.hearing = None

    async def _begun_again(self, session: Session, client: Client) -> bool:
        with suppress(TransportError, NotMcp, RpcError, Unauthorized, SessionEnded, TimeoutError):
            await session.renewed(client)
            return True
        return False

    # -- their ends --------------------------------------------------------------------------------------------

    def drop(self, session: Session, client: Client) -> None:
        """Do not use this connection again."""
        if session.client is client:
            session.client = None
            self._later(_closed(client))
            session.following.watched.news.set()  # whoever follows it looks up

    def keep(self, owner: str, usable: Callable[[str], bool]) -> None:
        """Close the sessions of this owner's accounts that are not ``usable`` any more, by account."""
        for key in [key for key, one in self._sessions.items() if one.way.signer.owner == owner and not usable(key[1])]:
            self._end(self._sessions.pop(key))

    @property
    def owners(self) -> frozenset[str]:
        """Whose accounts there are sessions of."""
        return frozenset(one.way.signer.owner for one in self._sessions.values())

    def forget(self, name: str) -> None:
        """Close the sessions of one connector."""
        for key in [key for key in self._sessions if key[0] == name]:
            self._end(self._sessions.pop(key))
        self._down.pop(name, None)

    async def close(self) -> None:
        """Close all sessions."""
        while self._sessions:
            self._end(self._sessions.popitem()[1])
        sweeping = [self._sweeping] if self._sweeping is not None else []
        for task in sweeping:
            task.cancel()
        await asyncio.gather(*self._closing, *sweeping, return_exceptions=True)

    def sweep(self) -> None:
        """Close what nobody has used for a while."""
        now = self._clock.monotonic()
        for key, one in list(self._sessions.items()):
            if len(self._sessions) < MOST:
                if now - one.used <= IDLE:
                    break
                if one.watchers:
                    continue
            self._end(self._sessions.pop(key))

    async def _swept(self) -> None:
        """Look for idle sessions as long as there are any."""
        try:
            while self._sessions:
                await self._clock.sleep(SWEEP)
                self.sweep()
        finally:
            self._sweeping = None

    def _end(self, session: Session) -> None:
        self._hush(session)
        client, session.client = session.client, None
        if client is not None:
            self._later(_closed(client))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _closed(client: Client) -> None:
    with suppress(HubError):  # an account that is gone cannot sign the goodbye
        await client.close()
