"""Consent: who is asked, what they are shown, and that nobody agrees without having been."""

import html

import pytest

from tests.oauth.scene import CALLBACK, CLAUDE, CLAUDE_CODE, ISSUER, Pkce, Scene, fields

OUTSIDE = "https://outside.example/cb"
DOCUMENT = "https://outside.example/client.json"


@pytest.mark.proves("consent-unframed")
async def test_the_page_cannot_be_framed_and_its_form_leads_here_and_on_by_https_only(scene: Scene) -> None:
    page = await scene.ask(await scene.person(), Pkce())
    policy = page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https:;" in policy
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.proves("consent-page")
async def test_the_page_shows_the_whole_address_that_gets_the_access(scene: Scene) -> None:
    page = await scene.ask(await scene.person(), Pkce())
    assert f"<code>{CALLBACK}</code>" in page.text
    local = {"client_id": CLAUDE_CODE, "redirect_uri": "http://localhost:3118/callback"}
    assert (
        "<code>http://localhost:3118/callback</code>" in (await scene.ask(await scene.person(), Pkce(), **local)).text
    )


@pytest.mark.proves("own-consent")
async def test_opening_the_page_alone_gives_nothing(scene: Scene) -> None:
    ada = await scene.person()
    await scene.ask(ada, Pkce())
    assert await scene.hub.store.grants.list(ada.user.id) == []
    assert await scene.hub.store.codes.remembered(ada.user.id, CLAUDE, "claude.ai", f"{ISSUER}/mcp") is None


@pytest.mark.parametrize("changed", [{"csrf": ""}, {"csrf": "0" * 64}])
@pytest.mark.proves("consent-csrf")
async def test_a_form_without_the_right_token_is_refused(scene: Scene, changed: dict[str, str]) -> None:
    ada = await scene.person()
    refused = await scene.press(ada, await scene.ask(ada, Pkce()), **changed)
    assert refused.status == 403
    assert "Location" not in refused.headers


@pytest.mark.proves("consent-csrf")
async def test_a_form_sent_from_another_site_is_refused(scene: Scene) -> None:
    ada = await scene.person()
    form = fields((await scene.ask(ada, Pkce())).text) | {"answer": "allow"}
    for told in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        refused = await scene.send("POST", "/authorize", headers={**ada.cookie, **told}, data=form)
        assert refused.status == 403


@pytest.mark.proves("consent-csrf")
async def test_another_persons_page_cannot_be_answered(scene: Scene) -> None:
    ada, bob = await scene.person("ada"), await scene.person("bob")
    page = await scene.ask(ada, Pkce())
    refused = await scene.press(bob, page, csrf=bob.csrf)
    assert refused.status == 400
    assert "Location" not in refused.headers


@pytest.mark.proves("consent-csrf", "CVE-2026-27124")
async def test_the_same_person_cannot_answer_from_another_session(scene: Scene) -> None:
    page = await scene.ask(await scene.person(), Pkce())
    elsewhere = await scene.person()
    assert (await scene.press(elsewhere, page, csrf=elsewhere.csrf)).status == 400


async def test_an_altered_request_is_refused(scene: Scene) -> None:
    ada = await scene.person()
    page = await scene.ask(ada, Pkce())
    sealed = fields(page.text)["request"]
    for wrong in ("", sealed[:-2], sealed[:30] + ("A" if sealed[30] != "A" else "B") + sealed[31:]):
        assert (await scene.press(ada, page, request=wrong)).status == 400


async def test_a_page_is_too_old_after_a_quarter_of_an_hour(scene: Scene) -> None:
    ada = await scene.person()
    page = await scene.ask(ada, Pkce())
    scene.clock.advance(901)
    assert (await scene.press(ada, page)).status == 400


async def test_pressing_twice_is_pressing_once_and_later_it_is_over(scene: Scene) -> None:
    ada, pkce = await scene.person(), Pkce()
    page = await scene.ask(ada, pkce)
    first, again = await scene.press(ada, page), await scene.press(ada, page)
    assert first.location == again.location
    tokens = (await scene.redeem(first.told["code"], pkce)).json
    assert (await scene.press(ada, page)).status == 400
    assert await scene.lets_in(tokens["access_token"])


async def test_a_no_is_told_to_the_client_and_gives_nothing(scene: Scene) -> None:
    ada = await scene.person()
    sent = await scene.press(ada, await scene.ask(ada, Pkce()), answer="deny")
    assert (sent.status, sent.told["error"], sent.told["iss"]) == (303, "access_denied", ISSUER)
    assert sent.told["state"] == "a state & more"
    assert "code" not in sent.told


@pytest.mark.parametrize("answer", ["", "Allow", "yes", "allow "])
@pytest.mark.proves("own-consent")
async def test_what_is_no_yes_is_a_no(scene: Scene, answer: str) -> None:
    ada = await scene.person()
    sent = await scene.press(ada, await scene.ask(ada, Pkce()), answer=answer)
    assert sent.told["error"] == "access_denied"
    assert await scene.hub.store.codes.remembered(ada.user.id, CLAUDE, "claude.ai", f"{ISSUER}/mcp") is None


@pytest.mark.parametrize("choice", ["", "all", "profile:nobody", "profile:"])
async def test_a_choice_that_was_not_offered_is_refused(scene: Scene, choice: str) -> None:
    ada = await scene.person()
    assert (await scene.press(ada, await scene.ask(ada, Pkce()), choice=choice)).status == 400


# -- what is chosen ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "may"),
    [("read", {"get"}), ("write", {"get", "set"}), ("everything", {"get", "set", "drop"})],
)
@pytest.mark.proves("consent-page", "scope-minimal")
async def test_a_choice_bounds_what_the_client_is_shown_and_may_call(scene: Scene, choice: str, may: set[str]) -> None:
    token = (await scene.connect(await scene.person(), choice))["access_token"]
    shown = {name.split("_")[1] for name in await scene.tools(token)}
    assert shown == may
    for verb in ("get", "set", "drop"):
        answer = await scene.rpc(token, "tools/call", {"name": f"notes_{verb}_note", "arguments": {}})
        assert ("notes" in answer.text and "limited to" not in answer.text) == (verb in may)


async def test_a_refused_call_says_which_choice_would_allow_it_and_how_to_change_it(scene: Scene) -> None:
    token = (await scene.connect(await scene.person(), "read"))["access_token"]
    answer = await scene.rpc(token, "tools/call", {"name": "notes_drop_note", "arguments": {}})
    assert "limited to read" in answer.text
    assert "“Everything”" in answer.text
    assert "connect it again" in answer.text


async def test_who_does_what_a_refused_call_says_may_make_it(scene: Scene) -> None:
    """Connecting again alone does not do: the choice is remembered until its access is ended."""
    ada = await scene.person()
    token = (await scene.connect(ada, "read"))["access_token"]
    dropping = {"name": "notes_drop_note", "arguments": {}}
    refused = await scene.rpc(token, "tools/call", dropping)
    assert "/account/grants" in refused.text
    assert (await scene.ask(ada, Pkce())).status == 303
    (grant,) = await scene.hub.store.grants.list(ada.user.id)
    await scene.send("POST", f"/account/grants/{grant.id}/revoke", headers=ada.cookie, data={"csrf": ada.csrf})
    pkce = Pkce()
    page = await scene.ask(ada, pkce)
    assert page.status == 200
    code = (await scene.press(ada, page, choice="everything")).told["code"]
    wider = (await scene.redeem(code, pkce)).json["access_token"]
    assert "notes dropped" in (await scene.rpc(wider, "tools/call", dropping)).text


async def test_a_refresh_keeps_the_choice(scene: Scene) -> None:
    tokens = await scene.connect(await scene.person(), "read")
    rotated = (await scene.refresh(tokens["refresh_token"], scope="hub offline_access")).json
    assert {name.split("_")[1] for name in await scene.tools(rotated["access_token"])} == {"get"}


async def test_an_admins_client_is_no_admin(scene: Scene) -> None:
    boss = await scene.person("boss", "admin")
    token = (await scene.connect(boss, "everything"))["access_token"]
    headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": "203.0.113.9"}
    assert (await scene.send("GET", "/readyz", headers=headers)).status == 403


# -- loopback and hosts that are not known -------------------------------------------------------------------


@pytest.mark.proves("loopback-warned", "consent-not-remembered")
async def test_a_program_on_this_machine_is_warned_of_and_asked_for_every_time(scene: Scene) -> None:
    ada = await scene.person()
    there = {"client_id": CLAUDE_CODE, "redirect_uri": "http://localhost:3118/callback"}
    for _ in range(2):
        page = await scene.ask(ada, Pkce(), **there)
        assert page.status == 200
        assert 'id="loopback-warning"' in page.text
        assert "form-action 'self' https: http:;" in page.headers["Content-Security-Policy"]
        assert (await scene.press(ada, page)).status == 303
    assert 'id="loopback-warning"' not in (await scene.ask(ada, Pkce())).text


@pytest.mark.proves("trusted-redirects", "host-shown")
async def test_a_host_nobody_knows_waits_for_an_admins_yes(scene: Scene) -> None:
    ada, pkce = await scene.person(), Pkce()
    client = (await scene.register(redirect_uris=[OUTSIDE], client_name="Claude")).json["client_id"]
    asked = {"client_id": client, "redirect_uri": OUTSIDE}
    page = await scene.ask(ada, pkce, **asked)
    assert page.status == 403
    assert "outside.example" in page.text
    assert "<form" not in page.text
    (waiting,) = await scene.hub.store.clients.list_hosts()
    assert (waiting.host, waiting.state, waiting.asked_by) == ("outside.example", "pending", "ada")
    await scene.hub.store.clients.decide("outside.example", "allowed")
    page = await scene.ask(ada, pkce, **asked)
    assert fields(page.text)["choice"] == "read"
    assert "an admin has allowed it" in page.text
    code = (await scene.press(ada, page)).told["code"]
    made = await scene.redeem(code, pkce, client_id=client, redirect_uri=OUTSIDE)
    assert made.status == 200
    assert {name.split("_")[1] for name in await scene.tools(made.json["access_token"])} == {"get"}


async def test_nobody_is_asked_to_decide_on_a_host_by_someone_not_signed_in(scene: Scene) -> None:
    client = (await scene.register(redirect_uris=[OUTSIDE])).json["client_id"]
    sent = await scene.ask(None, Pkce(), client_id=client, redirect_uri=OUTSIDE)
    assert sent.location.startswith("/signin")
    assert await scene.hub.store.clients.list_hosts() == []


async def test_nobody_is_sent_to_an_unknown_host_even_for_an_error(scene: Scene) -> None:
    client = (await scene.register(redirect_uris=[OUTSIDE])).json["client_id"]
    asked = {"client_id": client, "redirect_uri": OUTSIDE, "response_type": "token"}
    for person in (None, await scene.person()):
        page = await scene.ask(person, Pkce(), **asked)
        assert page.status == 400
        assert "Location" not in page.headers


@pytest.mark.proves("trusted-redirects")
async def test_a_refused_host_stays_refused_and_a_page_opened_before_gives_nothing(scene: Scene) -> None:
    ada = await scene.person()
    client = (await scene.register(redirect_uris=[OUTSIDE])).json["client_id"]
    asked = {"client_id": client, "redirect_uri": OUTSIDE}
    await scene.hub.store.clients.decide("outside.example", "allowed")
    page = await scene.ask(ada, Pkce(), **asked)
    await scene.hub.store.clients.decide("outside.example", "denied")
    for answer in ("allow", "deny"):
        assert (await scene.press(ada, page, answer)).status == 400
    refused = await scene.ask(ada, Pkce(), **asked)
    assert refused.status == 403
    assert "refused this address" in refused.text


async def test_on_the_operators_list_more_than_reading_is_chosen_already(scene: Scene) -> None:
    assert fields((await scene.ask(await scene.person(), Pkce())).text)["choice"] == "write"


# -- remembering ---------------------------------------------------------------------------------------------


async def test_the_same_client_is_not_asked_for_twice_and_gets_the_same(scene: Scene) -> None:
    ada, pkce = await scene.person(), Pkce()
    await scene.connect(ada, "read")
    sent = await scene.ask(ada, pkce)
    assert sent.status == 303
    made = (await scene.redeem(sent.told["code"], pkce)).json
    assert {name.split("_")[1] for name in await scene.tools(made["access_token"])} == {"get"}


async def test_after_the_sign_in_form_a_page_leads_on(scene: Scene) -> None:
    ada, pkce = await scene.person(), Pkce()
    await scene.connect(ada)
    params = scene.query(pkce)
    told = {**ada.cookie, "Sec-Fetch-Site": "same-origin"}
    page = await scene.send("GET", "/authorize", params=params, headers=told)
    assert page.status == 200
    assert page.headers["Refresh"].startswith(f"0; url={CALLBACK}?code=")
    assert html.escape(page.headers["Refresh"][7:]) in page.text


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "our-bot", "redirect_uri": "https://bot.example/callback"},
        {"redirect_uri": "https://claude.com/api/mcp/auth_callback"},
        {"resource": f"{ISSUER}/mcp/notes_only"},
        {"prompt": "consent"},
    ],
)
@pytest.mark.proves("consent-registry")
async def test_another_client_host_resource_or_wish_is_asked_for_anew(scene: Scene, changed: dict[str, str]) -> None:
    ada = await scene.person()
    await scene.connect(ada)
    assert (await scene.ask(ada, Pkce())).status == 303
    assert (await scene.ask(ada, Pkce(), **changed)).status == 200


@pytest.mark.proves("consent-registry")
async def test_what_was_allowed_at_a_profiles_door_is_asked_anew_for_the_whole_hub(scene: Scene) -> None:
    ada, door = await scene.person(), f"{ISSUER}/mcp/notes_only"
    await scene.connect(ada, "everything", resource=door)
    assert (await scene.ask(ada, Pkce(), resource=door)).status == 303
    assert (await scene.ask(ada, Pkce())).status == 200


@pytest.mark.proves("consent-registry", "gravitee-token-cache")
async def test_another_person_is_asked_anew(scene: Scene) -> None:
    await scene.connect(await scene.person("ada"))
    assert (await scene.ask(await scene.person("bob"), Pkce())).status == 200


@pytest.mark.proves("consent-not-remembered")
async def test_a_client_that_registered_itself_at_a_host_not_listed_is_never_remembered(scene: Scene) -> None:
    ada = await scene.person()
    await scene.hub.store.clients.decide("outside.example", "allowed")
    client = (await scene.register(redirect_uris=[OUTSIDE])).json["client_id"]
    asked = {"client_id": client, "redirect_uri": OUTSIDE}
    await scene.connect(ada, "read", **asked)
    assert (await scene.ask(ada, Pkce(), **asked)).status == 200
    listed = (await scene.register()).json["client_id"]
    await scene.connect(ada, "read", client_id=listed)
    assert (await scene.ask(ada, Pkce(), client_id=listed)).status == 303


@pytest.mark.proves("consent-registry", "self-asserted-names")
async def test_what_was_allowed_one_client_is_not_allowed_another_of_the_same_name(scene: Scene) -> None:
    ada = await scene.person()
    first = (await scene.register()).json["client_id"]
    await scene.connect(ada, client_id=first)
    second = (await scene.register()).json["client_id"]
    assert (await scene.ask(ada, Pkce(), client_id=second)).status == 200
