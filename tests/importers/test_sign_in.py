"""What an import proposes for signing in: a provider that compiles, and puts credentials where the description says."""

from typing import Any

import orjson
import pytest

from hub import yaml
from hub.importers.compilation import compile_described, described, fingerprint
from hub.importers.proposal import Wishes, connector_text
from hub.sdk.provider import Provider
from tests.importers.specs import FILES, MISSING, data_of, kind_of

KEY = {"type": "apiKey", "in": "header", "name": "X-Key"}
QUERY = {"type": "apiKey", "in": "query", "name": "app_id"}
BASIC = {"type": "http", "scheme": "basic"}
BEARER = {"type": "http", "scheme": "bearer"}
CODE = {
    "type": "oauth2",
    "flows": {
        "authorizationCode": {
            "authorizationUrl": "/oauth/agree",
            "tokenUrl": "https://login.example.org/token",
            "scopes": {"read": "", "write": ""},
        }
    },
}
MACHINE = {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://login.example.org/token"}}}
IMPLICIT = {"type": "oauth2", "flows": {"implicit": {"authorizationUrl": "https://login.example.org/agree"}}}
DISCOVERED = {"type": "openIdConnect", "openIdConnectUrl": "https://login.example.org/.well-known/openid-configuration"}
SERVER = "https://api.example.org/v1"


def description(schemes: dict[str, Any], security: list[dict[str, list[str]]], server: dict[str, Any]) -> bytes:
    answers = {"200": {"description": "Things."}}
    things = {"get": {"operationId": "getThings", "responses": answers, "security": security}}
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": "Things", "version": "1"},
            "servers": [server],
            "paths": {"/things": things},
            "components": {"securitySchemes": schemes},
        }
    )


def proposed(raw: bytes, kind: str = "openapi") -> Provider | None:
    """The provider of the connector that an import writes for a description, as the hub loads it."""
    text = connector_text(described(raw, kind, "d"), Wishes("things", "https://example.org/d"), fingerprint(raw))
    return compile_described("things", yaml.load(text, "connector.yaml"), raw, "connector.yaml").connector.auth


def method_of(*schemes: dict[str, Any]) -> tuple[Provider, dict[str, Any]]:
    named = {f"scheme_{number}": one for number, one in enumerate(schemes)}
    found = proposed(description(named, [{name: [] for name in named}], {"url": SERVER}))
    assert found is not None
    (method,) = found.methods.values()
    return found, method.model_dump(exclude_none=True)


@pytest.mark.parametrize(
    ("schemes", "kind", "sign"),
    [
        ([KEY], "key", {"headers": {"X-Key": "{key}"}}),
        ([KEY, QUERY], "key", {"headers": {"X-Key": "{key}"}, "query": {"app_id": "{key_1}"}}),
        ([{**KEY, "in": "cookie", "name": "session"}], "key", {"headers": {"Cookie": "session={key}"}}),
        ([BASIC], "basic", {"basic": "{username}:{password}"}),
        ([BEARER], "key", {"headers": {"Authorization": "Bearer {key}"}}),
        ([{**BEARER, "scheme": "token"}], "key", {"headers": {"Authorization": "Token {key}"}}),
        ([IMPLICIT], "key", {"headers": {"Authorization": "Bearer {key}"}}),
        ([DISCOVERED], "key", {"headers": {"Authorization": "Bearer {key}"}}),
    ],
)
def test_what_is_pasted_goes_where_the_description_says(schemes: list[Any], kind: str, sign: dict[str, Any]) -> None:
    provider, method = method_of(*schemes)
    held = {place: value for place, value in method["sign"].items() if value}
    assert (method["kind"], held) == (kind, sign)
    assert list(provider.declared.hosts) == ["api.example.org"]


def test_a_code_grant_is_proposed_with_the_addresses_and_scopes_of_the_description() -> None:
    found = proposed(description({"a": CODE}, [{"a": ["read"]}], {"url": SERVER}))
    assert found is not None
    method = found.methods["oauth2"].model_dump()
    assert method["authorize"]["url"] == "https://api.example.org/oauth/agree"
    assert method["token"]["url"] == "https://login.example.org/token"
    assert method["scopes"]["always"] == ("read",)


def test_a_machines_grant_asks_for_its_client_credentials() -> None:
    _, method = method_of(MACHINE)
    assert (method["kind"], method["token"]["url"]) == ("client_credentials", "https://login.example.org/token")


def test_a_grant_without_https_is_not_proposed_but_a_token_is() -> None:
    flow = {"authorizationUrl": "http://login.example.org/agree", "tokenUrl": "http://login.example.org/token"}
    _, method = method_of({"type": "oauth2", "flows": {"authorizationCode": flow}})
    assert method["kind"] == "key"


def test_what_stands_in_the_host_is_given_with_each_account() -> None:
    server = {"url": "https://{shop}.example.org/v1", "variables": {"shop": {"default": "demo"}}}
    found = proposed(description({"a": KEY}, [{"a": []}], server))
    assert found is not None
    assert list(found.declared.hosts) == ["{settings.shop}.example.org"]
    assert found.declared.settings["shop"].host


def test_an_api_that_asks_for_nothing_gets_no_provider() -> None:
    assert proposed(description({}, [], {"url": SERVER})) is None


def test_credentials_declared_as_plain_parameters_are_what_a_person_pastes() -> None:
    parameters = [
        {"name": "X-Auth-Token", "in": "header", "schema": {"type": "string"}, "required": True},
        {"name": "X-User-Id", "in": "header", "schema": {"type": "string"}, "description": "The auth user's id."},
    ]
    fields = {"api_key": {"type": "string", "description": "Your API key."}, "text": {"type": "string"}}
    form = {"application/x-www-form-urlencoded": {"schema": {"type": "object", "properties": fields}}}
    document = orjson.loads(description({}, [], {"url": SERVER}))
    (operation,) = (item["get"] for item in document["paths"].values())
    operation["parameters"] = parameters
    document["paths"]["/send"] = {"post": {**operation, "operationId": "send", "requestBody": {"content": form}}}
    found = proposed(orjson.dumps(document))
    assert found is not None
    method = found.methods["key"].model_dump()
    assert method["sign"]["headers"] == {"X-Auth-Token": "{key}", "X-User-Id": "{key_1}"}
    assert method["sign"]["body"] == {"api_key": "{key_2}"}
    assert [one["title"] for one in method["fields"].values()] == ["X-Auth-Token", "X-User-Id", "api_key"]


@pytest.mark.skipif(not FILES, reason=MISSING)
def test_every_real_description_of_modest_size_gets_a_provider_the_hub_takes() -> None:
    modest = [file for file in FILES if file.stat().st_size < 60_000]
    assert len(modest) > 10
    found = {file.name: proposed(data_of(file), kind_of(file)) for file in modest}
    assert sum(one is not None for one in found.values()) > len(found) / 2
