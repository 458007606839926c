"""What the registry's tests stand on: folders written as an author would, and a way to wait for the catalog."""

import asyncio
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hub.clock import SystemClock
from hub.registry import Catalog, Place, Registry
from tests.waiting import PATIENCE

PYTHON = """
    from hub.sdk import Connector

    connector = Connector(title="{title}")


    @connector.tool(effect="read")
    async def answer() -> str:
        \"\"\"Tells its answer to whoever asks.\"\"\"
        return "{title}"
"""

YAML = """
    title: {title}
    base_url: https://api.example.org
    tools:
      look:
        effect: read
        description: {description}
        request: {{path: /look}}
"""


class Folder:
    """A place on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> Path:
        """Write a file, its folders as needed."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip())
        return path

    def python(self, name: str, title: str = "One") -> Path:
        """Write a Python connector with one tool ``answer`` that returns ``title``."""
        return self.write(name, PYTHON.format(title=title))

    def yaml(self, name: str, title: str = "One", description: str = "Looks at something there.") -> Path:
        """Write a YAML connector with one tool ``look``."""
        return self.write(name, YAML.format(title=title, description=description))


class Watched:
    """The catalogs a registry went through, and waiting for one."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.changes: list[tuple[Catalog, Catalog]] = []
        self._changed = asyncio.Event()
        registry.on_change(self._note)

    def _note(self, before: Catalog, after: Catalog) -> None:
        self.changes.append((before, after))
        self._changed.set()

    async def until(self, holds: Callable[[Catalog], bool], seconds: float = PATIENCE) -> Catalog:
        """The first catalog for which ``holds``; fails when none comes in time."""
        async with asyncio.timeout(seconds):
            while not holds(self.registry.catalog):
                self._changed.clear()
                await self._changed.wait()
        return self.registry.catalog


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty place."""
    path = tmp_path / "connectors"
    path.mkdir()
    return Folder(path)


@pytest.fixture
def second(tmp_path: Path) -> Folder:
    """Another empty place."""
    path = tmp_path / "more"
    path.mkdir()
    return Folder(path)


@pytest.fixture
def written(tmp_path: Path) -> Folder:
    """The folder the hub itself writes connectors to."""
    path = tmp_path / "data" / "connectors"
    path.mkdir(parents=True)
    return Folder(path)


RegistryOf = Callable[..., Registry]


@pytest.fixture
def registry_of(written: Folder) -> RegistryOf:
    """Makes a registry of folders; keywords go to ``Registry``."""

    def make(*folders: Folder, **options: Any) -> Registry:
        places = [Place(one.path, str(one.path), written.path) for one in folders]
        return Registry(places, **{"clock": SystemClock(), **options})

    return make


Watching = Callable[[Registry], Awaitable[Watched]]


@pytest.fixture
async def watching() -> AsyncIterator[Watching]:
    """Loads a registry and watches it until the test ends."""
    tasks: list[asyncio.Task[None]] = []

    async def begin(registry: Registry) -> Watched:
        await registry.load()
        watched = Watched(registry)
        tasks.append(asyncio.create_task(registry.watch()))
        return watched

    yield begin
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


Run = Callable[[Catalog, str], Awaitable[Any]]


@pytest.fixture
def run() -> Run:
    """Calls a Python tool without arguments, as the gateway does once it has found it."""

    async def call(catalog: Catalog, name: str) -> Any:
        return await catalog.tools[name].tool.run.call()  # type: ignore[union-attr]

    return call
