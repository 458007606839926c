"""Files on both databases, with a clock that stands still and random bytes of the system's."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from hub.clock import FixedClock
from hub.files import Files, Limits
from hub.seal import KEY_BYTES, KeyRing
from hub.store import Store
from tests.files.scene import House
from tests.files.scene import opened as opened_house
from tests.store.conftest import another, clock, cluster, kind, store, url
from tests.upstream.test_trust import Authority, authority

__all__ = ["another", "authority", "clock", "cluster", "kind", "store", "url"]

SMALL = Limits(file=1_000_000, user=2_000_000, total=3_000_000)


@pytest.fixture
def ring() -> KeyRing:
    """The hub's keys."""
    return KeyRing([os.urandom(KEY_BYTES)])


@pytest.fixture
def opened(ring: KeyRing, clock: FixedClock) -> Callable[[Store], Files]:
    """Makes the files of a store, as each process of a hub does."""
    return lambda store: Files(store, ring, clock, SMALL, random=os.urandom)


@pytest.fixture
def files(opened: Callable[[Store], Files], store: Store) -> Files:
    """The files of one process."""
    return opened(store)


@pytest.fixture
async def house(tmp_path: Path, authority: Authority) -> AsyncIterator[House]:
    """A hub with people, connectors and their app."""
    async with opened_house(tmp_path, authority) as found:
        yield found
