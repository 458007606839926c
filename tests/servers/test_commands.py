"""Programs on this machine as MCP servers: named in the configuration only, restarted, ended with their children."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

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
    with pytest.raises(Exception, match="needs an account of each user's own"):
        await hub.servers.read("liar")
    assert liar.asked == []


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
