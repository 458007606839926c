"""One hub, one Jupyter Server and one Prometheus for all tests of this folder, and a token made on the command line."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager

import pytest

from tests.interop.peers import PEER_IDS, PEERS, Peer, connected
from tests.programs.processes import (
    RunningHub,
    RunningProgram,
    running_hub,
    running_jupyter,
    running_prometheus,
)

Connect = Callable[[], AbstractAsyncContextManager[Peer]]


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProgram]:
    """A real Jupyter Server."""
    with running_jupyter(tmp_path_factory.mktemp("jupyter")) as program:
        yield program


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProgram]:
    """A real Prometheus."""
    with running_prometheus(tmp_path_factory.mktemp("prometheus") / "server") as program:
        yield program


@pytest.fixture(scope="session")
def hub(
    tmp_path_factory: pytest.TempPathFactory, jupyter: RunningProgram, prometheus: RunningProgram
) -> Iterator[RunningHub]:
    """A real hub whose two connectors may reach those two programs, and no other place on this machine."""
    addresses = {"jupyter": jupyter.address, "prometheus": prometheus.address}
    settings = {
        "connectors": {"settings": {name: {"address": address} for name, address in addresses.items()}},
        "network": {"allow_private": {name: [address] for name, address in addresses.items()}},
    }
    with running_hub(tmp_path_factory.mktemp("hub"), settings) as running:
        yield running


@pytest.fixture(scope="session")
def token(hub: RunningHub) -> str:
    """A token of ada."""
    return hub.token("ada")


@pytest.fixture(params=PEERS, ids=PEER_IDS)
def connect(request: pytest.FixtureRequest, hub: RunningHub, token: str) -> Connect:
    """Connects to the hub as ada, with each official client in each era it speaks."""
    sdk, revision = request.param
    return lambda: connected(sdk, revision, hub.url, token)
