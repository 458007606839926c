"""A probe of one server as clients meet it: names, ports, certificates, and answers with when they began.

For ``hub doctor``, which has to see what the transport hides: redirects, certificates, a stream's first byte. The guard
judges every address here, too; the one place the operator names to be probed is open. Not for connectors' calls.
"""

import asyncio
import errno
import ipaddress
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from yarl import URL

from hub.errors import ConfigError
from hub.sdk.http import Outgoing
from hub.upstream.errors import NotSent
from hub.upstream.guard import Guard
from hub.upstream.headers import sendable
from hub.upstream.resolver import Resolver, SystemResolver
from hub.upstream.target import Target

NAME = "doctor"
"""As whom the guard judges."""

MAX_BODY = 4_000_000
"""Bytes of one answer that are read."""

CONNECT_SECONDS = 10.0
"""Claude's own deadline for discovery, registration and token requests."""

Route = Callable[[str, int], tuple[str, int]]
"""Where connections to an address and port lead, as a NAT would have it."""


_NO_IPV6 = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class NoWayThere(NotSent):
    """This machine itself has no way to an address."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate a server shows. ``distrust`` is why a client would refuse it, None where it would not."""

    distrust: str | None
    names: tuple[str, ...]
    issuer: str
    begins: datetime
    expires: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer. ``first`` are the seconds to the body's first byte, None where none came; ``cut`` says that the body
    was not read to its end."""

    status: int
    url: str
    headers: Mapping[str, str]
    cookies: tuple[str, ...]
    body: bytes
    first: float | None
    cut: bool

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def kind(self) -> str:
        """The media type, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Probe:
    """Probes the server at ``url`` (an origin). ``ca_file`` is trusted besides the machine's authorities.

    ``open`` it, ``close`` it. Raises ``ToolError`` for what is no URL.
    """

    def __init__(
        self,
        url: str,
        *,
        ca_file: Path | None = None,
        resolver: Resolver | None = None,
        route: Route = lambda address, port: (address, port),
    ) -> None:
        self.target = Target.of(url)
        self._guard = Guard({NAME: (self.target.netloc,)})
        self._resolver = resolver or SystemResolver()
        self._route = route
        self._ca_file = ca_file
        self._trust = ssl.create_default_context()
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Get ready. Raises ``ConfigError`` when ``ca_file`` cannot be used."""
        if self._ca_file is not None:
            try:
                await asyncio.to_thread(self._trust.load_verify_locations, self._ca_file)
            except (OSError, ssl.SSLError) as wrong:
                raise ConfigError(f"network.ca_file: {str(self._ca_file)!r} cannot be used ({wrong}).") from None
        names = _JudgedNames(self)
        # One connection for each request, as each of a client's may come by another way.
        pool = aiohttp.TCPConnector(resolver=names, ssl=self._trust, use_dns_cache=False, force_close=True)
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS)
        self._session = aiohttp.ClientSession(connector=pool, cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout)

    async def close(self) -> None:
        """Free what is held."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        await self._resolver.close()

    async def addresses(self, host: str) -> list[str]:
        """All addresses of ``host``, the IPv4 ones first. Raises ``NotSent``."""
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                found = await self._resolver.addresses(host)
        except OSError as wrong:  # TimeoutError is one
            raise NotSent("its name has no address", permanent=True) from wrong
        return sorted(dict.fromkeys(found), key=lambda one: (":" in one, one))

    async def judged(self, host: str, port: int) -> list[str]:
        """The same, allowed by the guard. Raises ``NotSent`` and ``OperatorNeeded``."""
        found = await self.addresses(host)
        self._guard.judge(NAME, host, port, found)
        return found

    async def closed(self, address: str) -> str | None:
        """Why nobody answers at this address of the server, on its port; None where somebody does. Raises
        ``NoWayThere`` where this machine cannot try."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(*self._route(address, self.target.port))
        except TimeoutError:
            return f"no answer within {CONNECT_SECONDS:g} s"
        except OSError as wrong:
            if ":" in address and wrong.errno in _NO_IPV6:
                raise NoWayThere("this machine has no IPv6 to the internet") from wrong
            return str(wrong.strerror or wrong).lower()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return None

    async def certificate(self, address: str) -> Certificate:
        """The certificate shown at this address. Raises ``NotSent`` where there is no TLS."""
        distrust: str | None = None
        try:
            shown = await self._shaken(address, self._trust)
        except ssl.SSLCertVerificationError as wrong:
            distrust = wrong.verify_message or "it is not trusted"
            bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            bare.check_hostname = False
            bare.verify_mode = ssl.CERT_NONE  # only to read what was refused; nothing is sent
            shown = await self._shaken(address, bare)
        made = x509.load_der_x509_certificate(shown)
        return Certificate(
            distrust, _names(made), made.issuer.rfc4514_string(), made.not_valid_before_utc, made.not_valid_after_utc
        )

    async def _shaken(self, address: str, trust: ssl.SSLContext) -> bytes:
        """The certificate of one TLS handshake. Raises ``SSLCertVerificationError`` and ``NotSent``."""
        host, port = self._route(address, self.target.port)
        name = None if self.target.address is not None else self.target.host
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(host, port, ssl=trust, server_hostname=name or address)
        except ssl.SSLCertVerificationError:
            raise
        except (OSError, TimeoutError) as wrong:  # ssl.SSLError is an OSError
            raise NotSent("no TLS is spoken there") from wrong
        held = writer.get_extra_info("ssl_object")
        shown = held.getpeercert(binary_form=True) if held is not None else None
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        if not shown:
            raise NotSent("the server shows no certificate")
        return bytes(shown)

    async def ask(self, outgoing: Outgoing, *, seconds: float = 30.0, first_only: bool = False) -> Seen:
        """Send one request, follow nothing, and read its answer; ``first_only`` stops at the body's first bytes, which
        must come within ``seconds``. Raises ``NotSent`` and ``OperatorNeeded``; ``Seen.cut`` tells of the rest."""
        if self._session is None:
            raise RuntimeError("the probe is not open")
        target = Target.of(outgoing.url)
        await self.judged(target.host, target.port)
        headers = dict(sendable(outgoing.headers).values())
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            async with asyncio.timeout(seconds):
                response = await self._session.request(
                    outgoing.method,
                    URL(target.url, encoded=True),
                    headers=headers,
                    data=BytesIO(outgoing.body) if outgoing.body else None,
                    allow_redirects=False,
                )
        except TimeoutError as wrong:
            raise NotSent(f"no answer within {seconds:g} s") from wrong
        except aiohttp.ClientSSLError as wrong:
            raise NotSent("no trusted TLS connection could be made") from wrong
        except (aiohttp.ClientError, OSError) as wrong:
            raise NotSent(f"the connection failed ({type(wrong).__name__})") from wrong
        body, first, cut = bytearray(), None, True
        try:
            async with asyncio.timeout(seconds):
                while part := await response.content.readany():
                    first = first if first is not None else loop.time() - begun
                    body += part
                    if first_only or len(body) > MAX_BODY:
                        break
                else:
                    cut = False
        except (TimeoutError, aiohttp.ClientError, OSError):
            pass
        finally:
            response.close()
        told = {name.lower(): ", ".join(response.headers.getall(name)) for name in response.headers}
        cookies = tuple(response.headers.getall("Set-Cookie", ()))
        return Seen(response.status, outgoing.url, told, cookies, bytes(body), first, cut)

    def routed(self, address: str, port: int) -> tuple[str, int]:
        """Where a connection to this address leads."""
        return self._route(address, port)


class _JudgedNames(AbstractResolver):
    """Answers aiohttp with judged addresses."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of ``host``; raises ``OSError``."""
        try:
            found = await self._probe.judged(host, port)
        except NotSent as wrong:
            raise OSError(wrong.reason) from wrong
        routed = [self._probe.routed(address, port) for address in found]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=there,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address, there in routed
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _names(made: x509.Certificate) -> tuple[str, ...]:
    """The names and addresses a certificate is for."""
    try:
        held = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = [str(one) for one in held.get_values_for_type(x509.IPAddress)]
    return (*held.get_values_for_type(x509.DNSName), *addresses)
