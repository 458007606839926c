"""A real hub for the tests of people: its application over HTTP, a clock that can be moved, and browsers to sit at."""

import html
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from aiohttp import ClientSession, CookieJar
from aiohttp.test_utils import TestServer

from hub import config
from hub.app import Hub, application
from hub.clock import SystemClock
from hub.identity.people.passwords import Cost
from hub.store import Role, User
from tests import plants
from tests.databases import furnished

PASSWORD = "nine violet umbrellas"
PROXY = {"X-Forwarded-For": "198.51.100.7"}


class MovableClock(SystemClock):
    """The machine's clock, moved ahead at will."""

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


@dataclass
class Answer:
    """What came back at the end of all redirects."""

    status: int
    path: str
    text: str
    headers: dict[str, str] = field(repr=False)

    @property
    def title(self) -> str:
        """The page's heading."""
        found = re.search(r"<h1>(.*?)</h1>", self.text, re.S)
        return html.unescape(found[1]) if found else ""

    @property
    def alert(self) -> str:
        """What the page warns of."""
        found = re.search(r'<p role="alert"[^>]*>(.+?)</p>', self.text, re.S)
        return html.unescape(found[1]) if found else ""

    def value(self, name: str) -> str:
        """The value of a hidden field."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found is not None, f"no field {name} in: {self.title} {self.alert}"
        return html.unescape(found[1])

    def inside(self, id: str) -> str:
        """What stands in the element with this id."""
        found = re.search(rf'id="{id}">(.*?)<', self.text, re.S)
        assert found is not None, f"no element {id} in: {self.title} {self.alert}"
        return html.unescape(found[1]).strip()


class Browser:
    """A browser with cookies of its own, at one hub."""

    def __init__(self, client: ClientSession, base: str) -> None:
        self.client = client
        self.base = base
        self.headers: dict[str, str] = {}
        self.last = Answer(0, "", "", {})

    async def get(self, path: str, *, follow: bool = True) -> Answer:
        """Open a page."""
        return await self._ask("GET", path, None, follow)

    async def post(
        self, path: str, given: Mapping[str, str] | None = None, *, follow: bool = True, **more: str
    ) -> Answer:
        """Send a form with the token of the page opened last, unless ``csrf`` is given."""
        fields = {**(given or {}), **more}
        if "csrf" not in fields:
            fields["csrf"] = self.last.value("csrf")
        return await self._ask("POST", path, fields, follow)

    async def script(self, path: str, asked: dict[str, object], **headers: str) -> tuple[int, dict[str, object]]:
        """What a script of the page opened last asks."""
        body = {"csrf": self.last.value("csrf"), **asked}
        async with self.client.post(self.base + path, json=body, headers={**self.headers, **headers}) as reply:
            if reply.content_type != "application/json":
                return reply.status, {"error": await reply.text()}
            return reply.status, await reply.json()

    async def sign_in(self, name: str, password: str = PASSWORD, next: str = "/account") -> Answer:
        """Fill in the sign-in form."""
        await self.get("/signin?again=1")
        return await self.post("/signin", name=name, password=password, next=next)

    async def signed_in_as(self) -> str | None:
        """Whose account page opens; None where nobody is signed in."""
        page = await self.get("/account")
        return page.title.partition(", ")[2] if page.path == "/account" else None

    def cookies(self) -> dict[str, str]:
        """The cookies it holds."""
        return {cookie.key: cookie.value for cookie in self.client.cookie_jar}

    async def _ask(self, method: str, path: str, fields: dict[str, str] | None, follow: bool) -> Answer:
        url = self.base + path
        async with self.client.request(method, url, data=fields, headers=self.headers, allow_redirects=follow) as reply:
            text = await reply.text()
            plants.answered(text)
            answer = Answer(reply.status, reply.url.path_qs, text, dict(reply.headers))
        if 'name="csrf"' in text:
            self.last = answer
        return answer


@dataclass
class House:
    """One hub with its server."""

    hub: Hub
    base: str
    clock: MovableClock
    browser: Callable[[], Browser]

    async def user(self, name: str, role: Role = "member", password: str | None = PASSWORD) -> User:
        """A user with a password."""
        user = await self.hub.store.users.add(name, role)
        if password is not None:
            await self.hub.people.accounts.set_password(user, password)
        return user

    async def totp(self, user: User) -> pyotp.TOTP:
        """Give a user an authenticator app."""
        proposal = self.hub.people.accounts.propose_totp(user)
        app = pyotp.TOTP(proposal.secret)
        await self.hub.people.accounts.confirm_totp(user, proposal.sealed, app.at(self.clock.time()))
        self.clock.advance(60)  # the code just shown is spent
        return app

    async def at(self, name: str) -> Browser:
        """A browser at which this user has signed in by password."""
        browser = self.browser()
        await browser.sign_in(name)
        return browser

    async def admin(self, name: str = "root") -> Browser:
        """A browser at which a new admin has signed in with a second factor."""
        user = await self.user(name, "admin")
        app = await self.totp(user)
        browser = await self.at(name)
        page = await browser.post(
            "/signin/code", ceremony=browser.last.value("ceremony"), code=app.at(self.clock.time())
        )
        assert page.path == "/account", page.alert
        return browser


CHEAP = Cost(memory=64, passes=1)
"""What a password's hash costs where its cost is not the matter; the usual is a tenth of a second."""

Builder = Callable[..., Awaitable[House]]


@pytest.fixture
async def build(tmp_path: Path) -> AsyncIterator[Builder]:
    """Starts hubs on this test's data; further settings as YAML."""
    async with AsyncExitStack() as stack:
        clock = MovableClock()
        count = 0

        async def built(
            settings: str = "", *, public_url: str = "http://localhost:8080", cost: Cost | None = CHEAP
        ) -> House:
            nonlocal count
            count += 1
            path = tmp_path / f"config{count}.yaml"
            path.write_text(
                f"public_url: {public_url}\nconnectors: {{shipped: false}}\n"
                f"network: {{trusted_proxies: [127.0.0.0/8], allow_private: {{oidc: [127.0.0.0/8]}}}}\n{settings}",
                "utf-8",
            )
            hub = await Hub.start(furnished(config.load(path, {})), clock=clock, cost=cost)
            stack.push_async_callback(hub.close)
            server = TestServer(application(hub))
            await server.start_server()
            stack.push_async_callback(server.close)
            base = str(server.make_url("")).rstrip("/")
            clients: list[ClientSession] = []

            def browser() -> Browser:
                clients.append(ClientSession(cookie_jar=CookieJar(unsafe=True)))
                stack.push_async_callback(clients[-1].close)
                return Browser(clients[-1], base)

            return House(hub, base, clock, browser)

        yield built


@pytest.fixture
async def house(build: Builder) -> House:
    """One hub."""
    return await build()
