"""The reference server of npm behind the hub, over pipes and over HTTP with sessions: tools, schemas and results are
those of a direct connection."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hub.identity import local_caller
from hub.sdk.talk import Silence
from hub.upstream.mcp import Client, Command
from tests.ports import free_port
from tests.servers.conftest import Begin, call, tools, until
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[1] / "interop" / "node_modules" / "@modelcontextprotocol" / "server-everything"
PROGRAM = str(ROOT / "dist" / "index.js")
pytestmark = pytest.mark.skipif(not ROOT.exists(), reason="server-everything is not installed (make test installs it)")

INFO = {"name": "test", "version": "1"}


async def _deaf(method: str, params: Any) -> None:
    return None


async def test_over_pipes_all_is_as_it_is_directly(begin: Begin) -> None:
    os.environ["HUB_TEST_SECRET_OF_THE_HUB"] = "s3cret"
    try:
        direct = await Client.over_pipes(Command(("node", PROGRAM, "stdio")), os.environ, info=INFO)
        listed = await direct.definitions()
        hub = await begin({}, commands={"every": {"run": ["node", PROGRAM, "stdio"], "env": {"OWN": "yes"}}})
    finally:
        del os.environ["HUB_TEST_SECRET_OF_THE_HUB"]
    await until(hub, lambda: "every_echo" in tools(hub))
    me = local_caller()
    for one in listed["tools"]:
        mine = tools(hub)[f"every_{one['name'].replace('-', '_')}"]
        assert mine["inputSchema"] == one["inputSchema"]
        assert mine.get("outputSchema") == one.get("outputSchema")
        assert mine["description"] == one["description"]
    for name, own, arguments in (
        ("every_get_sum", "get-sum", {"a": 1, "b": 2}),
        ("every_get_tiny_image", "get-tiny-image", {}),
        ("every_get_structured_content", "get-structured-content", {"location": "New York"}),
    ):
        given = {"name": own, "arguments": arguments}
        wanted = await direct.call("tools/call", given, _deaf, capabilities={}, seconds=20)
        got = await call(hub, name, **arguments)
        assert {key: got[key] for key in wanted} == wanted
    links = await call(hub, "every_get_resource_links", count=2)
    link = next(one for one in links["content"] if one["type"] == "resource_link")
    read = await hub.gateway.read_resource(me, link["uri"], Silence())
    assert read["contents"][0]["uri"] == link["uri"]
    assert {one["uri"].removeprefix("every+") for one in hub.gateway.list_resources(me)} == {
        one["uri"] for one in listed["resources"]
    }
    ref = {"type": "ref/prompt", "name": "every_completable_prompt"}
    done = await hub.gateway.complete(me, ref, {"name": "department", "value": "E"}, {})
    assert done["completion"]["values"] == ["Engineering"]
    environment = (await call(hub, "every_get_env"))["content"][0]["text"]
    assert '"OWN": "yes"' in environment
    assert "SECRET_OF_THE_HUB" not in environment
    await direct.close()


async def test_over_http_a_session_that_ended_is_begun_again(begin: Begin) -> None:
    port = free_port()

    async def start() -> asyncio.subprocess.Process:
        made = await asyncio.create_subprocess_exec(
            "node", PROGRAM, "streamableHttp", env={**os.environ, "PORT": str(port)}, stderr=asyncio.subprocess.PIPE
        )
        assert made.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while str(port).encode() not in await made.stderr.readline():
                assert made.returncode is None
        return made

    process = await start()
    try:
        hub = await begin({"every": {"url": f"http://127.0.0.1:{port}/mcp"}})
        await until(hub, lambda: "every_echo" in tools(hub))
        assert (await call(hub, "every_echo", message="hi"))["content"][0]["text"] == "Echo: hi"
        process.kill()
        await process.communicate()
        process = await start()

        async with asyncio.timeout(PATIENCE):
            # The new process takes a moment, and the hub a pause.
            while (answer := await call(hub, "every_echo", message="again")).get("isError"):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert answer["content"][0]["text"] == "Echo: again"
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
