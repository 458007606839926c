"""One hub on loopback with an issuer beside it, and people who sit at browsers of their own in front of it.

A ``Seat`` does what a person does: reads, types, clicks. What its browser complains of fails the test. Not the clients
that ask to be let in (``programs.py``), and no test.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pyotp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page
from yarl import URL

from hub.app import Hub
from hub.clock import Clock, SystemClock
from hub.sdk.http import Outgoing, Reply
from hub.store import Role
from hub.upstream.transport import Transport
from tests.waiting import PATIENCE

PASSWORD = "nine violet umbrellas"
ISSUER_CLIENT, ISSUER_SECRET = "the-hub", "a secret of the hub at the issuer"
SECONDS = PATIENCE
"""How long anything may take here."""

IN_BROWSER = [
    pytest.mark.asyncio(loop_scope="session"),
    # Playwright leaves its pipes to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
"""The marks of every module here: all share one event loop, in which the browser and the hub live."""


class MovableClock(SystemClock):
    """The machine's clock, moved ahead at will: an authenticator app's code is good once, and the next is half a minute
    away."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> datetime:
        """The moved time."""
        return datetime.now(UTC) + timedelta(seconds=self._ahead)

    def time(self) -> float:
        """The moved time in epoch seconds."""
        return super().time() + self._ahead

    def monotonic(self) -> float:
        """Moved likewise."""
        return super().monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        """Move it ahead."""
        self._ahead += seconds


class Documents:
    """The network, and in it a public host with clients' metadata documents, which no test can have."""

    def __init__(self, network: Transport) -> None:
        self._network = network
        self._held: dict[str, bytes] = {}
        self.asked: list[str] = []

    def url(self, name: str) -> str:
        """Where a client's document is: at a host of its own, for the hub asks each host only so often."""
        return f"https://{name.lower()}.client.example/client.json"

    def publish(self, name: str, **members: Any) -> str:
        """Publish a client's document; its URL, which is the client's id."""
        url = self.url(name)
        self._held[url] = orjson.dumps({"client_id": url, "token_endpoint_auth_method": "none", **members})
        return url

    async def exchange(self, outgoing: Outgoing, *, connector: str, timeout: float) -> Reply:  # noqa: ASYNC109
        """Answer for the public host; everything else goes out."""
        held = self._held.get(outgoing.url)
        if held is None:
            return await self._network.exchange(outgoing, connector=connector, timeout=timeout)
        self.asked.append(outgoing.url)
        return Reply(200, outgoing.url, {"content-type": "application/json"}, held)


class Outside:
    """The rest of the web, as far as Chromium is led to it: an https server for every name that is not the machine's.

    Remembers the visits; shows ``pages``, leads on as ``redirects`` say, and is friendly otherwise.
    """

    def __init__(self) -> None:
        self.came: asyncio.Queue[URL] = asyncio.Queue()
        self.pages: dict[str, str] = {}
        self.redirects: dict[str, str] = {}

    async def answer(self, request: web.Request) -> web.Response:
        """Any request."""
        if request.headers.get("Sec-Fetch-Dest") != "document":
            return web.Response(status=404)  # what pages load
        url = request.url
        place = f"{url.host}{url.path}"
        self.came.put_nowait(url)
        if place in self.redirects:
            raise web.HTTPFound(self.redirects[place])
        return web.Response(text=self.pages.get(place, "You can close this window."), content_type="text/html")

    async def next(self) -> dict[str, str]:
        """What the next one to come was sent with."""
        url = await asyncio.wait_for(self.came.get(), SECONDS)
        return dict(url.query)


@dataclass
class Person:
    """Somebody with an account, and what they know or hold."""

    id: str
    name: str
    app: pyotp.TOTP | None = None


@dataclass
class House:
    """The hub, the issuer and the browser."""

    hub: Hub
    url: str
    issuer: str
    clock: MovableClock
    documents: Documents
    outside: Outside
    chromium: Browser

    @property
    def mcp(self) -> str:
        """What a client is given."""
        return f"{self.url}/mcp"

    async def person(self, name: str, role: Role = "member", *, app: bool = False) -> Person:
        """Somebody with a password, and with an authenticator app where ``app`` says so."""
        user = await self.hub.store.users.add(name, role)
        await self.hub.people.accounts.set_password(user, PASSWORD)
        if not app:
            return Person(user.id, name)
        proposal = self.hub.people.accounts.propose_totp(user)
        made = pyotp.TOTP(proposal.secret)
        await self.hub.people.accounts.confirm_totp(user, proposal.sealed, made.at(self.clock.time()))
        self.clock.advance(60)
        return Person(user.id, name, made)

    async def link(self, name: str) -> str:
        """A set-up link for a new member of this name."""
        user = await self.hub.store.users.add(name)
        _, secret = await self.hub.people.reset(user.id)
        return f"{self.url}/setup/{secret}"


@dataclass
class Seat:
    """A person's browser: cookies of its own, one page."""

    url: str
    clock: Clock
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Keep what the browser says of the hub's pages: broken policies, scripts that fail, files that are missing."""
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda wrong: self.complaints.append(str(wrong)))

    def _heard(self, told: ConsoleMessage) -> None:
        where = str(told.location.get("url", ""))
        if not where.startswith(self.url) or told.type not in ("error", "warning"):
            return
        # A page that refuses something has a status that says so; Chromium says it again.
        if re.search(r"status of (4\d\d|503)", told.text) and "/static/" not in where and "favicon" not in where:
            return
        self.complaints.append(f"{told.text} ({where})")

    async def goto(self, path: str) -> None:
        """Open a page of the hub."""
        await self.page.goto(path if path.startswith("http") else self.url + path)

    async def heading(self) -> str:
        """The page's heading."""
        return await self.page.inner_text("h1")

    async def fill(self, **fields: str) -> None:
        """Type into fields, by their ids."""
        for id, text in fields.items():
            await self.page.fill(f"#{id}", text)

    async def press(self, words: str) -> None:
        """Press the button with these words."""
        await self.page.get_by_role("button", name=words, exact=True).click()

    async def allow(self) -> None:
        """Say yes on the consent page, and connect none of the apps on the page that follows."""
        await self.press("Allow")
        await self.press("Skip for now")

    async def follow(self, words: str) -> None:
        """Follow the link with these words."""
        await self.page.get_by_role("link", name=words, exact=True).click()

    async def at(self, path: str) -> None:
        """Wait until the browser is at a page of the hub."""
        await self.page.wait_for_url(re.compile(re.escape(self.url + path) + r"($|\?)"))

    async def choose(self, title: str) -> None:
        """Choose what a client may do."""
        await self.page.get_by_role("radio", name=re.compile("^" + re.escape(title))).check()

    # -- ways to sign in, each from the sign-in page ---------------------------------------------------------

    async def by_password(self, person: Person) -> None:
        """Name and password; then the app's code, where there is one."""
        await self.fill(name=person.name, password=PASSWORD)
        await self.press("Sign in")
        if person.app is not None:
            await self.page.wait_for_selector("#code")
            await self.fill(code=person.app.at(self.clock.time()))
            await self.press("Go on")

    async def by_passkey(self) -> None:
        """The passkey this browser holds."""
        await self.press("Sign in with a passkey")

    async def by_issuer(self, name: str) -> None:
        """By the issuer, as the one who is called ``name`` there."""
        await self.follow("Sign in with Example Inc.")
        await self.at_issuer(name)

    async def at_issuer(self, name: str) -> None:
        """Sign in and agree on the issuer's own pages."""
        await self.page.fill("input[name=login]", name)
        await self.page.fill("input[name=password]", "any")
        await self.page.click("button[type=submit]")
        await self.page.get_by_role("button", name="Continue").click()

    async def authenticator(self) -> tuple[Any, str]:
        """Give this browser an authenticator of Chromium's own, whose person is verified: its session and id."""
        session = await self.context.new_cdp_session(self.page)
        await session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        made = await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return session, str(made["authenticatorId"])


Sit = Callable[..., Awaitable[Seat]]
"""Sit down at a new browser; options as Playwright's ``new_context`` takes them."""


@asynccontextmanager
async def seated_at(chromium: Browser, url: str, clock: Clock | None = None, **options: Any) -> AsyncIterator[Seat]:
    """A new browser in front of the hub at ``url``; at the end it must have complained of nothing."""
    context = await chromium.new_context(ignore_https_errors=True, **options)
    context.set_default_timeout(SECONDS * 1000)
    seat = Seat(url, clock or SystemClock(), context, await context.new_page())
    seat.listen()
    try:
        yield seat
    finally:
        await context.close()
    if seat.complaints:
        pytest.fail("the browser complains:\n" + "\n".join(seat.complaints))


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's TLS with a certificate nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "outside")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / "outside.pem"
    path.write_bytes(pem + made.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
