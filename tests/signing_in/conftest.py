"""A hub and an MCP server that wants a sign-in, for each test that asks for them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.signing_in.shop import Place, place_at


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with place_at(tmp_path) as found:
        yield found
