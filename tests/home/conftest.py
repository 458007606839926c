"""A hub behind each of the programs that stand in front of one at home."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from hub import config
from hub.app import Hub, application
from hub.sdk.tool import EFFECTS
from tests.databases import furnished
from tests.home.fronts import FRONTS
from tests.ports import free_port

CONNECTOR = '''
import asyncio
from pathlib import Path

from hub.sdk import Connector, Context

connector = Connector(title="Lab", description="Takes its time.")
HERE = Path(__file__).parent


@connector.tool(effect="read")
async def wait(ctx: Context, name: str) -> str:
    """Tell that it began, and wait until the file of this name is there; leave another one where it is stopped."""
    await ctx.progress(1, 2, "begun")
    try:
        while not (HERE / name).exists():
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        (HERE / f"{name}.stopped").touch()
        raise
    return "waited"


@connector.tool(effect="read")
async def length(text: str) -> str:
    """How long a text is."""
    return str(len(text))
'''


@dataclass(frozen=True)
class House:
    """A hub, and the address of what is in front of it; ``lab`` is where the connector looks for files."""

    hub: Hub
    url: str
    http: aiohttp.ClientSession
    lab: Path
    token: str


@pytest.fixture(params=FRONTS)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    """The hub behind one of them, and somebody's token."""
    front = FRONTS[request.param]
    port = free_port()
    url = f"{front.scheme}://localhost:{port}"
    lab = tmp_path / "connectors"
    lab.mkdir()
    (lab / "lab.py").write_text(CONNECTOR, "utf-8")
    path = tmp_path / "config.yaml"
    path.write_text(
        f"public_url: {url}\nconnectors: {{shipped: false, paths: [connectors]}}\n"
        "network: {trusted_proxies: [127.0.0.0/8]}\n",
        "utf-8",
    )
    hub = await Hub.start(furnished(config.load(path, {})))
    user = await hub.store.users.add("ada")
    _, token = await hub.store.tokens.create(user.id, "test", EFFECTS)
    runner = web.AppRunner(application(hub), handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with front.starts(port, runner.addresses[0][1], tmp_path / "front") as trusted:
            connector = aiohttp.TCPConnector(ssl=True if trusted is None else trusted)
            async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
                yield House(hub, url, http, lab, token)
    finally:
        await runner.cleanup()
        await hub.close()
