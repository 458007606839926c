"""The routes besides /mcp, over real HTTP: health, details for insiders, the set-up link, the resource's document."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from hub import config
from hub.app import Hub, application
from hub.sdk.tool import EFFECTS
from tests.databases import furnished


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    path = tmp_path / "config.yaml"
    path.write_text("public_url: https://hub.example\nconnectors: {shipped: false}\n", "utf-8")
    hub = await Hub.start(furnished(config.load(path, {})))
    yield hub
    await hub.close()


@pytest.fixture
async def site(hub: Hub) -> AsyncIterator[tuple[ClientSession, str]]:
    server = TestServer(application(hub))
    await server.start_server()
    async with ClientSession() as client:
        yield client, str(server.make_url("")).rstrip("/")
    await server.close()


Site = tuple[ClientSession, str]


async def token(hub: Hub, name: str, *, admin: bool) -> dict[str, str]:
    user = await hub.store.users.add(name, "admin" if admin else "member")
    _, secret = await hub.store.tokens.create(user.id, "test", EFFECTS, None)
    return {"Authorization": f"Bearer {secret}"}


async def test_health_says_ok_and_nothing_else(site: Site) -> None:
    client, url = site
    async with client.get(f"{url}/healthz") as reply:
        assert (reply.status, await reply.text()) == (200, "ok\n")


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
async def test_details_are_told_on_loopback_or_to_an_admin_and_to_nobody_else(site: Site, hub: Hub, path: str) -> None:
    client, url = site
    outside = {"X-Forwarded-For": "203.0.113.9"}
    async with client.get(url + path) as inside:
        assert inside.status == 200
    async with client.get(url + path, headers=outside) as foreign:
        assert foreign.status == 403
    async with client.get(url + path, headers={**outside, **await token(hub, "bob", admin=False)}) as member:
        assert member.status == 403
    async with client.get(url + path, headers={**outside, **await token(hub, "ada", admin=True)}) as admin:
        assert admin.status == 200


async def test_readiness_tells_of_the_database_and_the_connectors(site: Site) -> None:
    client, url = site
    async with client.get(f"{url}/readyz") as reply:
        told = await reply.json()
    assert (told["ready"], told["database"], told["connectors"]) == (True, True, {})


async def test_a_set_up_link_leads_to_choosing_how_to_sign_in(site: Site, hub: Hub) -> None:
    client, url = site
    user = await hub.store.users.add("ada")
    secret = await hub.store.setup_links.create(user.id, timedelta(hours=1))
    async with client.get(f"{url}/setup/{secret}") as page:
        assert page.status == 200
        assert "Welcome, ada" in await page.text()
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["Cache-Control"] == "no-store"
    async with client.post(f"{url}/setup/{secret}", data={"password": "nine violet umbrellas"}) as foreign:
        assert foreign.status == 403
    assert await hub.store.setup_links.peek(secret) == user


async def test_an_unknown_set_up_link_leads_nowhere(site: Site) -> None:
    client, url = site
    async with client.get(f"{url}/setup/nonsense") as reply:
        assert reply.status == 404
        assert "hub user reset" in await reply.text()


async def test_the_start_page_says_how_to_add_the_hub(site: Site) -> None:
    client, url = site
    async with client.get(f"{url}/") as page:
        text = await page.text()
    assert "https://hub.example/mcp" in text
    assert "claude mcp add" in text


async def test_without_a_token_the_challenge_leads_to_the_resources_document(site: Site) -> None:
    client, url = site
    async with client.post(f"{url}/mcp", json={}, headers={"Host": "localhost"}) as refused:
        assert refused.status == 401
        challenge = refused.headers["WWW-Authenticate"]
    assert challenge == (
        'Bearer resource_metadata="https://hub.example/.well-known/oauth-protected-resource/mcp", scope="hub"'
    )
    for path in ("/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"):
        async with client.get(url + path) as reply:
            document = await reply.json()
        assert document["resource"] == "https://hub.example/mcp"
        assert document["bearer_methods_supported"] == ["header"]
