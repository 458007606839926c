"""One hub for all quirks. What it logs is looked through with everybody's (``tests/plants.py``)."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.broker.quirks.house import QuirkHouse, quirk_house


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QuirkHouse]:
    """The hub, whose pages, results, audit and database hold no planted secret at the end."""
    async with quirk_house(tmp_path_factory.mktemp("quirks")) as found:
        yield found
        assert await found.leaks() == []
