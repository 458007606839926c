"""The one seam to the network: ``Transport`` is one round trip, ``AioTransport`` makes it over one aiohttp session.

No redirect, no retry, no reading of replies: those are ``upstream.py``'s and the sdk's. Recordings are replayed
through another ``Transport``, so all rules above run in tests as they run in life.

With a proxy, literal addresses and every name the hub itself can look up are judged as ever, but the proxy looks
the name up again and cannot be pinned: the proxy is then the operator's own guard. Names only the proxy knows go
through. Places opened by ``network.allow_private`` are reached directly, as they are inside the operator's network.
"""

import asyncio
import io
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import urlsplit
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from hub.clock import Clock, SystemClock
from hub.errors import ConfigError, OperatorNeeded, ToolError
from hub.sdk.http import Outgoing, Reply
from hub.upstream.errors import Lost, NotSent
from hub.upstream.guard import Guard
from hub.upstream.headers import sendable
from hub.upstream.lanes import Lanes
from hub.upstream.pinning import FLIGHT, Flight, PinnedRequest, PinnedResolver, StaleConnection
from hub.upstream.places import Network
from hub.upstream.resolver import CachedResolver, Resolver, SystemResolver
from hub.upstream.target import Target

MAX_BODY = 10_000_000
"""Bytes of one reply's body, decompressed."""

CONNECT_TIMEOUT = 10.0
"""Seconds for the name lookup, and again for connecting with TLS."""

METHODS = frozenset(
    {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "QUERY", "PROPFIND", "REPORT", "SEARCH"}
)

_STREAMED_BODY = 1_000_000  # larger bodies are written in pieces, so that one upload does not hold up the loop
_MAX_HEADER_LINE = 32_768  # long Link and policy headers are common; aiohttp's own bound is a quarter of this


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
        self._used: WeakSet[ResponseHandler] = WeakSet()
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Load the trusted certificates and open the pool. Raises ``ConfigError`` when ``ca_file`` cannot be used."""
        trust = await asyncio.to_thread(self._trust)
        connector = aiohttp.TCPConnector(
            # The lanes bound connections; a second queue here would hide its waiting inside the connect timeout.
            limit=0,
            use_dns_cache=False,
            resolver=PinnedResolver(self._resolver, self._proxy.raw_host if self._proxy else None),
            ssl=trust,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            request_class=PinnedRequest,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_timeout),
            trust_env=False,
            auto_decompress=True,
            requote_redirect_url=False,
            skip_auto_headers=("Content-Type",),
            max_line_size=_MAX_HEADER_LINE,
            max_field_size=_MAX_HEADER_LINE,
        )

    async def close(self) -> None:
        """Close every connection and stop the resolver."""
        if self._session is not None:
            await self._session.close()
            self._session = None
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
        flight = Flight(target.host, (), "", self._used)
        mark = FLIGHT.set(flight)
        try:
            async with asyncio.timeout(timeout):
                await self._judge(flight, connector, target)
                async with self._lanes.taken(target.netloc):
                    return await self._round_trip(outgoing, target, flight)
        except aiohttp.ClientError as error:
            raise self._told(error, flight, target) from error
        except (TimeoutError, OSError) as error:
            if not flight.sent:
                raise NotSent(f"no connection within {timeout:g} s") from error
            late = isinstance(error, TimeoutError)
            raise Lost(f"no whole answer within {timeout:g} s" if late else "the connection broke") from error
        finally:
            FLIGHT.reset(mark)

    async def _judge(self, flight: Flight, connector: str, target: Target) -> None:
        """Pin ``flight`` to addresses the guard allows. Every request is judged, pooled connection or not."""
        if target.address is not None:
            flight.addresses = (target.host,)
        else:
            try:
                async with asyncio.timeout(self._connect_timeout):
                    flight.addresses = tuple(await self._resolver.addresses(target.host))
            except OSError as error:  # TimeoutError is one
                if self._proxy is None:
                    unknown = isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME
                    raise NotSent("its name has no address", permanent=unknown) from error
            if not flight.addresses and self._proxy is None:
                raise NotSent("its name has no address", permanent=True)
        if self._guard.judge(connector, target.host, target.port, flight.addresses):
            flight.partition = connector

    async def _round_trip(self, outgoing: Outgoing, target: Target, flight: Flight) -> Reply:
        if self._session is None:
            raise RuntimeError("the transport is not open")
        body = outgoing.body
        async with self._session.request(
            outgoing.method,
            URL(target.url, encoded=True),
            headers=sendable(outgoing.headers),
            data=io.BytesIO(body) if body is not None and len(body) > _STREAMED_BODY else body,
            allow_redirects=False,
            proxy=None if flight.partition else self._proxy,
            middlewares=(_once,),
        ) as response:
            try:
                content = await self._read(response, target)
            except BaseException:
                response.close()  # an unread rest would otherwise be waited for
                raise
            return Reply(response.status, outgoing.url, _joined(response), content)

    async def _read(self, response: aiohttp.ClientResponse, target: Target) -> bytes:
        announced = response.content_length
        if announced is not None and announced > self._max_body and response.method != "HEAD":
            raise self._too_large(target, f"{announced / 1e6:.1f} MB")
        parts: list[bytes] = []
        total = 0
        # Decompressed piece by piece with back pressure: a small body that unpacks without end stops here too.
        async for part in response.content.iter_any():
            total += len(part)
            if total > self._max_body:
                raise self._too_large(target, f"more than {self._max_body / 1e6:g} MB")
            parts.append(part)
        return b"".join(parts)

    def _too_large(self, target: Target, size: str) -> ToolError:
        return ToolError(
            f"{target.host} answered with {size}; at most {self._max_body / 1e6:g} MB can be read. "
            "Narrow the request: fewer items, a smaller range, or fewer fields."
        )

    def _told(self, error: aiohttp.ClientError, flight: Flight, target: Target) -> Exception:
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
        if isinstance(error, aiohttp.ClientResponseError):
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


async def _once(
    request: aiohttp.ClientRequest, send: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
) -> aiohttp.ClientResponse:
    """Ends aiohttp's own second attempt at broken connections: repeating is decided above, by what the tool does.

    Only a connection that was over before anything was written is passed over for the next in the pool.
    """
    try:
        while True:
            try:
                return await send(request)
            except StaleConnection:
                continue
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as broken:
        raise Lost("the connection broke") from broken


def _joined(response: aiohttp.ClientResponse) -> dict[str, str]:
    """The reply's headers in lower case; those that describe a compressed body go, as the body is unpacked."""
    unpacked = "content-encoding" in response.headers and response.method != "HEAD"
    joined: dict[str, str] = {}
    for name, value in response.headers.items():
        lower = name.lower()
        if not (unpacked and lower in ("content-encoding", "content-length")):
            joined[lower] = f"{joined[lower]}, {value}" if lower in joined else value
    return joined


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
