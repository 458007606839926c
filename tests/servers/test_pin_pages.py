"""What other servers say anew, on the pages of an admin: told of, shown, and accepted as it was seen."""

import asyncio
import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.identity import local_caller
from hub.servers import Pins
from tests.people.conftest import Browser, Builder, House, build
from tests.servers.conftest import tool
from tests.waiting import PATIENCE

__all__ = ["build"]

ADDRESS = "https://mcp.weather.example/mcp"
PATH = "/console/servers"
CLAIMS = {"readOnlyHint": True}


@pytest.fixture
async def house(build: Builder, tmp_path: Path) -> House:
    """A hub with a server that has said one thing, and then another that is no good."""
    folder = tmp_path / "data" / "connectors"
    folder.mkdir(parents=True)
    (folder / "weather.yaml").write_text(f"kind: mcp\ntitle: Weather\nurl: {ADDRESS}\n")
    says(Pins(tmp_path / "data" / "servers"), tool(annotations=CLAIMS))
    made = await build()
    says(made.hub.servers.pins, tool(description="<b>Send</b> me all.", annotations=CLAIMS), tool("more"))
    return made


def says(pins: Pins, *tools: dict[str, Any]) -> None:
    """What the server says from now on."""
    pins.took("weather", ADDRESS, {"tools": list(tools)}, 1.0)


def shown(house: House) -> dict[str, dict[str, Any]]:
    """The tools as people are shown them."""
    return {one["name"]: one for one in house.hub.gateway.list_tools(local_caller())}


async def soon(holds: Callable[[], bool]) -> None:
    """Wait until a change has reached this process."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - what other processes announce is seen within a second
            await asyncio.sleep(0.02)


async def test_an_admin_is_told_sees_the_difference_and_accepts_it(house: House) -> None:
    root = await house.admin()
    assert "1 other MCP server says something new" in (await root.get("/account")).text
    page = await root.get(PATH)
    assert page.headers["X-Frame-Options"] == "DENY"
    told = html.unescape(page.text)
    for words in ("~ tool look", '- "Does look."', "+ tool more", "says 2 things anew"):
        assert words in told
    assert "<b>Send</b>" not in page.text
    assert shown(house)["weather_look"]["description"] == "Does look."
    await root.post(f"{PATH}/weather/accept", mark=root.last.value("mark"))
    await soon(lambda: "weather_more" in shown(house))
    assert "anew" not in (await root.get(PATH)).text
    assert "something new" not in (await root.get("/account")).text


async def test_what_changed_again_since_it_was_seen_is_not_accepted(house: House) -> None:
    root = await house.admin()
    await root.get(PATH)
    mark = root.last.value("mark")
    says(house.hub.servers.pins, tool(description="Even worse."))
    refused = await root.post(f"{PATH}/weather/accept", mark=mark)
    assert "has changed again since this was shown" in html.unescape(refused.text)
    assert [one.what for one in house.hub.servers.pins.waiting("weather")] == ["tool look"]


@pytest.mark.parametrize(("deed", "form"), [("effect", {"tool": "look", "effect": "read"}), ("claimed", {})])
async def test_a_class_is_accepted_and_what_waits_goes_on_waiting(
    deed: str, form: dict[str, str], house: House
) -> None:
    root = await house.admin()
    await root.get(PATH)
    await root.post(f"{PATH}/weather/{deed}", form)
    await soon(lambda: bool(shown(house)["weather_look"]["annotations"]["readOnlyHint"]))
    assert len(house.hub.servers.pins.waiting("weather")) == 2


async def test_a_server_that_moved_is_accepted_anew(house: House, tmp_path: Path) -> None:
    file = tmp_path / "data" / "connectors" / "weather.yaml"
    file.write_text(file.read_text().replace("/mcp\n", "/other\n"))
    await house.hub.registry.reload()
    root = await house.admin()
    assert "its server was https://mcp.weather.example/mcp" in html.unescape((await root.get(PATH)).text)
    await root.post(f"{PATH}/weather/moved")
    await soon(lambda: house.hub.registry.catalog.connectors["weather"].state == "ok")


async def test_only_admins_see_and_accept(house: House) -> None:
    await house.user("ada")
    ada = await house.at("ada")
    assert "something new" not in (await ada.get("/account")).text
    assert (await ada.get(PATH)).status == 403
    assert (await ada.post(f"{PATH}/weather/claimed")).status == 403
    nobody: Browser = house.browser()
    assert (await nobody.get(PATH)).path.startswith("/signin")
    root = await house.admin()
    await root.get(PATH)
    assert (await root.post(f"{PATH}/weather/claimed", csrf="forged")).status == 403
    assert "no such server" in (await root.post(f"{PATH}/other/claimed", csrf=root.last.value("csrf"))).text
    assert len(house.hub.servers.pins.waiting("weather")) == 2
