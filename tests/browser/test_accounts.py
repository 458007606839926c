"""An account at an app in a real Chromium: connected at a JupyterHub, used, ended there, connected again, and by
somebody else. Renewal is not here, for JupyterHub renews nothing: see tests/broker/test_oauth.py."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
import yaml
from aiohttp import web
from playwright.async_api import Browser

from hub import config
from hub.app import Hub, application
from hub.identity import Caller
from hub.sdk.effect import EFFECTS
from hub.sdk.talk import Silence
from tests.browser.house import IN_BROWSER, PASSWORD, MovableClock, Person, Seat, seated_at
from tests.browser.notebooks import CLIENT, Notebooks, running_notebooks
from tests.browser.notebooks import PASSWORD as NOTEBOOKS_PASSWORD
from tests.ports import free_port

pytestmark = IN_BROWSER

PROVIDER: dict[str, Any] = {
    "title": "Notebooks",
    "hosts": ["{at}"],
    "methods": {
        "oauth": {
            "kind": "oauth2",
            "authorize": {"url": "{at}/hub/api/oauth2/authorize"},
            "token": {"url": "{at}/hub/api/oauth2/token"},
            "scopes": {"always": ["read:users!user", "read:servers!user"]},
            "refresh": {"mode": "none"},
            "app": {
                "register_at": "{at}/hub/admin",
                "steps": ["Add a service whose oauth_redirect_uri is {redirect_uri}"],
            },
            "wrong_turns": [
                {"when": "invalid_client", "tell": "Compare api_token of the service in jupyterhub_config.py"}
            ],
        }
    },
    "who": {"request": {"url": "{at}/hub/api/user"}, "id": "name", "label": "name"},
    "revoke": {"manual": "{at}/hub/token"},
    # To a token it does not know it answers 403, as to one that may not; the latter it tells so in words.
    "errors": [
        {
            "when": {"status": 403, "body": "message == `null`"},
            "is": "needs_sign_in",
        }
    ],
}
CONNECTOR: dict[str, Any] = {
    "title": "Notebooks",
    "provider": "notebooks",
    "base_url": "{at}/hub/api",
    "tools": {"who_am_i": {"description": "Who one is.", "effect": "read", "request": {"path": "/user"},
                           "fields": {"name": "name", "kind": "kind"}}},
}  # fmt: skip


@dataclass
class Place:
    """A hub with the connector, a JupyterHub, and one person of the hub."""

    hub: Hub
    url: str
    notebooks: Notebooks
    clock: MovableClock
    chromium: Browser
    person: Person

    async def call(self) -> dict[str, Any]:
        """Call the tool as the person."""
        caller = Caller(self.person.id, self.person.name, None, frozenset(EFFECTS), False)
        return await self.hub.gateway.call_tool(caller, "notebooks_who_am_i", {}, Silence())


def placed(data: Any, at: str) -> Any:
    if isinstance(data, dict):
        return {key: placed(value, at) for key, value in data.items()}
    if isinstance(data, list):
        return [placed(one, at) for one in data]
    return data.replace("{at}", at) if isinstance(data, str) else data


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture(scope="module")
def notebooks(ports: tuple[int, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebooks]:
    back = f"http://localhost:{ports[0]}/callback/notebooks"
    with running_notebooks(tmp_path_factory.mktemp("notebooks"), ports[1], back) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(
    chromium: Browser, notebooks: Notebooks, ports: tuple[int, int], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("accounts")
    apps = folder / "apps" / "notebooks"
    apps.mkdir(parents=True)
    (apps / "provider.yaml").write_text(yaml.safe_dump(placed(PROVIDER, notebooks.url)), "utf-8")
    (apps / "connector.yaml").write_text(yaml.safe_dump(placed(CONNECTOR, notebooks.url)), "utf-8")
    url = f"http://localhost:{ports[0]}"
    settings = {
        "public_url": url,
        "data_dir": str(folder / "data"),
        "connectors": {"shipped": False, "paths": [str(folder / "apps")]},
        "network": {"allow_private": {"notebooks": ["127.0.0.0/8", "::1/128"]}},
        "providers": {"notebooks": {"client_id": CLIENT, "client_secret": notebooks.secret}},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings), "utf-8")
    async with AsyncExitStack() as stack:
        clock = MovableClock()
        hub = await Hub.start(config.load(path, {}), clock=clock)
        stack.push_async_callback(hub.close)
        runner = web.AppRunner(application(hub), shutdown_timeout=1)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.TCPSite(runner, "localhost", ports[0]).start()
        user = await hub.store.users.add("ada", "member")
        await hub.people.accounts.set_password(user, PASSWORD)
        yield Place(hub, url, notebooks, clock, chromium, Person(user.id, "ada"))


async def link(place: Place) -> str:
    """Where a call without an account leads the person."""
    told = await place.call()
    assert told["_meta"]["hub/error"]["kind"] == "connection_needed", told
    text: str = told["content"][0]["text"]
    return next(word for word in text.split() if word.startswith(place.url))


async def connected(place: Place, seat: Seat, path: str, name: str) -> str:
    """From a page of the hub to the vendor's, where ``name`` signs in and agrees, and back; the heading there."""
    await seat.goto(path)
    if "/signin" in seat.page.url:
        await seat.by_password(place.person)
    await seat.press("Go on to Notebooks")
    await seat.page.wait_for_selector("#username_input")
    await seat.page.fill("#username_input", name)
    await seat.page.fill("#password_input", NOTEBOOKS_PASSWORD)
    await seat.page.click("#login_submit")
    await seat.page.get_by_role("button", name="Authorize").click()
    await seat.at("/callback/notebooks")
    return await seat.heading()


async def test_an_account_is_connected_used_ended_at_the_vendor_and_connected_again(place: Place) -> None:
    async with seated_at(place.chromium, place.url, place.clock) as seat:
        assert await connected(place, seat, await link(place), "ada") == "Connected"
        assert "Notebooks may now use ada" in await seat.page.inner_text("#connected")
        told = await place.call()
        assert told["structuredContent"] == {"name": "ada", "kind": "user"}

        # The person ends it on the vendor's own page.
        await seat.goto(f"{place.notebooks.url}/hub/token")
        seat.page.on("dialog", lambda dialog: dialog.accept())
        # The page's own scripts come one after the other.
        await seat.page.wait_for_load_state("networkidle")
        theirs = seat.page.locator("#oauth-tokens-table tbody tr")
        async with seat.page.expect_response(lambda reply: reply.request.method == "DELETE") as ending:
            await theirs.get_by_role("button", name="revoke").click()
        assert (await ending.value).status == 204
        ended = await link(place)
        (kept,) = await place.hub.store.connections.list(place.person.id)
        assert kept.health == "needs_sign_in"
        await seat.goto("/account/connections")
        assert "needs sign in" in await seat.page.inner_text(f"#connection-{kept.id}")

    async with seated_at(place.chromium, place.url, place.clock) as other:
        # Somebody else is signed in at the vendor in this browser: theirs is not taken for the one that was.
        assert await connected(place, other, f"/connect/notebooks?again={kept.id}", "eve") == "Not connected"
        alert = await other.page.inner_text("[role=alert]")
        assert "This is the account eve, and ada was to be connected again." in alert

    async with seated_at(place.chromium, place.url, place.clock) as seat:
        await seat.goto(ended)
        await seat.by_password(place.person)
        await seat.follow("Connect it again")
        assert await connected(place, seat, seat.page.url, "ada") == "Connected"
        assert "again" in await seat.page.inner_text("#connected")
        assert (await place.call())["structuredContent"]["name"] == "ada"
        await seat.goto("/account/connections")
        await seat.press("Disconnect")
        assert f"To end it there too: {place.notebooks.url}/hub/token" in await seat.page.inner_text("#ended")
    assert (await place.call())["isError"]
