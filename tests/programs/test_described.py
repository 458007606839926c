"""Real applications as connectors of their own descriptions: imported, then used to create, read, change and delete.

Jupyter Server's description comes with its package; Kinto, pygeoapi and PowerDNS serve their own, and PowerDNS wants
an account's key.
"""

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from hub.app import Hub
from hub.broker.connecting import Wanted
from hub.cli.program import app
from hub.config import load
from hub.identity import Caller
from hub.sdk.effect import EFFECTS
from hub.sdk.talk import Silence
from tests.programs.processes import (
    ROOT,
    Program,
    RunningProgram,
    environment,
    running_powerdns,
    running_pygeoapi,
)

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
    """A hub with one imported connector, ``app``, called as ``caller``."""

    def __init__(self, hub: Hub, caller: Caller) -> None:
        self.hub = hub
        self.caller = caller

    async def connect(self, **given: str) -> None:
        """Give an account of the app what a person pastes on its page."""
        loaded = self.hub.registry.catalog.connectors["app"]
        provider = loaded.provider
        assert provider is not None
        (method,) = provider.methods
        wanted = Wanted(self.caller.user_id, "app", provider, method, {}, (), "tests", code=loaded.code)
        await self.hub.brokerage.connecting.paste(wanted, given)

    async def call(self, tool: str, **arguments: Any) -> Any:
        """What the tool answered; fails the test where it failed."""
        result = await self.hub.gateway.call_tool(self.caller, f"app_{tool}", arguments, Silence())
        assert not result.get("isError"), result["content"]
        return result.get("structuredContent")

    async def refused(self, tool: str, **arguments: Any) -> str:
        """What a tool said that failed."""
        result = await self.hub.gateway.call_tool(self.caller, f"app_{tool}", arguments, Silence())
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
        ada = await hub.store.users.add("ada", "member")
        yield Described(hub, Caller(ada.id, "ada", None, frozenset(EFFECTS), admin=False))
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


async def test_a_place_is_made_read_changed_and_deleted_at_pygeoapi_by_the_description_it_serves(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running_pygeoapi(tmp_path_factory.mktemp("geo") / "server") as program:
        at = program.address
        async with imported(
            tmp_path, f"http://{at}/openapi?f=json", at, "--no-auth", "--base-url", f"http://{at}"
        ) as app:
            point = {"type": "Point", "coordinates": [10.7, 59.9]}
            place = {"type": "Feature", "id": "oslo", "geometry": point, "properties": {"id": "oslo", "name": "Oslo"}}
            await app.call("add_places_features", body=place)
            assert (await app.call("get_places_feature", featureId="oslo"))["properties"]["name"] == "Oslo"
            changed = {**place, "properties": {"id": "oslo", "name": "Christiania"}}
            await app.call("update_places_features", featureId="oslo", body=changed)
            found = await app.call("get_places_features", api_limit=5)
            assert sorted(one["properties"]["name"] for one in found["features"]) == ["Christiania", "Rome"]
            await app.call("delete_places_features", featureId="oslo")
            assert "404" in await app.refused("get_places_feature", featureId="oslo")


async def test_a_zone_is_made_read_changed_and_deleted_at_powerdns_with_the_key_its_description_asks_for(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    key = "planted-key-0123456789"
    with running_powerdns(tmp_path_factory.mktemp("dns") / "server", key) as program:
        at = f"http://{program.address}/api"
        asked = urllib.request.Request(f"{at}/docs", headers={"X-API-Key": key})
        description = tmp_path / "powerdns.yaml"
        description.write_bytes(await asyncio.to_thread(lambda: urllib.request.urlopen(asked).read()))
        async with imported(tmp_path, str(description), program.address, "--base-url", f"{at}/v1") as app:
            where = {"server_id": "localhost", "zone_id": "example.org."}
            assert "not connected" in await app.refused("list_zones", server_id="localhost")
            await app.connect(key=key)
            zone = {"name": "example.org.", "kind": "Native", "nameservers": ["ns.example.org."]}
            made = await app.call("create_zone", server_id="localhost", body=zone)
            assert made["id"] == "example.org."
            records = [{"content": "192.0.2.7", "disabled": False}]
            a = {"name": "www.example.org.", "type": "A", "ttl": 60, "changetype": "REPLACE", "records": records}
            await app.call("update_zone", **where, rrsets=[a])
            read = await app.call("list_zone", **where)
            assert {"www.example.org.": "A"}.items() <= {one["name"]: one["type"] for one in read["rrsets"]}.items()
            await app.call("delete_zone", **where)
            assert await app.call("list_zones", server_id="localhost") == {"items": []}
