"""One hub process full of hostile connectors, and the two providers they try to reach."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.servers import Provider, provider
from tests.interop.peers import MODERN, Peer, connected
from tests.programs.processes import RunningHub, running_hub

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Besieged:
    """A hub under attack: ``ours`` is the provider its connector may reach, ``theirs`` one that nothing may reach."""

    hub: RunningHub
    ours: Provider
    theirs: Provider

    def aside(self) -> dict[str, str]:
        """The connectors that are not served, with the reason, as the hub's log tells the operator."""
        told = {}
        for line in self.hub.program.output.splitlines():
            if "connector not served" in line:
                entry = json.loads(line)
                told[entry["connector"]] = entry["reason"]
        return told


@pytest.fixture(scope="session")
def besieged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Besieged]:
    """The hub, without sign-in. The network lets ``echo`` reach both providers; only its declaration holds it back."""
    with provider() as ours, provider() as theirs:
        settings = {
            "auth": {"mode": "none"},
            "connectors": {
                "shipped": False,
                "paths": [str(HERE / "connectors"), str(HERE / "later")],
                "settings": {"echo": {"address": ours.address}},
            },
            "network": {"allow_private": {"echo": ["127.0.0.0/8"]}},
        }
        with running_hub(tmp_path_factory.mktemp("besieged"), settings) as hub:
            yield Besieged(hub, ours, theirs)
            assert hub.program.running


@pytest.fixture
async def peer(besieged: Besieged) -> AsyncIterator[Peer]:
    """The Python SDK's client in 2026-07-28."""
    # The SDK wants its connection closed by the task that opened it, which a fixture does not promise.
    opened: asyncio.Future[Peer] = asyncio.get_running_loop().create_future()
    done = asyncio.Event()

    async def hold() -> None:
        async with connected("python", MODERN, besieged.hub.url, "none") as one:
            opened.set_result(one)
            await done.wait()

    holding = asyncio.create_task(hold())
    await asyncio.wait((opened, holding), return_when=asyncio.FIRST_COMPLETED)
    if not opened.done():
        await holding
    yield opened.result()
    done.set()
    await holding
