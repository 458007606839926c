"""The one seam to the network: ``Transport`` is one round trip, ``AioTransport`` makes it over one aiohttp pool.

No redirect, no retry, no reading of replies: those are ``upstream.py``'s and the sdk's. Recordings are replayed
through another ``Transport``, so all rules above run in tests as they run in life.

With a proxy, literal addresses and every name the hub itself can look up are judged as ever, but the proxy looks
the name up again and cannot be pinned: the proxy is then the operator's own guard. Names only the proxy knows go
through. Places opened by ``network.allow_private`` are reached directly, as they are inside the operator's network.
"""

import asyncio
import socket
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from hub.clock import Alarms, Clock, SystemClock
from hub.errors import ConfigError, OperatorNeeded, ToolError
from hub.sdk.http import Outgoing, Reply
from hub.upstream.errors import Lost, NotSent
from hub.upstream.guard import Guard
from hub.upstream.headers import sendable
from hub.upstream.lanes import Lanes
from hub.upstream.pinning import FLIGHT, Destination, Flight, PinnedResolver, ended
from hub.upstream.places import Network
from hub.upstream.resolver import CachedResolver, Resolver, SystemResolver
from hub.upstream.round_trip import Reading, exchanged, head
from hub.upstream.streaming import Streamed, begun
from hub.upstream.target import Target

MAX_BODY = 10_000_000
"""Bytes of one reply's body, decompressed."""

CONNECT_TIMEOUT = 10.0
"""Seconds for the name lookup, and again for connecting with TLS."""

STANDING = 512
"""Streams held open at once to hear of what may come, in all; they take no place of requests."""

STANDING_PER_HOST = 256

METHODS = frozenset(
    {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "QUERY", "PROPFIND", "REPORT", "SEARCH"}
)

_DESTINATIONS = 1024


class Transport(Protocol):
    """One HTTP round trip."""

    async def exchange(
        self,
        outgoing: Outgoing,
        *,
        connector: str,
        timeout: float,  # noqa: ASYNC109 - the caller's deadline may be met by a replay's own clock
    ) -> Reply:
        """Send ``outgoing`` for ``connector`` and read the whole reply within ``timeout`` seconds.

        Raises ``NotSent``, ``Lost``, ``OperatorNeeded`` (a forbidden address, a certificate nobody vouches for)
        and ``ToolError`` (a malformed request, a reply above the cap).
        """
        ...


class AioTransport:
    """The real transport: guard, pinned connections, one pool, no cookies, capped bodies.

    ``clock`` times the cache of names only; deadlines run on the event loop. Raises ``ConfigError`` when a setting
    of ``network`` is wrong.
    """

    def __init__(
        self,
        network: Network,
        *,
        clock: Clock | None = None,
        resolver: Resolver | None = None,
        max_body: int = MAX_BODY,
        connect_timeout: float = CONNECT_TIMEOUT,
        connections: int = 128,
        connections_per_host: int = 16,
    ) -> None:
        self._network = network
        self._guard = Guard(network.allow_private)
        self._proxy = _proxy(network.proxy)
        self._resolver = CachedResolver(resolver or SystemResolver(), clock or SystemClock())
        self._max_body = max_body
        self._connect_timeout = connect_timeout
        self._lanes = Lanes(connections, connections_per_host)
        self._standing = Lanes(STANDING, STANDING_PER_HOST)
        # Pure descriptions of what is asked of the pool; nothing drops one but the need for room.
        self._destinations: OrderedDict[tuple[str, str, int, str], Destination] = OrderedDict()
        self._connecting = aiohttp.ClientTimeout(total=None, connect=connect_timeout)
        self._alarms = Alarms()
        self._pool: aiohttp.TCPConnector | None = None

    async def open(self) -> None:
        """Load the trusted certificates and open the pool. Raises ``ConfigError`` when ``ca_file`` cannot be used."""
        trust = await asyncio.to_thread(self._trust)
        self._pool = aiohttp.TCPConnector(
            # The lanes bound connections; a second queue here would hide its waiting inside the connect timeout.
            limit=0,
            use_dns_cache=False,
            resolver=PinnedResolver(self._resolver, self._proxy.raw_host if self._proxy else None),
            ssl=trust,
        )
        self._pool._factory = cast(Any, partial(Reading, loop=asyncio.get_running_loop()))

    async def close(self) -> None:
        """Close every connection and stop the resolver."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None
        await self._resolver.close()

    async def exchange(
        self,
        outgoing: Outgoing,
        *,
        connector: str,
        timeout: float,  # noqa: ASYNC109 - see Transport
    ) -> Reply:
        """See ``Transport``."""
        if outgoing.method not in METHODS:
            raise ToolError(
                f"{outgoing.method!r} is not a method the hub sends; allowed: {', '.join(sorted(METHODS))}."
            )
        target = Target.of(outgoing.url)
        flight = Flight(target.host, (), "")
        host = (target.host, target.port)
        try:
            with self._alarms.within(timeout):
                addresses = self._at_hand(target)
                addresses = await self._looked_up(target) if addresses is None else addresses
                self._judge(flight, connector, target, addresses)
                if not self._lanes.taken(host):
                    await self._lanes.take(host)
                try:
                    connection, start = await self._ready(outgoing, target, flight)
                    return await exchanged(connection, start, outgoing, target, outgoing.largest or self._max_body)
                finally:
                    self._lanes.give(host)
        except (aiohttp.ClientError, HttpProcessingError) as error:
            raise self._told(error, flight, target) from error
        except (TimeoutError, OSError) as error:
            if not flight.sent:
                raise NotSent(f"no connection within {timeout:g} s") from error
            late = isinstance(error, TimeoutError)
            raise Lost(f"no whole answer within {timeout:g} s" if late else "the connection broke") from error

    @asynccontextmanager
    async def stream(
        self,
        outgoing: Outgoing,
        *,
        connector: str,
        timeout: float,  # noqa: ASYNC109 - see Transport
    ) -> AsyncIterator[Streamed]:
        """Send ``outgoing`` and give its reply to the block, to be read as it comes; ``timeout`` is for the head.

        Raises as ``exchange`` does; leaving the block lets go of the connection.
        """
        target = Target.of(outgoing.url)
        flight = Flight(target.host, (), "")
        host = (target.host, target.port)
        held = False
        lanes = self._standing if outgoing.standing else self._lanes
        try:
            try:
                with self._alarms.within(timeout):
                    addresses = self._at_hand(target)
                    addresses = await self._looked_up(target) if addresses is None else addresses
                    self._judge(flight, connector, target, addresses)
                    if not lanes.taken(host):
                        if outgoing.standing:
                            raise NotSent("as many streams are held open as the hub holds", permanent=True)
                        await lanes.take(host)
                    held = True
                    connection, start = await self._ready(outgoing, target, flight)
                    streamed = await begun(connection, start, outgoing)
            except (aiohttp.ClientError, HttpProcessingError) as error:
                raise self._told(error, flight, target) from error
            except (TimeoutError, OSError) as error:
                if not flight.sent:
                    raise NotSent(f"no connection within {timeout:g} s") from error
                raise Lost(f"no answer within {timeout:g} s") from error
            try:
                yield streamed
            finally:
                streamed.close()
        finally:
            if held:
                lanes.give(host)

    def _at_hand(self, target: Target) -> tuple[str, ...] | None:
        """The addresses of ``target`` that need not be asked for."""
        return (target.host,) if target.address is not None else self._resolver.known(target.host)

    async def _looked_up(self, target: Target) -> tuple[str, ...]:
        """The addresses of ``target``; none where its proxy may know them. Raises ``NotSent``."""
        try:
            with self._alarms.within(self._connect_timeout):
                return tuple(await self._resolver.addresses(target.host))
        except OSError as error:  # TimeoutError is one
            if self._proxy is None:
                unknown = isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME
                raise NotSent("its name has no address", permanent=unknown) from error
            return ()

    def _judge(self, flight: Flight, connector: str, target: Target, addresses: tuple[str, ...]) -> None:
        """Pin ``flight`` to addresses the guard allows. Every request is judged, pooled connection or not."""
        if not addresses and self._proxy is None:
            raise NotSent("its name has no address", permanent=True)
        flight.addresses = addresses
        if self._guard.judge(connector, target.host, target.port, flight.addresses):
            flight.partition = connector

    async def _ready(self, outgoing: Outgoing, target: Target, flight: Flight) -> tuple[Connection, bytes]:
        """An open connection, from the pool or new, and the request's head for it. A connection that is over before
        anything was written is passed over for the next, where losing the request would leave its outcome in doubt; any
        other is repeated above."""
        if self._pool is None:
            raise RuntimeError("the transport is not open")
        headers = sendable(outgoing.headers)
        destination = self._destination(target, flight)
        mark = FLIGHT.set(flight)
        try:
            while True:
                connection = await self._pool.connect(destination, [], self._connecting)
                held = connection.protocol
                if isinstance(held, Reading) and (outgoing.repeatable or not held.used or not ended(connection)):
                    held.used = True
                    break
                connection.close()
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError from error
        finally:
            FLIGHT.reset(mark)
        proxied = destination.proxy is not None and target.scheme == "http"
        if proxied and "Proxy-Authorization" in destination.headers:
            # Only the request itself can tell an HTTP proxy on whose account it comes; TLS has its own tunnel.
            headers["proxy-authorization"] = ("Proxy-Authorization", destination.headers["Proxy-Authorization"])
        flight.sent = True
        return connection, head(outgoing, target, headers, proxied)

    def _destination(self, target: Target, flight: Flight) -> Destination:
        if self._proxy is not None and not flight.partition:
            return Destination(target, "", self._proxy)  # aiohttp writes the proxy's authorization into it
        asked = (target.scheme, target.host, target.port, flight.partition)
        known = self._destinations.get(asked)
        if known is None:
            known = self._destinations[asked] = Destination(target, flight.partition, None)
            if len(self._destinations) > _DESTINATIONS:
                self._destinations.popitem(last=False)
        return known

    def _told(self, error: Exception, flight: Flight, target: Target) -> Exception:
        """What an aiohttp error means for the request; never with its text, which may hold the URL."""
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            cause = error.certificate_error
            why = cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else "it does not match"
            return OperatorNeeded(
                f"The certificate of {target.host} is not trusted: {why}. If your network re-signs TLS or the server "
                "is your own, set network.ca_file to the certificate authority's PEM file."
            )
        if isinstance(error, aiohttp.ClientHttpProxyError):
            reason = f"the proxy of network.proxy refused the connection (HTTP {error.status})"
            return OperatorNeeded(f"{target.host}: {reason}.") if error.status == 407 else NotSent(reason)
        if isinstance(error, aiohttp.ClientProxyConnectionError):
            return NotSent("the proxy of network.proxy cannot be reached")
        if isinstance(error, aiohttp.ClientSSLError):
            return NotSent("no TLS connection could be made")
        if not flight.sent:
            late = isinstance(error, TimeoutError)
            return NotSent(f"no connection within {self._connect_timeout:g} s" if late else "the connection failed")
        if isinstance(error, HttpProcessingError):
            return Lost("its answer is not HTTP")
        return Lost(
            "the answer was cut off" if isinstance(error, aiohttp.ClientPayloadError) else "the connection broke"
        )

    def _trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        if self._network.ca_file is not None:
            try:
                context.load_verify_locations(cafile=self._network.ca_file)
            except (OSError, ssl.SSLError) as wrong:
                raise ConfigError(
                    f"network.ca_file: {str(self._network.ca_file)!r} cannot be used ({wrong.strerror or wrong}); "
                    "it must be a readable PEM file with at least one certificate."
                ) from None
        return context


def _proxy(text: str | None) -> URL | None:
    """The proxy's URL; raises ``ConfigError`` without repeating it, as it may hold a password."""
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.path in ("", "/")
        if valid and not parts.query and not parts.fragment:
            return URL(text)
    except ValueError:
        pass
    raise ConfigError("network.proxy: not the URL of an HTTP proxy; write it like http://proxy.lan:3128.")
