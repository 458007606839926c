"""A revoked token opens nothing after a second, though the hub had no time to hear of it; at the endpoint itself."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from hub.app import Hub, application
from hub.clock import FixedClock
from hub.config import load
from hub.store import Store
from tests.databases import furnished

Client = TestClient[Any, Any]


class HeldClock(FixedClock):
    """A clock that only the test moves; what the hub does from time to time waits for real."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@pytest.fixture
def clock() -> FixedClock:
    return HeldClock(datetime(2026, 11, 1, 12, 0, tzinfo=UTC))


@pytest.fixture
async def hub(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Hub]:
    config = tmp_path / "config.yaml"
    config.write_text(f"data_dir: {tmp_path / 'data'}\nconnectors: {{shipped: false}}\n")
    hub = await Hub.start(furnished(load(config, {})), clock=clock)
    yield hub
    await hub.close()


@pytest.fixture
async def client(hub: Hub) -> AsyncIterator[Client]:
    async with TestClient(TestServer(application(hub))) as client:
        yield client


async def ask(client: Client, secret: str) -> ClientResponse:
    """A request at the endpoint; its answer."""
    return await client.post(
        "/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}},
        headers={"Authorization": f"Bearer {secret}", "Accept": "application/json, text/event-stream"},
    )


async def no_more_looks(hub: Hub) -> None:
    """As if the turn of who looks for changes never came again; what is to be written is."""
    await hub.store.changes.close()
    await hub.store.audit.flush()


def revoked_elsewhere(url: str, token: str, clock: FixedClock) -> None:
    """The token revoked on the same database by another store, while the event loop of this one stands still."""

    async def revoke() -> None:
        other = Store.open(url, clock)
        await other.migrate()
        await other.tokens.revoke(token)
        await other.close()

    thread = threading.Thread(target=lambda: asyncio.run(revoke()))
    thread.start()
    thread.join()


async def test_a_token_revoked_while_the_hub_was_too_busy_to_look_is_refused_a_second_later(
    hub: Hub, client: Client, clock: FixedClock
) -> None:
    user = await hub.store.users.add("anna")
    token, secret = await hub.store.tokens.create(user.id, "laptop", ["read"])
    _, kept = await hub.store.tokens.create(user.id, "phone", ["read"])
    assert (await ask(client, secret)).status == 200
    await no_more_looks(hub)
    revoked_elsewhere(hub.config.store_url, token.id, clock)
    clock.advance(1.0)
    assert [(await ask(client, one)).status for one in (secret, kept)] == [401, 200]


async def test_within_a_second_of_a_look_a_token_is_not_asked_about_again(
    hub: Hub, client: Client, clock: FixedClock
) -> None:
    user = await hub.store.users.add("anna")
    token, secret = await hub.store.tokens.create(user.id, "laptop", ["read"])
    assert (await ask(client, secret)).status == 200
    await no_more_looks(hub)
    revoked_elsewhere(hub.config.store_url, token.id, clock)
    clock.advance(0.9)
    assert (await ask(client, secret)).status == 200
    clock.advance(0.2)
    assert (await ask(client, secret)).status == 401


async def test_a_token_in_memory_opens_nothing_while_the_database_does_not_answer(
    hub: Hub, client: Client, clock: FixedClock
) -> None:
    user = await hub.store.users.add("anna")
    _, secret = await hub.store.tokens.create(user.id, "laptop", ["read"])
    assert (await ask(client, secret)).status == 200
    await no_more_looks(hub)
    await hub.store._database.close()
    file = hub.store._database.path
    assert file is not None
    with sqlite3.connect(file) as away:
        away.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    hidden = file.rename(file.with_suffix(".hidden"))
    file.mkdir()
    clock.advance(1.0)
    answer = await ask(client, secret)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert "try again" in await answer.text()
    file.rmdir()
    hidden.rename(file)
    assert (await ask(client, secret)).status == 200
