"""Group commit: many small writes, one transaction.

``commit`` returns when its row is durable; all that wait at one moment share a transaction. ``post`` returns at once;
its row is written with the next group, half a second later at most. Not a place for writes that others cache
(those insert a change) nor for anything that must be read back at once.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple, cast

from sqlalchemy import Executable, Insert, bindparam, insert
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql import ClauseElement

from hub.observe import log
from hub.store.database import Database, StoreUnavailable

_log = log("store.journal")

Row = tuple[Any, ...]
Prepared = tuple[str, Callable[[Row], Row]]
"""A statement's text for the driver, and what puts a row's values into the order of its places."""

BLOCK = 32
"""Rows one insert statement takes, where there are so many."""


class Statement:
    """One kind of write, compiled once for each kind of database.

    ``names`` are its parameters in the order in which ``row`` gives their values, as the driver takes them; ``row``
    makes them of what was posted, and is asked only when the group is written.
    """

    def __init__(self, executable: Executable, names: tuple[str, ...], row: Callable[[Any], Row]) -> None:
        self._executable = executable
        self._names = names
        # By statement and kind of database; both are fixed, so nothing drops one.
        self._compiled: dict[tuple[str, int], Prepared] = {}
        self.row = row

    def work(self, dialect: Dialect, rows: list[Row]) -> Iterator[tuple[str, list[Row]]]:
        """Texts for the driver, each with the rows of its values.

        Rows that are inserted go ``BLOCK`` at a time, because the driver's thread and ours take turns for each step
        of the database.
        """
        if isinstance(self._executable, Insert) and len(rows) >= BLOCK:
            text, ordered = self._prepared(dialect, BLOCK)
            whole = len(rows) - len(rows) % BLOCK
            blocks = range(0, whole, BLOCK)
            yield text, [ordered(tuple(chain.from_iterable(rows[at : at + BLOCK]))) for at in blocks]
            rows = rows[whole:]
        if rows:
            text, ordered = self._prepared(dialect, 1)
            yield text, [ordered(row) for row in rows]

    def _prepared(self, dialect: Dialect, rows: int) -> "Prepared":
        known = self._compiled.get((dialect.name, rows))
        if known is None:
            names, executable = list(self._names), self._executable
            if rows > 1 and isinstance(executable, Insert):
                numbered = [{name: f"{name}_{row}" for name in names} for row in range(rows)]
                held: Any = [{name: bindparam(key) for name, key in row.items()} for row in numbered]
                # By itself SQLite keeps every page such a statement is about to change, so that it alone could be taken
                # back. Where one row is wrong the whole transaction is; its rows are then written one by one.
                executable = insert(executable.table).prefix_with("OR FAIL", dialect="sqlite").values(held)
                names = [key for row in numbered for key in row.values()]
            made: Any = cast(ClauseElement, executable).compile(dialect=dialect, column_keys=list(self._names))
            known = str(made), itemgetter(*(names.index(name) for name in made.positiontup))
            self._compiled[dialect.name, rows] = known
        return known


class _Write(NamedTuple):
    """One row on its way; without a statement only a mark that everything before it is written."""

    statement: Statement | None
    posted: Any
    done: asyncio.Future[None] | None = None

    def settle(self, wrong: BaseException | None = None) -> None:
        if self.done is None or self.done.done():
            return
        if wrong is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(wrong)


class Journal:
    """Writes to one database in groups. ``interval`` in seconds; ``limit`` posted rows are held while it is away."""

    def __init__(self, database: Database, interval: float = 0.5, limit: int = 10_000) -> None:
        self._database = database
        self._interval = interval
        self._limit = limit
        self._awaited: list[_Write] = []
        self._posted: deque[_Write] = deque()
        self._dropped = 0
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def commit(self, statement: Statement | None, posted: Any) -> None:
        """Write one row and wait until it is durable. Raises ``StoreUnavailable`` when it could not be written."""
        if self._closed:
            raise StoreUnavailable("The store is closed.")
        done = asyncio.get_running_loop().create_future()
        self._awaited.append(_Write(statement, posted, done))
        self._start()
        self._wake.set()
        await done

    def post(self, statement: Statement, posted: Any) -> None:
        """Write one row soon. While the database is away the newest ``limit`` rows are kept; what is lost is logged."""
        if self._closed:
            _log.error("a row came after the store was closed and is lost")
            return
        self._posted.append(_Write(statement, posted))
        if self._timer is None or len(self._posted) > self._limit:
            self._wait()
            self._start()

    async def flush(self) -> None:
        """Wait until all posted rows are written, or have been tried. Raises ``StoreUnavailable``."""
        await self.commit(None, None)

    async def close(self) -> None:
        """Write what is left, and end."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._wake.set()
        if self._task is not None:
            await self._task
        if self._posted:
            _log.error("rows of the audit log are lost", rows=len(self._posted))

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="store.journal")

    def _hold(self, writes: list[_Write]) -> None:
        """Put rows that could not be written before those that came since, and drop the oldest beyond the limit."""
        self._posted.extendleft(reversed(writes))
        self._wait()

    def _wait(self) -> None:
        while len(self._posted) > self._limit:
            self._posted.popleft()
            self._dropped += 1
        if self._posted and self._timer is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(self._interval, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._write_group()
            if self._closed and not self._awaited:
                return

    async def _write_group(self) -> None:
        awaited, self._awaited = self._awaited, []
        posted = list(self._posted)
        self._posted.clear()
        group = posted + awaited
        if not group:
            return
        try:
            await self._transact(group)
        except StoreUnavailable as wrong:
            _log.error("the journal cannot be written", error=str(wrong), waiting=len(awaited), held=len(posted))
            for write in awaited:
                write.settle(StoreUnavailable(str(wrong)))
            self._hold(posted)
        except (SQLAlchemyError, ValueError):
            # One row is wrong; it must not take the others with it.
            for write in group:
                await self._write_alone(write)
        except BaseException as wrong:
            for write in awaited:
                write.settle(StoreUnavailable(f"The journal stopped: {type(wrong).__name__}."))
            raise
        else:
            for write in awaited:
                write.settle()
        if self._dropped:
            _log.error("rows of the audit log are lost", rows=self._dropped)
            self._dropped = 0

    async def _write_alone(self, write: _Write) -> None:
        try:
            await self._transact([write])
        except (StoreUnavailable, SQLAlchemyError, ValueError) as wrong:
            _log.error("a row of the journal is lost", error=type(wrong).__name__)
            write.settle(StoreUnavailable("The row could not be written."))
        else:
            write.settle()

    async def _transact(self, group: list[_Write]) -> None:
        rows: dict[Statement, list[Row]] = {}
        for write in group:
            if write.statement is not None:
                rows.setdefault(write.statement, []).append(write.statement.row(write.posted))
        if not rows:
            return
        async with self._database.write() as connection:
            for statement, held in rows.items():
                for text, values in statement.work(connection.dialect, held):
                    await connection.exec_driver_sql(text, values)
