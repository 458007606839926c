"""Quirks of what is pasted and of signing, one test for each; and the operator's one credential."""

import pytest
import yaml
from aiohttp import encode_basic_auth

from tests.broker.quirks.house import OPERATOR_KEY, OPERATORS, QuirkHouse
from tests.broker.quirks.keys import shows
from tests.broker.quirks.test_health import listed
from tests.broker.quirks.vendor import KEY, PLANTED, told
from tests.broker.scene import text_of
from tests.programs.processes import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="package")


@shows(
    "PastedMethod.kind=key", "PastedMethod.fields", "PastedField.title", "PastedField.description",
    "PastedField.pattern", "PastedField.secret", "PastedMethod.get_at", "PastedMethod.scopes", "Way.title", "Way.steps",
    "ProviderDeclaration.title",
)  # fmt: skip
async def test_a_key_is_asked_for_with_where_to_get_it_and_what_it_may_do(house: QuirkHouse) -> None:
    way = {
        "kind": "key", "title": "Your own key", "get_at": "https://vendor.example/keys", "steps": ["Make a key."],
        "scopes": ["things:read"],
        "fields": {
            "key": {"title": "API key", "description": "It begins so.", "pattern": PLANTED + "[a-z0-9-]+"},
            "mail": {"title": "E-mail", "secret": False},
        },
    }  # fmt: skip
    case = await house.case(way, {"title": "Acme"}, whole=True, client=False)
    page = await house.open(f"/connect/{case.name}")
    for text in (
        "Acme",
        "Your own key",
        "https://vendor.example/keys",
        "Make a key.",
        "API key",
        "It begins so.",
        "things:read",
    ):
        assert text in page.text
    wrong = await case.paste(key="nothing like it", mail="ada@example.org")
    assert "does not look like one" in wrong.alert
    assert "ada@example.org" in wrong.text, "what is no secret is shown again"
    await case.connected(key=KEY, mail="ada@example.org")
    assert case.vendor.last("/api").headers["Authorization"] == f"Bearer {KEY}"


@shows("PastedMethod.kind=bearer", "Way.sign", "Signing.headers")
async def test_a_token_goes_into_the_header_the_vendor_wants(house: QuirkHouse) -> None:
    way = {
        "kind": "bearer",
        "sign": {"headers": {"Authorization": "Zoho-oauthtoken {token}", "X-Mine": "{settings.dc}"}},
    }
    settings = {"dc": {"title": "Region", "choices": ["us", "eu"], "default": "eu"}}
    case = await house.case(way, {"settings": settings}, whole=True, client=False)
    await case.connected(token=KEY)
    asked = case.vendor.last("/api").headers
    assert (asked["Authorization"], asked["X-Mine"]) == (f"Zoho-oauthtoken {KEY}", "eu")


@shows("PastedMethod.kind=basic", "Signing.basic")
async def test_a_user_name_and_password_go_as_basic(house: QuirkHouse) -> None:
    case = await house.case(
        {"kind": "basic", "sign": {"basic": "{username}/token:{password}"}}, whole=True, client=False
    )
    await case.connected(username="ada", password=KEY)
    assert case.vendor.last("/api").basic == f"ada/token:{KEY}"


@shows("Signing.query")
async def test_a_key_goes_into_the_query_and_is_taken_out_of_what_comes_back(house: QuirkHouse) -> None:
    case = await house.case({"kind": "key", "sign": {"query": {"api_key": "{key}"}}}, whole=True, client=False)
    await case.connected(key=KEY)
    assert case.vendor.last("/api").query["api_key"] == KEY
    assert "Authorization" not in case.vendor.last("/api").headers


@shows("Signing.body")
@pytest.mark.parametrize("kind", ["form", "body"])
async def test_a_key_goes_into_every_body(house: QuirkHouse, kind: str) -> None:
    who = {"request": {"url": "{at}/me", "method": "POST", kind: {"what": "me"}}}
    request = {"method": "POST", "path": "/api", kind: {"text": "x"}}
    tools = {"read": {"description": "Read.", "effect": "read", "request": request}}
    way = {"kind": "key", "sign": {"body": {"api_key": "{key}"}}}
    case = await house.case(way, {"who": who}, {"tools": tools}, whole=True, client=False)
    case.vendor.on["/me"] = lambda asked: (
        told({"id": 1, "name": "ada"}) if asked.form.get("api_key") == KEY else case.vendor.refused(asked, "no", 401)
    )
    case.vendor.on["/api"] = lambda asked: told({"seen": asked.shown})
    await case.connected(key=KEY)
    assert case.vendor.last("/api").form == {"text": "x", "api_key": KEY}


@shows("Signing.path")
async def test_a_key_goes_in_front_of_the_path(house: QuirkHouse) -> None:
    declared = {"who": {"request": {"url": "{host}/me"}}}
    case = await house.case(
        {"kind": "key", "sign": {"path": "/bot{key}"}}, declared, {"base_url": "{host}"}, whole=True, client=False
    )
    seen = house.vendors
    seen[f"bot{KEY}"] = case.vendor
    case.vendor.good.add(KEY)
    case.vendor.on["/me"] = lambda asked: told({"id": 1, "name": "bot"})
    case.vendor.on["/api"] = lambda asked: told({"fine": asked.shown})
    assert (await case.paste(key=KEY)).title == "Connected"
    await case.works()
    assert case.vendor.count("/api") == 1
    del seen[f"bot{KEY}"]


@shows("OperatorMethod.kind=operator", "OperatorMethod.fields")
async def test_the_operators_one_credential_signs_for_everybody(house: QuirkHouse) -> None:
    way = {"kind": "operator", "fields": {"key": {"title": "Key"}}, "sign": {"headers": {"X-Key": "{key}"}}}
    unset = await house.case(way, whole=True, client=False)
    missing = await unset.call()
    assert f"providers.q{len(house.vendors)}.credential" in text_of(missing)
    row = await listed(unset)
    assert (row["account"], row["health"], "Only the operator" in row["next"]) == ("operator", "needs_operator", True)
    case = await house.case(way, whole=True, client=False, name=OPERATORS)
    case.vendor.good.add(OPERATOR_KEY)
    await case.works()
    assert case.vendor.last("/api").headers["X-Key"] == OPERATOR_KEY
    assert await listed(case) == {"app": case.name, "account": "operator", "health": "ok"}
    case.vendor.good.clear()
    assert (await case.call())["_meta"]["hub/error"]["kind"] == "operator_needed"


GENERIC = ROOT / "connectors" / "generic_api_key" / "provider.yaml"


@pytest.mark.parametrize(
    ("way", "given", "shown"),
    [
        ("bearer", {"token": KEY}, ("Authorization", f"Bearer {KEY}")),
        ("scheme", {"scheme": "Token", "key": KEY}, ("Authorization", f"Token {KEY}")),
        ("header", {"name": "X-Own-Key", "key": KEY}, ("X-Own-Key", KEY)),
        ("query", {"name": "api[key]", "key": KEY}, ("api[key]", KEY)),
        ("basic", {"username": "ada", "password": KEY}, ("Authorization", encode_basic_auth("ada", KEY))),
    ],
)
async def test_any_api_takes_its_key_where_the_person_says(
    house: QuirkHouse, way: str, given: dict[str, str], shown: tuple[str, str]
) -> None:
    name = f"q{len(house.vendors) + 1}"
    # The vendor of these tests has no TLS; all else is as it ships.
    text = GENERIC.read_text("utf-8").replace("https://{", "http://{").replace('["{', '["http://{')
    declared = yaml.safe_load(text)
    declared["methods"]["way"] = None
    declared["who"] |= {"id": None, "label": None}
    case = await house.case(None, declared, {"base_url": f"http://{{settings.host}}/{name}"}, client=False)
    at = {"setting_host": case.vendor.base.split("/")[2], "setting_probe": f"{name}/me"}
    fields = {f"field_{field}": value for field, value in given.items()}
    refused = await case.connect(way, **at, **fields)
    assert "refuses this" in refused.alert
    case.vendor.good.add(KEY)
    done = await case.connect(way, **at, **fields)
    assert done.title == "Connected", done.alert
    assert at["setting_host"] in done.text, "the account bears its address, as nothing else is known of it"
    await case.works()
    place, value = shown
    asked = case.vendor.last("/api")
    assert (asked.query if place == "api[key]" else asked.headers)[place] == value
    # A second key is an account of its own: nobody can say that it is the same person's.
    assert (await case.connect(way, **at, **fields)).title == "Connected"
    assert len(await house.hub.store.connections.of_provider(case.name)) == 2
    if way == "header":
        wrong = await case.connect(way, **at, **{**fields, "field_name": "Host"})
        assert "cannot carry a credential" in wrong.alert
        slip = await case.connect(way, **at, **{**fields, "field_name": "X Key"})
        assert "does not look like one" in slip.alert
        away = await case.connect(way, **{**at, "setting_host": "evil.example/x"}, **fields)
        assert "does not look right" in away.alert
