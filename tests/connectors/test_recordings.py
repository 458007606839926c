"""The one suite of all shipped connectors: every recording is replayed, every connector is without a lint.

Nothing here knows a connector by name: a new one is covered as soon as it lies in connectors/.
"""

import asyncio
from pathlib import Path

import pytest

from hub.clock import SystemClock
from hub.registry import Catalog, Place, Registry
from hub.registry.places import SHIPPED, shipped_folder
from hub.registry.units import Unit, survey
from hub.testing import RecordingFile, files_of, lints, load, replay

SHIPPED_FOLDER = shipped_folder()
PLACES = [] if SHIPPED_FOLDER is None else [Place(SHIPPED_FOLDER, SHIPPED)]
UNITS: list[Unit] = list(survey(PLACES))
RECORDINGS: list[tuple[str, Path]] = [(unit.name, file) for unit in UNITS for file in files_of(unit.path)]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """All shipped connectors, loaded."""
    return asyncio.run(Registry(PLACES, clock=SystemClock()).load())


def loaded_recordings(unit: Unit) -> list[RecordingFile]:
    """A connector's recordings, read."""
    return [load(file) for file in files_of(unit.path)]


@pytest.mark.parametrize(
    ("connector", "path"), RECORDINGS, ids=[f"{connector}-{path.stem}" for connector, path in RECORDINGS]
)
def test_a_recording_holds(catalog: Catalog, connector: str, path: Path) -> None:
    assert catalog.connectors[connector].state == "ok", catalog.connectors[connector].reason
    file = load(path, f"{connector}/{path.parent.name}/{path.name}")
    assert asyncio.run(replay(file, catalog, connector)) is None


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_shipped_connector_has_no_lint_and_a_recording_of_every_tool(catalog: Catalog, unit: Unit) -> None:
    loaded = catalog.connectors[unit.name]
    assert loaded.state == "ok", loaded.reason
    recorded = {file.tool for file in loaded_recordings(unit) if file.tool is not None}
    assert lints(loaded, recorded) == ()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_shipped_connector_records_what_happens_when_a_call_fails_or_finds_nothing(
    catalog: Catalog, unit: Unit
) -> None:
    def sparse(file: RecordingFile) -> bool:
        result = file.recording.result
        return file.recording.error is not None or (isinstance(result, dict) and result.get("items") == [])

    compiled = catalog.connectors[unit.name].compiled
    if compiled is not None and compiled.server is not None:
        assert not compiled.tools, "a server's tools are what somebody's hub has accepted, never shipped"
        return
    assert any(sparse(file) for file in loaded_recordings(unit)), "no recording of an error or an empty answer"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_shipped_connector_has_a_readme(unit: Unit) -> None:
    assert (unit.root / "README.md").is_file()


def test_there_are_shipped_connectors_for_several_apps() -> None:
    assert len(UNITS) >= 8
    assert len(RECORDINGS) >= len(UNITS)
