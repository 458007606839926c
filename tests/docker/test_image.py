"""The image, started for real: who it runs as, what it may write, what it serves, how it ends."""

import asyncio
import http.client
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.docker.engine import Container, Engine, compose_options

DOCKER_STOP_SECONDS = 10
"""How long ``docker stop`` waits before it kills, unless told otherwise."""

WRITES = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('x')"

GREETINGS = """\
contract: 1
version: 1.0.0
title: Greetings
description: Says hello to people.
category: test
base_url: https://greetings.example
tools:
  say_hello:
    title: Say hello
    description: Says hello to whoever is named.
    effect: read
    input:
      name: {type: string, description: Who is greeted}
    required: [name]
    request: {method: GET, path: "/hello/{name}"}
"""

PATIENT = """\
import asyncio
import time

from hub.sdk import Connector

connector = Connector(title="Patient", description="Takes its time.", category="test")


@connector.tool(effect="read")
async def wait() -> str:
    \"\"\"Waits for two minutes before it answers.\"\"\"
    print("the call is here", flush=True)
    await asyncio.sleep(120)
    return "done"


@connector.tool(effect="read")
def block() -> str:
    \"\"\"Blocks its thread for two minutes before it answers.\"\"\"
    print("the call is here", flush=True)
    time.sleep(120)
    return "done"
"""


def token_of(hub: Container, name: str) -> str:
    """An access token of a new user, made the way docs/docker.md says."""
    hub.run("hub", "user", "add", name)
    return hub.run("hub", "token", "create", "--user", name)


@pytest.fixture(scope="module")
def token(hub: Container) -> str:
    """An access token for ``hub``."""
    return token_of(hub, "ada")


@asynccontextmanager
async def client(hub: Container, token: str) -> AsyncIterator[Client]:
    """The official client, signed in."""
    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30)
    async with http, Client(streamable_http_client(f"{hub.url}/mcp", http_client=http)) as connected:
        yield connected


async def tools_of(hub: Container, token: str) -> set[str]:
    """The tools the official client is shown."""
    async with client(hub, token) as connected:
        return {tool.name for tool in (await connected.list_tools()).tools}


def test_the_hub_is_process_one_and_runs_as_a_user_without_rights(engine: Engine, image: str) -> None:
    with engine.container(image) as hub:
        hub.start()
        status = dict(line.split(":\t", 1) for line in hub.run("cat", "/proc/1/status").splitlines() if ":\t" in line)
        command = hub.run("cat", "/proc/1/cmdline")
    assert status["Uid"].split() == ["10001"] * 4
    assert status["Gid"].split() == ["10001"] * 4
    assert int(status["CapEff"], 16) == 0
    assert command.rstrip("\0").split("\0")[-1] == "serve"


def test_only_data_and_tmp_can_be_written(hub: Container) -> None:
    for path in ("/data/x", "/tmp/x"):
        assert hub.code("python", "-c", WRITES, path) == 0, path
    for path in ("/x", "/connectors/x", "/opt/hub/x", "/var/tmp/x", "/run/x", "/etc/x"):
        assert hub.code("python", "-c", WRITES, path) == 1, path


def test_what_the_hub_keeps_is_closed_to_others(hub: Container) -> None:
    modes = hub.run("stat", "--format", "%n %a %u", "/data", "/data/hub.key", "/data/hub.db").splitlines()
    assert modes == ["/data 700 10001", "/data/hub.key 600 10001", "/data/hub.db 600 10001"]


def test_the_image_carries_the_hub_and_not_what_built_it(hub: Container) -> None:
    installed = {name.lower() for name in hub.run("ls", "/opt/hub/lib/python3.13/site-packages").splitlines()}
    assert {"hub", "aiohttp"} <= installed
    assert {"pip", "hatchling", "pytest", "mypy"} & installed == set()
    for left in ("/source", "/opt/build", "/wheel"):
        assert hub.code("ls", left) == 2, left
    assert hub.run("sh", "-c", "command -v gcc cc make git || true") == ""


def test_the_health_check_tells_a_hub_from_a_container_without_one(engine: Engine, image: str, hub: Container) -> None:
    question = engine.health_question(image)
    assert hub.code(*question) == 0
    asked = engine.end(image, *question[1:], options=(f"--entrypoint={question[0]}",))
    assert asked.code == 1
    assert "Connection refused" in asked.text


async def test_an_mcp_client_lists_and_calls_tools_with_a_token_made_inside(hub: Container, token: str) -> None:
    assert token.startswith("hub_")
    async with client(hub, token) as connected:
        shown = {tool.name for tool in (await connected.list_tools()).tools}
        answer = await connected.call_tool("dates_now", {"zones": ["Europe/Berlin"]})
    assert {"dates_now", "wikipedia_search_articles"} <= shown
    assert not answer.is_error
    assert "Europe/Berlin" in str(answer.structured_content)


def test_nobody_lists_tools_without_a_token(hub: Container) -> None:
    with closing(http.client.HTTPConnection(hub.url.removeprefix("http://"), timeout=10)) as connection:
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        connection.request("POST", "/mcp", b"{}", headers)
        with connection.getresponse() as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


async def test_a_connector_dropped_into_the_mounted_folder_is_served_without_a_restart(
    hub: Container, token: str, connectors: Path
) -> None:
    assert "greetings_say_hello" not in await tools_of(hub, token)
    (connectors / "greetings.yaml").write_text(GREETINGS)
    dropped = time.monotonic()
    while "greetings_say_hello" not in await tools_of(hub, token):
        assert time.monotonic() - dropped < 20, hub.log()


async def test_a_new_container_takes_over_the_data_of_the_old_one(engine: Engine, image: str) -> None:
    with engine.volume() as data:
        options = (*compose_options(), f"--volume={data}:/data")
        with engine.container(image, options=options) as old:
            old.start()
            token = token_of(old, "ada")
            assert old.stop(DOCKER_STOP_SECONDS)[0] == 0
        with engine.container(image, options=options) as new:
            new.start()
            assert "dates_now" in await tools_of(new, token)


def test_a_hub_without_trouble_logs_no_warning(hub: Container) -> None:
    assert [line for line in hub.log().splitlines() if '"level":"info"' not in line] == []


@pytest.mark.parametrize("options", [(), compose_options()], ids=["bare", "compose"])
def test_sigterm_ends_an_idle_hub_with_0(engine: Engine, image: str, options: tuple[str, ...]) -> None:
    with engine.container(image, options=options) as hub:
        hub.start()
        code, seconds = hub.stop(DOCKER_STOP_SECONDS)
        assert (code, seconds < 5) == (0, True), f"{code} after {seconds:.1f} s:\n{hub.log()}"
        assert "Traceback" not in hub.log()


def test_sigterm_ends_a_hub_that_is_still_starting_at_once(engine: Engine, image: str) -> None:
    with engine.container(image, options=compose_options()) as hub:
        engine.ask("start", hub.name)
        code, seconds = hub.stop(DOCKER_STOP_SECONDS)
        assert code in (0, 128 + 15), hub.log()
        assert seconds < 5


@pytest.mark.parametrize("tool", ["patient_wait", "patient_block"])
async def test_sigterm_ends_a_hub_with_a_call_in_flight_with_0_in_time(
    engine: Engine, image: str, connectors: Path, tool: str
) -> None:
    (connectors / "patient.py").write_text(PATIENT)
    options = (*compose_options(), f"--volume={connectors}:/connectors:ro")
    with engine.container(image, options=options) as hub:
        hub.start()
        token = token_of(hub, "ada")

        async def call() -> None:
            async with client(hub, token) as connected:
                await connected.call_tool(tool, {})

        calling = asyncio.create_task(call())
        while "the call is here" not in await asyncio.to_thread(hub.log):
            assert not calling.done(), calling.exception()
        code, seconds = await asyncio.to_thread(hub.stop, DOCKER_STOP_SECONDS)
        assert code == 0, f"{code} after {seconds:.1f} s:\n{hub.log()}"
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
