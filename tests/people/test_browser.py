"""A real Chromium at a real hub: set up, sign in, passkeys by its virtual authenticator, under the pages' own policy.

What no HTTP client shows: that scripts, policies, cookies and origins work together. Needs Debian's ``chromium``.
"""

import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyotp
import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from hub import config
from hub.app import Hub, application

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PASSWORD = "nine violet umbrellas"

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not on this machine (Debian: chromium)"),
    # Playwright leaves its pipes to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@dataclass
class Sitting:
    """A hub and a browser in front of it."""

    hub: Hub
    url: str
    chromium: Browser
    wrong: list[str]

    async def page(self) -> Page:
        """A page in a browser of its own, with an authenticator built in."""
        context = await self.chromium.new_context()
        page = await context.new_page()
        page.on(
            "console", lambda told: self.wrong.append(told.text) if "Content Security Policy" in told.text else None
        )
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        return page

    async def authenticator(self, page: Page) -> tuple[Any, str]:
        """Chromium's virtual authenticator, with its person verified."""
        session = await page.context.new_cdp_session(page)
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


@pytest.fixture
async def sitting(tmp_path: Path) -> AsyncIterator[Sitting]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = tmp_path / "config.yaml"
    path.write_text(f"public_url: http://localhost:{port}\nconnectors: {{shipped: false}}\n")
    hub = await Hub.start(config.load(path, {}))
    runner = web.AppRunner(application(hub), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        wrong: list[str] = []
        yield Sitting(hub, f"http://localhost:{port}", chromium, wrong)
        await chromium.close()
    await runner.cleanup()
    await hub.close()
    assert wrong == []


async def test_the_first_admin_sets_up_with_a_passkey_and_signs_in_with_it_again(sitting: Sitting) -> None:
    page = await sitting.page()
    session, authenticator = await sitting.authenticator(page)
    await page.goto(f"{sitting.url}/setup/{await sitting.hub.people.first_link()}")
    await page.fill("#name", "ada")
    await page.click("text=Go on")
    await page.click("text=Make a passkey")
    await page.wait_for_url(f"{sitting.url}/account")
    credentials = await session.send("WebAuthn.getCredentials", {"authenticatorId": authenticator})
    assert [one["rpId"] for one in credentials["credentials"]] == ["localhost"]
    await page.click("text=Sign out")
    await page.wait_for_url(f"{sitting.url}/signin")
    await page.goto(f"{sitting.url}/console/people")
    await page.click("text=Sign in with a passkey")
    await page.wait_for_url(f"{sitting.url}/console/people")
    assert await page.inner_text("h1") == "People"


async def test_a_password_then_an_app_then_a_passkey_as_second_step(sitting: Sitting) -> None:
    page = await sitting.page()
    await sitting.authenticator(page)
    user = await sitting.hub.store.users.add("bob")
    _, secret = await sitting.hub.people.reset(user.id)
    await page.goto(f"{sitting.url}/setup/{secret}")
    await page.fill("#password", PASSWORD)
    await page.fill("#repeated", PASSWORD)
    await page.click("text=Set my password")
    await page.wait_for_url(f"{sitting.url}/account")
    await page.goto(f"{sitting.url}/account/second-factor/app")
    assert await page.locator(".picture svg").bounding_box() is not None
    app = pyotp.TOTP(await page.inner_text("#key"))
    await page.fill("#code", app.now())
    await page.click("text=Go on")
    codes = (await page.inner_text("#codes")).split()
    await page.goto(f"{sitting.url}/account/second-factor")
    await page.click("text=Add a passkey")
    await page.wait_for_selector("text=passkey, since")
    other = await sitting.page()
    await other.goto(f"{sitting.url}/signin")
    await other.fill("#name", "bob")
    await other.fill("#password", PASSWORD)
    await other.click("form >> text=Sign in >> nth=0")
    await other.fill("#code", codes[0])
    await other.click("text=Go on")
    await other.wait_for_url(f"{sitting.url}/account")
    await page.goto(f"{sitting.url}/signin?again=1")
    await page.fill("#name", "bob")
    await page.fill("#password", PASSWORD)
    await page.press("#password", "Enter")
    await page.click("text=Use my passkey")
    await page.wait_for_url(f"{sitting.url}/account")


async def test_a_passkey_nobody_shows_is_told_in_words(sitting: Sitting) -> None:
    page = await sitting.page()
    await sitting.authenticator(page)
    await page.goto(f"{sitting.url}/signin")
    await page.click("text=Sign in with a passkey")
    await page.wait_for_selector("text=No passkey was used. Try again.")


async def test_a_page_of_another_origin_cannot_sign_anyone_in(sitting: Sitting) -> None:
    """A form of a stranger's page, in the browser of someone who has been at the hub: no session comes of it."""
    await sitting.hub.people.accounts.set_password(await sitting.hub.store.users.add("eve"), PASSWORD)
    page = await sitting.page()
    await page.goto(f"{sitting.url}/signin")
    token = await page.input_value("input[name=csrf] >> nth=0")
    form = (
        f'<form method="post" action="{sitting.url}/signin"><input name="csrf" value="{token}"><input name="name" '
        f'value="eve"><input name="password" value="{PASSWORD}"><button>x</button></form>'
    )
    await page.goto(f"data:text/html,{form.replace('#', '%23')}")
    async with page.expect_navigation():
        await page.click("button")
    names = {cookie["name"] for cookie in await page.context.cookies(sitting.url)}
    assert "hub-session" not in names
