"""Clients: known by document, by registration, by configuration; each shows who it is as it said it would."""

import asyncio
import base64
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import orjson
import pytest

from hub import config
from hub.app import Hub
from hub.identity.oauth.errors import ClientUnknown
from tests.oauth.scene import CALLBACK, CLAUDE, CLAUDE_CODE, Pkce, Scene

DOCUMENT = "https://outside.example/client.json"
SECRET = "s3cret+/= word"


def document(**changed: Any) -> dict[str, Any]:
    held = {
        "client_id": DOCUMENT,
        "client_name": "Outside",
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code"],
        "made_up": {"ignored": True},
    }
    return {key: value for key, value in {**held, **changed}.items() if value is not None}


def basic(id: str, secret: str) -> dict[str, str]:
    pair = f"{quote_plus(id)}:{quote_plus(secret)}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


# -- metadata documents --------------------------------------------------------------------------------------


@pytest.mark.proves("client-kinds", "document-fetched", "host-shown")
async def test_a_client_is_known_by_its_document_which_is_fetched_once(scene: Scene) -> None:
    scene.papers.put(DOCUMENT, document())
    ada = await scene.person()
    pages = await asyncio.gather(*(scene.ask(ada, Pkce(), client_id=DOCUMENT) for _ in range(10)))
    assert {page.status for page in pages} == {200}
    assert "Outside" in pages[0].text
    assert "described by <strong>outside.example</strong>" in pages[0].text
    assert scene.papers.asked == [DOCUMENT]
    assert (await scene.connect(ada, client_id=DOCUMENT))["token_type"] == "Bearer"


@pytest.mark.parametrize(
    ("told", "fetched_again_after"), [("max-age=600", 600), ("max-age=1", 300), ("no-store", 300), ("", 3600)]
)
@pytest.mark.proves("document-fetched")
async def test_a_document_is_kept_as_long_as_it_says_within_bounds(
    scene: Scene, told: str, fetched_again_after: float
) -> None:
    scene.papers.put(DOCUMENT, document(), cache_control=told)
    ada = await scene.person()
    await scene.ask(ada, Pkce(), client_id=DOCUMENT)
    scene.clock.advance(fetched_again_after - 5)
    await scene.ask(ada, Pkce(), client_id=DOCUMENT)
    assert len(scene.papers.asked) == 1
    scene.clock.advance(10)
    await scene.ask(ada, Pkce(), client_id=DOCUMENT)
    assert len(scene.papers.asked) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        document(client_id="https://outside.example/other.json"),
        document(client_id=DOCUMENT + "/"),
        document(client_name=None),
        document(client_name=""),
        document(client_id=None),
        document(redirect_uris=None),
        document(redirect_uris=[]),
        document(redirect_uris="https://claude.ai/"),
        document(redirect_uris=[CALLBACK, "javascript:alert(1)"]),
        document(redirect_uris=["http://outside.example/cb"]),
        document(token_endpoint_auth_method="private_key_jwt"),
        document(token_endpoint_auth_method="client_secret_post"),
        document(client_secret="shared"),
        document(grant_types=["client_credentials"]),
        [1, 2],
        b"<html>",
        b"x" * 20_000,
    ],
)
@pytest.mark.proves("document-id", "document-fields", "document-guarded")
async def test_a_document_that_is_wrong_makes_no_client(scene: Scene, wrong: Any) -> None:
    scene.papers.put(DOCUMENT, wrong)
    page = await scene.ask(await scene.person(), Pkce(), client_id=DOCUMENT)
    assert page.status == 400
    assert "Location" not in page.headers


@pytest.mark.proves("document-guarded")
async def test_a_document_behind_a_redirect_an_error_or_another_type_makes_no_client(scene: Scene) -> None:
    ada = await scene.person()
    for number, how in enumerate(
        ({"status": 302, "location": "https://elsewhere.example/"}, {"status": 500}, {"content_type": "text/html"})
    ):
        url = f"https://outside{number}.example/client.json"
        scene.papers.put(url, document(client_id=url), **how)  # type: ignore[arg-type]
        assert (await scene.ask(ada, Pkce(), client_id=url)).status == 400


@pytest.mark.proves("document-guarded")
async def test_a_failure_is_kept_for_a_minute_and_one_host_is_not_asked_without_end(scene: Scene) -> None:
    ada = await scene.person()
    for _ in range(5):
        await scene.ask(ada, Pkce(), client_id=DOCUMENT)
    assert len(scene.papers.asked) == 1
    for number in range(20):
        await scene.ask(ada, Pkce(), client_id=f"https://outside.example/{number}.json")
    assert len(scene.papers.asked) == 10


@pytest.mark.parametrize("id", ["https://outside.example", "https://u:p@outside.example/c", "https://x.example/a/../c"])
@pytest.mark.proves("document-id")
async def test_a_client_id_that_is_no_place_of_a_document_is_not_fetched(scene: Scene, id: str) -> None:
    assert (await scene.ask(await scene.person(), Pkce(), client_id=id)).status == 400
    assert scene.papers.asked == []


@pytest.mark.parametrize(
    ("id", "uri"),
    [
        (CLAUDE, CALLBACK),
        (CLAUDE, "https://claude.com/api/mcp/auth_callback"),
        (CLAUDE_CODE, "http://localhost/callback"),
    ],
)
async def test_claudes_own_clients_are_known_where_their_documents_cannot_be_fetched(
    scene: Scene, id: str, uri: str
) -> None:
    scene.papers.put(id, b"<html>challenge", status=403, content_type="text/html")
    assert (await scene.ask(await scene.person(), Pkce(), client_id=id, redirect_uri=uri)).status == 200


@pytest.mark.parametrize(("id", "uri"), [(CLAUDE, CALLBACK), (CLAUDE_CODE, "http://localhost:3118/callback")])
async def test_without_a_network_claudes_own_clients_go_from_nothing_to_a_tool_call(
    scene: Scene, id: str, uri: str
) -> None:
    token = (await scene.connect(await scene.person(), client_id=id, redirect_uri=uri))["access_token"]
    assert scene.papers.asked == [id]
    answer = await scene.rpc(token, "tools/call", {"name": "notes_get_note", "arguments": {}})
    assert "notes read" in answer.text


def test_the_copies_are_claudes_documents_as_they_were_published() -> None:
    common = {"client_uri": "https://claude.ai", "response_types": ["code"], "token_endpoint_auth_method": "none"}
    grants = ["authorization_code", "refresh_token"]
    published = {
        "claude.json": {
            "client_id": CLAUDE,
            "client_name": "Claude",
            # The second is not in the document; Anthropic's documentation asks to allow it, too.
            "redirect_uris": [CALLBACK, "https://claude.com/api/mcp/auth_callback"],
            "grant_types": [*grants, "urn:ietf:params:oauth:grant-type:jwt-bearer"],
        },
        "claude-code.json": {
            "client_id": CLAUDE_CODE,
            "client_name": "Claude Code",
            "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
            "grant_types": grants,
        },
    }
    for name, document in published.items():
        kept = orjson.loads((files("hub.identity.oauth") / "pinned" / name).read_bytes())
        assert kept == common | document


@pytest.mark.proves("document-redirects")
async def test_a_fetched_document_counts_more_than_the_copy(scene: Scene) -> None:
    moved = "https://claude.ai/moved"
    scene.papers.put(CLAUDE, document(client_id=CLAUDE, redirect_uris=[moved]))
    ada = await scene.person()
    assert (await scene.ask(ada, Pkce(), redirect_uri=moved)).status == 200
    assert (await scene.ask(ada, Pkce())).status == 400


async def test_a_client_known_by_document_has_no_secret(scene: Scene) -> None:
    ada, pkce = await scene.person(), Pkce()
    code = await scene.code(ada, pkce)
    assert (await scene.redeem(code, pkce, client_secret="anything")).status == 401
    with_basic = await scene.token(
        basic(CLAUDE, ""), grant_type="authorization_code", code=code, code_verifier=pkce.verifier
    )
    assert with_basic.status == 401
    assert (await scene.redeem(code, pkce)).status == 200


# -- registration --------------------------------------------------------------------------------------------


@pytest.mark.proves("registration", "client-kinds")
async def test_a_registration_is_answered_as_the_rfc_says(scene: Scene) -> None:
    made = await scene.register(scope="hub", application_type="web", unknown=1, grant_types=["authorization_code"])
    assert made.status == 201
    assert made.headers["Cache-Control"] == "no-store"
    told = made.json
    assert told["redirect_uris"] == [CALLBACK]
    assert told["token_endpoint_auth_method"] == "none"
    assert "client_secret" not in told
    secret = (await scene.register(token_endpoint_auth_method="client_secret_basic")).json
    assert secret["client_secret"]
    assert secret["client_secret_expires_at"] == 0


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": None}, "invalid_redirect_uri"),
        ({"redirect_uris": [1]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://evil.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["javascript://x/%0aalert(1)"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["data:text/html,x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://x.example/cb#part"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://u@x.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://x.example/cb?code=1"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://x.example/\r\nSet-Cookie: a=b"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://*.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": [CALLBACK] * 21}, "invalid_redirect_uri"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"client_name": 5}, "invalid_client_metadata"),
    ],
)
@pytest.mark.proves("registration-refused", "redirect-exact")
async def test_a_registration_that_cannot_be_is_refused(scene: Scene, changed: dict[str, Any], error: str) -> None:
    refused = await scene.register(**changed)
    assert (refused.status, refused.json["error"]) == (400, error)


async def test_bodies_that_are_no_registration_are_refused(scene: Scene) -> None:
    told = {"Content-Type": "application/json"}
    for body, status in ((b"[]", 400), (b"{", 400), (b"\xff", 400), (b'{"a":"' + b"x" * 30_000 + b'"}', 413)):
        assert (await scene.send("POST", "/register", data=body, headers=told)).status == status
    assert (await scene.send("POST", "/register", data={"redirect_uris": CALLBACK})).status == 415


@pytest.mark.proves("registration-limits")
async def test_registrations_are_limited_by_address_and_may_go_on_later(scene: Scene) -> None:
    made = [await scene.register() for _ in range(61)]
    assert [answer.status for answer in made] == [201] * 60 + [429]
    assert int(made[-1].headers["Retry-After"]) >= 1
    scene.clock.advance(120)
    assert (await scene.register()).status == 201


@pytest.mark.proves("registration-limits", "error-codes")
async def test_a_registration_nobody_agreed_to_goes_after_a_day_and_its_client_is_told(scene: Scene) -> None:
    ada = await scene.person()
    used = (await scene.register()).json["client_id"]
    unused = (await scene.register()).json["client_id"]
    tokens = await scene.connect(ada, client_id=used)
    scene.clock.advance(86_401)
    await scene.register()
    assert (await scene.ask(await scene.person(), Pkce(), client_id=unused)).status == 400
    gone = await scene.refresh("hub_rt_x", unused)
    assert (gone.status, gone.json["error"]) == (401, "invalid_client")
    assert (await scene.refresh(tokens["refresh_token"], used)).status == 200


# -- authentication ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
@pytest.mark.proves("client-authentication", "error-codes")
async def test_a_client_authenticates_as_it_registered_and_in_no_other_way(scene: Scene, method: str) -> None:
    made = (await scene.register(token_endpoint_auth_method=method)).json
    id, secret = made["client_id"], made["client_secret"]
    ada, pkce = await scene.person(), Pkce()
    code = await scene.code(ada, pkce, client_id=id)
    asked = {"grant_type": "authorization_code", "code": code, "code_verifier": pkce.verifier}
    shown: dict[str, str] = {}
    by_basic, by_post = (basic(id, secret), asked), (shown, {**asked, "client_id": id, "client_secret": secret})
    right, other = (by_basic, by_post) if method == "client_secret_basic" else (by_post, by_basic)
    wrong = [
        ({}, {**asked, "client_id": id}),
        (basic(id, "wrong"), asked),
        (basic(id, ""), asked),
        ({}, {**asked, "client_id": id, "client_secret": "wrong"}),
        ({}, {**asked, "client_id": "nobody", "client_secret": secret}),
        ({"Authorization": "Basic \u00e9"}, asked),
        ({"Authorization": "Bearer " + secret}, {**asked, "client_id": id}),
        ({}, {**asked, "client_id": id, "client_assertion": "e30", "client_assertion_type": "x"}),
        other,
    ]
    for headers, params in wrong:
        refused = await scene.token(headers, **params)
        assert (refused.status, refused.json["error"]) == (401, "invalid_client")
        assert ("WWW-Authenticate" in refused.headers) == ("Authorization" in headers)
    both = await scene.token(basic(id, secret), **asked, client_secret=secret)
    assert both.json["error"] == "invalid_request"
    assert (await scene.token(right[0], **right[1])).status == 200


async def test_a_public_client_needs_no_secret_and_an_empty_one_is_none(scene: Scene) -> None:
    tokens = await scene.connect(await scene.person())
    assert (await scene.refresh(tokens["refresh_token"], client_secret="")).status == 200


@pytest.mark.proves("client-authentication")
async def test_guessing_a_secret_is_stopped_after_twenty_tries(scene: Scene) -> None:
    for _ in range(20):
        assert (await scene.token(basic("our-bot", "guess"), grant_type="refresh_token")).status == 401
    stopped = await scene.token(basic("our-bot", SECRET), grant_type="refresh_token")
    assert stopped.status == 429
    scene.clock.advance(60)
    assert (await scene.token(basic("our-bot", SECRET), grant_type="refresh_token")).json["error"] == "invalid_request"


@pytest.mark.parametrize("how", ["basic", "post"])
@pytest.mark.proves("client-kinds")
async def test_a_client_of_the_configuration_is_known_with_its_address_and_secret(scene: Scene, how: str) -> None:
    ada, pkce = await scene.person(), Pkce()
    there = "https://bot.example/callback"
    code = await scene.code(ada, pkce, client_id="our-bot", redirect_uri=there)
    asked = {"grant_type": "authorization_code", "code": code, "code_verifier": pkce.verifier}
    shown = (
        (basic("our-bot", SECRET), {}) if how == "basic" else ({}, {"client_id": "our-bot", "client_secret": SECRET})
    )
    made = await scene.token(shown[0], **asked, **shown[1])
    assert made.status == 200
    assert (await scene.ask(ada, Pkce(), client_id="our-bot", redirect_uri=CALLBACK)).status == 400


async def test_a_public_client_of_the_configuration_may_be_on_the_persons_machine(scene: Scene) -> None:
    there = {"client_id": "our-app", "redirect_uri": "http://127.0.0.1:9999/callback"}
    assert (await scene.connect(await scene.person(), **there))["refresh_token"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]"]
)
@pytest.mark.proves("document-guarded", "contextforge")
async def test_no_document_is_fetched_from_inside_the_network_whatever_connectors_may_reach(
    tmp_path: Path, host: str
) -> None:
    path = tmp_path / "config.yaml"
    private = '{hub: ["localhost:8443", "127.0.0.0/8", "10.0.0.0/8", "::1"]}'
    path.write_text(f"connectors: {{shipped: false}}\nnetwork: {{allow_private: {private}}}\n", "utf-8")
    hub = await Hub.start(config.load(path, {}))
    try:
        with pytest.raises(ClientUnknown, match="may not reach"):
            await hub.oauth.clients.find(f"https://{host}:8443/client.json")
    finally:
        await hub.close()
