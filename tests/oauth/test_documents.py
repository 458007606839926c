"""The documents by which clients find their way, and that web pages may read them."""

import pytest

from tests.oauth.conftest import Opener
from tests.oauth.scene import ISSUER, RESOURCE, Scene


@pytest.mark.parametrize("path", ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"])
@pytest.mark.proves("server-document", "server-places", "server-fields", "metadata-documents-offered")
async def test_the_authorization_servers_document_says_all_that_clients_need(scene: Scene, path: str) -> None:
    answer = await scene.send("GET", path)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    told = answer.json
    assert told["issuer"] == ISSUER
    assert told["authorization_endpoint"] == f"{ISSUER}/authorize"
    assert told["token_endpoint"] == f"{ISSUER}/token"
    assert told["registration_endpoint"] == f"{ISSUER}/register"
    assert told["revocation_endpoint"] == f"{ISSUER}/revoke"
    assert told["response_types_supported"] == ["code"]
    assert told["response_modes_supported"] == ["query"]
    assert told["grant_types_supported"] == ["authorization_code", "refresh_token"]
    assert told["code_challenge_methods_supported"] == ["S256"]
    methods = ["none", "client_secret_basic", "client_secret_post"]
    assert told["token_endpoint_auth_methods_supported"] == methods
    assert told["revocation_endpoint_auth_methods_supported"] == methods
    assert told["client_id_metadata_document_supported"] is True
    assert told["authorization_response_iss_parameter_supported"] is True
    assert told["scopes_supported"] == ["hub", "offline_access"]


@pytest.mark.parametrize("path", ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"])
@pytest.mark.proves("resource-document", "resource-places", "no-offline-scope", "scope-minimal")
async def test_the_resources_document_names_the_hub_as_its_server_and_one_scope(scene: Scene, path: str) -> None:
    told = (await scene.send("GET", path)).json
    assert told["resource"] == RESOURCE
    assert told["authorization_servers"] == [ISSUER]
    assert told["scopes_supported"] == ["hub"]
    assert told["bearer_methods_supported"] == ["header"]


@pytest.mark.proves("challenge", "challenge-scope", "no-offline-scope", "token-first")
async def test_the_challenge_leads_to_the_document_with_the_same_scope(scene: Scene) -> None:
    metadata = f'Bearer resource_metadata="{ISSUER}/.well-known/oauth-protected-resource/mcp", scope="hub"'
    without = await scene.send("POST", "/mcp", json={})
    assert (without.status, without.headers["WWW-Authenticate"]) == (401, metadata)
    wrong = await scene.rpc("hub_at_" + "x" * 43, "tools/list")
    assert (wrong.status, wrong.headers["WWW-Authenticate"]) == (401, metadata + ', error="invalid_token"')


@pytest.mark.parametrize(
    "path",
    [
        "/token",
        "/register",
        "/revoke",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-protected-resource/mcp/notes_only",
    ],
)
@pytest.mark.proves("cors")
async def test_web_pages_of_any_origin_may_ask_and_read(scene: Scene, path: str) -> None:
    asked = {"Origin": "https://inspector.example", "Access-Control-Request-Method": "POST"}
    preflight = await scene.send("OPTIONS", path, headers=asked)
    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "Content-Type" in preflight.headers["Access-Control-Allow-Headers"]
    method = "GET" if path.startswith("/.well-known") else "POST"
    answer = await scene.send(method, path, headers=asked)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.proves("cors")
async def test_a_web_page_elsewhere_may_not_read_the_consent_page(scene: Scene) -> None:
    answer = await scene.send("GET", "/authorize", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_hub_that_asks_for_no_token_names_no_server(another: Opener) -> None:
    scene = await another(f"public_url: {ISSUER}\nauth: {{mode: none}}\nprofiles: {{looking: {{effects: [read]}}}}\n")
    for path in ("mcp", "mcp/looking"):
        told = (await scene.send("GET", f"/.well-known/oauth-protected-resource/{path}")).json
        assert "authorization_servers" not in told
    for path in ("/.well-known/oauth-authorization-server", "/authorize", "/account/grants"):
        assert (await scene.send("GET", path)).status == 404


@pytest.mark.proves("header-only")
async def test_a_token_in_the_query_opens_nothing(scene: Scene) -> None:
    token = (await scene.connect(await scene.person()))["access_token"]
    assert (await scene.send("POST", f"/mcp?access_token={token}", json={})).status == 401


@pytest.mark.proves("CVE-2026-48710")
async def test_urls_are_those_of_public_url_whatever_the_request_says(scene: Scene) -> None:
    told = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Host": "evil.example"}
    assert (await scene.send("GET", "/.well-known/oauth-authorization-server", headers=told)).json["issuer"] == ISSUER
