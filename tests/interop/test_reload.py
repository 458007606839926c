"""A file dropped into a connectors folder, under the eyes of connected clients: no restart, no reconnect."""

import asyncio
import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.interop.peers import Peer
from tests.programs.processes import RunningHub
from tests.waiting import PATIENCE

ConnectPlain = Callable[[], AbstractAsyncContextManager[Peer]]

LOOK = """
title: Paper
base_url: {origin}
tools:
  look:
    description: Asks the place for a sign of life.
    effect: read
    request: {{path: /healthz}}
    reply: text
"""
BOTH = (
    LOOK
    + """
  look_again:
    description: Asks the place for another sign of life.
    effect: read
    request: {{path: /healthz}}
    reply: text
"""
)


@pytest.fixture
def paper(plain_hub: RunningHub) -> Iterator[Path]:
    """Where the connector ``paper`` is dropped; it is not there before, nor after."""
    file = plain_hub.dropped / "paper.yaml"
    yield file
    file.unlink(missing_ok=True)


async def told(peer: Peer, tools: set[str]) -> None:
    """Wait until the client was told of a change that leaves it with exactly these tools of ``paper``."""
    async with asyncio.timeout(PATIENCE):
        await peer.changed()
        while {name for name in await peer.tools() if name.startswith("paper_")} != tools:
            await peer.changed()


def states(hub: RunningHub) -> dict[str, int]:
    """How many connectors are in which state, as ``/readyz`` tells."""
    with urllib.request.urlopen(hub.url.replace("/mcp", "/readyz"), timeout=30) as reply:
        told: dict[str, int] = json.load(reply)["connectors"]
        return told


async def stale(hub: RunningHub, count: int) -> None:
    """Wait until so many connectors serve their last good version."""
    async with asyncio.timeout(PATIENCE):
        while (await asyncio.to_thread(states, hub)).get("stale", 0) != count:
            await asyncio.to_thread(states, hub)


async def test_a_dropped_connector_appears_survives_a_bad_edit_grows_and_goes(
    plain_hub: RunningHub, connect_plain: ConnectPlain, paper: Path
) -> None:
    origin = plain_hub.url.removesuffix("/mcp")
    async with connect_plain() as peer:
        assert not [name for name in await peer.tools() if name.startswith("paper_")]
        await peer.listen()

        paper.write_text(LOOK.format(origin=origin), "utf-8")
        await told(peer, {"paper_look"})
        assert (await peer.call("paper_look")).text == "ok\n"

        paper.write_text("title: Paper\ntools: {look: [", "utf-8")
        await stale(plain_hub, 1)
        assert "paper_look" in await peer.tools()
        assert (await peer.call("paper_look")).text == "ok\n"

        paper.write_text(BOTH.format(origin=origin), "utf-8")
        await told(peer, {"paper_look", "paper_look_again"})
        assert (await peer.call("paper_look_again")).text == "ok\n"

        paper.unlink()
        await told(peer, set())
        assert "dates_now" in await peer.tools()
