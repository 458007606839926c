"""One real hub for all of a module's tests, and deployments of it."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from hub.sdk.tool import EFFECTS
from tests.doctor.deployment import Authority, Deployment, Fault, deployed
from tests.oauth.scene import Papers, Scene, ShiftedClock, opened

SETTINGS = """
public_url: https://hub.example
connectors: {shipped: false, paths: [connectors]}
profiles: {looking: {effects: [read]}}
"""

Deploy = Callable[..., Awaitable[Deployment]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """The hub behind every deployment."""
    async with opened(tmp_path_factory.mktemp("hub"), ShiftedClock(), Papers(), SETTINGS, None) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def token(scene: Scene) -> str:
    """A token that opens it."""
    user = await scene.hub.store.users.add("doctor")
    _, secret = await scene.hub.store.tokens.create(user.id, "for the doctor", frozenset(EFFECTS), None, None)
    return secret


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the certificates."""
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def sound(authority: Authority) -> ssl.SSLContext:
    """A certificate that is right."""
    return authority.context()


@pytest_asyncio.fixture(loop_scope="module")
async def deploy(scene: Scene, authority: Authority, sound: ssl.SSLContext) -> AsyncIterator[Deploy]:
    """Puts the hub behind a proxy with a fault, as often as it is called."""
    # The hub counts what comes from one address; to it these tests are hours apart.
    scene.clock.advance(4000)
    async with AsyncExitStack() as stack:

        async def deploy(
            fault: Fault | None = None,
            *,
            context: ssl.SSLContext | None = sound,
            trusted: Path | None = authority.file,
            backend: str | None = None,
        ) -> Deployment:
            made = deployed(backend or scene.url, fault or Fault(), context, trusted)
            return await stack.enter_async_context(made)

        yield deploy
