"""Quirks of what is exchanged for tokens without the vendor's page: credentials, logins, assertions, typed codes."""

import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tests.broker.quirks.house import QuirkHouse
from tests.broker.quirks.keys import shows
from tests.broker.quirks.vendor import KEY, PLANTED, Asked, told

pytestmark = pytest.mark.asyncio(loop_scope="package")


@shows("ClientCredentialsMethod.kind=client_credentials", "ClientCredentialsMethod.token",
       "ClientCredentialsMethod.scopes", "ClientCredentialsMethod.refresh",
       "ClientCredentialsMethod.wrong_turns")  # fmt: skip
async def test_a_clients_own_credentials_are_exchanged_and_asked_for_again(house: QuirkHouse) -> None:
    way = {
        "kind": "client_credentials", "scopes": {"always": ["a", "b"]}, "refresh": {"mode": "none"},
        "token": {"url": "{at}/token", "client_auth": "basic", "params": {"account_id": "7"}},
        "wrong_turns": [{"when": "ip_not_allowed", "tell": "Let the hub's address in"}],
    }  # fmt: skip
    case = await house.case(way, whole=True, client=False)
    case.vendor.on["/token"] = lambda asked: case.vendor.refused(asked, "ip_not_allowed", 403)
    for words in ("Only the operator", "Let the hub's address in"):
        assert words in (await case.paste(client_id="client-1", client_secret=case.vendor.client_secret)).alert
    del case.vendor.on["/token"]
    await case.connected(client_id="client-1", client_secret=case.vendor.client_secret)
    asked = case.vendor.last("/token").form
    assert (asked["grant_type"], asked["account_id"], asked["scope"]) == ("client_credentials", "7", "a b")
    before = case.vendor.count("/token")
    house.clock.advance(3601)
    await case.works()
    assert case.vendor.count("/token") == before + 1


@shows("ClientCredentialsMethod.fields", "ClientCredentialsMethod.get_at")
async def test_a_login_with_name_and_password_gives_a_session_that_is_begun_anew(house: QuirkHouse) -> None:
    way = {
        "kind": "client_credentials", "get_at": "https://vendor.example/users",
        "fields": {"user": {"title": "User", "secret": False}, "password": {"title": "Password"}},
        "token": {
            "url": "{at}/login", "body": "json", "drop": ["grant_type"], "access": "session.id",
            "params": {"user": "{user}", "password": "{password}"}, "expiry": {"seconds": 600},
        },
        "sign": {"headers": {"X-Session": "{token}"}},
    }  # fmt: skip
    case = await house.case(way, whole=True, client=False)

    def login(asked: Asked) -> web.Response:
        good = asked.form == {"user": "ada", "password": KEY}
        return (
            told({"session": {"id": case.vendor.minted("session")}}) if good else case.vendor.refused(asked, "no", 401)
        )

    case.vendor.on["/login"] = login
    assert "https://vendor.example/users" in (await house.open(f"/connect/{case.name}")).text
    assert "refuses this" in (await case.paste(user="ada", password=PLANTED + "wrong")).alert
    await case.connected(user="ada", password=KEY)
    house.clock.advance(601)
    await case.works()
    assert case.vendor.count("/login") == 3


@shows(
    "JwtBearerMethod.kind=jwt_bearer", "JwtBearerMethod.token", "JwtBearerMethod.claims", "JwtBearerMethod.lifetime",
    "JwtBearerMethod.key", "JwtBearerMethod.key_id", "JwtBearerMethod.fields", "JwtBearerMethod.get_at",
    "JwtBearerMethod.scopes", "JwtBearerMethod.refresh", "JwtBearerMethod.algorithm=RS256",
    "JwtBearerMethod.algorithm=ES256", "JwtBearerMethod.algorithm=PS256",
)  # fmt: skip
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "PS256"])
async def test_a_service_accounts_key_signs_assertions(house: QuirkHouse, algorithm: str) -> None:
    key: RSAKey | ECKey = ECKey.generate_key("P-256") if algorithm == "ES256" else RSAKey.generate_key(2048)
    pem = key.as_pem(private=True).decode()
    way = {
        "kind": "jwt_bearer", "algorithm": algorithm, "get_at": "https://vendor.example/service-accounts",
        "fields": {"mail": {"title": "Address", "secret": False}, "pem": {"title": "Key"}, "kid": {"title": "Key id"}},
        "key": "pem", "key_id": "{kid}", "lifetime": 120, "token": {"url": "{at}/token"}, "scopes": {"always": ["s"]},
        "claims": {"iss": "{mail}", "aud": "{settings.aud}", "scope": "{scopes}"}, "refresh": {"mode": "none"},
    }  # fmt: skip
    case = await house.case(way, {"settings": {"aud": {"title": "A", "default": "vendor"}}}, whole=True, client=False)

    def token(asked: Asked) -> web.Response:
        found = jwt.decode(asked.form["assertion"], key, algorithms=[algorithm])
        assert found.header["kid"] == "k-1"
        assert {name: found.claims[name] for name in ("iss", "aud", "scope")} == {
            "iss": "svc",
            "aud": "vendor",
            "scope": "s",
        }
        assert found.claims["exp"] - found.claims["iat"] == 120
        return told({"access_token": case.vendor.minted(), "expires_in": 3600})

    case.vendor.on["/token"] = token
    page = await case.paste(mail="svc", pem="no key at all", kid="k-1")
    assert "private key" in page.alert
    page = await case.paste(mail="svc", pem=pem, kid="k-1")
    assert page.title == "Connected", page.alert
    house.clock.advance(3601)
    await case.works()
    assert case.vendor.count("/token") == 2


@shows("TokenCall.client_auth=private_key_jwt")
async def test_a_client_shows_itself_by_an_assertion_and_never_sends_its_key(house: QuirkHouse) -> None:
    key = RSAKey.generate_key(2048)
    pem = key.as_pem(private=True).decode()
    case = await house.case({"token": {"client_auth": "private_key_jwt"}}, client=False)
    await house.hub.brokerage.clients.put(case.name, "client-1", pem, None)

    def token(asked: Asked) -> web.Response:
        found = jwt.decode(asked.form["client_assertion"], key, algorithms=["RS256"]).claims
        assert (found["iss"], found["sub"], found["aud"]) == ("client-1", "client-1", f"{case.vendor.base}/token")
        return told(case.vendor.tokens())

    case.vendor.on["/token"] = token
    assert (await case.connect()).title == "Connected"
    assert "PRIVATE" not in case.vendor.last("/token").shown


@shows(
    "DeviceMethod.kind=device", "DeviceMethod.device", "DeviceCall.url", "DeviceCall.params", "DeviceCall.grant",
    "DeviceCall.device_code", "DeviceCall.user_code", "DeviceCall.page", "DeviceCall.page_with_code",
    "DeviceCall.expires_in", "DeviceCall.interval",
)  # fmt: skip
async def test_a_code_is_found_in_any_words_and_asked_about_as_often_as_the_vendor_says(house: QuirkHouse) -> None:
    device = {
        "url": "{at}/device", "params": {"kind": "hub"}, "grant": "device", "device_code": "d.code",
        "user_code": "d.typed", "page": "d.page", "page_with_code": "d.whole",
        "expires_in": "d.life", "interval": "d.pause",
    }  # fmt: skip
    way = {
        "kind": "device", "device": device, "token": {"url": "{at}/token"}, "scopes": {"always": ["read"]},
        "app": {"register_at": "https://vendor.example/apps"},
    }  # fmt: skip
    case = await house.case(way, whole=True)
    v = case.vendor
    given = {
        "code": PLANTED + "device", "typed": "ABCD-EFGH", "page": f"{v.base}/type", "whole": f"{v.base}/type?c=1",
        "life": 60, "pause": 7,
    }  # fmt: skip
    v.on["/device"] = lambda asked: told({"d": given})
    v.on["/token"] = lambda asked: told({"error": "authorization_pending", "seen": asked.shown}, 400)
    page = await case.connect()
    assert "ABCD-EFGH" in page.text
    assert f'href="{v.base}/type?c=1"' in page.text
    assert v.last("/device").form["kind"] == "hub"
    devices = house.hub.brokerage.devices

    async def after(seconds: float) -> int:
        house.clock.advance(seconds)
        await devices.once()
        return v.count("/token")

    assert await after(6) == 0
    assert await after(1.1) == 1
    v.on["/token"] = lambda asked: told({"error": "slow_down", "error_description": asked.shown}, 400)
    assert await after(7.1) == 2
    assert await after(7.1) == 2, "asked five seconds less often"
    v.on["/token"] = lambda asked: told(v.tokens())
    assert await after(5.1) == 3
    assert v.last("/token").form["device_code"] == PLANTED + "device"
    assert v.last("/token").form["grant_type"] == "device"
    await case.works()
    v.on["/device"] = lambda asked: told({"d": {**given, "page": "javascript:alert(1)"}})
    assert "did not say where" in (await case.connect()).alert
    v.on["/device"] = lambda asked: v.refused(asked, "invalid_client", 401)
    assert "Only the operator" in (await case.connect()).alert
