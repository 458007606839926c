"""Both databases for the store's tests: an SQLite file, and a throw-away PostgreSQL made of the machine's binaries."""

import asyncio
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hub.clock import FixedClock, SystemClock
from hub.store import Change, Store
from tests.databases import furnish
from tests.ports import free_port
from tests.waiting import PATIENCE

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@dataclass
class Cluster:
    """A PostgreSQL server of this test run."""

    binaries: Path
    folder: Path
    port: int
    user: list[str]
    _migrated: str | None = None

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as its user; its output is shown when it fails."""
        command = [*self.user, str(self.binaries / program), *arguments]
        log = self.folder / f"{program}.out"
        # Into a file: the server that pg_ctl starts would keep a pipe open for ever.
        with log.open("w") as out:
            done = subprocess.run(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd="/", check=False)
        assert done.returncode == 0, log.read_text()

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}/{database}"

    async def execute(self, statement: str) -> None:
        """Run a statement outside of any of the tests' databases."""
        connection = await asyncpg.connect(host="127.0.0.1", port=self.port, user="postgres", database="postgres")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def migrated(self) -> str:
        """The name of a database in its newest form, of which others are made."""
        if self._migrated is None:
            self._migrated = "hub_template"
            await self.execute(f"CREATE DATABASE {self._migrated}")
            store = Store.open(self.url(self._migrated), SystemClock())
            await store.migrate()
            await store.close()
        return self._migrated

    async def fetch(self, query: str) -> Any:
        """The one value of a query's answer."""
        connection = await asyncpg.connect(host="127.0.0.1", port=self.port, user="postgres", database="postgres")
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()


def _binaries() -> Path | None:
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True)
    found = shutil.which("initdb")
    return next(
        (place for place in [*places, *([Path(found).parent] if found else [])] if (place / "initdb").exists()), None
    )


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server on a free port; PostgreSQL refuses to run as root, so then it runs as ``postgres``."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's initdb is not on this machine (Debian: postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="hub-pg-"))
    user: list[str] = []
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        user = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    port = free_port()
    one = Cluster(binaries, folder, port, user)
    data = str(folder / "data")
    try:
        one.run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
        options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off -c max_connections=60"
        one.run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        yield one
        one.run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which of the two."""
    return str(request.param)


@asynccontextmanager
async def made(cluster: Cluster, template: str) -> AsyncIterator[str]:
    """The URL of a database of the cluster while the block lasts."""
    name = f"hub_{secrets.token_hex(6)}"
    await cluster.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield cluster.url(name)
    await cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def bare(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database of either kind, or of none yet: nothing was made in it."""
    if kind == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/data/hub.db"
        return
    async with made(request.getfixturevalue("cluster"), "template1") as url:
        yield url


@pytest.fixture
async def url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database of either kind in its newest form, without rows."""
    if kind == "sqlite":
        furnish(tmp_path / "data")
        yield f"sqlite+aiosqlite:///{tmp_path}/data/hub.db"
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    async with made(cluster, await cluster.migrated()) as url:
        yield url


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands still until the test moves it."""
    return FixedClock(START)


Opener = Callable[[], Awaitable[Store]]


@pytest.fixture
async def another(url: str, clock: FixedClock) -> AsyncIterator[Opener]:
    """Opens one more store on the same database, as another process would, with connections of its own."""
    async with AsyncExitStack() as stack:

        async def opened() -> Store:
            store = Store.open(url, clock)
            stack.push_async_callback(store.close)
            await store.migrate()
            return store

        yield opened


@pytest.fixture
async def store(another: Opener) -> Store:
    """A migrated store."""
    return await another()


@dataclass
class Heard:
    """The changes a watcher was told, and a way to wait for the next."""

    changes: list[Change] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, change: Change) -> None:
        self.changes.append(change)
        self.news.set()

    @property
    def told(self) -> list[tuple[str, str]]:
        """Kind and key of each."""
        return [(change.kind, change.key) for change in self.changes]

    async def until(self, count: int, seconds: float = PATIENCE) -> float:
        """Wait until that many were told; returns after how many seconds."""
        clock = SystemClock()
        start = clock.monotonic()
        async with asyncio.timeout(seconds):
            while len(self.changes) < count:
                self.news.clear()
                await self.news.wait()
        return clock.monotonic() - start


@pytest.fixture
def heard() -> Callable[[], Heard]:
    """Makes a watcher that remembers."""
    return Heard
