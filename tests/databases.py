"""The hub's SQLite database as a hub leaves it that has been here before: in its newest form, without a row.

Making one takes Alembic a tenth of a second, and hundreds of tests begin with a new hub; this makes it once and copies
it. Where the form itself is the matter (``store``'s tests of migrations) databases are made from nothing, as they are
wherever a test starts the program.
"""

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from hub.clock import SystemClock
from hub.config import Config
from hub.store import Store

NAME = "hub.db"


@cache
def _empty() -> bytes:
    async def made(file: Path) -> None:
        store = Store.open(f"sqlite+aiosqlite:///{file}", SystemClock())
        try:
            await store.migrate()
        finally:
            await store.close()

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
        # In a thread, as the caller's own has a loop that runs.
        thread.submit(asyncio.run, made(Path(folder, NAME))).result()
        left = sorted(path.name for path in Path(folder).iterdir())
        assert left == [NAME], "closed, the database is one file"
        return Path(folder, NAME).read_bytes()


def furnish(data_dir: Path) -> None:
    """Put the database into ``data_dir``, which is made (mode 0700); one that is there already is left alone."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = data_dir / NAME
    if not file.exists():
        file.write_bytes(_empty())
        file.chmod(0o600)


def furnished(config: Config) -> Config:
    """The configuration of a hub that is about to start, its database put in place."""
    assert config.database_url is None
    furnish(config.data_dir)
    return config
