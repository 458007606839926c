"""The connection trace: each client's way to the hub, step by step, and where it stopped."""

import sqlite3
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata
from pydantic import AnyUrl

from hub.identity.oauth.correlation import MOST, MOST_KNOCKS, MOST_STRANGERS
from hub.identity.oauth.verdict import Verdict, verdict
from hub.store.oauth import Handshake
from tests.interop.peers import Memory
from tests.oauth.conftest import Opener
from tests.oauth.scene import CLAUDE, RESOURCE, SETTINGS, Answer, Person, Pkce, Scene
from tests.oauth.test_sdk import CALLBACK as LOCAL_CALLBACK
from tests.oauth.test_sdk import DOCUMENT, Browser

ALL = ["request", "challenge", "resource", "server", "registration", "authorize", "sign_in", "consent", "token"]
TRUSTING = SETTINGS + "network: {trusted_proxies: [127.0.0.0/8]}\n"  # so that a test can come from any address


def steps(one: Handshake) -> list[str]:
    return [step.name for step in one.steps]


async def only(scene: Scene) -> Handshake:
    (found,) = await scene.hub.trace.recent()
    return found


async def fate(scene: Scene, quiet: float = 0.0) -> Verdict:
    """What the one handshake has come to, after so many seconds of quiet."""
    one = await only(scene)
    return verdict(one, scene.clock.now() + timedelta(seconds=quiet))


@pytest.mark.parametrize("how", ["document", "registration"])
@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_the_walk_of_the_sdks_client_leaves_every_step_in_one_handshake(local: Scene, how: str, era: str) -> None:
    metadata = OAuthClientMetadata(
        client_name="SDK", redirect_uris=[AnyUrl(LOCAL_CALLBACK)], token_endpoint_auth_method="none"
    )
    local.papers.put(DOCUMENT, {"client_id": DOCUMENT, **metadata.model_dump(mode="json", exclude_none=True)})
    browser = Browser(local, await local.person())
    provider = OAuthClientProvider(
        f"{local.url}/mcp",
        metadata,
        Memory(),
        browser.open,
        browser.answer,
        client_metadata_url=DOCUMENT if how == "document" else None,
    )
    async with (
        httpx2.AsyncClient(auth=provider) as http,
        Client(streamable_http_client(f"{local.url}/mcp", http_client=http), mode=era) as client,
    ):
        assert len((await client.list_tools()).tools) > 3
    one = await only(local)
    assert {step.outcome for step in one.steps} <= {"ok", "waits"}
    expected = [step for step in ALL if how == "registration" or step != "registration"]
    assert list(dict.fromkeys(steps(one))) == [*expected, "entry", "list"]
    assert verdict(one, local.clock.now()).state == "connected"
    assert (one.client_name, one.host, one.user_name) == ("SDK", "loopback", "ada")


async def test_nothing_secret_is_kept_of_a_handshake(scene: Scene, tmp_path: Path) -> None:
    ada, pkce = await scene.person(), Pkce()
    await scene.rpc("hub_at_" + "x" * 43, "tools/list")
    code = await scene.code(ada, pkce, state="the state of it")
    tokens = (await scene.redeem(code, pkce)).json
    await scene.tools(tokens["access_token"])
    latest = (await scene.hub.trace.recent())[0]
    assert "list" in steps(latest)
    with sqlite3.connect(tmp_path / "data" / "hub.db") as database:
        rows = repr(database.execute("SELECT * FROM oauth_handshakes").fetchall())
    assert "Claude" in rows
    secrets = [code, pkce.verifier, pkce.challenge, tokens["access_token"], tokens["refresh_token"], "the state of it"]
    assert [one for one in [*secrets, "x" * 43, ada.cookie["Cookie"].partition("=")[2]] if one in rows] == []


# -- where it stopped --------------------------------------------------------------------------------------------


async def _knocks(scene: Scene, ada: Person) -> Answer:
    return await scene.send("POST", "/mcp")


async def _reads(scene: Scene, ada: Person) -> Answer:
    await _knocks(scene, ada)
    await scene.send("GET", "/.well-known/oauth-protected-resource/mcp")
    return await scene.send("GET", "/.well-known/oauth-authorization-server")


async def _reads_one(scene: Scene, ada: Person) -> Answer:
    await _knocks(scene, ada)
    return await scene.send("GET", "/.well-known/oauth-protected-resource/mcp")


async def _registers_wrongly(scene: Scene, ada: Person) -> Answer:
    await _reads(scene, ada)
    return await scene.register(redirect_uris=["http://app.example/callback"])


async def _registers(scene: Scene, ada: Person) -> Answer:
    await _reads(scene, ada)
    return await scene.register()


async def _forgets_pkce(scene: Scene, ada: Person) -> Answer:
    await _reads(scene, ada)
    return await scene.ask(ada, Pkce(), code_challenge_method="plain")


async def _is_unknown(scene: Scene, ada: Person) -> Answer:
    await _reads(scene, ada)
    return await scene.ask(ada, Pkce(), client_id="nobody")


async def _waits_for_sign_in(scene: Scene, ada: Person) -> Answer:
    await _reads(scene, ada)
    return await scene.ask(None, Pkce())


async def _waits_for_an_admin(scene: Scene, ada: Person) -> Answer:
    made = (await scene.register(redirect_uris=["https://app.example/cb"])).json
    return await scene.ask(ada, Pkce(), client_id=made["client_id"], redirect_uri="https://app.example/cb")


async def _sees_the_page(scene: Scene, ada: Person) -> Answer:
    return await scene.ask(ada, Pkce())


async def _is_refused(scene: Scene, ada: Person) -> Answer:
    return await scene.press(ada, await scene.ask(ada, Pkce()), "deny")


async def _never_fetches(scene: Scene, ada: Person) -> Answer:
    await scene.code(ada, Pkce())
    return await scene.send("GET", "/healthz")


async def _shows_another_verifier(scene: Scene, ada: Person) -> Answer:
    return await scene.redeem(await scene.code(ada, Pkce()), Pkce())


async def _never_comes(scene: Scene, ada: Person) -> Answer:
    await scene.connect(ada)
    return await scene.send("GET", "/healthz")


async def _loses_its_token(scene: Scene, ada: Person) -> Answer:
    await scene.connect(ada)
    return await _knocks(scene, ada)


async def _takes_the_wrong_door(scene: Scene, ada: Person) -> Answer:
    return await scene.rpc((await scene.connect(ada))["access_token"], "tools/list", path="/mcp/looking")


async def _says_nonsense(scene: Scene, ada: Person) -> Answer:
    token = (await scene.connect(ada))["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    return await scene.send("POST", "/mcp", json={"jsonrpc": "2.0", "id": 1}, headers=headers)


async def _never_lists(scene: Scene, ada: Person) -> Answer:
    return await scene.rpc((await scene.connect(ada))["access_token"], "server/discover")


async def _has_an_unknown_token(scene: Scene, ada: Person) -> Answer:
    return await scene.rpc("hub_nothing", "tools/list")


async def _has_a_token_that_ended(scene: Scene, ada: Person) -> Answer:
    tokens = await scene.connect(ada)
    (grant,) = await scene.hub.store.grants.list(ada.user.id)
    await scene.hub.store.grants.revoke(grant.id)
    return await scene.rpc(tokens["access_token"], "tools/list")


async def _is_a_web_page(scene: Scene, ada: Person) -> Answer:
    return await scene.send("POST", "/mcp", headers={"Origin": "https://page.example"})


@pytest.mark.parametrize(
    ("walk", "step", "words"),
    [
        (_knocks, "challenge", "WWW-Authenticate"),
        (_reads_one, "resource", "differ from its resource"),
        (_reads, "server", "issuer"),
        (_registers_wrongly, "registration", "invalid_redirect_uri"),
        (_registers, "registration", "no browser came"),
        (_forgets_pkce, "authorize", "S256"),
        (_is_unknown, "authorize", "does not know this client"),
        (_waits_for_sign_in, "sign_in", "has not signed in"),
        (_waits_for_an_admin, "consent", "hub client allow app.example"),
        (_sees_the_page, "consent", "has not answered"),
        (_is_refused, "consent", "said no"),
        (_never_fetches, "consent", "303"),
        (_shows_another_verifier, "token", "invalid_grant"),
        (_never_comes, "token", "never came with it"),
        (_loses_its_token, "entry", "without the token"),
        (_takes_the_wrong_door, "entry", f"its token is for {RESOURCE}, and it came to {RESOURCE}/looking"),
        (_says_nonsense, "entry", "its request was refused"),
        (_never_lists, "entry", "never asked for the tools"),
        (_has_a_token_that_ended, "entry", "was revoked"),
        (_has_an_unknown_token, "request", "unknown to the hub"),
        (_is_a_web_page, "request", "web origin https://page.example"),
    ],
)
async def test_a_broken_walk_names_the_step_where_it_stopped(
    scene: Scene, walk: Callable[[Scene, Person], Awaitable[Answer]], step: str, words: str
) -> None:
    await walk(scene, await scene.person())
    found = await fate(scene, quiet=1000.0)
    assert (found.state, found.step) == ("stopped", step)
    assert words in found.text


async def test_a_wrong_password_on_the_way_is_a_step_that_failed(scene: Scene) -> None:
    sent = await scene.ask(None, Pkce())
    page = await scene.send("GET", sent.location)
    visit = page.headers["Set-Cookie"].partition(";")[0]
    form = {name: page.text.partition(f'name="{name}" value="')[2].partition('"')[0] for name in ("csrf", "next")}
    form["next"] = form["next"].replace("&amp;", "&")
    refused = await scene.send(
        "POST", "/signin", data={**form, "name": "ada", "password": "not hers"}, headers={"Cookie": visit}
    )
    assert refused.status == 403
    found = await fate(scene)
    assert (found.state, found.step) == ("stopped", "sign_in")
    assert "not hers" not in found.text


async def test_a_client_that_goes_on_is_under_way_and_a_person_is_waited_for(scene: Scene) -> None:
    ada = await scene.person()
    await _reads(scene, ada)
    assert (await fate(scene)).state == "going on"
    await scene.ask(None, Pkce())
    assert (await fate(scene, quiet=600.0)).state == "waiting"


# -- whose steps they are ----------------------------------------------------------------------------------------


async def test_two_clients_at_the_same_time_are_two_handshakes(scene: Scene) -> None:
    ada, bob = await scene.person(), await scene.person("bob")
    first = (await scene.register(client_name="First")).json["client_id"]
    second = (await scene.register(client_name="Second")).json["client_id"]
    mine, hers = Pkce(), Pkce()
    code = await scene.code(bob, hers, client_id=second)
    other = await scene.code(ada, mine, client_id=first)
    made = (await scene.redeem(other, mine, client_id=first)).json
    await scene.redeem(code, hers, client_id=second)
    await scene.tools(made["access_token"])
    fates = {
        one.client_name: (one.user_name, verdict(one, scene.clock.now()).state)
        for one in await scene.hub.trace.recent()
    }
    assert fates == {"First": ("ada", "connected"), "Second": ("bob", "going on")}


async def test_claudes_servers_and_the_persons_browser_are_one_handshake(another: Opener) -> None:
    scene = await another(TRUSTING)
    for path, last in (("/mcp", 5), ("/.well-known/oauth-protected-resource/mcp", 9)):
        method = "POST" if path == "/mcp" else "GET"
        await scene.send(method, path, headers={"X-Forwarded-For": f"160.79.104.{last}"})
    await scene.send("GET", "/.well-known/oauth-authorization-server", headers={"X-Forwarded-For": "160.79.110.1"})
    # Somebody else is there at the same time.
    await scene.send("POST", "/mcp", headers={"X-Forwarded-For": "198.51.100.7"})
    await scene.send("GET", "/.well-known/oauth-authorization-server", headers={"X-Forwarded-For": "198.51.100.7"})
    ada = await scene.person()
    ada.cookie["X-Forwarded-For"] = "203.0.113.80"
    await scene.ask(ada, Pkce())
    claude = next(one for one in await scene.hub.trace.recent() if one.place == "Claude")
    assert list(dict.fromkeys(steps(claude))) == [
        *("request", "challenge", "resource", "server", "authorize", "sign_in", "consent")
    ]
    assert claude.client_id == CLAUDE


async def test_processes_that_share_a_database_share_the_trace(another: Opener) -> None:
    first, second = await another(), await another()
    ada, pkce = await first.person(), Pkce()
    await first.send("POST", "/mcp")
    await first.hub.trace.flush()
    await second.send("GET", "/.well-known/oauth-authorization-server")
    await second.hub.trace.flush()
    code = await first.code(ada, pkce)
    await first.hub.trace.flush()
    tokens = (await second.redeem(code, pkce)).json
    await second.hub.trace.flush()
    assert await first.lets_in(tokens["access_token"])
    found = await second.hub.trace.recent() if await first.hub.trace.recent() else []
    assert [list(dict.fromkeys(steps(one))) for one in found] == [
        ["request", "challenge", "server", "authorize", "sign_in", "consent", "token", "entry", "list"]
    ]


async def test_a_client_that_has_its_tools_leaves_no_further_trace(scene: Scene) -> None:
    tokens = await scene.connect(await scene.person())
    await scene.tools(tokens["access_token"])
    before = await only(scene)
    await scene.tools(tokens["access_token"])
    await scene.rpc(tokens["access_token"], "tools/call", {"name": "notes_get_note", "arguments": {}})
    scene.clock.advance(3700)
    assert not await scene.lets_in(tokens["access_token"])
    fresh = (await scene.refresh(tokens["refresh_token"])).json
    assert await scene.lets_in(fresh["access_token"])
    assert await scene.hub.trace.recent() == [before]
    assert len(scene.hub.trace.newcomers) == 0


async def test_a_client_that_tries_again_later_begins_a_new_handshake(scene: Scene) -> None:
    ada = await scene.person()
    await _reads(scene, ada)
    await scene.hub.trace.flush()
    scene.clock.advance(60)
    await _reads(scene, ada)
    assert [steps(one) for one in await scene.hub.trace.recent()] == [
        ["request", "challenge", "resource", "server"],
        ["request", "challenge", "resource", "server"],
    ]


async def test_scanners_do_not_push_out_those_who_came_further(another: Opener) -> None:
    scene = await another(TRUSTING)
    await scene.connect(await scene.person())
    for number in range(MOST + 10):
        await scene.send("POST", "/mcp", headers={"X-Forwarded-For": f"198.51.100.{number}"})
    found = await scene.hub.trace.recent()
    assert len(found) == MOST_KNOCKS + 1
    assert [one.client_id for one in found if one.client_id] == [CLAUDE]
    for _ in range(MOST + 5):
        await scene.ask(None, Pkce())
    found = await scene.hub.trace.recent()
    assert len(found) == MOST_STRANGERS + 1
    assert found[-1].user_name == "ada"
    for number in range(MOST + 5):
        await scene.ask(await scene.person(f"user{number}"), Pkce())
    assert len(await scene.hub.trace.recent()) == MOST


async def test_what_a_client_says_of_itself_is_kept_short_and_plain(scene: Scene) -> None:
    await scene.send("POST", "/mcp", headers={"User-Agent": "x" * 5000 + " Bearer abcdefghijklmnop"})
    await scene.send("GET", "/authorize?client_id=%3Cb%3E%0A" + "y" * 3000)
    agents = [step.agent for one in await scene.hub.trace.recent() for step in one.steps]
    ids = [one.client_id or "" for one in await scene.hub.trace.recent()]
    assert max(map(len, [*agents, *ids])) <= 300
    assert not any("abcdefgh" in text or "\n" in text for text in [*agents, *ids])
