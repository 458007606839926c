"""The image under test. Without HUB_DOCKER=1 nothing that needs an engine is collected: ``make docker`` sets it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.engine import Container, Engine, compose_options

collect_ignore = [] if os.environ.get("HUB_DOCKER") == "1" else ["test_image.py", "test_start.py"]

UID = 10001
"""The hub's user in the image; part of its contract, because mounted folders must belong to it."""


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine the image was built for."""
    return Engine.found(os.environ)


@pytest.fixture(scope="session")
def image() -> str:
    """The image's name."""
    return os.environ.get("IMAGE", "connector-hub")


@pytest.fixture(scope="module")
def connectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder of one's own connectors, to be mounted."""
    folder = tmp_path_factory.mktemp("connectors")
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def hub(engine: Engine, image: str, connectors: Path) -> Iterator[Container]:
    """A running hub, limited as compose.yaml limits it, with ``connectors`` mounted."""
    with engine.container(image, options=(*compose_options(), f"--volume={connectors}:/connectors:ro")) as container:
        container.start()
        yield container


@pytest.fixture
def owned(tmp_path: Path) -> Path:
    """A folder on this machine that belongs to the hub's user, as docs/docker.md says to make one."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    os.chown(folder, UID, UID)
    return folder
