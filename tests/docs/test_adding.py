"""docs/operating.md, "From home" and "Adding the hub to Claude": what is written is what the hub and Claude take."""

import ipaddress
import re
import shlex
from pathlib import Path
from typing import Any

import orjson
import pytest
from yarl import URL

from hub import config
from hub.clock import SystemClock
from hub.identity.oauth.metadata import server_document
from hub.registry import Place, Registry
from hub.registry.places import SHIPPED
from hub.web.start import add_link
from tests.docs.pages import ROOT, Block, Page, placed
from tests.oauth.scene import Papers, Pkce, ShiftedClock, opened

PAGE = Page.of("docs/operating.md")
ORIGIN = "https://hub.example.org"
EGRESS = "160.79.104.0/21"
"""From where Claude's servers connect (claude.com/docs/connectors, "Authentication")."""

SERVERS = {"type", "url", "name", "authorization_token"}
TOOLSET = {"type", "mcp_server_name", "default_config", "configs", "cache_control"}
"""The members that the Messages API's beta mcp-client-2025-11-20 knows (its documentation, "MCP connector")."""


def block(words: str) -> Block:
    """The block whose fence says ``words``."""
    (found,) = [one for one in PAGE.blocks if one.words == words]
    return found


def added(command: str) -> tuple[str, dict[str, str]]:
    """The address and the options of a ``claude mcp add``."""
    words = shlex.split(command)
    assert words[:6] == ["claude", "mcp", "add", "--transport", "http", "hub"], command
    return words[6], dict(zip(words[7::2], words[8::2], strict=True))


def test_the_add_link_of_the_page_is_the_one_of_the_start_page() -> None:
    links = [one.text.strip() for one in PAGE.blocks if one.text.startswith("https://claude.ai/")]
    assert links == [add_link("Hub", f"{ORIGIN}/mcp")]


def test_claudes_addresses_are_named_where_they_are_let_in() -> None:
    (rule,) = [one.text for one in PAGE.blocks if "ip.src" in one.text]
    assert str(ipaddress.ip_network(EGRESS)) in rule
    assert f'http.host eq "{URL(ORIGIN).host}"' in rule
    assert EGRESS in PAGE.section("From home")


def test_what_a_company_must_let_in_is_all_that_clients_ask_for_themselves() -> None:
    inwards = " ".join(PAGE.section("Behind a company's proxy").split()).partition("There the proxy")[0]
    let_in = re.findall(r"`(/[^`]*)`", inwards)
    document = server_document(ORIGIN, [])
    asked = {key: URL(value).path for key, value in document.items() if key.endswith("_endpoint")}
    # The one page among them, which a person's browser opens.
    assert asked.pop("authorization_endpoint") not in let_in
    assert set(let_in) == {"/mcp", "/.well-known/", *asked.values()}


async def test_the_client_ids_of_the_page_let_claude_and_claude_code_in(tmp_path: Path) -> None:
    written = block("config.client.yaml")
    placed([written], tmp_path)
    from_file = tmp_path / "secret"
    from_file.write_text("word")
    read = config.load(tmp_path / written.words, {"HUB_CLIENTS__REGISTERED__OUR_CLAUDE__SECRET_FILE": str(from_file)})
    secret = read.clients.registered["our_claude"].secret
    assert secret is not None
    assert secret.get_secret_value() == "word"
    assert read.clients.registered["our_claude_code"].secret is None
    _, options = added(block("claude-code").commands[2])
    settings = written.text + "connectors: {shipped: false, paths: [connectors]}\n"
    async with opened(tmp_path, ShiftedClock(), Papers(), settings, None) as scene:
        ada = await scene.person()
        for id, uri in (
            ("our_claude", "https://claude.ai/api/mcp/auth_callback"),
            (options["--client-id"], f"http://localhost:{options['--callback-port']}/callback"),
            (options["--client-id"], f"http://127.0.0.1:{options['--callback-port']}/callback"),
        ):
            changed: dict[str, str | None] = {"client_id": id, "redirect_uri": uri, "resource": f"{ORIGIN}/mcp"}
            assert (await scene.ask(ada, Pkce(), **changed)).status == 200, id


def test_claude_code_is_given_the_hubs_address_each_time_and_a_token_once() -> None:
    commands = [added(command) for command in block("claude-code").commands]
    assert {url for url, _ in commands} == {f"{ORIGIN}/mcp"}
    assert [sorted(options) for _, options in commands] == [[], ["--header"], ["--callback-port", "--client-id"]]
    assert commands[1][1]["--header"] == "Authorization: Bearer YOUR_TOKEN"


async def test_the_request_for_the_messages_api_names_the_hub_once_and_a_tool_there_is() -> None:
    body: dict[str, Any] = orjson.loads(block("messages-api").text)
    (server,) = body["mcp_servers"]
    assert set(server) == SERVERS
    assert (server["type"], server["url"]) == ("url", f"{ORIGIN}/mcp")
    (toolset,) = body["tools"]
    assert set(toolset) <= TOOLSET
    assert (toolset["type"], toolset["mcp_server_name"]) == ("mcp_toolset", server["name"])
    catalog = await Registry([Place(ROOT / "connectors", SHIPPED)], clock=SystemClock()).load()
    assert set(toolset["configs"]) <= set(catalog.tools)


@pytest.mark.parametrize("page", ["docs/operating.md", "docs/docker.md", "README.md"])
def test_no_page_tells_a_proxy_to_keep_from_the_hub_that_a_client_went_away(page: str) -> None:
    """Measured with Caddy: ``flush_interval -1`` lets calls run on that nobody waits for."""
    assert "flush_interval -1" not in Page.of(page).text
