"""Quirks of renewal, of requests that follow, and of errors and whose they are, one test for each."""

from typing import Any

import pytest
from aiohttp import web

from tests.broker.quirks.house import QuirkHouse
from tests.broker.quirks.keys import shows
from tests.broker.quirks.vendor import PLANTED, told
from tests.broker.scene import text_of

pytestmark = pytest.mark.asyncio(loop_scope="package")


@shows("GrantMethod.then", "NextCall.as", "NextCall.again")
async def test_a_short_token_is_swapped_for_a_long_one_and_a_session_is_begun_with_it(house: QuirkHouse) -> None:
    long = {
        "url": "{at}/long", "method": "GET", "body": "query", "client_auth": "none",
        "params": {"grant_type": "swap", "client_secret": "{client_secret}", "access_token": "{token}"},
    }  # fmt: skip
    session = {
        "url": "{at}/session",
        "params": {"token": "{token}"},
        "access": "session",
        "as": "session",
        "again": True,
    }
    sign = {"headers": {"Authorization": "Bearer {token}", "X-Session": "{session}"}}
    case = await house.case({"then": [long, session], "sign": sign})
    case.vendor.on["/long"] = lambda asked: told({"access_token": case.vendor.minted("long"), "expires_in": 5_184_000})
    case.vendor.on["/session"] = lambda asked: told({"session": case.vendor.minted("session")})
    await case.connected()
    swapped = case.vendor.last("/long").query
    assert swapped["access_token"].startswith(f"{PLANTED}access-")
    assert swapped["client_secret"] == case.vendor.client_secret
    assert "long-" in case.vendor.last("/api").headers["Authorization"]
    assert "session-" in case.vendor.last("/api").headers["X-Session"]
    case.house.clock.advance(5_184_001)
    await case.works()
    assert (case.vendor.count("/long"), case.vendor.count("/session")) == (1, 2)


@shows(
    "Refresh.mode=exchange", "Refresh.url", "Refresh.grant", "Refresh.method=GET", "Refresh.body=query",
    "Refresh.rename", "Refresh.drop", "Refresh.params",
)  # fmt: skip
async def test_a_token_is_handed_in_for_a_new_one_elsewhere_and_otherwise(house: QuirkHouse) -> None:
    refresh = {
        "mode": "exchange", "url": "{at}/longer", "grant": "ig_refresh_token", "method": "GET", "body": "query",
        "rename": {"access_token": "old"}, "drop": ["client_id", "client_secret"], "params": {"fmt": "1"},
    }  # fmt: skip
    case = await house.case({"refresh": refresh})
    case.vendor.on["/longer"] = lambda asked: told({"access_token": case.vendor.minted(), "expires_in": 3600})
    await case.connected()
    first = (await case.secrets())["token"]
    case.house.clock.advance(3601)
    await case.works()
    asked = case.vendor.last("/longer")
    assert asked.method == "GET"
    assert asked.query == {"grant_type": "ig_refresh_token", "old": first, "fmt": "1"}


@shows("Refresh.body=json", "Refresh.body=form", "Refresh.method=POST", "Refresh.headers")
@pytest.mark.parametrize("body", ["json", "form"])
async def test_a_renewal_is_written_otherwise_than_the_first_request(house: QuirkHouse, body: str) -> None:
    other = "form" if body == "json" else "json"
    refresh = {"body": body, "method": "POST", "headers": {"X-Refresh": "{refresh_token}"}}
    case = await house.case({"token": {"body": other}, "refresh": refresh})
    await case.connected()
    asked = await case.renewed()
    assert ("json" in asked.headers["Content-Type"]) == (body == "json")
    assert asked.headers["X-Refresh"] == asked.form["refresh_token"]


@shows("Refresh.mode=static", "Refresh.mode=sliding")
@pytest.mark.parametrize("mode", ["static", "sliding"])
async def test_a_refresh_token_that_does_not_come_again_is_kept(house: QuirkHouse, mode: str) -> None:
    case = await house.case({"refresh": {"mode": mode}})
    await case.connected()
    first = (await case.secrets())["refresh_token"]
    case.vendor.on["/token"] = lambda asked: told({"access_token": case.vendor.minted(), "expires_in": 3600})
    for _ in range(2):
        assert (await case.renewed()).form["refresh_token"] == first


@shows("Refresh.mode=none")
async def test_a_token_that_does_not_end_is_never_renewed(house: QuirkHouse) -> None:
    case = await house.case({"refresh": {"mode": "none"}})
    case.vendor.on["/token"] = lambda asked: told({"access_token": case.vendor.minted()})
    await case.connected()
    case.house.clock.advance(30 * 86400)
    await case.works()
    assert case.vendor.count("/token") == 1


@shows("Refresh.margin")
async def test_a_vendor_that_refuses_early_renewals_is_asked_no_earlier_than_it_says(house: QuirkHouse) -> None:
    case = await house.case({"refresh": {"mode": "rotate", "margin": 30}})
    await case.connected()
    case.house.clock.advance(3600 - 60)
    await case.works()
    assert case.vendor.count("/token") == 1
    await case.renewed(35)


@shows("Refresh.idle")
async def test_an_account_nobody_uses_is_renewed_before_its_token_dies_of_it(house: QuirkHouse) -> None:
    case = await house.case({"refresh": {"mode": "rotate", "idle": 86400}})
    await case.connected()
    before = (await case.kept()).version
    case.house.clock.advance(43_300)
    await house.hub.brokerage.idle.once()
    assert (await case.kept()).version == before + 1


@shows("ProviderDeclaration.errors", "ErrorRule.when", "ErrorWhen.status", "ErrorRule.is=needs_sign_in")
async def test_a_403_that_means_an_ended_token_renews_it_once(house: QuirkHouse) -> None:
    case = await house.case(declared={"errors": [{"when": {"status": 403}, "is": "needs_sign_in"}]})
    await case.connected()
    case.vendor.good.discard((await case.secrets())["token"])
    case.vendor.on["/api"] = lambda asked: (
        case.vendor.api(asked) if case.vendor.signed(asked) else case.vendor.refused(asked, "expired", 403)
    )
    before = case.vendor.count("/token")
    await case.works()
    assert case.vendor.count("/token") == before + 1


@shows(
    "ErrorWhen.body", "ErrorRule.message", "ErrorRule.tell", "ErrorRule.is=ok", "ErrorRule.is=tool_error",
    "ErrorRule.is=not_found", "ErrorRule.is=missing_scope", "ErrorRule.is=rate_limited", "ErrorRule.is=unavailable",
    "ErrorRule.is=operator",
)  # fmt: skip
async def test_errors_inside_a_reply_are_told_to_whoever_can_mend_them(house: QuirkHouse) -> None:
    kinds = {
        "tool_error": "tool_error", "not_found": "not_found", "missing_scope": "connection_needed",
        "rate_limited": "unavailable", "unavailable": "unavailable", "operator": "operator_needed",
    }  # fmt: skip
    rules: list[dict[str, Any]] = [
        {"when": {"body": f"error == '{kind}'"}, "is": kind, "message": "error", "tell": f"Mend {kind}."}
        for kind in kinds
    ]
    rules += [{"when": {"body": "error == 'none'"}, "is": "ok"}, {"when": {"body": "error"}, "is": "tool_error"}]
    case = await house.case(declared={"errors": rules})
    await case.connected()
    for kind, answered in kinds.items():
        case.vendor.on["/api"] = lambda asked, kind=kind: told({"error": kind, "seen": asked.shown})  # type: ignore[misc]
        result = await case.call()
        assert result["_meta"]["hub/error"]["kind"] == answered, kind
        assert f"Mend {kind}." in text_of(result)
    case.vendor.on["/api"] = lambda asked: told({"error": "none", "fine": 1})
    assert "fine" in text_of(await case.call())


@shows("GrantMethod.wrong_turns", "WrongTurn.when", "WrongTurn.tell", "WrongTurn.maybe")
async def test_the_vendors_word_for_a_fault_of_the_app_becomes_what_the_operator_does(house: QuirkHouse) -> None:
    turns = [
        {"when": "redirect_uri_mismatch", "tell": "Register {redirect_uri}"},
        {"when": "AADSTS65001", "tell": "Grant admin consent"},
        {"when": "access_denied", "tell": "Add the person as a test user", "maybe": True},
    ]
    case = await house.case({"wrong_turns": turns})
    back = f"{house.base}/callback/{case.name}"
    page = await house.open(f"/connect/{case.name}")
    assert f"Register {back}." in page.text, "some errors are told on the vendor's page only"
    case.vendor.on["/token"] = lambda asked: case.vendor.refused(asked, "redirect_uri_mismatch")
    alert = (await case.connect()).alert
    assert alert.startswith("Only the operator of this hub can mend this:")
    assert f"Register {back}." in alert
    case.vendor.on["/token"] = lambda asked: told(
        {"error": "invalid_grant", "error_description": f"AADSTS65001: no consent {asked.shown}"}, 400
    )
    assert "Grant admin consent." in (await case.connect()).alert
    case.vendor.on["/authorize"] = lambda asked: case.vendor.back(
        asked, error="server_error", error_description="AADSTS65001: none"
    )
    assert "Only the operator" in (await case.connect()).alert
    case.vendor.on["/authorize"] = lambda asked: case.vendor.back(asked, error="access_denied")
    alert = (await case.connect()).alert
    assert "the operator should look: Add the person as a test user" in alert
    assert not alert.startswith("Only the operator")


async def test_a_dead_grant_is_dead_whatever_words_the_vendor_says_it_with(house: QuirkHouse) -> None:
    case = await house.case({"wrong_turns": [{"when": "redirect_uri", "tell": "Register it"}]})
    await case.connected()
    words = "revoked, or issued for another redirect_uri"
    case.vendor.on["/token"] = lambda asked: told({"error": "invalid_grant", "error_description": words}, 400)
    house.clock.advance(3601)
    assert (await case.call())["_meta"]["hub/error"]["kind"] == "connection_needed"


async def test_every_way_a_token_endpoint_fails_repeats_nothing(house: QuirkHouse) -> None:
    case = await house.case({"token": {"client_auth": "basic"}})
    v = case.vendor
    ways: list[Any] = [
        lambda asked: v.refused(asked, "invalid_client", 401),
        lambda asked: v.refused(asked, asked.basic.partition(":")[2]),
        lambda asked: v.refused(asked, "server_error", 500),
        lambda asked: web.Response(status=302, headers={"Location": f"http://127.0.0.1:9/?s={asked.basic}"}),
        lambda asked: web.Response(status=400, text=f"<html><title>{asked.shown}</title>", content_type="text/html"),
        lambda asked: told({"errors": [{"code": asked.basic, "message": asked.shown}]}, 400),
    ]
    for way in ways:
        v.on["/token"] = way
        page = await case.connect()
        assert page.title == "Not connected"
        assert PLANTED not in page.text


async def test_a_call_that_is_led_away_or_refused_repeats_nothing(house: QuirkHouse) -> None:
    case = await house.case()
    await case.connected()
    away = await case.call("away")
    assert away["isError"]
    assert PLANTED not in str(away)
    case.vendor.good.clear()
    refused = await case.call()
    assert refused["_meta"]["hub/error"]["kind"] == "connection_needed"
    assert PLANTED not in str(refused)
    kept = await case.kept()
    assert PLANTED not in kept.reason
