"""Described connectors from the shelf: the same tools as when they were compiled, and much sooner."""

import gc
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from hub.clock import SystemClock
from hub.config import load
from hub.registry import Catalog, Registry, Shelf, places_of
from hub.sdk.request import Call
from hub.seal import KeyRing
from tests.importers.specs import FOLDER, MISSING, data_of, declaration_of


def written(folder: Path, name: str) -> Registry:
    """A registry over one connector made of a real description, with a shelf."""
    (file,) = FOLDER.glob(f"*/{name}")
    data = data_of(file)
    place = folder / "connectors" / "sample"
    place.mkdir(parents=True)
    (place / "description.json").write_bytes(data)
    (place / "connector.yaml").write_bytes(orjson.dumps(declaration_of(data, "openapi")))
    return opened(folder)


def opened(folder: Path) -> Registry:
    """A registry as the next start makes it."""
    (folder / "config.yaml").write_text("data_dir: data\nconnectors: {shipped: false, paths: [connectors]}\n")
    config = load(folder / "config.yaml", {})
    (folder / "data").mkdir(exist_ok=True)
    shelf = Shelf(folder / "shelf", KeyRing.open(folder / "data"))
    return Registry(places_of(config.connectors, config.data_dir), clock=SystemClock(), shelf=shelf)


def requests_of(catalog: Catalog) -> dict[str, Any]:
    """How every tool sends its request."""
    return {name: entry.tool.run.wire for name, entry in catalog.tools.items() if isinstance(entry.tool.run, Call)}


@pytest.mark.skipif(not FOLDER.is_dir(), reason=MISSING)
async def test_the_next_start_lists_and_sends_the_same(tmp_path: Path) -> None:
    registry = written(tmp_path, "discord-api.json.gz")
    first = await registry.load()
    await registry.fill_shelf()
    again = await opened(tmp_path).load()
    assert again.listed_tools == first.listed_tools
    assert requests_of(again) == requests_of(first)
    assert again.connectors["sample"].warnings == first.connectors["sample"].warnings


@pytest.mark.skipif(not FOLDER.is_dir(), reason=MISSING)
async def test_an_edited_description_is_compiled_anew(tmp_path: Path) -> None:
    registry = written(tmp_path, "notion-api.json.gz")
    first = await registry.load()
    await registry.fill_shelf()
    file = tmp_path / "connectors" / "sample" / "description.json"
    document = orjson.loads(file.read_bytes())
    document["paths"].pop("/v1/search")
    file.write_bytes(orjson.dumps(document))
    again = await opened(tmp_path).load()
    assert len(again.listed_tools) == len(first.listed_tools) - 1


@pytest.mark.skipif(not FOLDER.is_dir(), reason=MISSING)
async def test_twelve_hundred_operations_are_compiled_in_two_seconds_and_kept_ones_found_in_a_tenth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    registry = written(tmp_path, "github-rest.json.gz")
    # The hub starts without the collector (hub/serving.py), and the heap of the tests before this one is not its.
    gc.collect()
    gc.disable()
    request.addfinalizer(gc.enable)
    begun = time.process_time()
    await registry.load()
    compiling = time.process_time() - begun
    await registry.fill_shelf()
    following = opened(tmp_path)
    begun = time.process_time()
    catalog = await following.load()
    finding = time.process_time() - begun
    with capsys.disabled():
        print(f"\n{len(catalog.tools)} operations: compiled in {compiling:.2f} s, found in {finding:.3f} s of CPU")
    assert len(catalog.tools) == 1223
    assert compiling < 2.0
    assert finding < 0.1
