"""Other people's clients against a running hub: MCP Inspector, FastMCP and mcp-remote list and call tools."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from tests.interop.peers import HERE, LEGACY, MODERN, answer_of, node
from tests.programs.processes import ROOT, RunningHub, environment

SEVERAL = {"dates_now", "wikipedia_search_articles", "open_meteo_get_current_weather", "web_page_read_page"}
SECONDS = 60


def printed(command: list[str], home: Path, **variables: str) -> str:
    """What a program prints; fails the test with its errors where it ends with one."""
    done = subprocess.run(
        command,
        cwd=home,
        env={**environment(home), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"it ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


def inspect(hub: RunningHub, token: str, home: Path, era: str, *options: str) -> Any:
    """What the Inspector's command line reports."""
    program = (
        HERE / "node_modules" / "@modelcontextprotocol" / "inspector" / "clients" / "launcher" / "build" / "index.js"
    )
    command = [node(), str(program), "--cli", hub.url, "--transport", "http", "--protocol-era", era]
    command += ["--header", f"Authorization: Bearer {token}", "--format", "json", *options]
    return json.loads(printed(command, home))["result"]


@pytest.mark.parametrize("era", ["legacy", "modern", "auto"])
def test_the_inspector_lists_the_tools_and_finds_no_error_in_their_schemas(
    plain_hub: RunningHub, plain_token: str, tmp_path: Path, era: str
) -> None:
    listed = inspect(plain_hub, plain_token, tmp_path, era, "--method", "tools/list", "--strict")
    assert {tool["name"] for tool in listed["tools"]} >= SEVERAL


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_calls_a_tool(plain_hub: RunningHub, plain_token: str, tmp_path: Path, era: str) -> None:
    options = ("--method", "tools/call", "--tool-name", "dates_now", "--tool-args-json", '{"zones": ["Asia/Tokyo"]}')
    answer = answer_of(inspect(plain_hub, plain_token, tmp_path, era, *options))
    assert answer.data["zones"][0]["offset"] == "+09:00"


@pytest.mark.parametrize(("mode", "version"), [("legacy", LEGACY), (MODERN, MODERN), ("auto", MODERN)])
def test_fastmcp_lists_and_calls(
    plain_hub: RunningHub, plain_token: str, tmp_path: Path, mode: str, version: str
) -> None:
    python = ROOT / ".cache" / "fastmcp" / "bin" / "python"
    if not python.exists():
        pytest.skip("FastMCP is not installed: make programs")
    command = [str(python), str(HERE / "fastmcp_client.py"), mode, plain_hub.url]
    seen = json.loads(printed(command, tmp_path, HUB_TOKEN=plain_token))
    assert seen["version"] == version
    assert set(seen["tools"]) >= SEVERAL
    assert seen["right"]["zones"][0]["offset"] == "+09:00"
    assert seen["wrong"] is True


@pytest.mark.parametrize(("mode", "version"), [("legacy", LEGACY), (MODERN, MODERN)])
async def test_a_client_that_knows_only_stdio_comes_in_through_mcp_remote(
    plain_hub: RunningHub, plain_token: str, tmp_path: Path, mode: Any, version: str
) -> None:
    proxy = StdioServerParameters(
        command=node(),
        args=[
            str(HERE / "node_modules" / "mcp-remote" / "dist" / "proxy.js"),
            plain_hub.url,
            "--header",
            f"Authorization: Bearer {plain_token}",
            "--transport",
            "http-only",
        ],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
    )
    async with Client(proxy, mode=mode) as client:
        assert client.protocol_version == version
        assert {tool.name for tool in (await client.list_tools()).tools} >= SEVERAL
        result = await client.call_tool("dates_now", {"zones": ["Asia/Tokyo"]})
    assert result.structured_content is not None
    assert result.structured_content["zones"][0]["offset"] == "+09:00"
