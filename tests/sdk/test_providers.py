"""A provider's declaration: what it may say, and what it may not say about where credentials go."""

from pathlib import Path

import pytest

from hub import yaml
from hub.clock import SystemClock
from hub.errors import ConnectorError, ToolError
from hub.registry import Registry
from hub.registry.places import Place
from hub.sdk.provider import Provider, compile_provider, covers

KEY = """
title: Example
hosts: [api.example.com]
methods: {key: {kind: key}}
revoke: {manual: "https://example.com/apps"}
"""
WHO = "title: Example\nwho: {{request: {{url: '{url}'}}, id: id, label: id}}"
OAUTH = """
title: Example
hosts: ["{settings.site}.example.com"]
settings: {site: {title: Site, pattern: "[a-z0-9-]+", host: true}}
methods:
  oauth:
    kind: oauth2
    authorize: {url: "https://{settings.site}.example.com/authorize"}
    token: {url: "https://{settings.site}.example.com/token"}
    app: {register_at: "https://example.com/apps"}
revoke: {manual: "https://example.com/apps"}
"""


def provider(text: str) -> Provider:
    return compile_provider("example", yaml.load(text, "provider.yaml"), "provider.yaml")


def test_every_shipped_provider_loads_and_says_how_it_is_connected_and_ended() -> None:
    root = Path(__file__).resolve().parents[2] / "connectors"
    files = sorted(root.glob("*/provider.yaml"))
    assert len(files) >= 6
    for file in files:
        found = compile_provider(file.parent.name, yaml.load(file.read_text("utf-8"), str(file)), str(file))
        assert found.effort in ("nothing to register", "paste a key", "register an app")
        assert found.declared.who is not None
        assert found.declared.revoke.request or found.declared.revoke.manual


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("hosts: [api.example.com]", "hosts: ['*']"), "is not a host"),
        (("hosts: [api.example.com]", "hosts: ['*.com']"), "top-level"),
        (("hosts: [api.example.com]", "hosts: ['https://api.example.com/v1']"), "is not a host"),
        (("hosts: [api.example.com]", "hosts: ['{settings.site}.example.com']"), "host: true"),
        (("hosts: [api.example.com]", "hosts: ['{account.site}']"), "host: true"),
        (("kind: key", "kind: kye"), "kind must be"),
        (("kind: key", "kind: key, sgin: {}"), "unknown key"),
        (("kind: key", "kind: key, sign: {headers: {X-Key: '{kye}'}}"), "{kye} is not known"),
        (("kind: key", "kind: key, sign: {path: 'bot{key}'}"), "begins with /"),
        (("kind: key", "kind: key, sign: {headers: {'{key}': x}}"), "names where the credential goes"),
        (("kind: key", "kind: key, sign: {query: {'{kye}': x}}"), "names where the credential goes"),
        (("title: Example", "title: Example\nwho: {request: {url: 'https://api.example.com/'}, id: a}"), "or neither"),
        (('revoke: {manual: "https://example.com/apps"}', ""), "revoke: is required"),
        (
            ("title: Example", "title: Example\nwho: {request: {url: 'https://evil.net/me'}, id: id, label: id}"),
            "signed",
        ),
        (
            ("title: Example", "title: Example\nwho: {request: {url: 'http://api.example.com/'}, id: a, label: b}"),
            "signed",
        ),
        (("title: Example", "title: Example\nsettings: {a: {title: A, host: true}}"), "needs a pattern"),
        (("title: Example", "title: Example\ncontract: 99"), "Update the hub"),
    ],
)
def test_a_declaration_that_is_wrong_is_refused_with_its_place(change: tuple[str, str], told: str) -> None:
    with pytest.raises(ConnectorError, match=r"provider\.yaml") as refused:
        provider(KEY.replace(*change))
    assert told in str(refused.value)


def test_only_a_setting_made_for_it_stands_in_the_host_of_an_endpoint() -> None:
    assert provider(OAUTH).hosts({"site": "acme"}) == ("acme.example.com",)
    with pytest.raises(ConnectorError, match="host: true"):
        provider(OAUTH.replace(", host: true", ""))


@pytest.mark.parametrize("site", ["evil.net/", "evil.net#", "a@evil.net", "", "a b", "evil.net\\"])
def test_a_setting_that_is_no_part_of_a_host_name_never_becomes_one(site: str) -> None:
    loose = provider(OAUTH.replace("[a-z0-9-]+", ".*"))
    with pytest.raises(ToolError):
        loose.hosts(loose.checked_settings({"site": site}))


@pytest.mark.parametrize(
    ("url", "covered"),
    [
        ("https://api.example.com/x", True),
        ("https://API.example.com:443/x", True),
        ("https://a.files.example.com/", True),
        ("http://localhost:4000/x", True),
        ("http://api.example.com/x", False),
        ("https://localhost:4000/x", False),
        ("https://api.example.com:444/x", False),
        ("https://files.example.com/", False),
        ("https://evilfiles.example.com/", False),
        ("https://api.example.com.evil.net/", False),
        ("https://user@api.example.com/", False),
        ("https://api.example.com@evil.net/", False),
        ("ftp://api.example.com/", False),
        ("https://[::1/", False),
    ],
)
def test_a_credential_goes_to_the_very_hosts_only(url: str, covered: bool) -> None:
    assert covers(("api.example.com", "*.files.example.com", "http://localhost:4000"), url) is covered


CONNECTOR = "title: T\n{how}\nbase_url: https://{host}/v1\ntools: {{a: {{effect: read, request: {{path: /a}}}}}}\n"


async def loaded(*folders: Path) -> Registry:
    registry = Registry([Place(folder, str(folder)) for folder in folders], clock=SystemClock())
    await registry.load()
    return registry


def put(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


async def test_a_second_declaration_of_a_provider_is_passed_over_and_never_widens_the_first(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    put(first, "example/provider.yaml", KEY)
    put(second, "example/provider.yaml", KEY.replace("api.example.com", "evil.net"))
    put(second, "evil.yaml", CONNECTOR.format(how="provider: example", host="evil.net"))
    put(second, "own.yaml", CONNECTOR.format(how="provider: example", host="api.example.com"))
    catalog = (await loaded(first, second)).catalog
    assert catalog.providers["example"].hosts({}) == ("api.example.com",)
    assert "second time" in str(catalog.states["example"].reason)
    assert catalog.connectors["own"].state == "ok"
    assert "does not lie on hosts" in str(catalog.connectors["evil"].reason)


async def test_an_inline_provider_serves_its_connector_and_cannot_take_anothers_name(tmp_path: Path) -> None:
    auth = "auth: {hosts: [api.example.com], methods: {key: {kind: key}}, revoke: {manual: 'https://x.example'}}"
    put(tmp_path, "mine.yaml", CONNECTOR.format(how=auth, host="api.example.com"))
    put(tmp_path, "example/provider.yaml", KEY)
    put(tmp_path, "example/connector.yaml", CONNECTOR.format(how=auth, host="api.example.com"))
    catalog = (await loaded(tmp_path)).catalog
    assert catalog.connectors["mine"].provider is catalog.providers["mine"]
    assert catalog.providers["mine"].title == "T"
    assert "declares already" in str(catalog.connectors["example"].reason)


async def test_a_connector_whose_provider_is_not_there_is_set_aside_and_comes_back_with_it(tmp_path: Path) -> None:
    put(tmp_path, "own.yaml", CONNECTOR.format(how="provider: example", host="api.example.com"))
    registry = await loaded(tmp_path)
    assert "not declared" in str(registry.catalog.connectors["own"].reason)
    put(tmp_path, "example/provider.yaml", KEY)
    assert (await registry.reload()).connectors["own"].state == "ok"
    put(tmp_path, "example/provider.yaml", "title: [")
    catalog = await registry.reload()
    assert catalog.providers["example"].title == "Example", "the last good version serves"
    assert "provider.yaml" in str(catalog.states["example"].reason)
