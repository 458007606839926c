"""MCP servers that lie about where and how people sign in: each is refused before a person is sent anywhere, and before
anything secret leaves."""

import html
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from hub import config
from hub.app import Hub, application
from hub.broker.connecting import Wanted
from hub.broker.refused import ConnectRefused
from hub.sdk.http import Outgoing, Reply
from tests.databases import furnished
from tests.signing_in.shop import Place, place_at

URL = "https://mcp.example.com/mcp"
ISSUER = "https://auth.example.com/tenant"
PLACES = {
    "resource": "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
    "issuer": "https://auth.example.com/.well-known/oauth-authorization-server/tenant",
}
RESOURCE = {"resource": URL, "authorization_servers": [ISSUER]}
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "registration_endpoint": f"{ISSUER}/register",
    "code_challenge_methods_supported": ["S256"],
    "authorization_response_iss_parameter_supported": True,
}


class Web:
    """A web of documents in place of the network; remembers what was asked of it."""

    def __init__(self, documents: Mapping[str, Any], challenge: str = "") -> None:
        self.documents = documents
        self.challenge = challenge
        self.asked: list[Outgoing] = []

    async def exchange(
        self,
        outgoing: Outgoing,
        *,
        connector: str,
        timeout: float,  # noqa: ASYNC109 - the Transport protocol's
    ) -> Reply:
        """See ``Transport``."""
        self.asked.append(outgoing)
        if outgoing.url == URL:
            return Reply(401, URL, {"www-authenticate": f"Bearer realm=x{self.challenge}"}, b"")
        if outgoing.url.endswith("/register"):
            return Reply(201, outgoing.url, {}, b'{"client_id": "registered"}')
        found = self.documents.get(outgoing.url)
        return Reply(200 if found is not None else 404, outgoing.url, {}, orjson.dumps(found))

    def hosts(self) -> set[str]:
        """The hosts that were asked anything."""
        return {urlsplit(one.url).netloc for one in self.asked}


Begin = Callable[[], Awaitable[str]]
"""Where a person who connects an account at the server would be sent."""


@asynccontextmanager
async def beginning(folder: Path, served: Web, public_url: str = "https://hub.example.com") -> AsyncIterator[Begin]:
    """A hub before ``served``, and people who begin to connect."""
    place = folder / "apps" / "shop"
    place.mkdir(parents=True)
    told = {"kind": "mcp", "title": "Shop", "url": URL, "credential": {"from": "user"}}
    (place / "connector.yaml").write_bytes(orjson.dumps(told))
    path = folder / "config.yaml"
    settings = {"shipped": False, "paths": [str(folder / "apps")]}
    path.write_bytes(orjson.dumps({"public_url": public_url, "data_dir": str(folder / "d"), "connectors": settings}))
    hub = await Hub.start(furnished(config.load(path, {})), transport=served)
    try:
        user = await hub.store.users.add("ada", "member")
        provider = hub.registry.catalog.providers["shop"]
        wanted = Wanted(user.id, "shop", provider, "oauth", {})
        yield lambda: hub.brokerage.connecting.begin(wanted, "visit")
    finally:
        await hub.close()


async def begun(folder: Path, served: Web, public_url: str = "https://hub.example.com") -> str:
    """The same for one person."""
    async with beginning(folder, served, public_url) as begin:
        return await begin()


def web_of(resource: Mapping[str, Any] | None = None, metadata: Mapping[str, Any] | None = None) -> Web:
    """The honest documents, with these put over them."""
    return Web(documents_of(resource, metadata))


def documents_of(resource: Mapping[str, Any] | None, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """The same as what lies where."""
    return {
        PLACES["resource"]: {**RESOURCE, **(resource or {})},
        PLACES["issuer"]: {**METADATA, **(metadata or {})},
    }


async def test_an_honest_server_leads_to_its_issuer(tmp_path: Path) -> None:
    served = web_of()
    url = urlsplit(await begun(tmp_path, served))
    query = dict(parse_qsl(url.query))
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{ISSUER}/authorize"
    assert query["resource"] == URL
    assert query["client_id"] == "registered"
    assert served.hosts() == {"mcp.example.com", "auth.example.com"}


async def test_an_issuer_that_reads_client_documents_is_told_the_hubs_own(tmp_path: Path) -> None:
    served = web_of(metadata={"client_id_metadata_document_supported": True})
    query = dict(parse_qsl(urlsplit(await begun(tmp_path, served)).query))
    assert query["client_id"] == "https://hub.example.com/client.json"
    assert query["redirect_uri"] == "https://hub.example.com/callback/shop"


async def test_without_https_the_hub_has_no_document_and_registers(tmp_path: Path) -> None:
    served = web_of(metadata={"client_id_metadata_document_supported": True})
    url = await begun(tmp_path, served, public_url="http://localhost:8080")
    assert dict(parse_qsl(urlsplit(url).query))["client_id"] == "registered"
    [asked] = [orjson.loads(one.body or b"") for one in served.asked if one.url.endswith("/register")]
    assert asked["application_type"] == "native"
    assert asked["redirect_uris"] == ["http://localhost:8080/callback/shop"]


OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"resource": "https://mcp.victim.com/mcp"}, "token for another resource"),
    ({"resource": "https://mcp.example.com.evil.com/mcp"}, "token for another resource"),
    ({"resource": "https://mcp.example.com/mcp/other"}, "token for another resource"),
    ({"resource": "https://mcp.example.com/mc"}, "token for another resource"),
    ({"resource": "http://mcp.example.com/mcp"}, "token for another resource"),
    ({"resource": "https://user@mcp.example.com/mcp"}, "token for another resource"),
    ({"resource": 7}, "token for another resource"),
    ({"authorization_servers": ["http://auth.example.com"]}, "no public https address"),
    ({"authorization_servers": ["https://127.0.0.1/"]}, "no public https address"),
    ({"authorization_servers": ["javascript:alert(1)"]}, "no public https address"),
    ({"authorization_servers": ["https://169.254.169.254"]}, "no public https address"),
    ({"authorization_servers": []}, "does not say where people sign in"),
]
ASTRAY: list[tuple[dict[str, Any], str]] = [
    ({"issuer": "https://auth.victim.com"}, "another authorization server"),
    ({"issuer": f"{ISSUER}/"}, "another authorization server"),
    ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
    ({"code_challenge_methods_supported": None}, "PKCE"),
    ({"authorization_endpoint": "javascript:fetch('https://evil.com')"}, "authorization_endpoint"),
    ({"authorization_endpoint": "https://192.168.1.1/admin"}, "authorization_endpoint"),
    ({"authorization_endpoint": "https://2130706433/"}, "authorization_endpoint"),
    ({"authorization_endpoint": 'https://x.example.com/"onload="'}, "authorization_endpoint"),
    ({"authorization_endpoint": "https://x.example.com/{client_id}"}, "authorization_endpoint"),
    ({"token_endpoint": "http://auth.example.com/token"}, "token_endpoint"),
    ({"token_endpoint": "https://localhost/token"}, "token_endpoint"),
    ({"token_endpoint": "https://[::1]/token"}, "token_endpoint"),
    ({"token_endpoint": "https://u:p@auth.example.com/token"}, "token_endpoint"),
    ({"registration_endpoint": "file:///etc/passwd"}, "registration_endpoint"),
    ({"token_endpoint": None}, "where people sign in"),
]


async def test_a_server_that_names_what_is_not_its_own_leads_nowhere(tmp_path: Path) -> None:
    served = web_of()
    async with beginning(tmp_path, served) as begin:
        for resource, told in OTHERS:
            served.documents, served.asked = documents_of(resource, None), []
            with pytest.raises(ConnectRefused, match=told):
                await begin()
            assert served.hosts() == {"mcp.example.com"}, f"{resource}: nobody else is asked anything"


async def test_metadata_that_would_lead_people_or_tokens_astray_is_refused(tmp_path: Path) -> None:
    served = web_of()
    async with beginning(tmp_path, served) as begin:
        for metadata, told in ASTRAY:
            served.documents, served.asked = documents_of(None, metadata), []
            with pytest.raises(ConnectRefused, match=told):
                await begin()
            posted = [one.url for one in served.asked if one.method == "POST" and one.url != URL]
            assert posted == [], f"{metadata}: the hub registers nowhere"


async def test_a_challenge_that_points_elsewhere_is_not_followed(tmp_path: Path) -> None:
    served = Web({})
    async with beginning(tmp_path, served) as begin:
        for place in ("http://mcp.example.com/m", "https://10.0.0.1/m", "https://a/#b", "ftp://a/m"):
            served.challenge, served.asked = f', resource_metadata="{place}"', []
            with pytest.raises(ConnectRefused, match="its metadata is at an address that is no public https one"):
                await begin()
            assert len(served.asked) == 1


async def test_a_server_that_does_not_answer_is_told_from_one_that_lies(tmp_path: Path) -> None:
    async with place_at(tmp_path) as place:
        browser = await place.house.browser()
        form = (await browser.open("/connect/shop")).form("by-oauth")
        for silent in ("registration_endpoint", "issuer"):
            closed = f"http://localhost:{place.port}"
            if silent == "issuer":
                place.shop.says["authorization_servers"] = [closed]
            else:
                place.shop.issuer.says[silent] = f"{closed}/register"
            page = await browser.send("/connect/shop/by/oauth", form)
            assert "try again in a few minutes" in page.alert


@pytest.mark.parametrize("lie", ["metadata", "issuer", "registration_endpoint", "token_endpoint"])
async def test_an_address_in_the_hubs_own_network_is_never_asked(tmp_path: Path, lie: str) -> None:
    hits: list[str] = []

    async def hit(request: web.Request) -> web.Response:
        hits.append(request.path)
        return web.json_response({})

    inner = web.Application()
    inner.router.add_route("*", "/{path:.*}", hit)
    async with TestServer(inner, host="127.0.0.1") as secret, place_at(tmp_path) as place:
        there = f"http://127.0.0.1:{secret.port}"
        if lie == "metadata":
            place.shop.metadata_at = f"{there}/m"
        elif lie == "issuer":
            place.shop.says["authorization_servers"] = [f"{there}/latest/meta-data"]
        else:
            place.shop.issuer.says[lie] = f"{there}/admin"
        browser = await place.house.browser()
        form = (await browser.open("/connect/shop")).form("by-oauth")
        page = await browser.send("/connect/shop/by/oauth", form)
        if lie == "token_endpoint":
            page = await browser.open(
                html.unescape(page.text.partition('href="http')[2].partition('"')[0]).join(("http", ""))
            )
        assert "allow_private" in page.alert
        assert hits == []
        assert await place.mine() == []


@pytest.mark.parametrize("iss", ["https://auth.victim.com", "", "{issuer}/"])
async def test_an_answer_of_another_issuer_is_not_redeemed(place: Place, iss: str) -> None:
    place.shop.issuer.iss = iss.format(issuer=place.shop.issuer.url)
    page = await place.connect()
    assert page.status == 400
    assert "Begin anew" in page.alert
    assert place.shop.issuer.requests == [], "no code is shown to a token endpoint"


async def test_a_code_of_an_issuer_that_promised_nothing_is_still_compared(place: Place) -> None:
    place.shop.issuer.says["authorization_response_iss_parameter_supported"] = None
    place.shop.issuer.iss = "https://auth.victim.com"
    assert (await place.connect()).status == 400
    assert place.shop.issuer.requests == []
    place.shop.issuer.iss = ""
    assert (await place.connect()).status == 200


async def test_the_code_of_one_flow_does_not_fit_another_persons_browser(place: Place) -> None:
    ada, eve = await place.house.browser("ada"), await place.house.browser("eve")
    url = await ada.begin("shop")
    page = await eve.open(url)
    assert page.status == 400
    assert place.shop.issuer.requests == []
    assert await place.mine("eve") == []


ELSEWHERE: list[tuple[dict[str, Any], str]] = [
    ({"hosts": ["evil.example.com"], "methods": {"oauth": {"kind": "mcp_oauth"}}}, "goes to its origin only"),
    ({"hosts": ["*.example.com"], "methods": {"oauth": {"kind": "mcp_oauth"}}}, "goes to its origin only"),
    (
        {"methods": {"oauth": {"kind": "mcp_oauth", "resource": "https://mcp.victim.com"}}},
        "goes to its origin only",
    ),
    ({"methods": {"oauth": {"kind": "mcp_oauth", "resource": "https://x/{settings.a}"}}}, "holds a placeholder"),
    ({"hosts": ["evil.example.com"], "methods": {"key": {"kind": "key"}}}, "does not lie on hosts"),
]


async def test_a_connector_whose_tokens_would_go_elsewhere_is_set_aside(tmp_path: Path) -> None:
    for number, (declared, _) in enumerate(ELSEWHERE):
        place = tmp_path / "apps" / f"shop{number}"
        place.mkdir(parents=True)
        connector = {"kind": "mcp", "title": "Shop", "url": URL, "auth": declared}
        (place / "connector.yaml").write_bytes(orjson.dumps(connector))
    path = tmp_path / "config.yaml"
    places = {"shipped": False, "paths": [str(tmp_path / "apps")]}
    path.write_bytes(orjson.dumps({"data_dir": str(tmp_path / "d"), "connectors": places}))
    hub = await Hub.start(furnished(config.load(path, {})), transport=Web({}))
    try:
        for number, (_, told) in enumerate(ELSEWHERE):
            loaded = hub.registry.catalog.connectors[f"shop{number}"]
            assert loaded.state == "set_aside"
            assert told in (loaded.reason or "")
    finally:
        await hub.close()


async def test_the_hubs_own_document_names_its_callbacks_and_nothing_else(tmp_path: Path) -> None:
    async with place_at(tmp_path) as place:
        browser = await place.house.browser(None)
        told = await browser.open("/client.json")
        assert told.status == 404, "no authorization server fetches it without https"
    folder = tmp_path / "https"
    (folder / "apps" / "shop").mkdir(parents=True)
    connector = {"kind": "mcp", "title": "Shop", "url": URL, "credential": {"from": "user"}}
    (folder / "apps" / "shop" / "connector.yaml").write_bytes(orjson.dumps(connector))
    settings = {
        "public_url": "https://hub.example.com",
        "data_dir": str(folder / "d"),
        "connectors": {"shipped": False, "paths": [str(folder / "apps")]},
    }
    (folder / "config.yaml").write_bytes(orjson.dumps(settings))
    hub = await Hub.start(furnished(config.load(folder / "config.yaml", {})), transport=Web({}))
    try:
        async with TestClient(TestServer(application(hub))) as client, client.get("/client.json") as reply:
            told_json = await reply.json()
    finally:
        await hub.close()
    assert told_json["client_id"] == "https://hub.example.com/client.json"
    assert told_json["redirect_uris"] == ["https://hub.example.com/callback/shop"]
    assert told_json["token_endpoint_auth_method"] == "none"
