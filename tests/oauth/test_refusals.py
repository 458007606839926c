"""A call that a token does not cover says what would cover it and how to get that; whoever does so may make it."""

import pytest

from hub.sdk.tool import EFFECTS, Effect
from tests.oauth.scene import Scene

SET = {"name": "notes_set_note", "arguments": {}}


async def made(scene: Scene, effects: set[Effect] | None = None, profile: str | None = None) -> str:
    """A personal access token of somebody's."""
    user = await scene.hub.store.users.by_name("ada") or await scene.hub.store.users.add("ada")
    _, secret = await scene.hub.store.tokens.create(user.id, "test", effects or EFFECTS, None, profile)
    return secret


async def test_a_token_for_reading_says_that_another_token_would_do_and_where_it_is_made(scene: Scene) -> None:
    refused = await scene.rpc(await made(scene, {"read"}), "tools/call", SET)
    for words in ("this access token is limited to read", "covers write", "page /account", "hub token create"):
        assert words in refused.text
    assert "notes written" in (await scene.rpc(await made(scene, {"read", "write"}), "tools/call", SET)).text


@pytest.mark.parametrize(
    ("profile", "wrong"),
    [
        ("looking", "the profile looking, which this access token is bound to, is limited to read"),
        ("one_tool", "not part of the profile one_tool, which this access token is bound to"),
    ],
)
async def test_a_token_of_a_profile_says_that_the_profile_is_what_bounds_it(
    scene: Scene, profile: str, wrong: str
) -> None:
    refused = await scene.rpc(await made(scene, profile=profile), "tools/call", SET)
    for words in (wrong, "without a profile", "hub token create"):
        assert words in refused.text
    assert "A token that covers" not in refused.text
    assert "notes written" in (await scene.rpc(await made(scene), "tools/call", SET)).text


async def test_a_client_at_a_profiles_address_is_told_of_the_address_of_the_whole_hub(scene: Scene) -> None:
    door = "https://hub.example/mcp/looking"
    token = (await scene.connect(await scene.person(), "read", resource=door))["access_token"]
    refused = await scene.rpc(token, "tools/call", SET, path="/mcp/looking")
    for words in ("the profile looking", "limited to read", "/account/grants", "the whole hub (/mcp)"):
        assert words in refused.text
