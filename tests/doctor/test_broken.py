"""The doctor before deployments that break one thing: it names the step where Claude would stop, and how to mend it."""

import pytest
from aiohttp import web

from tests.doctor.conftest import Deploy
from tests.doctor.deployment import PUBLIC, PUBLIC6, URL, Authority, Fault, Names, Reply
from tests.doctor.faults import (
    MCP,
    RESOURCE,
    SERVER,
    back,
    basic,
    document,
    first,
    html,
    instead,
    led_to_http,
    lose,
    moved,
    of_another_address,
    own_host,
    plain_http,
    status,
    strip,
    typed,
    without_metadata,
)
from tests.oauth.scene import Scene
from tests.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

BROKEN: dict[str, tuple[Fault, str, str]] = {
    "a slash is taken away by a redirect": (instead("/mcp/")(lambda: moved(301, "/mcp")), "endpoint", "HTTP 301"),
    "www is added by a redirect": (
        instead(*MCP)(lambda: moved(308, "https://www.hub.example/mcp")),
        "endpoint",
        "https://www.hub.example/mcp",
    ),
    "a bot page for Claude's own agent": (
        instead(*MCP, agent="Claude-User")(lambda: html(403, "Just a moment...")),
        "endpoint",
        "Just a moment",
    ),
    "a bot rule without a page": (
        instead(*MCP, agent="Claude-User")(lambda: web.json_response({}, status=403)),
        "endpoint",
        "takes Claude for a bot",
    ),
    "a bot page for the agent of the sign-in": (
        instead(RESOURCE + "/mcp", RESOURCE, SERVER, "/register", agent="python-httpx")(lambda: html(403, "Attention")),
        "resource_document",
        "Attention",
    ),
    "a sign-in page of the proxy before everything": (
        instead(*MCP)(lambda: html(200, "Company login")),
        "endpoint",
        "Company login",
    ),
    "GET of the endpoint is eaten": (
        instead("/mcp", methods="GET")(lambda: web.Response(status=405)),
        "endpoint",
        "GET /mcp",
    ),
    "another program at the endpoint": (
        instead(*MCP)(lambda: web.json_response({"hello": "world"})),
        "endpoint",
        "not the hub's",
    ),
    "everyone is let in": (
        instead(*MCP)(lambda: web.json_response({"jsonrpc": "2.0", "id": 1, "result": {}})),
        "endpoint",
        "without a token",
    ),
    "the path is not passed on": (instead(*MCP)(lambda: web.Response(status=404)), "endpoint", "HTTP 404"),
    "the Host header is not passed on": (own_host(), "endpoint", "HTTP 421"),
    "WWW-Authenticate is stripped": (back()(strip("WWW-Authenticate")), "challenge", "no WWW-Authenticate"),
    "a password of the proxy": (back(*MCP)(basic), "challenge", "Basic"),
    "a challenge without the metadata": (back(*MCP)(without_metadata), "challenge", "resource_metadata"),
    "a challenge of the inner address": (back(*MCP)(of_another_address), "challenge", "10.0.0.5:8080"),
    "the document is at the root only": (
        instead(RESOURCE + "/mcp")(lambda: web.Response(status=404)),
        "resource_document",
        f"GET {RESOURCE}/mcp",
    ),
    "the document is redirected": (
        instead(RESOURCE + "/mcp")(lambda: moved(302, RESOURCE)),
        "resource_document",
        "HTTP 302",
    ),
    "another resource": (
        back(RESOURCE + "/mcp")(document(resource="https://hub.example/mcp/")),
        "resource_document",
        "'https://hub.example/mcp/'",
    ),
    "no authorization server": (
        back(RESOURCE + "/mcp")(document(authorization_servers=None)),
        "resource_document",
        "no authorization server",
    ),
    "the document is cached with a wrong type": (
        back(RESOURCE + "/mcp")(typed("text/plain")),
        "resource_document",
        "text/plain",
    ),
    "http addresses in both documents": (
        back(RESOURCE + "/mcp", RESOURCE, SERVER)(plain_http),
        "resource_document",
        "http://hub.example",
    ),
    "http addresses in the server's document": (back(SERVER)(plain_http), "server_document", "'http://hub.example'"),
    "another issuer": (back(SERVER)(document(issuer="https://hub.example/")), "server_document", "issuer"),
    "no PKCE": (back(SERVER)(document(code_challenge_methods_supported=None)), "server_document", "S256"),
    "no token endpoint": (back(SERVER)(document(token_endpoint=None)), "server_document", "token_endpoint"),
    "the server's document is not passed on": (
        instead(SERVER, "/.well-known/openid-configuration")(lambda: web.Response(status=404)),
        "server_document",
        "HTTP 404",
    ),
    "no way to become a client": (
        back(SERVER)(document(registration_endpoint=None, client_id_metadata_document_supported=None)),
        "server_document",
        "client_id_metadata_document_supported",
    ),
    "registration is refused": (
        instead("/register")(lambda: web.json_response({"error": "access_denied"}, status=403)),
        "registration",
        "access_denied",
    ),
    "registration is redirected": (instead("/register")(lambda: moved(302, "/register/")), "registration", "HTTP 302"),
    "a bot page before registration": (instead("/register")(lambda: html(503, "Checking")), "registration", "Checking"),
    "the authorize page is another program's": (
        instead("/authorize")(lambda: web.json_response({})),
        "client_document",
        "sign-in page is right",
    ),
    "the browser is led to http": (back("/authorize")(led_to_http), "client_document", "http://hub.example/signin"),
    "cookies are stripped": (back()(strip("Set-Cookie")), "authorize", "no cookie"),
    "the sign-in page is missing": (instead("/signin")(lambda: web.Response(status=404)), "authorize", "HTTP 404"),
    "303 becomes 302 after a form": (back("/signout")(status(303, 302)), "redirect", "HTTP 302"),
    "303 becomes 307 after a form": (back("/signout")(status(303, 307)), "redirect", "sends the form again"),
    "cookies are not passed on to the hub": (lose("Cookie"), "redirect", "does not know its own form"),
    "the token is not passed on": (lose("Authorization"), "token", "did not reach the hub"),
    "event streams are buffered": (Fault(holds="streams"), "stream", "subscriptions/listen does not begin"),
    "the bodies of event streams are buffered": (Fault(holds="their bodies"), "stream", "sends nothing within"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_deployment_is_told_by_the_step_that_fails(deploy: Deploy, token: str, name: str) -> None:
    fault, step, words = BROKEN[name]
    found = first(await (await deploy(fault)).examined(token=token))
    assert found[0] == step
    assert words in found[1]


async def test_a_proxy_that_takes_no_files_is_warned_of(deploy: Deploy, token: str) -> None:
    def small(request: web.Request) -> web.Response | None:
        return html(413, "Request Entity Too Large") if (request.content_length or 0) > 1_000_000 else None

    report = await (await deploy(Fault(instead=small))).examined(token=token)
    assert report.ok
    (found,) = [one for one in report.findings if one.status == "warning"]
    assert found.step == "files"
    assert "HTTP 413" in found.text
    assert "client_max_body_size" in found.mend


# -- names, ports, certificates ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("addresses", "words"),
    [
        ([], "no address"),
        (["192.168.1.20"], "a private address"),
        (["100.64.3.4"], "carrier-grade NAT"),
        ([PUBLIC6], "IPv6 addresses only"),
        ([PUBLIC, "10.1.2.3"], "10.1.2.3"),
        ([PUBLIC, "fd00::5"], "fd00::5"),
    ],
)
async def test_an_address_that_claude_cannot_reach_is_named(deploy: Deploy, addresses: list[str], words: str) -> None:
    step, text = first(await (await deploy()).examined(names=Names(*addresses)))
    assert step == "dns"
    assert words in text


async def test_a_closed_port_is_named_and_nothing_after_it_is_tried(deploy: Deploy) -> None:
    report = await (await deploy()).examined(port=free_port())
    assert first(report)[0] == "port"
    assert {one.status for one in report.findings if one.step not in ("url", "dns", "port")} == {"skipped"}


async def test_a_certificate_for_another_name_is_named(deploy: Deploy, authority: Authority) -> None:
    step, text = first(await (await deploy(context=authority.context("other.example"))).examined())
    assert step == "tls"
    assert "is for other.example, not for hub.example" in text


async def test_an_expired_certificate_is_named_with_its_day(deploy: Deploy, authority: Authority) -> None:
    step, text = first(await (await deploy(context=authority.context(days=-3))).examined())
    assert step == "tls"
    assert "expired on 20" in text


async def test_a_certificate_that_ends_soon_is_a_warning(deploy: Deploy, authority: Authority) -> None:
    report = await (await deploy(context=authority.context(days=5))).examined()
    assert report.ok
    assert [one.step for one in report.findings if one.status == "warning"] == ["tls"]


async def test_a_certificate_of_nobodys_authority_is_named_and_no_token_is_sent(deploy: Deploy, token: str) -> None:
    seen: list[str] = []

    def watched(request: web.Request) -> None:
        seen.append(request.path)

    report = await (await deploy(Fault(instead=watched), trusted=None)).examined(token=token)
    step, text = first(report)
    assert step == "tls"
    assert "not trusted" in text
    assert seen == []


async def test_plain_http_on_the_port_of_https_is_named(deploy: Deploy) -> None:
    step, text = first(await (await deploy(context=None)).examined())
    assert step == "tls"
    assert "no TLS" in text


async def test_a_url_without_tls_and_on_another_port_is_named_and_the_rest_still_looked_at(deploy: Deploy) -> None:
    report = await (await deploy(context=None)).examined(url="http://hub.example:8080/mcp")
    assert first(report)[0] == "url"
    text = " ".join(one.text for one in report.findings if one.step == "url")
    assert "not https" in text
    assert "port is 8080" in text
    assert any(one.step == "resource_document" and "https://hub.example/mcp" in one.text for one in report.findings)


async def test_a_hub_that_does_not_run_is_told_as_the_proxys_trouble(deploy: Deploy) -> None:
    step, text = first(await (await deploy(backend="http://127.0.0.1:1")).examined())
    assert step == "endpoint"
    assert "502" in text


# -- what only shows with a token --------------------------------------------------------------------------------


async def test_an_unknown_token_is_told_from_one_that_got_lost(deploy: Deploy) -> None:
    step, text = first(await (await deploy()).examined(token="hub_nothing"))
    assert step == "token"
    assert "unknown, expired, revoked" in text
    assert "hub_nothing" not in text


async def test_the_stream_of_get_alone_being_eaten_is_named(deploy: Deploy, token: str) -> None:
    def eaten(request: web.Request) -> web.Response | None:
        mine = request.method == "GET" and request.path == "/mcp" and "Authorization" in request.headers
        return web.json_response({}) if mine else None

    step, text = first(await (await deploy(Fault(instead=eaten))).examined(token=token))
    assert step == "stream"
    assert "GET /mcp" in text


async def test_a_refresh_that_logs_out_is_named(deploy: Deploy, scene: Scene) -> None:
    used: set[str] = set()

    def once(request: web.Request) -> web.Response | None:
        if request.path != "/token":
            return None
        refused = web.json_response({"error": "invalid_grant"}, status=400)
        if used:
            return refused
        used.add("once")
        return None

    tokens = await scene.connect(await scene.person("ada"))
    report = await (await deploy(Fault(instead=once))).examined(refresh_token=tokens["refresh_token"])
    step, text = first(report)
    assert step == "refresh"
    assert "two refreshes at once" in text
    assert tokens["refresh_token"] not in repr(report.told())


async def test_a_dead_refresh_token_is_named(deploy: Deploy) -> None:
    step, text = first(await (await deploy()).examined(refresh_token="hub_rt_" + "x" * 43))
    assert step == "refresh"
    assert "invalid_grant" in text


async def test_a_refresh_without_a_next_one_is_named(deploy: Deploy, scene: Scene) -> None:
    tokens = await scene.connect(await scene.person("ada"))
    fault = back("/token")(document(refresh_token=None))
    step, text = first(await (await deploy(fault)).examined(refresh_token=tokens["refresh_token"]))
    assert step == "refresh"
    assert "lacks access_token or refresh_token" in text


# -- what works, but not for all ---------------------------------------------------------------------------------


def aged(reply: Reply) -> None:
    reply.headers["Age"] = "86400"


@pytest.mark.parametrize(
    ("fault", "step", "words"),
    [
        (instead(RESOURCE)(lambda: web.Response(status=404)), "resource_document", f"GET {RESOURCE} "),
        (
            instead("/.well-known/openid-configuration")(lambda: web.Response(status=404)),
            "server_document",
            "openid-configuration",
        ),
        (back(SERVER)(document(registration_endpoint=None)), "server_document", "cannot register"),
        (back(SERVER)(document(grant_types_supported=["authorization_code"])), "server_document", "refresh_token"),
        (back(RESOURCE + "/mcp")(aged), "resource_document", "1440 minutes"),
        (back(SERVER)(strip("Access-Control-Allow-Origin")), "server_document", "browsers"),
        (instead("/register")(lambda: web.json_response({}, status=429)), "registration", "too many"),
    ],
)
async def test_what_stops_only_some_is_a_warning(deploy: Deploy, fault: Fault, step: str, words: str) -> None:
    report = await (await deploy(fault)).examined()
    assert report.ok, first(report)
    assert [one.step for one in report.findings if one.status == "warning" and words in one.text] == [step]


async def test_a_profiles_address_is_examined_by_its_own_document(deploy: Deploy) -> None:
    step, text = first(await (await deploy()).examined(url=f"{URL}/nothing"))
    assert step == "endpoint"
    assert "HTTP 404" in text
