"""The consent page in a real Chromium: what it shows, how it is worked by keyboard and without scripts, where it leads.

The client here is only a redirect, to a server on loopback or one on https; what clients do with the answer is in
test_clients.py.
"""

import asyncio
from typing import Any

import pytest

from tests.browser.house import IN_BROWSER, PASSWORD, SECONDS, House, Seat, Sit
from tests.browser.programs import callback
from tests.browser.requests import CLAUDE, let_in, page_of

pytestmark = IN_BROWSER


async def seen_by(house: House, sit: Sit, name: str, redirect_uri: str, **options: Any) -> Seat:
    """A browser in which a new person has signed in on the way to the page of a client that is called like them."""
    seat = await sit(**options)
    await seat.goto(page_of(house, redirect_uri, name))
    await seat.by_password(await house.person(name))
    await seat.page.wait_for_selector("#redirect-host")
    return seat


async def brought(came: asyncio.Queue[dict[str, str]]) -> dict[str, str]:
    """What a browser brings to a client's callback."""
    return await asyncio.wait_for(came.get(), SECONDS)


@pytest.mark.parametrize(
    ("name", "uri", "named", "chosen"),
    [
        ("carla", CLAUDE, "claude.ai", "write"),
        ("cleo", "http://127.0.0.1/callback", "a program on this machine", "write"),
        ("cora", "https://tools.example/callback", "tools.example", "read"),
    ],
)
async def test_the_page_names_above_all_where_one_is_sent(
    house: House, sit: Sit, name: str, uri: str, named: str, chosen: str
) -> None:
    await house.hub.store.clients.decide("tools.example", "allowed")
    seat = await seen_by(house, sit, name, uri)
    assert named in await seat.page.inner_text("#redirect-host")
    assert "Ada's desk" in await seat.heading()
    sizes = await seat.page.evaluate(
        """() => {
          const size = (element) => parseFloat(getComputedStyle(element).fontSize);
          const named = document.querySelector("#redirect-host strong");
          const others = [...document.querySelectorAll("main *")].filter((one) => one !== named);
          return { named: size(named), others: Math.max(...others.map(size)) };
        }"""
    )
    assert sizes["named"] >= sizes["others"]
    assert await seat.page.get_by_role("radio", checked=True).input_value() == chosen


async def test_allowing_brings_a_code_to_the_client_and_refusing_brings_the_refusal(
    house: House, sit: Sit, free_port: int
) -> None:
    uri = f"http://127.0.0.1:{free_port}/callback"
    async with callback(free_port) as came:
        seat = await seen_by(house, sit, "dora", uri)
        await seat.press("Do not allow")
        refused = await brought(came)
        assert (refused["error"], refused["state"], refused["iss"]) == ("access_denied", "a state & more", house.url)
        assert "code" not in refused
        await seat.goto(page_of(house, uri, "dora"))
        await seat.choose("Read only")
        await seat.allow()
        allowed = await brought(came)
    assert (allowed["state"], allowed["iss"]) == ("a state & more", house.url)
    assert len(allowed["code"]) >= 43


@pytest.mark.parametrize("host", ["localhost", "[::1]"])
async def test_every_name_of_the_own_machine_is_reached(house: House, sit: Sit, free_port: int, host: str) -> None:
    async with callback(free_port, host.strip("[]")) as came:
        seat = await seen_by(house, sit, f"ella-{len(host)}", f"http://{host}:{free_port}/callback")
        await seat.allow()
        assert "code" in await brought(came)


async def test_a_client_may_lead_on_to_a_page_of_another_origin(house: House, sit: Sit, free_port: int) -> None:
    """As some do to say thanks: browsers hold a form's policy against every redirect that follows it."""
    house.outside.redirects["claude.com/api/mcp/auth_callback"] = "https://claude.ai/settings/connectors?done=yes"
    seat = await seen_by(house, sit, "faye", "https://claude.com/api/mcp/auth_callback")
    await seat.allow()
    assert "code" in await house.outside.next()
    assert await house.outside.next() == {"done": "yes"}
    async with callback(free_port, leads_to="https://thanks.example/?program=yes") as came:
        seat = await seen_by(house, sit, "fiona", f"http://127.0.0.1:{free_port}/callback")
        await seat.allow()
        assert "code" in await brought(came)
        assert await house.outside.next() == {"program": "yes"}


async def test_the_page_is_worked_by_keyboard_alone(house: House, sit: Sit, free_port: int) -> None:
    async with callback(free_port) as came:
        seat = await seen_by(house, sit, "gina", f"http://127.0.0.1:{free_port}/callback")
        keys = seat.page.keyboard
        focused = "document.activeElement.value || document.activeElement.tagName"
        # Nothing is answered by a key that was meant for the page before.
        assert await seat.page.evaluate(focused) == "BODY"
        await keys.press("Enter")
        await keys.press("Space")
        rings = []
        for key, value in (
            ("Tab", "A"),  # the sign above the page
            ("Tab", "write"),
            ("ArrowUp", "read"),
            ("Tab", "allow"),
            ("Tab", "deny"),
            ("Shift+Tab", "allow"),
        ):
            await keys.press(key)
            assert await seat.page.evaluate(focused) == value
            rings.append(await seat.page.evaluate("getComputedStyle(document.activeElement).outlineStyle"))
        assert "none" not in rings
        assert came.empty()
        await keys.press("Space")
        await seat.page.get_by_role("heading", name="Connect your apps now?").wait_for()
        assert came.empty()
        await seat.page.get_by_role("button", name="Skip for now").focus()
        await keys.press("Enter")
        assert "code" in await brought(came)


async def test_it_works_without_scripts(house: House, sit: Sit, free_port: int) -> None:
    async with callback(free_port) as came:
        uri = f"http://127.0.0.1:{free_port}/callback"
        seat = await seen_by(house, sit, "hanna", uri, java_script_enabled=False)
        await seat.choose("Everything")
        await seat.allow()
        assert "code" in await brought(came)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
async def test_what_was_allowed_before_leads_on_by_itself_also_right_behind_the_sign_in_form(
    house: House, sit: Sit, scripts: bool
) -> None:
    name = f"ida-{scripts}"
    seat = await seen_by(house, sit, name, CLAUDE, java_script_enabled=scripts)
    await seat.allow()
    codes = {(await house.outside.next())["code"]}
    await seat.goto(page_of(house, CLAUDE, name))
    codes.add((await house.outside.next())["code"])
    await seat.context.clear_cookies()
    await seat.goto(page_of(house, CLAUDE, name))
    await seat.fill(name=name, password=PASSWORD)
    await seat.press("Sign in")
    codes.add((await house.outside.next())["code"])
    assert len(codes) == 3


async def test_it_shows_in_no_frame(house: House, sit: Sit) -> None:
    seat = await seen_by(house, sit, "jana", CLAUDE)
    page = page_of(house, CLAUDE, "jana").replace("&", "&amp;")
    house.outside.pages["framing.example/"] = f'<title>x</title><iframe src="{page}"></iframe>'
    await seat.page.goto("https://framing.example/")
    await house.outside.next()
    # A frame has no cookies of the hub's, so it would be shown the way in.
    assert await seat.page.frames[1].locator("header.sign").count() == 0


async def test_a_page_left_open_gives_nothing_after_signing_out(house: House, sit: Sit, free_port: int) -> None:
    async with callback(free_port) as came:
        seat = await seen_by(house, sit, "kate", f"http://127.0.0.1:{free_port}/callback")
        other = await seat.context.new_page()
        await other.goto(f"{house.url}/account")
        await other.get_by_role("button", name="Sign out").click()
        await other.wait_for_url(f"{house.url}/signin")
        await seat.press("Allow")
        await seat.page.wait_for_selector("h1:has-text('This did not work')")
        assert came.empty()


async def test_an_address_nobody_allowed_waits_for_an_admin(house: House, sit: Sit) -> None:
    uri = "https://unheard.example/callback"
    seat = await seen_by(house, sit, "lena", uri)
    assert await seat.heading() == "This waits for an admin"
    assert await seat.page.get_by_role("button").count() == 0
    await house.hub.store.clients.decide("unheard.example", "allowed")
    await seat.goto(page_of(house, uri, "lena"))
    await seat.allow()
    assert "code" in await house.outside.next()


async def test_what_was_let_in_is_told_named_and_ended(house: House, sit: Sit) -> None:
    seat = await seen_by(house, sit, "mona", CLAUDE)
    await let_in(house, seat, "mona")
    await seat.goto("/")
    assert "Ada's desk was let in" in await seat.page.inner_text("main")
    await seat.follow("end its access")
    await seat.page.get_by_label("Your name for it").fill("The desk downstairs")
    await seat.press("Name it")
    await seat.page.wait_for_selector("h2:has-text('The desk downstairs')")
    await seat.press("End its access")
    await seat.page.wait_for_selector("text=Nothing yet.")
    user = await house.hub.store.users.by_name("mona")
    assert user is not None
    assert await house.hub.store.grants.list(user.id) == []
