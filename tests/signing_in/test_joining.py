"""``hub import mcp``: any MCP server becomes a connector, by its address alone."""

import asyncio
import shutil

from typer.testing import CliRunner, Result

from hub.cli.program import app
from tests.broker.scene import text_of
from tests.signing_in.shop import Place


async def command(place: Place, *words: str) -> Result:
    """Run ``hub`` with these words on the place's data."""
    given = ["--config", str(place.house.folder / "config.yaml"), "import", "mcp", *words]
    return await asyncio.to_thread(CliRunner().invoke, app, given)


def written(place: Place, name: str) -> list[str]:
    """What stands in a connector's YAML."""
    file = place.house.folder / "apps" / name / "connector.yaml"
    return [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]


async def test_a_server_is_joined_by_its_address_and_asked_where_people_sign_in(place: Place) -> None:
    shutil.rmtree(place.house.folder / "apps" / "shop")
    done = await command(place, place.shop.url, "--name", "shop", "--title", "The shop")
    assert done.exit_code == 0, done.output
    assert "/connect/shop" in done.output
    told = ['kind: "mcp"', 'title: "The shop"', f'url: "{place.shop.url}"', 'credential: {"from":"user"}']
    assert written(place, "shop") == told
    await place.hub.registry.reload()
    assert "The shop" in (await place.connect()).text
    assert "person-" in text_of(await place.house.call("shop_look"))
    again = await command(place, place.shop.url, "--name", "shop")
    assert again.exit_code == 1
    assert "is there already" in again.output


async def test_a_server_is_joined_as_one_says_without_being_asked(place: Place) -> None:
    nowhere = f"http://localhost:{place.port}/mcp"
    refused = await command(place, nowhere, "--name", "shop2")
    assert refused.exit_code == 1
    assert "--sign-in" in refused.output
    wrong = await command(place, nowhere, "--name", "shop2", "--operator", "--no-auth")
    assert wrong.exit_code == 2
    for name, words, credential in (
        ("public", ["--no-auth"], []),
        ("signed", ["--sign-in"], ['credential: {"from":"user"}']),
        ("keyed", ["--header", "X-Key"], ['credential: {"from":"user","header":"X-Key","value":"{key}"}']),
        ("ours", ["--operator"], ['credential: {"from":"operator"}']),
    ):
        done = await command(place, nowhere, "--name", name, *words)
        assert done.exit_code == 0, done.output
        assert written(place, name)[3:] == credential
    catalog = await place.hub.registry.reload()
    assert {catalog.connectors[name].state for name in ("public", "signed", "keyed", "ours")} == {"ok"}
