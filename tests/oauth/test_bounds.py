"""What stays apart: the client's token and the apps behind the hub, this hub's tokens and everyone else's."""

import base64
from pathlib import Path

import orjson
import pytest

from hub.sdk.http import Outgoing, Reply
from tests.oauth.conftest import Opener
from tests.oauth.scene import CALLBACK, ISSUER, RESOURCE, Papers, Pkce, Scene, fields

YAML = """
title: Away
description: An app elsewhere.
version: 1.0.0
category: test
base_url: https://api.example.com
tools:
  look:
    title: Look
    description: Looks at a thing.
    effect: read
    input: {id: {type: string, description: The thing.}}
    required: [id]
    request: {path: "/things/{id}", query: {q: "{id}"}}
"""


class Wiretap(Papers):
    """Keeps all that leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[Outgoing] = []

    async def exchange(self, outgoing: Outgoing, *, connector: str, timeout: float) -> Reply:  # noqa: ASYNC109
        self.left.append(outgoing)
        return await super().exchange(outgoing, connector=connector, timeout=timeout)


@pytest.fixture
def papers() -> Wiretap:
    return Wiretap()


@pytest.mark.proves("no-passthrough")
async def test_the_clients_token_never_leaves_with_a_tools_request(
    another: Opener, papers: Wiretap, tmp_path: Path
) -> None:
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors" / "away.yaml").write_text(YAML, "utf-8")
    scene = await another()
    papers.put("https://api.example.com/things/one?q=one", {"seen": "one"})
    token = (await scene.connect(await scene.person()))["access_token"]
    papers.left.clear()
    answer = await scene.rpc(token, "tools/call", {"name": "away_look", "arguments": {"id": "one"}})
    assert '"seen"' in answer.text
    (sent,) = papers.left
    told = repr((sent.method, sent.url, dict(sent.headers), sent.body))
    assert token not in told
    assert "Authorization" not in sent.headers
    assert RESOURCE not in told


def signed(**claims: object) -> str:
    """A token as another authorization server may make it, its claims naming this hub."""
    parts = [{"alg": "none"}, {"iss": ISSUER, "aud": RESOURCE, "sub": "ada", "scope": "hub", **claims}]
    return ".".join(base64.urlsafe_b64encode(orjson.dumps(part)).rstrip(b"=").decode() for part in parts) + "."


@pytest.mark.parametrize(
    "token",
    [signed(), signed(aud="https://other.example/mcp"), "ghp_" + "a" * 36, "xoxb-1-2-abc", "hub_at_" + "A" * 43],
)
@pytest.mark.proves("foreign-tokens", "GHSA-wf8q-wvv8-p8jf")
async def test_a_token_that_others_made_opens_nothing(scene: Scene, token: str) -> None:
    await scene.person()
    for path in ("/mcp", "/mcp/notes_only"):
        refused = await scene.rpc(token, "tools/list", path=path)
        assert refused.status == 401
        assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]


@pytest.mark.proves("audience")
async def test_a_token_of_another_hub_opens_nothing_here_though_both_share_a_database(another: Opener) -> None:
    here = await another()
    token = (await here.connect(await here.person()))["access_token"]
    there = await another("public_url: https://other.example\nconnectors: {shipped: false, paths: [connectors]}\n")
    assert await here.lets_in(token)
    assert not await there.lets_in(token)


@pytest.mark.proves("consent-cookies")
async def test_consent_is_kept_in_no_cookie(scene: Scene) -> None:
    ada, pkce = await scene.person(), Pkce()
    page = await scene.ask(ada, pkce)
    sent = await scene.press(ada, page)
    again = await scene.ask(ada, Pkce())
    assert (page.status, sent.status, again.status) == (200, 303, 303)
    for answer in (page, sent, again):
        assert "Set-Cookie" not in answer.headers
    elsewhere = await scene.person()
    assert (await scene.ask(elsewhere, Pkce())).location.startswith(CALLBACK)


@pytest.mark.proves("consent-registered-redirect", "document-redirects")
async def test_a_redirect_uri_that_changed_since_the_code_was_made_is_refused(scene: Scene) -> None:
    ada, pkce, moved = await scene.person(), Pkce(), f"{ISSUER}/moved.json"
    document = {"client_id": moved, "client_name": "Moving", "token_endpoint_auth_method": "none"}
    scene.papers.put(moved, {**document, "redirect_uris": [CALLBACK]})
    page = await scene.ask(ada, pkce, client_id=moved)
    assert fields(page.text)["request"]
    scene.papers.put(moved, {**document, "redirect_uris": ["https://claude.ai/elsewhere"]})
    scene.clock.advance(3601)
    assert (await scene.ask(await scene.person(), pkce, client_id=moved)).status == 400
