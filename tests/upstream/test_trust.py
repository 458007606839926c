"""Certificates and proxies: who is trusted, what the company's own authority adds, and what a proxy may see."""

import asyncio
import ipaddress
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hub.errors import ConfigError, OperatorNeeded
from hub.sdk.http import Outgoing
from hub.upstream.errors import NotSent
from hub.upstream.transport import AioTransport

Serve = Callable[..., Awaitable[TestServer]]
Open = Callable[..., Awaitable[AioTransport]]


@dataclass
class Authority:
    """A certificate authority made for one test, with a server certificate for ``secure.test``."""

    pem: Path
    context: ssl.SSLContext


def _certificate(name: str, key: ec.EllipticCurvePrivateKey, issuer: str, *, ca: bool) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("authority")
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Company CA", root_key, "Company CA", ca=True).sign(root_key, hashes.SHA256())
    alternatives: list[x509.GeneralName] = [
        x509.DNSName("secure.test"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.2")),
    ]
    leaf = (
        _certificate("secure.test", key, "Company CA", ca=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = folder / "ca.pem"
    pem.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    chain = folder / "server.pem"
    chain.write_bytes(
        leaf.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return Authority(pem, context)


async def hello(request: web.Request) -> web.Response:
    return web.Response(text=f"hello {request.host}")


async def test_the_company_authority_is_trusted_besides_the_default_ones(
    serve: Serve, transport: Open, names: Any, authority: Authority
) -> None:
    server = await serve(hello, ssl=authority.context)
    names.answers["secure.test"] = [["127.0.0.1"]]
    sender = await transport(f"secure.test:{server.port}", ca_file=authority.pem)
    url = f"https://secure.test:{server.port}/"
    reply = await sender.exchange(Outgoing("GET", url), connector="t", timeout=5)
    assert reply.text() == f"hello secure.test:{server.port}"


async def test_a_certificate_nobody_vouches_for_is_refused_and_names_the_setting(
    serve: Serve, transport: Open, names: Any, authority: Authority
) -> None:
    server = await serve(hello, ssl=authority.context)
    names.answers["secure.test"] = [["127.0.0.1"]]
    sender = await transport("127.0.0.1")
    with pytest.raises(OperatorNeeded, match=r"certificate of secure\.test is not trusted.*network\.ca_file"):
        await sender.exchange(Outgoing("GET", f"https://secure.test:{server.port}/"), connector="t", timeout=5)


async def test_a_certificate_of_another_name_is_refused(
    serve: Serve, transport: Open, names: Any, authority: Authority
) -> None:
    server = await serve(hello, ssl=authority.context)
    names.answers["other.test"] = [["127.0.0.1"]]
    sender = await transport("127.0.0.1", ca_file=authority.pem)
    with pytest.raises(OperatorNeeded, match="not trusted"):
        await sender.exchange(Outgoing("GET", f"https://other.test:{server.port}/"), connector="t", timeout=5)


@pytest.mark.parametrize("content", [None, b"not a certificate"])
async def test_a_ca_file_that_cannot_be_used_stops_the_start(
    transport: Open, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"network\.ca_file: .*ca\.pem"):
        await transport(ca_file=file)


@pytest.mark.parametrize(
    "proxy", ["proxy:3128", "socks5://proxy:1080", "http://", "http://user:hunter2@proxy:99999999"]
)
async def test_a_proxy_that_is_no_url_stops_the_start_without_showing_its_password(transport: Open, proxy: str) -> None:
    with pytest.raises(ConfigError, match=r"network\.proxy") as wrong:
        await transport(proxy=proxy)
    assert "hunter2" not in str(wrong.value)


class TinyProxy:
    """An HTTP proxy: forwards to one loopback port whatever it is asked for, and keeps the request lines."""

    def __init__(self, port: int, status: int = 200) -> None:
        self.port = port
        self.status = status
        self.lines: list[str] = []
        self.heads: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head.decode())
        line = head.split(b"\r\n", 1)[0].decode()
        self.lines.append(line)
        if self.status != 200:
            writer.write(f"HTTP/1.1 {self.status} No\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            writer.close()
            return
        onward, back = await asyncio.open_connection("127.0.0.1", self.port)
        if line.startswith("CONNECT"):
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            back.write(head)
        pipes = [asyncio.create_task(self._pipe(reader, back)), asyncio.create_task(self._pipe(onward, writer))]
        await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
        for pipe in pipes:
            pipe.cancel()
        writer.close()
        back.close()

    async def _pipe(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)


async def test_a_public_name_goes_through_the_proxy_and_its_tls_ends_at_the_server(
    serve: Serve, transport: Open, names: Any, authority: Authority
) -> None:
    server = await serve(hello, ssl=authority.context)
    proxy = TinyProxy(server.port or 0)
    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        names.answers["secure.test"] = [["8.8.8.8"]]
        names.answers["proxy.test"] = [["127.0.0.1"]]
        sender = await transport(ca_file=authority.pem, proxy=f"http://user:pass@proxy.test:{port}")
        reply = await sender.exchange(
            Outgoing("GET", "https://secure.test/x", {"Authorization": "Bearer s3cret"}), connector="t", timeout=5
        )
    assert reply.text() == "hello secure.test"
    assert proxy.lines == ["CONNECT secure.test:443 HTTP/1.1"]
    assert "Proxy-Authorization: Basic dXNlcjpwYXNz" in proxy.heads[0]
    assert "s3cret" not in proxy.heads[0]


async def test_a_name_only_the_proxy_knows_goes_through(serve: Serve, transport: Open, names: Any) -> None:
    server = await serve(hello)
    proxy = TinyProxy(server.port or 0)
    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as listening:
        sender = await transport(proxy=f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
        reply = await sender.exchange(Outgoing("GET", "http://only.proxy.test/x?y=1"), connector="t", timeout=5)
    assert reply.text() == "hello only.proxy.test"
    assert proxy.lines == ["GET http://only.proxy.test/x?y=1 HTTP/1.1"]


@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.169.254", "[::1]", "intranet.test"])
async def test_the_proxy_is_never_asked_for_a_private_address(
    serve: Serve, transport: Open, names: Any, host: str
) -> None:
    server = await serve(hello)
    proxy = TinyProxy(server.port or 0)
    names.answers["intranet.test"] = [["10.0.0.1"]]
    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as listening:
        sender = await transport(proxy=f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
        with pytest.raises(OperatorNeeded):
            await sender.exchange(Outgoing("GET", f"http://{host}/"), connector="t", timeout=5)
    assert proxy.lines == []


async def test_an_opened_private_place_is_reached_without_the_proxy(serve: Serve, transport: Open) -> None:
    server = await serve(hello)
    proxy = TinyProxy(server.port or 0)
    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        sender = await transport(f"127.0.0.1:{server.port}", proxy=url)
        reply = await sender.exchange(Outgoing("GET", str(server.make_url("/"))), connector="t", timeout=5)
    assert reply.status == 200
    assert proxy.lines == []


@pytest.mark.parametrize(("status", "error"), [(407, OperatorNeeded), (503, NotSent)])
async def test_a_proxy_that_refuses_is_named(transport: Open, names: Any, status: int, error: type[Exception]) -> None:
    names.answers["secure.test"] = [["8.8.8.8"]]
    async with await asyncio.start_server(TinyProxy(0, status), "127.0.0.1", 0) as listening:
        sender = await transport(proxy=f"http://u:hunter2@127.0.0.1:{listening.sockets[0].getsockname()[1]}")
        with pytest.raises(error, match=r"network\.proxy refused") as refused:
            await sender.exchange(Outgoing("POST", "https://secure.test/", {}, b"x"), connector="t", timeout=5)
    assert "hunter2" not in str(refused.value)


async def test_a_proxy_that_is_down_was_sent_nothing(serve: Serve, transport: Open, names: Any) -> None:
    server = await serve(hello)
    url = str(server.make_url("/"))
    await server.close()
    names.answers["secure.test"] = [["8.8.8.8"]]
    sender = await transport(proxy=url)
    with pytest.raises(NotSent, match=r"network\.proxy cannot be reached"):
        await sender.exchange(Outgoing("POST", "https://secure.test/", {}, b"x"), connector="t", timeout=5)
