"""A hub with its authorization server behind real HTTP, and a person at a browser, scripted.

Client documents come from a ``Transport`` of the test's own, through the same door as the network.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.oauth.scene import Papers, Scene, ShiftedClock, opened
from tests.ports import free_port

Opener = Callable[..., Awaitable[Scene]]


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def papers() -> Papers:
    return Papers()


@pytest.fixture
async def another(tmp_path: Path, clock: ShiftedClock, papers: Papers) -> AsyncIterator[Opener]:
    """Opens a hub on the test's data folder, as often as it is called: a restart, or a replica."""
    async with AsyncExitStack() as stack:

        async def opener(settings: str = "", port: int | None = None) -> Scene:
            return await stack.enter_async_context(opened(tmp_path, clock, papers, settings, port))

        yield opener


@pytest.fixture
async def local(another: Opener) -> Scene:
    """A hub whose public address is where it listens."""
    port = free_port()
    settings = f"public_url: http://localhost:{port}\nconnectors: {{shipped: false, paths: [connectors]}}\n"
    return await another(settings, port)


@pytest.fixture
async def scene(another: Opener) -> Scene:
    return await another()
