"""Profiles: a token of one shows and does only what it has, at every door, and opens no other's."""

from pathlib import Path

import pytest

from hub.gateway import Wants
from tests.oauth.conftest import Opener
from tests.oauth.scene import ISSUER, Pkce, Scene, fields

NOTES = {"notes_get_note", "notes_set_note", "notes_drop_note"}
OTHER = {"other_get_note", "other_set_note", "other_drop_note"}
READING = {"notes_get_note", "other_get_note"}


SLOW = """
import asyncio
from hub.sdk import Connector

connector = Connector(title="Slow", description="Counts slowly.")


@connector.tool(effect="read")
async def count(ctx) -> str:
    \"\"\"Count to a lot.\"\"\"
    await ctx.as_task()
    await asyncio.sleep(3600)
    return "done"
"""


async def pat(scene: Scene, profile: str | None = None, name: str = "ada") -> str:
    ada = await scene.person(name)
    _, secret = await scene.hub.store.tokens.create(
        ada.user.id, "test", ["read", "write", "send", "pay", "destroy"], None, profile
    )
    return secret


async def granted(scene: Scene, profile: str) -> str:
    token: str = (await scene.connect(await scene.person(), f"profile:{profile}"))["access_token"]
    return token


@pytest.mark.parametrize(
    ("profile", "tools"),
    [("notes_only", NOTES), ("looking", READING), ("one_tool", {"notes_get_note"})],
)
@pytest.mark.parametrize("kind", ["grant", "token"])
@pytest.mark.proves("scope-minimal", "obot-mcp-connect")
async def test_a_profile_bounds_the_tools_in_the_list_and_at_the_call(
    scene: Scene, kind: str, profile: str, tools: set[str]
) -> None:
    token = await (granted if kind == "grant" else pat)(scene, profile)
    assert await scene.tools(token) == tools
    for name in NOTES | OTHER:
        answer = await scene.rpc(token, "tools/call", {"name": name, "arguments": {}})
        done = "not part of" not in answer.text and "limited to" not in answer.text
        assert done == (name in tools), answer.text


@pytest.mark.proves("scope-minimal", "obot-mcp-connect", "contextforge")
async def test_a_profile_bounds_resources_prompts_and_completions(scene: Scene) -> None:
    token = await granted(scene, "notes_only")
    for method, member, key, mine, others in (
        ("resources/list", "resources", "uri", "notes://note", "other://note"),
        ("prompts/list", "prompts", "name", "notes_sum_up", "other_sum_up"),
    ):
        answer = await scene.rpc(token, method)
        assert {one[key] for one in answer.json["result"][member]} == {mine}, others
    asking: list[tuple[str, dict[str, object]]] = [
        ("resources/read", {"uri": "{}://note"}),
        ("prompts/get", {"name": "{}_sum_up", "arguments": {"topic": "x"}}),
        (
            "completion/complete",
            {"ref": {"type": "ref/prompt", "name": "{}_sum_up"}, "argument": {"name": "topic", "value": ""}},
        ),
    ]
    for method, params in asking:
        for connector in ("notes", "other"):
            asked = _filled(params, connector)
            answer = await scene.rpc(token, method, asked)
            assert ("result" in answer.json) == (connector == "notes"), answer.text


def _filled(params: dict[str, object], connector: str) -> dict[str, object]:
    filled: dict[str, object] = {}
    for key, value in params.items():
        if isinstance(value, dict):
            filled[key] = _filled(value, connector)
        else:
            filled[key] = value.format(connector) if isinstance(value, str) else value
    return filled


async def test_single_tools_bring_no_resources_and_no_prompts(scene: Scene) -> None:
    token = await pat(scene, "one_tool")
    for method, member in (("resources/list", "resources"), ("prompts/list", "prompts")):
        assert (await scene.rpc(token, method)).json["result"][member] == []
    assert "error" in (await scene.rpc(token, "resources/read", {"uri": "notes://note"})).json


@pytest.mark.proves("resource-places")
async def test_a_door_of_a_profile_has_its_own_challenge_and_document(scene: Scene) -> None:
    refused = await scene.rpc("", "tools/list", path="/mcp/notes_only")
    assert refused.status == 401
    place = "/.well-known/oauth-protected-resource/mcp/notes_only"
    assert f'resource_metadata="{ISSUER}{place}"' in refused.headers["WWW-Authenticate"]
    assert (await scene.send("GET", place)).json["resource"] == f"{ISSUER}/mcp/notes_only"
    assert (await scene.send("GET", place.replace("notes_only", "nobody"))).status == 404
    assert (await scene.rpc("", "tools/list", path="/mcp/nobody")).status == 404


@pytest.mark.proves("audience", "CVE-2025-69196")
async def test_a_token_for_one_door_opens_no_other(scene: Scene) -> None:
    ada = await scene.person()
    whole = (await scene.connect(ada, "everything"))["access_token"]
    notes = (await scene.connect(ada, "everything", resource=f"{ISSUER}/mcp/notes_only"))["access_token"]
    doors = ("/mcp", "/mcp/", "/mcp/notes_only", "/mcp/notes_only/", "/mcp/looking")
    assert [door for door in doors if await scene.lets_in(whole, door)] == ["/mcp", "/mcp/"]
    assert [door for door in doors if await scene.lets_in(notes, door)] == ["/mcp/notes_only", "/mcp/notes_only/"]
    assert await scene.tools(notes, "/mcp/notes_only") == NOTES


@pytest.mark.proves("personal-tokens")
async def test_a_personal_token_of_a_profile_opens_its_door_and_the_hubs_and_no_other(scene: Scene) -> None:
    token = await pat(scene, "notes_only")
    doors = ("/mcp", "/mcp/notes_only", "/mcp/looking")
    assert [door for door in doors if await scene.lets_in(token, door)] == ["/mcp", "/mcp/notes_only"]
    assert await scene.tools(token) == await scene.tools(token, "/mcp/notes_only") == NOTES


async def test_a_personal_token_of_no_profile_sees_at_a_profiles_door_what_the_profile_has(scene: Scene) -> None:
    token = await pat(scene)
    assert await scene.tools(token) == NOTES | OTHER
    assert await scene.tools(token, "/mcp/notes_only") == NOTES
    refused = await scene.rpc(token, "tools/call", {"name": "other_get_note", "arguments": {}}, "/mcp/notes_only")
    assert "not part of the profile notes_only" in refused.text


async def test_at_a_profiles_door_levels_within_it_are_offered_and_no_other_profile(scene: Scene) -> None:
    page = await scene.ask(await scene.person(), Pkce(), resource=f"{ISSUER}/mcp/looking")
    assert fields(page.text)["choice"] == "read"
    assert 'value="write"' not in page.text
    assert 'value="profile:' not in page.text
    assert 'value="profile:notes_only"' in (await scene.ask(await scene.person(), Pkce())).text


async def test_a_call_outside_of_the_profile_says_how_to_get_more(scene: Scene) -> None:
    token = await granted(scene, "notes_only")
    refused = await scene.rpc(token, "tools/call", {"name": "other_get_note", "arguments": {}})
    assert "not part of the profile notes_only" in refused.text
    assert "connect it again" in refused.text


async def test_a_profile_that_is_gone_takes_its_tokens_with_it(another: Opener, scene: Scene) -> None:
    token, secret = await granted(scene, "notes_only"), await pat(scene, "notes_only")
    without = await another(f"public_url: {ISSUER}\nconnectors: {{shipped: false, paths: [connectors]}}\n")
    for one in (token, secret):
        assert await scene.lets_in(one)
        assert not await without.lets_in(one)


@pytest.mark.proves("CVE-2025-54136")
async def test_a_profile_that_was_narrowed_narrows_what_was_granted_before(another: Opener, scene: Scene) -> None:
    token = await granted(scene, "notes_only")
    assert await scene.tools(token) == NOTES
    narrower = await another(
        f"public_url: {ISSUER}\nconnectors: {{shipped: false, paths: [connectors]}}\n"
        "profiles: {notes_only: {connectors: [notes], effects: [read]}}\n"
    )
    assert await narrower.tools(token) == {"notes_get_note"}
    refused = await narrower.rpc(token, "tools/call", {"name": "notes_set_note", "arguments": {}})
    assert "limited to read" in refused.text


@pytest.mark.proves("gravitee-token-cache")
async def test_two_profiles_side_by_side_are_each_shown_their_own(scene: Scene) -> None:
    notes, single = await pat(scene, "notes_only"), await pat(scene, "one_tool")
    for _ in range(2):
        assert await scene.tools(notes) == NOTES
        assert await scene.tools(single) == {"notes_get_note"}
        assert len((await scene.rpc(notes, "prompts/list")).json["result"]["prompts"]) == 1
        assert (await scene.rpc(single, "prompts/list")).json["result"]["prompts"] == []


@pytest.mark.proves("CVE-2025-54136")
async def test_a_consent_to_a_profile_is_asked_for_anew_when_the_profile_has_changed(
    another: Opener, scene: Scene
) -> None:
    await granted(scene, "notes_only")
    assert (await scene.ask(await scene.person(), Pkce())).status == 303
    wider = await another(
        f"public_url: {ISSUER}\nconnectors: {{shipped: false, paths: [connectors]}}\n"
        "profiles: {notes_only: {connectors: [notes, other]}}\n"
    )
    assert (await wider.ask(await wider.person(), Pkce())).status == 200


@pytest.mark.proves("obot-mcp-connect")
async def test_a_task_is_looked_after_only_within_the_profile_of_its_tool(another: Opener, tmp_path: Path) -> None:
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors" / "slow.py").write_text(SLOW, "utf-8")
    scene = await another()
    whole, notes = await pat(scene), await pat(scene, "notes_only")
    tasks: dict[str, object] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
    call = {"name": "slow_count", "arguments": {}, "capabilities": tasks}
    id = (await scene.rpc(whole, "tools/call", call)).json["result"]["taskId"]
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        asked: dict[str, object] = {"taskId": id, "capabilities": tasks, "inputResponses": {}}
        assert "error" in (await scene.rpc(notes, method, asked)).json, method
        assert "result" in (await scene.rpc(whole, method, asked)).json, method


@pytest.mark.proves("obot-mcp-connect")
async def test_a_changed_resource_is_told_only_within_the_profile_of_its_connector(scene: Scene) -> None:
    heard: dict[str, list[str]] = {}
    for profile in (None, "notes_only"):
        caller = await scene.hub.identity.authenticate(await pat(scene, profile))
        assert caller is not None
        uris = frozenset({"notes://note", "other://note"})
        subscription = scene.hub.gateway.listeners.open(caller, Wants(uris=uris))
        for uri in sorted(uris):
            scene.hub.gateway.listeners.updated(uri)
        subscription.close()
        heard[profile or ""] = [note["params"]["uri"] async for note in subscription]
    assert heard == {"": ["notes://note", "other://note"], "notes_only": ["notes://note"]}


async def test_a_legacy_session_of_one_door_is_none_at_another(scene: Scene) -> None:
    token = await pat(scene)
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {"elicitation": {}},
            "clientInfo": {"name": "t", "version": "1"},
        },
    }
    session = (await scene.send("POST", "/mcp/notes_only", json=hello, headers=headers)).headers["Mcp-Session-Id"]
    told = {**headers, "Mcp-Session-Id": session}
    ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    assert (await scene.send("POST", "/mcp/notes_only", json=ping, headers=told)).status == 200
    assert (await scene.send("POST", "/mcp", json=ping, headers=told)).status == 404
