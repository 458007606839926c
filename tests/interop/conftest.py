"""One real hub for all tests of this folder, with nothing but the shipped connectors and what a test drops in."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager

import pytest

from tests.interop.peers import PEER_IDS, PEERS, Peer, connected
from tests.programs.processes import RunningHub, running_hub


@pytest.fixture(scope="session")
def plain_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A hub whose connector ``paper``, which tests drop in, may reach this machine."""
    settings = {"network": {"allow_private": {"paper": ["127.0.0.0/8"]}}}
    with running_hub(tmp_path_factory.mktemp("plain-hub"), settings) as running:
        yield running


@pytest.fixture(scope="session")
def plain_token(plain_hub: RunningHub) -> str:
    """A token of ada."""
    return plain_hub.token("ada")


@pytest.fixture(params=PEERS, ids=PEER_IDS)
def connect_plain(
    request: pytest.FixtureRequest, plain_hub: RunningHub, plain_token: str
) -> Callable[[], AbstractAsyncContextManager[Peer]]:
    """Connects to the hub as ada, with each official client in each era it speaks."""
    sdk, revision = request.param
    return lambda: connected(sdk, revision, plain_hub.url, plain_token)
