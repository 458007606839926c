"""A start that meets a locked SQLite file: it waits for the other process, and says so."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest

from hub import observe
from hub.clock import FixedClock
from hub.errors import ConfigError
from hub.store import Store
from hub.store.database import Database
from hub.store.migration import PATIENCE, migrate

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


class LockedClock(FixedClock):
    """A clock on which the other process gives the lock back after so many waits."""

    def __init__(self, other: sqlite3.Connection, waits: int, seconds: float) -> None:
        super().__init__(NOW)
        self._other = other
        self._waits = waits
        self._seconds = seconds

    async def sleep(self, seconds: float) -> None:
        self._waits -= 1
        if self._waits == 0:
            self._other.rollback()
        await super().sleep(self._seconds)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


@pytest.fixture
def lines() -> StringIO:
    """What is logged."""
    told = StringIO()
    observe.setup(told, json=True)
    return told


def held(file: Path) -> sqlite3.Connection:
    """Another process that has the file to itself, as one does that makes it a WAL database."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("CREATE TABLE other (x)")
    other.execute("BEGIN EXCLUSIVE")
    return other


async def test_a_start_waits_until_the_other_process_is_done_and_says_so(file: Path, lines: StringIO) -> None:
    with closing(held(file)) as other:
        database = Database(f"sqlite:///{file}", busy_ms=20)
        begun = []

        async def begin() -> None:
            begun.append(True)

        await migrate(database, LockedClock(other, waits=3, seconds=6.0), begin)
        await database.close()
    assert begun == [True]
    assert lines.getvalue().count("is locked by another process") == 1
    store = Store.open(f"sqlite:///{file}", FixedClock(NOW))
    await store.migrate()
    assert (await store.users.add("anna")).name == "anna"
    await store.close()


async def test_after_a_minute_the_start_gives_up_with_the_reason(file: Path, lines: StringIO) -> None:
    with closing(held(file)) as other:
        database = Database(f"sqlite:///{file}", busy_ms=20)
        with pytest.raises(ConfigError, match="database is locked"):
            await migrate(database, LockedClock(other, waits=9, seconds=PATIENCE / 4))
        await database.close()
