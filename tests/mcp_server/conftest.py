"""Fixtures of the wire's tests."""

from collections.abc import AsyncIterator

import pytest

from tests.mcp_server.small_hub import Served, serving
from tests.mcp_server.wire_client import Wire


@pytest.fixture
async def hub() -> AsyncIterator[Served]:
    """A running endpoint with the usual limits."""
    async with serving() as served:
        yield served


@pytest.fixture
def wire(hub: Served) -> Wire:
    """A client of ``hub``, signed in as ada."""
    return hub.wire
