"""The change table: how a write is heard of by every cache, in this process and in all others, within a second.

A write that others may have cached inserts ``(id, kind, key)`` in its own transaction. This process looks right after
its commit. Other processes look when SQLite's ``PRAGMA data_version`` moves, or on PostgreSQL twice a second and at
every NOTIFY. Not a queue of work and no history: rows are pruned after an hour.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.clock import Clock
from hub.observe import log
from hub.store.database import Database, StoreUnavailable, lost, tell
from hub.store.tables import changes

EVERYTHING = "*"
"""The kind told when changes may have been missed (the machine slept longer than rows are kept): drop all."""

KEPT = timedelta(hours=1)
"""How long rows are kept."""

TRUSTED = 1.0
"""Seconds after the beginning of the last successful look for which caches may be believed."""

_CHANNEL = "hub_changes"
_LOCK = 0x6875625F63686E67
_PRUNE_SECONDS = 600.0
_CLOSING_SECONDS = 5.0

_log = log("store.changes")


@dataclass(frozen=True, slots=True)
class Change:
    """Something that others may have cached has changed: ``kind`` (``token``, ``user``, ...) and its ``key``."""

    id: int
    kind: str
    key: str


class Changes:
    """The change table of one database. Looks for others' changes every ``interval`` seconds once started."""

    def __init__(self, database: Database, clock: Clock, interval: float = 0.25) -> None:
        self._database = database
        self._clock = clock
        self._interval = interval
        self._watchers: list[Callable[[Change], None]] = []
        self._last = 0
        self._looked = 0.0
        self._begun = float("-inf")
        self._looking = asyncio.Lock()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        database.after_commit = self.look

    async def record(self, connection: AsyncConnection, kind: str, key: str) -> None:
        """Note a change in the transaction that makes it; it is told once that is committed."""
        if not self._database.sqlite:
            # Held until the commit, so that ids become visible in their order and none is passed over.
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": _CHANNEL})
        await connection.execute(insert(changes), {"kind": kind, "key": key, "at": self._clock.now()})
        tell(connection)

    async def announce(self, kind: str, key: str) -> None:
        """Tell all processes of something that is in no table. Raises ``StoreUnavailable``."""
        async with self._database.write() as connection:
            await self.record(connection, kind, key)

    def watch(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Have ``callback`` called for every change from now on, of this process right after its commit, of others
        within a second, each once and in order. It must be quick and must not raise. Returns what ends it.

        A ``Change`` of kind ``EVERYTHING`` means that some were missed.
        """
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    async def start(self) -> None:
        """Begin to look; what happened before is not told."""
        if self._task is None:
            await self._skip_to_newest()
            self._task = asyncio.create_task(self._look_on(), name="store.changes")

    async def close(self) -> None:
        """Stop looking."""
        if self._task is None:
            return
        # Let it finish what it asked the database; cancelled in the middle, the connection's thread would outlive us.
        self._closing = True
        self._wake.set()
        await asyncio.wait({self._task}, timeout=_CLOSING_SECONDS)
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = None

    async def prune(self) -> int:
        """Delete the rows that are older than an hour; returns how many."""
        async with self._database.write() as connection:
            done = await connection.execute(delete(changes).where(changes.c.at < self._clock.now() - KEPT))
            return done.rowcount

    @property
    def fresh(self) -> bool:
        """Whether all that changed until ``TRUSTED`` seconds ago has been told. A cache that must not outlive a change
        by more asks this before it is believed, and where it is not so waits for ``catch_up``: so its promise holds
        however busy the event loop is, and when the database does not answer."""
        return self._clock.monotonic() - self._begun < TRUSTED

    async def catch_up(self) -> None:
        """Look now, unless that has just been done: then ``fresh`` holds. Raises ``StoreUnavailable``."""
        async with self._looking:
            if not self.fresh:
                await self._tell_new()

    async def look(self) -> None:
        """Tell the watchers what is new in the table. Raises ``StoreUnavailable``."""
        if self._task is None:
            return
        async with self._looking:
            await self._tell_new()

    async def _tell_new(self) -> None:
        begun = self._clock.monotonic()
        if self._clock.time() - self._looked > KEPT.total_seconds() / 2:
            await self._skip_to_newest()
            self._tell(Change(self._last, EVERYTHING, EVERYTHING))
            self._begun = begun
            return
        newer = select(changes.c.id, changes.c.kind, changes.c.key).where(changes.c.id > self._last)
        async with self._database.read() as connection:
            rows = (await connection.execute(newer.order_by(changes.c.id))).all()
        self._looked = self._clock.time()
        for row in rows:
            self._last = row.id
            self._tell(Change(row.id, row.kind, row.key))
        self._begun = begun

    async def _skip_to_newest(self) -> None:
        async with self._database.read() as connection:
            newest = (await connection.execute(select(func.max(changes.c.id)))).scalar_one()
        self._last = max(self._last, newest or 0)
        self._looked = self._clock.time()

    def _tell(self, change: Change) -> None:
        for callback in tuple(self._watchers):
            try:
                callback(change)
            except Exception:
                # An outermost edge: one cache's mistake must not keep the others from hearing of a revocation.
                _log.exception("a watcher of changes failed", kind=change.kind)

    async def _look_on(self) -> None:
        """Look until closed; a database that goes away is waited for."""
        silent = False
        pruned = self._clock.monotonic()
        while not self._closing:
            try:
                async with self._database.engine.connect() as connection:
                    driver: Any = (await connection.get_raw_connection()).driver_connection
                    if not self._database.sqlite:
                        await driver.add_listener(_CHANNEL, lambda *_: self._wake.set())
                    try:
                        version = None
                        while not self._closing:
                            begun = self._clock.monotonic()
                            version, seen = await self._version(driver), version
                            if version is None or version != seen:
                                await self.look()
                            else:
                                self._looked = self._clock.time()
                                self._begun = max(self._begun, begun)
                            if silent:
                                _log.info("changes are seen again")
                                silent = False
                            if self._clock.monotonic() - pruned > _PRUNE_SECONDS:
                                pruned = self._clock.monotonic()
                                await self.prune()
                            await self._pause()
                    finally:
                        if not self._database.sqlite:
                            # It is still listening; the pool must not give it to anyone.
                            await connection.invalidate()
            except lost(StoreUnavailable, SQLAlchemyError) as wrong:
                if not silent:
                    _log.warning("changes of other processes are not seen", error=str(wrong))
                silent = True
                await self._pause()
            except Exception:
                # An outermost edge: were it to end, revocations by others would never be seen again.
                _log.exception("following changes failed; it begins anew")
                await self._pause()

    async def _version(self, driver: Any) -> int | None:
        """A number that moves with every commit of anyone else; None where there is none and one must look."""
        if self._database.sqlite:
            # Read on one connection kept for it: the number means nothing on another.
            async with driver.execute("PRAGMA data_version") as cursor:
                (version,) = await cursor.fetchone()
            return int(version)
        if driver.is_closed():
            raise StoreUnavailable("the listening connection was closed")
        return None

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), self._interval)
        if not self._closing:
            self._wake.clear()
