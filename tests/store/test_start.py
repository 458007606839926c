"""What stops the start, in words the operator can act on."""

import stat
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from hub.clock import FixedClock
from hub.errors import ConfigError
from hub.store import Change, Store
from hub.store.start import MOUNTS, network_file_system
from hub.store.tables import metadata

Opener = Callable[[], Awaitable[Store]]


class Cluster(Protocol):
    """The server of conftest.py."""

    def url(self, database: str) -> str: ...
    async def execute(self, statement: str) -> None: ...


class Heard(Protocol):
    """The watcher of conftest.py."""

    @property
    def told(self) -> list[tuple[str, str]]: ...
    def __call__(self, change: Change) -> None: ...
    async def until(self, count: int, seconds: float = ...) -> float: ...


@pytest.fixture
def url(bare: str) -> str:
    """Here databases are made from nothing."""
    return bare


async def started(url: str, clock: FixedClock, mounts: Path = MOUNTS) -> None:
    """Open and migrate a store, ask it for a sign of life, and close it."""
    store = Store.open(url, clock, mounts=mounts)
    try:
        await store.migrate()
        await store.ping()
    finally:
        await store.close()


async def refused(url: str, clock: FixedClock, mounts: Path = MOUNTS) -> str:
    """What the start says that stops it."""
    with pytest.raises(ConfigError) as caught:
        await started(url, clock, mounts)
    return str(caught.value)


async def on(url: str, statement: str) -> None:
    """Run one statement on a database."""
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text(statement))
    await engine.dispose()


async def test_the_migrated_tables_are_the_declared_ones(url: str, store: Store) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, metadata))

    engine = create_async_engine(url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_migrating_twice_keeps_what_is_there(another: Opener) -> None:
    user = await (await another()).users.add("anna")
    assert await (await another()).users.get(user.id) == user


async def test_a_database_of_a_newer_hub_is_refused(url: str, another: Opener, clock: FixedClock) -> None:
    await another()
    await on(url, "UPDATE alembic_version SET version_num = '9999'")
    assert "was written by a newer hub (revision 9999)" in await refused(url, clock)


async def test_a_clock_more_than_a_day_behind_the_newest_row_is_refused(
    url: str, another: Opener, clock: FixedClock
) -> None:
    await (await another()).users.add("anna")
    await started(url, FixedClock(clock.now() - timedelta(hours=23)))
    told = await refused(url, FixedClock(clock.now() - timedelta(hours=25)))
    assert "The clock shows 2026-10-31 11:00 UTC, but the database holds rows from 2026-11-01 12:00 UTC" in told


async def test_a_clock_from_before_the_program_is_refused(url: str, clock: FixedClock) -> None:
    past = FixedClock(clock.now().replace(year=2001))
    assert "The clock shows 2001-11-01" in await refused(url, past)


async def test_a_database_that_does_not_answer_is_told_without_its_password(clock: FixedClock) -> None:
    told = await refused("postgresql://hub:s3cret@127.0.0.1:9/hub", clock)
    assert told.startswith("database_url: the PostgreSQL database hub at 127.0.0.1:9 does not answer: ")
    assert "s3cret" not in told


async def test_a_database_that_is_not_there_is_told(cluster: Cluster, clock: FixedClock) -> None:
    url = cluster.url("elsewhere")
    assert 'database "elsewhere" does not exist' in await refused(url, clock)


async def test_a_file_that_is_no_database_is_told(tmp_path: Path, clock: FixedClock) -> None:
    (tmp_path / "hub.db").write_text("these are words, and not a database " * 100)
    told = await refused(f"sqlite:///{tmp_path}/hub.db", clock)
    assert told == f"database_url: the SQLite database {tmp_path}/hub.db cannot be used: file is not a database."


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://hub:s3cret@db/hub", "found mysql; allowed: sqlite"),
        ("postgresql+psycopg://hub:s3cret@db/hub", "found postgresql+psycopg; allowed: sqlite"),
        ("hub.db", "found something that is not a database URL"),
        ("sqlite://", "found a database in memory"),
        ("sqlite:///:memory:", "found a database in memory"),
    ],
)
async def test_a_url_the_hub_cannot_use_is_told(clock: FixedClock, url: str, told: str) -> None:
    found = await refused(url, clock)
    assert told in found
    assert "s3cret" not in found


async def test_the_sqlite_file_is_made_with_its_folder_for_its_owner_alone(tmp_path: Path, clock: FixedClock) -> None:
    await started(f"sqlite+aiosqlite:///{tmp_path}/data/hub.db", clock)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()} == {0o600}


async def test_sqlite_keeps_a_log_that_readers_do_not_wait_for(tmp_path: Path, clock: FixedClock) -> None:
    await started(f"sqlite+aiosqlite:///{tmp_path}/hub.db", clock)
    engine = create_engine(f"sqlite:///{tmp_path}/hub.db")
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
    engine.dispose()


async def test_a_database_file_that_is_a_folder_is_told(tmp_path: Path, clock: FixedClock) -> None:
    (tmp_path / "hub.db").mkdir()
    assert "hub.db cannot be opened for writing: Is a directory" in await refused(f"sqlite:///{tmp_path}/hub.db", clock)


async def test_a_database_on_a_network_file_system_is_refused(tmp_path: Path, clock: FixedClock) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nnas:/x {tmp_path} nfs4 rw 0 0\n")
    told = await refused(f"sqlite:///{tmp_path}/data/hub.db", clock, mounts=mounts)
    assert "lies on a network file system (nfs4)" in told
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ("/dev/a / ext4 rw 0 0\n//nas/x /srv cifs rw 0 0\n", "cifs"),
        ("/dev/a / ext4 rw 0 0\n//nas/x /srv/other cifs rw 0 0\n", None),
        ("nas:/ / nfs rw 0 0\n/dev/b /srv/hub\\040data xfs rw 0 0\n", None),
        ("/dev/a / ext4 rw 0 0\nC:\\134 /srv/hub\\040data 9p rw 0 0\n", "9p"),
        ("//nas/x /srv cifs rw 0 0\n/dev/c /srv ext4 rw 0 0\n", None),
        ("/dev/a / ext4 rw 0 0\n/dev/b /sr nfs rw 0 0\n", None),
        ("broken\n\n", None),
    ],
)
def test_the_innermost_mount_decides(tmp_path: Path, mounts: str, kind: str | None) -> None:
    table = tmp_path / "mounts"
    table.write_text(mounts)
    assert network_file_system(Path("/srv/hub data/hub.db"), table) == kind


def test_a_machine_that_lists_no_mounts_is_trusted(tmp_path: Path) -> None:
    assert network_file_system(Path("/srv/hub.db"), tmp_path / "none") is None


async def test_a_database_that_comes_back_is_used_and_followed_again(
    cluster: Cluster, another: Opener, heard: Callable[[], Heard]
) -> None:
    here, there = await another(), await another()
    watcher = heard()
    here.changes.watch(watcher)
    await cluster.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    user = await there.users.add("anna")
    assert await here.users.get(user.id) == user
    await watcher.until(1)
    assert watcher.told == [("user", user.id)]
