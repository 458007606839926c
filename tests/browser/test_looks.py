"""Every page for people can be read and worked: in the light and the dark, on a desk and on a phone 360 pixels wide.

axe-core judges names, labels, order and contrast. With HUB_PICTURES=FOLDER (``make browser``) pictures are left there
for people to look at.
"""

import os
from pathlib import Path
from typing import Literal

import pytest

from tests.browser.house import IN_BROWSER, PASSWORD, House, Seat, Sit
from tests.browser.requests import CLAUDE, let_in, page_of
from tests.programs.processes import ROOT

pytestmark = IN_BROWSER

AXE = ROOT / "tests" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = os.environ.get("HUB_PICTURES")
DESK, PHONE = {"width": 1100, "height": 800}, {"width": 360, "height": 740}
JUDGED = """async (rules) => {
  const only = rules ? { runOnly: { type: "rule", values: rules } } : {};
  const found = await axe.run(document, { resultTypes: ["violations"], ...only });
  return found.violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)}`));
}"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def faults(seat: Seat, called: str) -> list[str]:
    """What is wrong with the page the browser is at; skips where ``make programs`` was not run."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: make programs")
    page = seat.page
    await page.wait_for_load_state("load")
    await page.evaluate(AXE.read_text("utf-8"))
    found: list[str] = []
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width, size in (("desk", DESK), ("phone", PHONE)):
            await page.set_viewport_size(size)  # type: ignore[arg-type]
            if await page.evaluate(WIDER) > 0:
                found.append(f"{called}, {width}: it is wider than the window")
            if PICTURES:
                await page.screenshot(path=Path(PICTURES) / f"{called}-{width}-{scheme}.png", full_page=True)
        # In the dark only the colours are others.
        rules = ["color-contrast"] if scheme == "dark" else None
        found += [f"{called}, {scheme}: {one}" for one in await page.evaluate(JUDGED, rules)]
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(DESK)  # type: ignore[arg-type]
    return found


async def test_the_pages_on_the_way_in(house: House, sit: Sit) -> None:
    seat = await sit()
    found = []
    for path, called in (("/", "start"), ("/signin", "signin"), ("/setup/none", "spent"), ("/authorize", "problem")):
        await seat.goto(path)
        found += await faults(seat, called)
    await seat.goto(await house.link("nina"))
    found += await faults(seat, "setup")
    _, secret = await house.hub.people.invite("member", "nora", await house.hub.store.users.add("nadia", "admin"))
    await seat.goto(f"/setup/{secret}")
    found += await faults(seat, "invited")
    await seat.goto("/signin")
    await seat.fill(name="nobody", password="not a password")
    await seat.press("Sign in")
    await seat.page.wait_for_selector("[role=alert]:visible")
    found += await faults(seat, "wrong")
    person = await house.person("norman", app=True)
    await seat.fill(name=person.name, password=PASSWORD)
    await seat.press("Sign in")
    await seat.page.wait_for_selector("#code")
    found += await faults(seat, "second")
    assert found == []


async def test_the_pages_of_the_account_and_of_people(house: House, sit: Sit) -> None:
    seat = await sit(user_agent="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0")
    await seat.authenticator()
    person = await house.person("olivia", "admin", app=True)
    await house.hub.people.invite("member", "oscar", await house.hub.store.users.add("odette", "admin"))
    found = []
    await seat.goto("/account/second-factor")
    await seat.by_password(person)
    await seat.press("Add a passkey")
    await seat.page.wait_for_selector("text=passkey, since")
    found += await faults(seat, "second-factor")
    await seat.press("Make new recovery codes")
    await seat.page.wait_for_selector("#codes")
    found += await faults(seat, "codes")
    await seat.goto("/account/second-factor/app")
    found += await faults(seat, "app")
    await seat.goto("/account")
    await seat.page.get_by_label("What it is for").fill("Claude Code on the laptop")
    await seat.press("Make a token")
    await seat.page.wait_for_selector("#token")
    found += await faults(seat, "token")
    await seat.goto("/account")
    found += await faults(seat, "account")
    await seat.goto("/console/people")
    found += await faults(seat, "people")
    await house.hub.store.clients.decide("let-in.example", "allowed")
    await house.hub.store.clients.ask("waits.example", "A desk", "oscar")
    await _changed_server(house)
    for path, called in (("/console/clients", "clients"), ("/console/servers", "servers"), ("/", "start-signed-in")):
        await seat.goto(path)
        found += await faults(seat, called)
    await seat.goto("/console/people")
    await seat.press("Make an invitation")
    await seat.page.wait_for_selector("#link")
    found += await faults(seat, "link")
    assert found == []


async def _changed_server(house: House) -> None:
    """Another MCP server that says something new."""
    address = "https://mcp.weather.example/mcp"
    folder = house.hub.config.data_dir / "connectors"
    folder.mkdir(exist_ok=True)
    (folder / "weather.yaml").write_text(f"kind: mcp\ntitle: Weather\nurl: {address}\n", "utf-8")
    for words in ("Looks at the sky.", "Looks at the sky, and at your mail."):
        tool = {"name": "look", "description": words, "inputSchema": {"type": "object"}}
        house.hub.servers.pins.took("weather", address, {"tools": [tool]}, 1.0)
    await house.hub.registry.reload()


async def test_the_pages_about_clients(house: House, sit: Sit) -> None:
    seat = await sit()
    person = await house.person("petra")
    await house.hub.store.clients.decide("allowed.example", "allowed")
    await house.hub.store.clients.decide("denied.example", "denied")
    found = []
    for called, uri in (
        ("consent-listed", CLAUDE),
        ("consent-loopback", "http://127.0.0.1:43117/callback"),
        ("consent-allowed", "https://allowed.example/a/very/long/path/that/people/need/not/read"),
        ("waiting", "https://a-name-that-is-rather-long-and-has-no-place-to-break.unheard-of.example/callback"),
        ("denied", "https://denied.example/callback"),
    ):
        await seat.goto(page_of(house, uri, called))
        if "/signin" in seat.page.url:
            await seat.by_password(person)
            await seat.page.wait_for_selector("#redirect-host")
        found += await faults(seat, called)
    await seat.goto(page_of(house, CLAUDE, "door", resource=f"{house.mcp}/looking"))
    found += await faults(seat, "consent-profile")
    await seat.goto(page_of(house, CLAUDE, "consent-listed"))
    await let_in(house, seat, "consent-listed")
    await seat.goto("/")
    found += await faults(seat, "news")
    await seat.goto("/account/grants")
    found += await faults(seat, "grants")
    assert found == []
