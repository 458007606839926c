"""One Chromium, one hub that listens, and one issuer, for all tests of this folder; a browser of one's own for each."""

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, async_playwright

from hub import config
from hub.app import Hub, application
from hub.upstream.places import Network
from hub.upstream.transport import AioTransport
from tests import ports
from tests.browser.house import (
    ISSUER_CLIENT,
    ISSUER_SECRET,
    Documents,
    House,
    MovableClock,
    Outside,
    Seat,
    Sit,
    seated_at,
    self_signed,
)
from tests.interop.peers import node
from tests.oauth.scene import CHEAP
from tests.programs.processes import ROOT, Program, environment

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NEAR = "EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE ::1"
PRIVATE = {"oidc": ["127.0.0.0/8"]}
SETTINGS = """
public_url: {url}
network: {{allow_private: {{oidc: [127.0.0.0/8]}}}}
oidc:
  example:
    title: Example Inc.
    issuer: "{issuer}"
    client_id: {client}
    client_secret: {secret}
    domains: [example.org]
    just_in_time: true
profiles:
  looking: {{title: Looking things up, effects: [read]}}
"""


@pytest.fixture(scope="session")
def outside_port() -> int:
    """Where Chromium finds every host that is not this machine."""
    return ports.free_port()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def outside(outside_port: int, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Outside]:
    """The rest of the web."""
    rest = Outside()
    app = web.Application()
    app.router.add_get("/{path:.*}", rest.answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    context = self_signed(tmp_path_factory.mktemp("outside"))
    await web.TCPSite(runner, "127.0.0.1", outside_port, ssl_context=context).start()
    yield rest
    await runner.cleanup()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(outside_port: int) -> AsyncIterator[Browser]:
    """Debian's Chromium, started once; it reaches this machine and no other."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not on this machine (Debian: chromium)")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                # Run as root, as in a container, Chromium cannot make its sandbox.
                "--no-sandbox",
                "--disable-dev-shm-usage",
                f"--host-resolver-rules=MAP * 127.0.0.1:{outside_port}, {NEAR}",
            ],
        )
        yield launched
        await launched.close()


@pytest.fixture
def free_port() -> int:
    """A port nothing listens on."""
    return ports.free_port()


@pytest.fixture(scope="session")
def hub_port() -> int:
    """The hub's: the issuer must know the hub's address before the hub can know the issuer's."""
    return ports.free_port()


@pytest.fixture(scope="session")
def issuer(hub_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an oidc-provider that knows the hub; skips where ``make programs`` was not run."""
    here = ROOT / "tests" / "browser"
    if not (here / "node_modules" / "oidc-provider").exists():
        pytest.skip("oidc-provider is not installed: make programs")
    folder = tmp_path_factory.mktemp("issuer")
    back = f"http://localhost:{hub_port}/signin/oidc/example/callback"
    known = {"ISSUER_CLIENT": ISSUER_CLIENT, "ISSUER_SECRET": ISSUER_SECRET}
    program = Program([node(), here / "issuer.mjs", back], cwd=here, environment={**environment(folder), **known})
    try:
        yield program.wait_for(r"listening on (http://127\.0\.0\.1:[0-9]+)").group(1)
    finally:
        program.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(
    chromium: Browser, outside: Outside, issuer: str, hub_port: int, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """The hub with its shipped connectors, people signing in at it, listening on loopback."""
    folder = tmp_path_factory.mktemp("hub")
    url = f"http://localhost:{hub_port}"
    path = folder / "config.yaml"
    path.write_text(SETTINGS.format(url=url, issuer=issuer, client=ISSUER_CLIENT, secret=ISSUER_SECRET), "utf-8")
    async with AsyncExitStack() as stack:
        clock = MovableClock()
        network = AioTransport(Network(PRIVATE), clock=clock)
        stack.push_async_callback(network.close)
        await network.open()
        documents = Documents(network)
        hub = await Hub.start(config.load(path, {}), transport=documents, clock=clock, cost=CHEAP)
        stack.push_async_callback(hub.close)
        runner = web.AppRunner(application(hub), shutdown_timeout=1)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", hub_port).start()
        yield House(hub, url, issuer, clock, documents, outside, chromium)


@pytest_asyncio.fixture(loop_scope="session")
async def sit(house: House) -> AsyncIterator[Sit]:
    """Sits somebody down at a browser of their own."""
    async with AsyncExitStack() as stack:

        async def sat(**options: Any) -> Seat:
            return await stack.enter_async_context(seated_at(house.chromium, house.url, house.clock, **options))

        yield sat
