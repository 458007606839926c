"""From nothing to a tool call: what Claude does when a person adds the hub's URL."""

import pytest

from tests.oauth.scene import CALLBACK, CLAUDE, ISSUER, RESOURCE, Pkce, Scene


@pytest.mark.proves("client-kinds", "challenge")
async def test_a_person_adds_the_hub_and_claude_calls_a_tool(scene: Scene) -> None:
    refused = await scene.rpc("", "tools/list")
    assert refused.status == 401
    assert "/.well-known/oauth-protected-resource/mcp" in refused.headers["WWW-Authenticate"]
    resource = (await scene.send("GET", "/.well-known/oauth-protected-resource/mcp")).json
    assert resource["authorization_servers"] == [ISSUER]
    ada = await scene.person()
    tokens = await scene.connect(ada)
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 3600, "hub")
    called = await scene.rpc(tokens["access_token"], "tools/call", {"name": "notes_set_note", "arguments": {}})
    assert called.json["result"]["content"][0]["text"] == "notes written"


@pytest.mark.proves("host-shown", "consent-page")
async def test_the_page_names_the_client_and_above_all_the_host(scene: Scene) -> None:
    page = await scene.ask(await scene.person(), Pkce())
    assert page.status == 200
    assert "<strong>claude.ai</strong>" in page.text
    assert "Claude" in page.text
    assert "ada" in page.text


@pytest.mark.proves("answer-form", "issuer-named", "token-answer")
async def test_the_answer_carries_code_state_and_issuer_once_by_a_303(scene: Scene) -> None:
    ada, pkce = await scene.person(), Pkce()
    sent = await scene.press(ada, await scene.ask(ada, pkce))
    assert sent.status == 303
    assert sent.location.startswith(f"{CALLBACK}?")
    assert set(sent.told) == {"code", "state", "iss"}
    assert (sent.told["state"], sent.told["iss"]) == ("a state & more", ISSUER)
    made = await scene.redeem(sent.told["code"], pkce)
    assert made.status == 200
    assert made.headers["Cache-Control"] == "no-store"


@pytest.mark.proves("resource-indicator", "registration-scope")
async def test_without_resource_and_scope_the_hub_itself_is_meant(scene: Scene) -> None:
    ada, pkce = await scene.person(), Pkce()
    code = await scene.code(ada, pkce, resource=None, scope=None, state=None)
    made = await scene.token(grant_type="authorization_code", code=code, client_id=CLAUDE, code_verifier=pkce.verifier)
    assert made.status == 200
    assert await scene.lets_in(made.json["access_token"])
    (grant,) = await scene.hub.store.grants.list(ada.user.id)
    assert grant.resource == RESOURCE
