"""A deployment of the real hub: TLS, a reverse proxy, names and addresses, each of which a test can break in one place.

The proxy is small and honest but for its fault; the probe's route stands for the NAT that brings the public address to
it.
"""

import io
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from multidict import CIMultiDict

from hub.clock import SystemClock
from hub.doctor import Doctor, Report
from hub.doctor.case import Case
from hub.upstream.probe import Probe
from tests.waiting import PATIENCE

NAME = "hub.example"
URL = f"https://{NAME}/mcp"
PUBLIC = "93.184.215.14"
PUBLIC6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
"""Where the name leads; the route brings it to the test's proxy."""

HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length", "content-encoding", "date", "server"}


@dataclass
class Reply:
    """An answer on its way back, to be changed."""

    status: int
    headers: CIMultiDict[str]
    body: bytes

    def replace(self, old: str, new: str) -> None:
        """Another text in the body."""
        self.body = self.body.replace(old.encode(), new.encode())


@dataclass
class Fault:
    """What a proxy does wrong. ``instead`` may answer itself; ``forth`` changes a request's headers, ``back`` an
    answer; ``holds`` keeps event streams, or only their bodies, until they end."""

    instead: Callable[[web.Request], web.Response | None] = lambda request: None
    forth: Callable[[web.Request, CIMultiDict[str]], None] = lambda request, headers: None
    back: Callable[[web.Request, Reply], None] = lambda request, reply: None
    holds: Literal["nothing", "streams", "their bodies"] = "nothing"


@dataclass
class Proxy:
    """A reverse proxy before the hub at ``backend``."""

    backend: str
    session: ClientSession
    fault: Fault = field(default_factory=Fault)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on, and its answer back."""
        own = self.fault.instead(request)
        if own is not None:
            return own
        headers = _passed_on(request.headers)
        headers["X-Forwarded-For"] = request.remote or ""
        self.fault.forth(request, headers)
        url = self.backend + request.raw_path
        try:
            sent = await request.read()
            async with self.session.request(
                request.method,
                url,
                headers=headers,
                data=io.BytesIO(sent) if len(sent) > 1_000_000 else sent,
                allow_redirects=False,
            ) as got:
                kept = _passed_on(got.headers)
                if got.content_type == "text/event-stream" and self.fault.holds != "streams":
                    stream = web.StreamResponse(status=got.status, headers=kept)
                    await stream.prepare(request)
                    if self.fault.holds == "their bodies":
                        await got.read()
                    async for part in got.content.iter_any():
                        await stream.write(part)
                    return stream
                reply = Reply(got.status, kept, await got.read())
        except ClientError:
            return web.Response(
                status=502, text="<html><title>502 Bad Gateway</title></html>", content_type="text/html"
            )
        self.fault.back(request, reply)
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body)


def _passed_on(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP)


class Names:
    """A resolver of one name. ``addresses`` empty: there is no such name."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = list(addresses)

    async def addresses(self, host: str) -> list[str]:
        """See ``Resolver``."""
        if host != NAME or not self._addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self._addresses

    async def close(self) -> None:
        """Nothing is held."""


class Authority:
    """A certificate authority of the test, and what it signs. ``folder`` keeps the files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority of the tests")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder(self._name, self._name, self._key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=400))
            .not_valid_after(now + timedelta(days=400))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def context(self, name: str = NAME, *, days: float = 90.0) -> ssl.SSLContext:
        """What a server needs to show a certificate for ``name`` that ends in so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = (
            x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=200))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        file = self._folder / f"{name}.{days}.pem"
        bare = serialization.NoEncryption()
        file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, bare)
            + made.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        return context


@dataclass
class Deployment:
    """A hub as it stands on the internet. ``trusted`` is the authority that clients know."""

    proxy: Proxy
    port: int
    trusted: Path | None

    async def examined(
        self,
        *,
        names: Names | None = None,
        url: str = URL,
        port: int | None = None,
        token: str | None = None,
        refresh_token: str | None = None,
        closed: str | None = None,
    ) -> Report:
        """What the doctor finds. Nobody answers at the address ``closed``."""
        there = self.port if port is None else port
        probe = Probe(
            url,
            ca_file=self.trusted,
            resolver=names or Names(PUBLIC),
            route=lambda address, port: ("127.0.0.1", 1 if address == closed else there),
        )
        await probe.open()
        try:
            # Only what holds streams back is waited for in vain.
            patience = PATIENCE if self.proxy.fault.holds == "nothing" else 0.5
            case = Case(probe, url, token=token, refresh_token=refresh_token, patience=patience)
            return await Doctor(SystemClock()).examine(case)
        finally:
            await probe.close()


@asynccontextmanager
async def deployed(
    backend: str, fault: Fault, context: ssl.SSLContext | None, trusted: Path | None
) -> AsyncIterator[Deployment]:
    """A proxy before ``backend``, with TLS by ``context``."""
    async with AsyncExitStack() as stack:
        quick = ClientTimeout(total=None)
        session = await stack.enter_async_context(
            ClientSession(cookie_jar=DummyCookieJar(), timeout=quick, auto_decompress=True)
        )
        proxy = Proxy(backend, session, fault)
        app = web.Application(client_max_size=10_000_000)
        app.router.add_route("*", "/{rest:.*}", proxy.answer)
        server = TestServer(app, host="127.0.0.1", scheme="https" if context else "http")
        await server.start_server(ssl=context, shutdown_timeout=0.1)
        stack.push_async_callback(server.close)
        yield Deployment(proxy, int(server.port or 0), trusted)
