"""Other people's clients go from nothing to a tool call: a person signs in, in every way there is, and agrees.

Each client registers itself, or shows its metadata document; each way to sign in stands behind at least one of both.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from tests.browser.house import IN_BROWSER, House, Seat, Sit
from tests.browser.programs import (
    TOOL,
    Errand,
    Outcome,
    inspector,
    inspector_page,
    mcp_remote,
    python_sdk,
    typescript_sdk,
    zone,
)

pytestmark = IN_BROWSER

Way = Callable[[], Awaitable[None]]
"""Signing in, from the sign-in page on."""

CLIENTS: dict[str, Callable[[Errand], Awaitable[Outcome]]] = {
    "python-sdk": python_sdk,
    "typescript-v2": partial(typescript_sdk, "v2"),
    "typescript-v1": partial(typescript_sdk, "v1"),
    "mcp-remote": mcp_remote,
    "inspector": inspector,
}
CALLBACKS = {"mcp-remote": "/oauth/callback"}


async def by_password(house: House, seat: Seat, name: str) -> Way:
    """Somebody with a password."""
    return partial(seat.by_password, await house.person(name))


async def by_app(house: House, seat: Seat, name: str) -> Way:
    """Somebody with a password and an authenticator app."""
    return partial(seat.by_password, await house.person(name, app=True))


async def by_passkey(house: House, seat: Seat, name: str) -> Way:
    """Somebody with a passkey in this browser, and nothing else."""
    await seat.authenticator()
    await seat.goto(await house.link(name))
    await seat.press("Make a passkey")
    await seat.at("/account")
    await seat.press("Sign out")
    return seat.by_passkey


async def by_issuer(house: House, seat: Seat, name: str) -> Way:
    """Somebody the hub has never seen."""
    return partial(seat.by_issuer, name)


WAYS: dict[str, Callable[[House, Seat, str], Awaitable[Way]]] = {
    "password": by_password,
    "app": by_app,
    "passkey": by_passkey,
    "issuer": by_issuer,
}


@pytest.mark.parametrize(
    ("client", "way", "known_by"),
    [
        ("python-sdk", "password", "document"),
        ("python-sdk", "passkey", "registration"),
        ("typescript-v2", "app", "document"),
        ("typescript-v2", "issuer", "registration"),
        ("typescript-v1", "password", "registration"),
        ("mcp-remote", "passkey", "document"),
        ("mcp-remote", "app", "registration"),
        ("inspector", "issuer", "document"),
        ("inspector", "password", "registration"),
    ],
)
async def test_a_client_gets_from_nothing_to_a_tool_call(
    house: House, sit: Sit, free_port: int, tmp_path: Path, client: str, way: str, known_by: str
) -> None:
    seat = await sit()
    name = f"{client}-{way}"
    sign_in = await WAYS[way](house, seat, name)
    path = CALLBACKS.get(client, "/callback")
    document = None
    if known_by == "document":
        document = house.documents.publish(
            client, client_name=f"{client} by document", redirect_uris=[f"http://127.0.0.1{path}"]
        )

    async def visit(url: str) -> None:
        await seat.page.goto(url)
        await seat.at("/signin")
        await sign_in()
        await seat.at("/authorize")
        assert name in await seat.page.inner_text("main")
        await seat.choose("Read only")
        await seat.allow()
        await seat.page.wait_for_url(lambda at: at.startswith("http://127.0.0.1:") and path in at)

    outcome = await CLIENTS[client](Errand(house.mcp, visit, tmp_path, free_port, document))
    assert zone(outcome) == "+09:00"
    user = await house.hub.store.users.by_name(name)
    assert user is not None
    (grant,) = await house.hub.store.grants.list(user.id)
    assert (grant.client_id == document) == (known_by == "document")
    assert grant.effects == {"read"}


async def test_the_inspectors_page_gets_from_nothing_to_a_tool_call(
    house: House, sit: Sit, free_port: int, tmp_path: Path
) -> None:
    person = await house.person("inspecting", app=True)
    seat = await sit()
    page = seat.page
    async with inspector_page(house.mcp, tmp_path, free_port) as url:
        await page.goto(url)
        await page.get_by_role("switch", name="Connect or disconnect").click(force=True)
        await seat.at("/signin")
        await seat.by_password(person)
        await seat.at("/authorize")
        await seat.allow()
        await page.get_by_text("Tools", exact=True).first.click()
        await page.get_by_role("button", name=TOOL).click()
        await page.get_by_role("button", name="Execute Tool").click()
        await page.wait_for_selector("text=+00:00")
    (grant,) = await house.hub.store.grants.list(person.id)
    assert grant.client_name == "MCP Inspector"
    assert grant.effects == {"read", "write"}
