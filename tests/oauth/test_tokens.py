"""Tokens: what a code, a refresh token and an access token are good for, and for how long."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from hub.seal import fingerprint
from hub.store.oauth import ACCESS_PREFIX, REFRESH_PREFIX, Pair
from tests.oauth.conftest import Opener
from tests.oauth.scene import CLAUDE, CLAUDE_CODE, ISSUER, Pkce, Scene, until_refused

# -- codes ---------------------------------------------------------------------------------------------------


@pytest.mark.proves("code-once")
async def test_a_code_shown_twice_gives_nothing_and_ends_what_it_gave(scene: Scene) -> None:
    ada, pkce = await scene.person(), Pkce()
    code = await scene.code(ada, pkce)
    first = (await scene.redeem(code, pkce)).json
    again = await scene.redeem(code, pkce)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    await until_refused(scene, first["access_token"])
    assert (await scene.refresh(first["refresh_token"])).json["error"] == "invalid_grant"


@pytest.mark.proves("code-once")
async def test_of_many_redemptions_at_once_at_most_one_succeeds(scene: Scene) -> None:
    ada, pkce = await scene.person(), Pkce()
    code = await scene.code(ada, pkce)
    answers = await asyncio.gather(*(scene.redeem(code, pkce) for _ in range(20)))
    assert sum(answer.status == 200 for answer in answers) <= 1
    assert len(await scene.hub.store.grants.list(ada.user.id)) == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": "a" * 43},
        {"code_verifier": "short"},
        {"redirect_uri": "https://claude.com/api/mcp/auth_callback"},
    ],
)
@pytest.mark.proves("pkce", "code-bound", "CVE-2025-4143")
async def test_a_code_with_a_wrong_verifier_or_address_is_used_up_for_nothing(
    scene: Scene, changed: dict[str, str]
) -> None:
    ada, pkce = await scene.person(), Pkce()
    code = await scene.code(ada, pkce)
    assert (await scene.redeem(code, pkce, **changed)).json["error"] == "invalid_grant"
    assert (await scene.redeem(code, pkce)).json["error"] == "invalid_grant"


@pytest.mark.proves("pkce")
async def test_the_challenge_itself_is_no_verifier(scene: Scene) -> None:
    ada, pkce = await scene.person(), Pkce()
    code = await scene.code(ada, pkce)
    assert (await scene.redeem(code, pkce, code_verifier=pkce.challenge)).status == 400


@pytest.mark.parametrize("missing", ["code", "code_verifier", "grant_type", "client_id"])
async def test_what_a_redemption_needs_must_be_there(scene: Scene, missing: str) -> None:
    ada, pkce = await scene.person(), Pkce()
    code = await scene.code(ada, pkce)
    refused = await scene.redeem(code, pkce, **{missing: ""})
    assert refused.json["error"] in ("invalid_request", "invalid_client")
    assert (await scene.redeem(code, pkce)).status == 200


@pytest.mark.proves("code-bound")
async def test_another_clients_code_is_of_no_use_and_stays_good_for_its_own(scene: Scene) -> None:
    ada, pkce = await scene.person(), Pkce()
    code = await scene.code(ada, pkce)
    other = (await scene.register()).json["client_id"]
    assert (await scene.redeem(code, pkce, client_id=other)).json["error"] == "invalid_grant"
    assert (await scene.redeem(code, pkce)).status == 200


@pytest.mark.proves("code-short")
async def test_a_code_lives_a_minute(scene: Scene) -> None:
    ada, pkce = await scene.person(), Pkce()
    code = await scene.code(ada, pkce)
    scene.clock.advance(61)
    assert (await scene.redeem(code, pkce)).json["error"] == "invalid_grant"


@pytest.mark.proves("code-bound", "resource-indicator", "CVE-2025-69196")
async def test_a_code_for_one_resource_is_not_redeemed_for_another(scene: Scene) -> None:
    ada, pkce = await scene.person(), Pkce()
    code = await scene.code(ada, pkce)
    other = await scene.redeem(code, pkce, resource=f"{ISSUER}/mcp/notes_only")
    assert other.json["error"] == "invalid_target"
    assert (await scene.redeem(code, pkce, resource="https://evil.example/mcp")).json["error"] == "invalid_target"


@pytest.mark.proves("disabling")
async def test_a_code_of_someone_disabled_meanwhile_gives_nothing(scene: Scene) -> None:
    ada, pkce = await scene.person(), Pkce()
    code = await scene.code(ada, pkce)
    await scene.hub.store.users.disable(ada.user.id)
    assert (await scene.redeem(code, pkce)).json["error"] == "invalid_grant"


# -- refreshing ----------------------------------------------------------------------------------------------


@pytest.mark.proves("rotation", "token-answer")
async def test_a_refresh_gives_new_tokens_that_work(scene: Scene) -> None:
    tokens = await scene.connect(await scene.person())
    made = await scene.refresh(tokens["refresh_token"], resource=f"{ISSUER}/mcp", scope="hub")
    assert made.status == 200
    assert made.json["refresh_token"] != tokens["refresh_token"]
    assert made.json["scope"] == "hub"
    assert made.headers["Cache-Control"] == "no-store"
    assert await scene.lets_in(made.json["access_token"])


@pytest.mark.proves("rotation")
async def test_a_repeat_within_a_minute_gets_the_same_answer(scene: Scene) -> None:
    tokens = await scene.connect(await scene.person())
    first = (await scene.refresh(tokens["refresh_token"])).json
    scene.clock.advance(55)
    again = (await scene.refresh(tokens["refresh_token"])).json
    assert again["refresh_token"] == first["refresh_token"]
    assert again["access_token"] == first["access_token"]
    assert 3500 < again["expires_in"] <= 3545
    assert (await scene.refresh(first["refresh_token"])).status == 200


@pytest.mark.proves("rotation")
async def test_a_repeat_after_a_minute_ends_the_whole_grant(scene: Scene) -> None:
    tokens = await scene.connect(await scene.person())
    first = (await scene.refresh(tokens["refresh_token"])).json
    scene.clock.advance(61)
    again = await scene.refresh(tokens["refresh_token"])
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    await until_refused(scene, first["access_token"])
    assert (await scene.refresh(first["refresh_token"])).json["error"] == "invalid_grant"


async def test_a_repeat_gets_nothing_once_the_grant_has_ended(scene: Scene) -> None:
    tokens = await scene.connect(await scene.person())
    first = (await scene.refresh(tokens["refresh_token"])).json
    form = {"token": first["refresh_token"], "client_id": CLAUDE}
    assert (await scene.send("POST", "/revoke", data=form)).status == 200
    again = await scene.refresh(tokens["refresh_token"])
    assert (again.status, again.json["error"]) == (400, "invalid_grant")


@pytest.mark.proves("concurrent-refresh")
async def test_fifty_refreshes_at_once_leave_one_valid_family(scene: Scene) -> None:
    tokens = await scene.connect(await scene.person())
    answers = await asyncio.gather(*(scene.refresh(tokens["refresh_token"]) for _ in range(50)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["refresh_token"] for answer in answers}) == 1
    assert len({answer.json["access_token"] for answer in answers}) == 1
    assert await scene.lets_in(answers[0].json["access_token"])
    assert (await scene.refresh(answers[0].json["refresh_token"])).status == 200


async def test_a_restart_logs_nobody_out(another: Opener) -> None:
    before = await another()
    tokens = await before.connect(await before.person())
    rotated = (await before.refresh(tokens["refresh_token"])).json
    after = await another()
    assert await after.lets_in(rotated["access_token"])
    assert (await after.refresh(tokens["refresh_token"])).json["refresh_token"] == rotated["refresh_token"]
    assert (await after.refresh(rotated["refresh_token"])).status == 200


@pytest.mark.proves("code-bound")
async def test_another_client_cannot_refresh_and_does_not_end_anything(scene: Scene) -> None:
    tokens = await scene.connect(await scene.person())
    other = (await scene.register()).json["client_id"]
    for client in (other, CLAUDE_CODE):
        assert (await scene.refresh(tokens["refresh_token"], client)).json["error"] == "invalid_grant"
    assert (await scene.refresh(tokens["refresh_token"])).status == 200


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"resource": "https://evil.example/mcp"}, "invalid_target"),
        ({"resource": f"{ISSUER}/mcp/notes_only"}, "invalid_target"),
        ({"scope": "admin"}, "invalid_scope"),
    ],
)
@pytest.mark.proves("scope-minimal", "resource-indicator")
async def test_a_refresh_gives_no_more_than_was_granted(scene: Scene, more: dict[str, str], error: str) -> None:
    tokens = await scene.connect(await scene.person())
    assert (await scene.refresh(tokens["refresh_token"], **more)).json["error"] == error
    assert (await scene.refresh(tokens["refresh_token"])).status == 200


@pytest.mark.proves("short-lived")
async def test_an_access_token_lives_an_hour_and_a_refresh_token_two_months(scene: Scene) -> None:
    tokens = await scene.connect(await scene.person())
    scene.clock.advance(3599)
    assert await scene.lets_in(tokens["access_token"])
    scene.clock.advance(2)
    assert not await scene.lets_in(tokens["access_token"])
    scene.clock.advance(60 * 86_400 - 3700)
    rotated = await scene.refresh(tokens["refresh_token"])
    assert rotated.status == 200
    scene.clock.advance(60 * 86_400 + 1)
    assert (await scene.refresh(rotated.json["refresh_token"])).json["error"] == "invalid_grant"


@pytest.mark.parametrize("wrong", ["", "hub_rt_guess", "x" * 5000])
@pytest.mark.proves("error-codes")
async def test_what_is_no_refresh_token_is_refused_as_a_dead_one(scene: Scene, wrong: str) -> None:
    refused = await scene.refresh(wrong)
    assert (refused.status, refused.json["error"]) == (400, "invalid_grant" if wrong else "invalid_request")


async def test_kinds_of_tokens_cannot_stand_in_for_each_other(scene: Scene) -> None:
    ada, pkce = await scene.person(), Pkce()
    code = await scene.code(ada, pkce)
    tokens = await scene.connect(ada)
    for token in (code, tokens["refresh_token"]):
        assert not await scene.lets_in(token)
    assert (await scene.refresh(tokens["access_token"])).json["error"] == "invalid_grant"
    assert (await scene.redeem(tokens["refresh_token"], pkce)).json["error"] == "invalid_grant"


# -- the end -------------------------------------------------------------------------------------------------


@pytest.mark.proves("disabling")
async def test_someone_disabled_is_out_within_a_second_with_all_clients(scene: Scene) -> None:
    ada = await scene.person()
    tokens = await scene.connect(ada)
    assert await scene.lets_in(tokens["access_token"])
    await scene.hub.store.users.disable(ada.user.id)
    await until_refused(scene, tokens["access_token"])
    await scene.hub.store.users.enable(ada.user.id)
    assert not await scene.lets_in(tokens["access_token"])
    assert (await scene.refresh(tokens["refresh_token"])).json["error"] == "invalid_grant"


@pytest.mark.proves("disabling")
async def test_a_grant_that_comes_about_while_its_person_is_being_disabled_gives_nothing(scene: Scene) -> None:
    ada, pkce = await scene.person(), Pkce()
    code = await scene.hub.store.codes.get(fingerprint(await scene.code(ada, pkce)))
    assert code is not None
    await scene.hub.store.users.disable(ada.user.id)
    access, refresh = ACCESS_PREFIX + "a" * 43, REFRESH_PREFIX + "r" * 43
    end = scene.clock.now() + timedelta(hours=1)
    assert await scene.hub.store.grants.create(code, Pair(fingerprint(access), end, fingerprint(refresh), end))
    assert not await scene.lets_in(access)
    assert (await scene.refresh(refresh)).json["error"] == "invalid_grant"


@pytest.mark.proves("revocation")
async def test_a_revoked_refresh_token_ends_its_grant_in_every_process(another: Opener) -> None:
    here, there = await another(), await another()
    tokens = await here.connect(await here.person())
    assert await there.lets_in(tokens["access_token"])
    done = await here.send("POST", "/revoke", data={"token": tokens["refresh_token"], "client_id": CLAUDE})
    assert done.status == 200
    await until_refused(there, tokens["access_token"])
    assert (await here.refresh(tokens["refresh_token"])).json["error"] == "invalid_grant"


async def test_a_revoked_access_token_is_out_and_its_grant_lives_on(scene: Scene) -> None:
    tokens = await scene.connect(await scene.person())
    assert await scene.lets_in(tokens["access_token"])
    form = {"token": tokens["access_token"], "client_id": CLAUDE, "token_type_hint": "refresh_token"}
    assert (await scene.send("POST", "/revoke", data=form)).status == 200
    await until_refused(scene, tokens["access_token"])
    assert (await scene.refresh(tokens["refresh_token"])).status == 200


@pytest.mark.proves("revocation")
async def test_a_foreign_client_revokes_nothing_and_an_unknown_token_is_no_error(scene: Scene) -> None:
    tokens = await scene.connect(await scene.person())
    other = (await scene.register()).json["client_id"]
    for token in (tokens["access_token"], tokens["refresh_token"]):
        refused = await scene.send("POST", "/revoke", data={"token": token, "client_id": other})
        assert refused.json["error"] == "invalid_grant"
    assert await scene.lets_in(tokens["access_token"])
    assert (await scene.send("POST", "/revoke", data={"token": "nothing", "client_id": CLAUDE})).status == 200
    assert (await scene.send("POST", "/revoke", data={"client_id": CLAUDE})).json["error"] == "invalid_request"


# -- at rest -------------------------------------------------------------------------------------------------


@pytest.mark.proves("storage")
async def test_no_code_token_or_secret_stands_in_the_database_in_clear(scene: Scene, tmp_path: Path) -> None:
    ada, pkce = await scene.person(), Pkce()
    code = await scene.code(ada, pkce)
    tokens = (await scene.redeem(code, pkce)).json
    rotated = (await scene.refresh(tokens["refresh_token"])).json
    client = (await scene.register(token_endpoint_auth_method="client_secret_post")).json
    held = b"".join(file.read_bytes() for file in (tmp_path / "data").glob("hub.db*"))
    assert client["client_id"].encode() in held
    secrets = [code, client["client_secret"], pkce.verifier]
    secrets += [one[name] for one in (tokens, rotated) for name in ("access_token", "refresh_token")]
    assert [secret for secret in secrets if secret.encode() in held or secret[7:].encode() in held] == []


@pytest.mark.proves("token-answer", "error-codes")
async def test_bodies_that_are_no_forms_are_refused_without_a_trace(scene: Scene) -> None:
    refused = [
        await scene.send("POST", "/token", json={"grant_type": "refresh_token"}),
        await scene.send("POST", "/token", data={"client_id": "x" * 70_000}),
        await scene.send(
            "POST",
            "/token",
            data=b"client_id=%ff%fe",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ),
        await scene.send(
            "POST",
            "/token",
            data=b"client_id=a&client_id=b",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ),
    ]
    assert [answer.status for answer in refused] == [415, 413, 400, 400]
    assert {answer.json["error"] for answer in refused} == {"invalid_request"}
    wrong = await scene.token(grant_type="password", client_id=CLAUDE, username="ada", password="x")
    assert wrong.json["error"] == "unsupported_grant_type"
    assert (await scene.send("GET", "/token")).status == 405
