"""Programs on this machine as MCP servers: named in the configuration only, restarted, ended with their children."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from hub.clock import SystemClock
from hub.sdk.relay import Server
from hub.servers import Pins, Servers
from hub.upstream.mcp import Command
from tests.servers.conftest import OFFICIAL, Begin, Liar, call, tools, until

OFFICIAL_RUN = [sys.executable, str(OFFICIAL), "stdio"]


async def test_a_file_cannot_name_a_program(begin: Begin) -> None:
    hub = await begin({"sly": {"command": "files"}}, commands={"files": {"run": OFFICIAL_RUN}})
    loaded = hub.registry.catalog.connectors["sly"]
    assert loaded.state == "set_aside"
    assert "in the operator's configuration only" in str(loaded.reason)
    await until(hub, lambda: "files_add" in tools(hub))


async def test_a_program_that_cannot_be_started_is_told_of_and_stops_nothing(begin: Begin) -> None:
    hub = await begin({}, commands={"gone": {"run": ["no-such-program"]}})
    with pytest.raises(Exception, match="no-such-program cannot be started"):
        await hub.servers.read("gone")
    pin = hub.servers.pins.get("gone")
    assert pin is not None
    assert "cannot be started" in str(pin.trouble)


async def test_a_program_that_dies_is_started_again(begin: Begin, tmp_path: Path) -> None:
    started = tmp_path / "pids"
    script = f'echo $$ >> {started}; exec "$@"'
    hub = await begin({}, commands={"files": {"run": ["sh", "-c", script, "sh", *OFFICIAL_RUN]}})
    await until(hub, lambda: "files_add" in tools(hub))
    os.kill(int(started.read_text().split()[0]), signal.SIGKILL)
    await until(hub, lambda: len(started.read_text().split()) == 2)
    assert "files_add" in tools(hub)

    async def added() -> dict[str, Any]:
        return await call(hub, "files_add", a=1, b=2)

    assert (await added()).get("structuredContent") == {"result": 3}


class Hurried(SystemClock):
    """A clock on which every pause is over at once; remembers them."""

    def __init__(self, pauses: int) -> None:
        self.pauses: list[float] = []
        self.enough = asyncio.Event()
        self._wanted = pauses
        self._ahead = 0.0

    def monotonic(self) -> float:
        """The machine's, and the pauses."""
        return super().monotonic() + self._ahead

    async def sleep(self, seconds: float) -> None:
        """Note the pause, and go on."""
        self.pauses.append(seconds)
        self._ahead += seconds
        if len(self.pauses) >= self._wanted:
            self.enough.set()
            await asyncio.Event().wait()
        await super().sleep(0)


DIES = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked["method"] == "server/discover":
        told = {"supportedVersions": ["2026-07-28"], "capabilities": {}, "resultType": "complete"}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": told}), flush=True)
        sys.exit()
"""
"""A program that ends as soon as it has been reached."""


@pytest.mark.parametrize("run", [("false",), (sys.executable, "-c", DIES)], ids=["at once", "once it was reached"])
async def test_a_program_that_always_dies_is_started_after_ever_longer_pauses(
    run: tuple[str, ...], tmp_path: Path
) -> None:
    clock = Hurried(6)

    async def recompile(name: str) -> None:
        return None

    servers = Servers(
        Pins(tmp_path),
        clock,
        streams=None,
        commands={"gone": Command(run)},
        credentials={},
        info={"name": "test", "version": "1"},
        recompile=recompile,
    )
    servers.follow({"gone": Server("Gone", command="gone")})
    keeping = asyncio.create_task(servers.keep())
    async with asyncio.timeout(60):
        await clock.enough.wait()
    keeping.cancel()
    await servers.close()
    assert [round(pause) for pause in clock.pauses] == [1, 2, 5, 15, 30, 60]


async def test_its_children_end_with_it(begin: Begin, tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = f'sleep 1000 >/dev/null 2>&1 & echo $! > {child}; exec "$@"'
    hub = await begin({}, commands={"files": {"run": ["sh", "-c", script, "sh", *OFFICIAL_RUN]}})
    await until(hub, lambda: "files_add" in tools(hub))
    pid = int(child.read_text())
    os.kill(pid, 0)
    await hub.servers.close()
    await until(hub, lambda: not _runs(pid))


def _runs(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_the_operators_credential_goes_to_the_server_and_one_that_is_missing_is_named(
    begin: Begin, liar: Liar
) -> None:
    told = {"url": liar.url, "credential": {"from": "operator"}}
    hub = await begin({"liar": told, "bare": told}, providers={"liar": {"credential": {"token": "s3cret"}}})
    await until(hub, lambda: "liar_look" in tools(hub))
    assert {one.get("Authorization") for one in liar.headers} == {"Bearer s3cret"}
    with pytest.raises(Exception, match=r"set token under providers\.bare\.credential"):
        await hub.servers.read("bare")


async def test_a_server_of_each_users_own_account_says_that_one_is_needed(begin: Begin, liar: Liar) -> None:
    hub = await begin({"liar": {"url": liar.url, "credential": {"from": "user"}}})
    with pytest.raises(Exception, match="is asked on each user's own account"):
        await hub.servers.read("liar")
    assert liar.asked == []


@pytest.mark.proves("upstream-mcp")
async def test_a_server_at_another_address_is_held_until_it_is_accepted(
    begin: Begin, liar: Liar, tmp_path: Path
) -> None:
    hub = await begin({"liar": {"url": liar.url}})
    await until(hub, lambda: "liar_look" in tools(hub))
    file = tmp_path / "connectors" / "liar" / "connector.yaml"
    file.write_bytes(orjson.dumps({"kind": "mcp", "title": "Liar", "url": f"{liar.url}?moved"}))
    await hub.registry.reload()
    loaded = hub.registry.catalog.connectors["liar"]
    assert loaded.state == "held"
    assert "hub pin accept liar --moved" in str(loaded.reason)
    assert "liar_look" not in tools(hub)
