"""The authorization request: what is wrong is refused, and nobody is sent anywhere they should not be."""

import html
from urllib.parse import urlencode

import pytest

from tests.oauth.scene import CALLBACK, CLAUDE, CLAUDE_CODE, ISSUER, Pkce, Scene, params_of

EVIL = "https://evil.example/callback"


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": EVIL},
        {"redirect_uri": CALLBACK + "/more"},
        {"redirect_uri": CALLBACK + "?x=1"},
        {"redirect_uri": CALLBACK[:-1]},
        {"redirect_uri": CALLBACK.upper()},
        {"redirect_uri": "https://claude.ai.evil.example/api/mcp/auth_callback"},
        {"redirect_uri": "https://claude.ai@evil.example/api/mcp/auth_callback"},
        {"redirect_uri": "https://claude.ai:8443/api/mcp/auth_callback"},
        {"redirect_uri": "http://claude.ai/api/mcp/auth_callback"},
        {"redirect_uri": CALLBACK + "#part"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "//evil.example/"},
        {"redirect_uri": None},
        {"client_id": None},
        {"client_id": "nobody"},
        {"client_id": "https://unreachable.example/client.json"},
        {"client_id": "x" * 5000},
    ],
)
@pytest.mark.proves("no-open-redirect", "redirect-exact", "CVE-2025-4143")
async def test_a_wrong_client_or_address_is_told_on_a_page_and_leads_nowhere(
    scene: Scene, changed: dict[str, str | None]
) -> None:
    page = await scene.ask(await scene.person(), Pkce(), **changed)
    assert page.status == 400
    assert "Location" not in page.headers
    assert "sent nowhere" in page.text


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
@pytest.mark.proves("no-open-redirect")
async def test_who_asks_and_where_to_answer_may_stand_there_once_only(scene: Scene, name: str) -> None:
    ada, pkce = await scene.person(), Pkce()
    params = [*scene.query(pkce).items(), (name, {"client_id": CLAUDE, "redirect_uri": EVIL}[name])]
    page = await scene.send("GET", f"/authorize?{urlencode(params)}", headers=ada.cookie)
    assert page.status == 400
    assert "Location" not in page.headers


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "A" * 43 + "\n"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"scope": 'hub "quoted"'}, "invalid_scope"),
        ({"resource": "https://other.example/mcp"}, "invalid_target"),
        ({"resource": ISSUER}, "invalid_target"),
        ({"resource": f"{ISSUER}/mcp/nobody"}, "invalid_target"),
        ({"resource": f"{ISSUER}/mcp?x=1"}, "invalid_target"),
        ({"resource": f"{ISSUER}/mcp#part"}, "invalid_target"),
        ({"resource": "http://hub.example/mcp"}, "invalid_target"),
        ({"resource": "https://hub.example.evil.example/mcp"}, "invalid_target"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"request_uri": EVIL}, "request_uri_not_supported"),
    ],
)
@pytest.mark.proves("pkce", "issuer-named", "resource-indicator", "CVE-2025-4143", "CVE-2025-69196")
async def test_what_else_is_wrong_is_told_to_the_client_with_state_and_issuer(
    scene: Scene, changed: dict[str, str | None], error: str
) -> None:
    sent = await scene.ask(await scene.person(), Pkce(), **changed)
    assert sent.status == 303
    assert sent.location.startswith(f"{CALLBACK}?")
    assert (sent.told["error"], sent.told["state"], sent.told["iss"]) == (error, "a state & more", ISSUER)
    assert "code" not in sent.told


@pytest.mark.proves("no-open-redirect", "trusted-redirects")
async def test_a_wrong_request_of_a_host_nobody_allowed_leads_nowhere(scene: Scene) -> None:
    client = (await scene.register(redirect_uris=[EVIL])).json["client_id"]
    asked = {"client_id": client, "redirect_uri": EVIL}
    for state in (None, "pending", "denied"):
        if state is not None:
            await scene.hub.store.clients.decide("evil.example", "denied" if state == "denied" else "pending")
        for wrong in ({"code_challenge": None}, {"scope": "admin"}, {"response_type": "token"}):
            page = await scene.ask(await scene.person(), Pkce(), **asked, **wrong)
            assert page.status == 400
            assert "Location" not in page.headers
    await scene.hub.store.clients.decide("evil.example", "allowed")
    sent = await scene.ask(await scene.person(), Pkce(), **asked, scope="admin")
    assert sent.told["error"] == "invalid_scope"


async def test_a_parameter_sent_twice_is_an_error_of_the_client(scene: Scene) -> None:
    params = [*scene.query(Pkce()).items(), ("code_challenge", "A" * 43)]
    sent = await scene.send("GET", f"/authorize?{urlencode(params)}", headers=(await scene.person()).cookie)
    assert sent.told["error"] == "invalid_request"


async def test_two_resources_are_refused_and_the_same_twice_is_not(scene: Scene) -> None:
    ada, base = await scene.person(), scene.query(Pkce())
    for more, status in (("https://hub.example/mcp/notes_only", 303), ("https://hub.example/mcp", 200)):
        params = urlencode([*base.items(), ("resource", more)])
        assert (await scene.send("GET", f"/authorize?{params}", headers=ada.cookie)).status == status


@pytest.mark.parametrize("spelled", ["HTTPS://HUB.EXAMPLE/mcp", f"{ISSUER}/mcp/", f"{ISSUER}:443/mcp"])
@pytest.mark.proves("resource-indicator")
async def test_the_resource_may_be_spelled_as_urls_may_be(scene: Scene, spelled: str) -> None:
    assert (await scene.ask(await scene.person(), Pkce(), resource=spelled)).status == 200


@pytest.mark.proves("registration-scope")
async def test_scopes_beyond_the_one_are_ignored_where_the_one_is_among_them(scene: Scene) -> None:
    ada, pkce = await scene.person(), Pkce()
    code = await scene.code(ada, pkce, scope="openid hub offline_access")
    assert (await scene.redeem(code, pkce)).json["scope"] == "hub"


async def test_nobody_signed_in_is_led_to_sign_in_and_back(scene: Scene) -> None:
    sent = await scene.ask(None, Pkce())
    assert sent.status == 303
    assert sent.location.startswith("/signin?next=")
    (back,) = [value for key, value in params_of(sent.location) if key == "next"]
    page = await scene.send("GET", back, headers=(await scene.person()).cookie)
    assert page.status == 200
    assert "Let Claude use the hub as you?" in page.text


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.proves("redirect-exact")
async def test_a_program_on_the_persons_machine_may_use_any_port_there(scene: Scene, host: str) -> None:
    ada, pkce = await scene.person(), Pkce()
    page = await scene.ask(ada, pkce, client_id=CLAUDE_CODE, redirect_uri=f"http://{host}:53817/callback")
    sent = await scene.press(ada, page)
    assert sent.location.startswith(f"http://{host}:53817/callback?code=")


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:53817/other",
        "http://127.0.0.2:53817/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://localhost.evil.example:80/callback",
        "https://127.0.0.1:53817/callback",
        "http://[::1]:53817/callback",
    ],
)
@pytest.mark.proves("redirect-exact")
async def test_on_the_persons_machine_everything_but_the_port_must_be_registered(scene: Scene, uri: str) -> None:
    page = await scene.ask(await scene.person(), Pkce(), client_id=CLAUDE_CODE, redirect_uri=uri)
    assert page.status == 400


@pytest.mark.proves("self-asserted-names")
async def test_what_a_client_sends_is_shown_as_text_never_as_markup(scene: Scene) -> None:
    made = await scene.register(client_name="<script>alert(1)</script>\u202e")
    page = await scene.ask(await scene.person(), Pkce(), client_id=made.json["client_id"])
    assert "<script>" not in page.text
    assert html.escape("<script>alert(1)</script>") in page.text
    assert "\u202e" not in page.text


async def test_a_query_that_cannot_be_read_is_told_on_a_page(scene: Scene) -> None:
    for query in ("client_id=%ff", "&".join(f"a{n}=1" for n in range(100)), "client_id=%00"):
        assert (await scene.send("GET", f"/authorize?{query}")).status == 400
