"""Quirks of the vendor's page and the token endpoint, one test for each."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from tests.broker.quirks.house import QuirkHouse
from tests.broker.quirks.keys import shows
from tests.broker.quirks.vendor import Asked, told

pytestmark = pytest.mark.asyncio(loop_scope="package")


@shows(
    "OAuthMethod.kind=oauth2", "OAuthMethod.authorize", "OAuthMethod.pkce=s256", "Authorize.url", "GrantMethod.token",
    "GrantMethod.refresh", "GrantMethod.scopes", "GrantMethod.app", "TokenCall.url", "TokenCall.method=POST",
    "TokenCall.client_auth=body", "TokenCall.body=form", "Refresh.mode=rotate", "Scopes.always",
    "ProviderDeclaration.hosts", "ProviderDeclaration.methods", "ProviderDeclaration.who", "Who.request", "Who.id",
    "Who.label", "ProviderRequest.url", "ProviderRequest.method=GET", "Expiry.unit=s",
)  # fmt: skip
async def test_a_vendor_that_does_as_the_standard_says_needs_no_more_than_addresses(house: QuirkHouse) -> None:
    case = await house.case()
    await case.connected()
    asked = case.vendor.asked[0].query
    assert (asked["scope"], asked["code_challenge_method"]) == ("read", "S256")
    assert (await case.kept()).label == "ada"
    first = await case.secrets()
    assert (await case.renewed()).form["refresh_token"] == first["refresh_token"]
    assert (await case.secrets())["refresh_token"] != first["refresh_token"]


@shows("OAuthMethod.pkce=off")
async def test_a_vendor_that_refuses_a_code_challenge_gets_none(house: QuirkHouse) -> None:
    case = await house.case({"pkce": "off"})
    await case.connected()
    assert "code_challenge" not in case.vendor.asked[0].query
    assert "code_verifier" not in case.vendor.last("/token").form


@shows("OAuthMethod.pkce=required")
async def test_a_vendor_that_requires_a_code_challenge_gets_one(house: QuirkHouse) -> None:
    case = await house.case({"pkce": "required"})
    await case.connected()
    assert case.vendor.challenge


@shows("Authorize.params", "Authorize.rename", "Authorize.drop", "Authorize.raw", "Scopes.separator", "Scopes.param")
async def test_the_vendors_page_is_asked_in_the_vendors_own_words(house: QuirkHouse) -> None:
    case = await house.case(
        {
            "authorize": {
                "params": {"owner": "user", "back": "{redirect_uri}"},
                "rename": {"client_id": "client_key"},
                "drop": ["response_type"],
                "raw": ["user_scope"],
            },
            "scopes": {"always": ["read:a", "write"], "separator": ",", "param": "user_scope"},
        }
    )
    await case.connected()
    asked = case.vendor.asked[0]
    assert asked.query["client_key"] == "client-1"
    assert asked.query["owner"] == "user"
    assert not {"client_id", "response_type", "scope"} & set(asked.query)
    assert "user_scope=read:a,write" in asked.raw_query, "not percent-encoded"
    assert asked.query["back"] == asked.query["redirect_uri"]


@shows("ProviderDeclaration.implies")
async def test_a_scope_that_a_broader_one_covers_is_neither_asked_for_nor_missing(house: QuirkHouse) -> None:
    tools = {"read": {"scopes": ["read.mail"]}, "away": {"scopes": ["read"]}}
    case = await house.case({"scopes": {"always": None}}, {"implies": {"read": ["read.mail"]}}, {"tools": tools})
    await case.connected()
    assert case.vendor.asked[0].query["scope"] == "read"


@shows("Authorize.fragment")
async def test_a_page_of_one_gets_its_parameters_behind_its_fragment(house: QuirkHouse) -> None:
    case = await house.case({"authorize": {"fragment": "/oauth"}})
    page = await house.open(f"/connect/{case.name}")
    sent = await house.send(f"/connect/{case.name}/by/way", page.form("by-way"))
    assert f"{case.vendor.base}/authorize#/oauth?response_type=code" in sent.text.replace("&amp;", "&")


@shows("Authorize.code", "Authorize.save", "Scopes.callback")
async def test_what_only_the_callback_tells_is_read_there(house: QuirkHouse) -> None:
    case = await house.case(
        {
            "authorize": {"code": "spapi_code", "save": {"realm": "realmId"}},
            "scopes": {"always": ["read"], "callback": "granted"},
        }
    )
    case.vendor.on["/authorize"] = lambda asked: case.vendor.back(
        asked, spapi_code="c", realmId="77", granted="read,activity"
    )
    case.vendor.on["/token"] = lambda asked: told({**case.vendor.tokens(), "scope": None})
    await case.connected()
    kept = await case.kept()
    assert kept.fields["realm"] == "77"
    assert kept.fields["client_id"] == "client-1"
    assert kept.scopes == {"read", "activity"}
    assert case.vendor.last("/token").form["code"] == "c"


@shows("OAuthMethod.issuer")
async def test_an_answer_of_another_issuer_is_refused(house: QuirkHouse) -> None:
    case = await house.case({"issuer": "https://right.example"})
    case.vendor.on["/authorize"] = lambda asked: case.vendor.back(asked, code="c", iss="https://wrong.example")
    assert "not from Vendor" in (await case.connect()).alert
    assert case.vendor.count("/token") == 0


@shows("TokenCall.client_auth=basic")
async def test_the_client_shows_itself_by_basic(house: QuirkHouse) -> None:
    case = await house.case({"token": {"client_auth": "basic"}})
    await case.connected()
    asked = case.vendor.last("/token")
    assert asked.basic == f"client-1:{case.vendor.client_secret}"
    assert "client_secret" not in asked.form


@shows("TokenCall.client_auth=none", "AppCredentials.needs_secret")
async def test_a_public_client_sends_its_id_alone(house: QuirkHouse) -> None:
    case = await house.case(
        {"token": {"client_auth": "none"}, "app": {"register_at": "https://v.example", "needs_secret": False}},
        client=False,
    )
    await house.hub.brokerage.clients.put(case.name, "client-1", None, None)
    case.vendor.on["/token"] = lambda asked: told(case.vendor.tokens())
    await case.connected()
    assert case.vendor.last("/token").form["client_id"] == "client-1"


@shows("TokenCall.method=GET", "TokenCall.body=query")
async def test_tokens_are_asked_for_by_get_with_a_query(house: QuirkHouse) -> None:
    case = await house.case({"token": {"method": "GET", "body": "query"}})
    await case.connected()
    asked = case.vendor.last("/token")
    assert (asked.method, asked.body) == ("GET", b"")
    assert asked.query["client_secret"] == case.vendor.client_secret


@shows("TokenCall.body=json", "TokenCall.params", "TokenCall.headers", "TokenCall.rename", "TokenCall.drop")
async def test_tokens_are_asked_for_in_json_with_the_vendors_own_names(house: QuirkHouse) -> None:
    case = await house.case(
        {
            "token": {
                "body": "json",
                "params": {"action": "requesttoken", "tenant": "{client_id}"},
                "headers": {"Accept-Version": "7"},
                "rename": {"client_id": "client_key"},
                "drop": ["redirect_uri"],
            }
        }
    )
    case.vendor.on["/token"] = lambda asked: told(case.vendor.tokens())
    await case.connected()
    asked = case.vendor.last("/token")
    assert asked.headers["Content-Type"] == "application/json"
    assert (asked.form["action"], asked.form["tenant"], asked.form["client_key"]) == ("requesttoken",) + (
        "client-1",
    ) * 2
    assert asked.headers["Accept-Version"] == "7"
    assert not {"redirect_uri", "client_id"} & set(asked.form)


@shows(
    "TokenCall.root", "TokenCall.ok_if", "TokenCall.access", "TokenCall.refresh", "TokenCall.scope", "TokenCall.more",
    "TokenCall.save", "TokenCall.expiry", "Expiry.path", "Expiry.unit=epoch_s",
)  # fmt: skip
async def test_two_tokens_nested_in_a_reply_with_a_status_of_its_own_are_found(house: QuirkHouse) -> None:
    reading = {
        "root": "body",
        "ok_if": "status == `0`",
        "access": "user.access",
        "refresh": "user.again",
        "scope": "granted",
        "more": {"bot": "access"},
        "save": {"team": "team.id"},
        "expiry": {"path": "ends", "unit": "epoch_s"},
    }
    case = await house.case(
        {"token": reading, "sign": {"headers": {"Authorization": "Bearer {token}", "X-Bot": "{bot}"}}}
    )

    def token(asked: Asked) -> web.Response:
        v = case.vendor
        person = {"access": v.minted(), "again": v.minted("refresh")}
        ends = house.clock.time() + 60
        held = {
            "user": person,
            "access": v.minted("bot"),
            "granted": ["read", "chat"],
            "team": {"id": "T1"},
            "ends": ends,
        }
        return told({"status": 0, "body": held})

    case.vendor.on["/token"] = token
    await case.connected()
    kept = await case.kept()
    assert kept.scopes == {"read", "chat"}
    assert kept.fields["team"] == "T1"
    assert (kept.expires_at - house.clock.now()).total_seconds() <= 60
    assert "bot-" in case.vendor.last("/api").headers["X-Bot"]
    case.vendor.on["/token"] = lambda asked: told({"status": 293, "error": f"wrong {asked.shown}"})
    again = await case.connect(again=kept.id)
    assert again.title == "Not connected"


@shows("Expiry.unit=ms", "Expiry.unit=iso", "Expiry.unit=epoch_ms", "Expiry.seconds")
@pytest.mark.parametrize(
    ("expiry", "value"),
    [
        ({"path": "life", "unit": "ms"}, 600_000),
        ({"path": "life", "unit": "iso"}, "iso"),
        ({"path": "life", "unit": "epoch_ms"}, "ms"),
        ({"seconds": 600}, None),
    ],
)
async def test_the_end_of_a_token_is_found_however_it_is_told(
    house: QuirkHouse, expiry: dict[str, Any], value: Any
) -> None:
    case = await house.case({"token": {"expiry": expiry}})
    ends = house.clock.now() + timedelta(seconds=600)
    life = {"iso": ends.isoformat(), "ms": ends.timestamp() * 1000}.get(str(value), value)
    case.vendor.on["/token"] = lambda asked: told({**case.vendor.tokens(), "expires_in": None, "life": life})
    await case.connected()
    assert abs(((await case.kept()).expires_at - ends).total_seconds()) < 5
    await case.renewed(601)


async def test_a_token_reply_in_a_form_is_read_too(house: QuirkHouse) -> None:
    case = await house.case()
    case.vendor.on["/token"] = lambda asked: web.Response(
        text=f"access_token={case.vendor.minted()}&scope=read%2Cgist&token_type=bearer",
        content_type="application/x-www-form-urlencoded",
    )
    await case.connected()
    assert (await case.kept()).scopes == {"read", "gist"}
