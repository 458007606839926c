"""A hub without its socket: real store, registry and gateway, with the network played by the test."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from hub import config
from hub.app import Hub
from hub.clock import FixedClock
from hub.sdk.http import Outgoing, Reply
from tests.databases import furnished

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


@dataclass
class Wire:
    """The network: answers by path, remembers what was sent, and looks around before. A ``Transport``."""

    answers: dict[str, Any] = field(default_factory=dict)
    sent: list[Outgoing] = field(default_factory=list)
    look: Callable[[], None] = lambda: None

    async def exchange(self, outgoing: Outgoing, *, connector: str, timeout: float) -> Reply:  # noqa: ASYNC109
        self.look()
        self.sent.append(outgoing)
        url, _, _ = outgoing.url.partition("?")
        answer = self.answers.get(outgoing.url, self.answers.get(url, (404, {})))
        status, body, *headers = answer
        held = {"content-type": "application/json", **(headers[0] if headers else {})}
        return Reply(status, outgoing.url, held, body if isinstance(body, bytes) else orjson.dumps(body))


Write = Callable[[str, str], None]
Begin = Callable[..., Awaitable[Hub]]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(AT)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a connector's file."""

    def put(name: str, text: str) -> None:
        path = tmp_path / "connectors" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    return put


@pytest.fixture
async def begin(tmp_path: Path, wire: Wire, clock: FixedClock) -> AsyncIterator[Begin]:
    """Starts the hub on what was written."""
    hubs: list[Hub] = []

    async def start(text: str = "") -> Hub:
        path = tmp_path / "config.yaml"
        path.write_text(f"data_dir: data\nconnectors:\n  shipped: false\n  paths: [connectors]\n{text}", "utf-8")
        hub = await Hub.start(furnished(config.load(path, {})), transport=wire, clock=clock)
        hubs.append(hub)
        return hub

    yield start
    for hub in hubs:
        await hub.close()
