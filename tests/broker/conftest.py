"""One hub and one vendor for each test that asks for them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.broker.scene import House, end_vendors, house_at


@pytest.fixture(scope="session", autouse=True)
def vendors_end() -> Iterator[None]:
    """No process outlives the tests."""
    yield
    end_vendors()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_at(tmp_path) as found:
        yield found
