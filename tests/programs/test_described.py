"""Real applications as connectors of their own descriptions: imported, then used to create, read, change and delete.

Jupyter Server's description comes with its package, Kinto serves its own.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from hub.app import Hub
from hub.cli.program import app
from hub.config import load
from hub.identity import local_caller
from hub.sdk.talk import Silence
from tests.programs.processes import ROOT, Program, RunningProgram, environment

INI = """
[app:main]
use = egg:kinto
kinto.storage_backend = kinto.core.storage.memory
kinto.cache_backend = kinto.core.cache.memory
kinto.permission_backend = kinto.core.permission.memory
kinto.bucket_create_principals = system.Everyone
kinto.userid_hmac_secret = tests
[server:main]
use = egg:waitress#main
listen = 127.0.0.1:0
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = plain
[logger_root]
level = INFO
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = plain
[formatter_plain]
format = %(message)s
"""


@pytest.fixture(scope="module")
def kinto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProgram]:
    """A Kinto that keeps all in memory and lets anyone make buckets; skips where ``make programs`` was not run."""
    server = ROOT / ".cache" / "kinto" / "bin" / "pserve"
    if not server.exists():
        pytest.skip("Kinto is not installed: make programs")
    folder = tmp_path_factory.mktemp("kinto")
    (folder / "kinto.ini").write_text(INI)
    program = Program([server, folder / "kinto.ini"], cwd=folder, environment=environment(folder))
    try:
        address = program.wait_for(r"Serving on http://(127\.0\.0\.1:[1-9][0-9]*)").group(1)
        yield RunningProgram(program, address, folder)
    finally:
        program.stop()


class Described:
    """A hub with one imported connector, ``app``."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    async def call(self, tool: str, **arguments: Any) -> Any:
        """What the tool answered; fails the test where it failed."""
        result = await self.hub.gateway.call_tool(local_caller(), f"app_{tool}", arguments, Silence())
        assert not result.get("isError"), result["content"]
        return result.get("structuredContent")

    async def refused(self, tool: str, **arguments: Any) -> str:
        """What a tool said that failed."""
        result = await self.hub.gateway.call_tool(local_caller(), f"app_{tool}", arguments, Silence())
        assert result.get("isError")
        return str(result["content"][0]["text"])


@asynccontextmanager
async def imported(folder: Path, place: str, address: str, *words: str) -> AsyncIterator[Described]:
    """The description at ``place`` imported as ``app``, which may reach ``address``."""
    config = folder / "config.yaml"
    config.write_text(
        "data_dir: data\nconnectors: {shipped: false}\n"
        f"network: {{allow_private: {{app: [{orjson.dumps(address).decode()}]}}}}\n"
    )
    command = ["--config", str(config), "import", "openapi", place, "--name", "app", "--all", *words]
    done = await asyncio.to_thread(CliRunner().invoke, app, command, prog_name="hub")
    assert done.exit_code == 0, done.output
    hub = await Hub.start(load(config, {}))
    try:
        yield Described(hub)
    finally:
        await hub.close()


async def test_records_are_made_read_changed_and_deleted_at_kinto_by_the_description_it_serves(
    tmp_path: Path, kinto: RunningProgram
) -> None:
    async with imported(tmp_path, f"http://{kinto.address}/v1/__api__", kinto.address, "--no-auth") as described:
        call = described.call
        assert (await call("create_bucket", data={"id": "notes"}))["data"]["id"] == "notes"
        await call("create_collection", bucket_id="notes", data={"id": "trips"})
        made = await call("create_record", bucket_id="notes", collection_id="trips", data={"place": "Rome"})
        where = {"bucket_id": "notes", "collection_id": "trips", "id": made["data"]["id"]}
        assert (await call("get_record", **where))["data"]["place"] == "Rome"
        await call("update_record", **where, data={"place": "Oslo"})
        assert (await call("get_record", **where))["data"]["place"] == "Oslo"
        assert len((await call("get_records", bucket_id="notes", collection_id="trips"))["data"]) == 1
        await call("delete_record", **where)
        assert "404" in await described.refused("get_record", **where)


async def test_a_file_is_made_read_renamed_and_deleted_at_jupyter_by_the_description_it_ships(
    tmp_path: Path, jupyter: RunningProgram
) -> None:
    (description,) = (ROOT / ".cache" / "jupyter").glob(
        "lib/python*/site-packages/jupyter_server/services/api/api.yaml"
    )
    base = f"http://{jupyter.address}"
    async with imported(tmp_path, str(description), jupyter.address, "--no-auth", "--base-url", base) as described:
        call = described.call
        made = await call(
            "replace_contents", path="a b.txt", body={"type": "file", "format": "text", "content": "hello"}
        )
        assert made["path"] == "a b.txt"
        read = await call("get_contents_by_path", path="a b.txt")
        assert read["content"] == "hello"
        await call("update_contents", path="a b.txt", body={"path": "c.txt"})
        assert (jupyter.folder / "c.txt").read_text() == "hello"
        await call("delete_contents", path="c.txt")
        assert not (jupyter.folder / "c.txt").exists()
        assert "404" in await described.refused("get_contents_by_path", path="c.txt")
