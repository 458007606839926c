"""The audit log: who called which tool, with what effect, and how it ended.

A call that is not a read is written before it is sent (``intent``); a read is noted afterwards (``note``). Arguments
are kept as a digest only. Not a log for debugging (``hub.observe``), and never changed once a call has ended.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, insert, select, update

from hub.sdk.tool import Effect
from hub.store.database import Database
from hub.store.identifiers import Endings, Random, named, new_id
from hub.store.journal import Journal, Statement
from hub.store.tables import audit, microseconds


class Call(NamedTuple):
    """One call of a tool. ``outcome``, ``ms`` (milliseconds) and ``account`` (the id of the connection it was
    made with) are None until it has ended.

    ``token_id`` is None for the local user; ``arguments_digest`` is a hash, never the arguments.
    """

    user_id: str
    token_id: str | None
    connector: str
    tool: str
    effect: Effect
    arguments_digest: str
    at: datetime
    outcome: str | None = None
    ms: float | None = None
    account: str | None = None


_COLUMNS = ("id", *Call._fields)
_AT = Call._fields.index("at")


def _row(id: str, call: Call, at: int) -> tuple[object, ...]:
    """A row's values, ``at`` in microseconds since the epoch."""
    return (id, *call[:_AT], at, *call[_AT + 1 :])


_INSERT = Statement(insert(audit), _COLUMNS, lambda posted: _row(posted[0], posted[1], microseconds(posted[1].at)))
_OUTCOME = Statement(
    update(audit)
    .where(audit.c.id == bindparam("call"), audit.c.outcome.is_(None))
    .values(outcome=bindparam("ended"), ms=bindparam("took"), account=bindparam("used")),
    ("call", "ended", "took", "used"),
    tuple,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the audit log."""

    id: str
    call: Call


class Audit:
    """The audit log of one database."""

    def __init__(self, database: Database, journal: Journal, random: Random) -> None:
        self._database = database
        self._journal = journal
        self._random = random
        self._endings = Endings(random)
        # A note's id is only needed in its row, so it is made with it.
        self._noted = Statement(insert(audit), _COLUMNS, self._noted_row)

    async def intent(self, record: Call) -> str:
        """Write that a call is about to be sent, and return its id once that is durable.

        Calls that arrive together share one commit. Raises ``StoreUnavailable`` when it could not be written; then
        the call must not be sent.
        """
        id = new_id(record.at, self._random)
        await self._journal.commit(_INSERT, (id, record))
        return id

    def outcome(self, id: str, outcome: str, ms: float, account: str | None = None) -> None:
        """Note how the call with this id ended, and with which account it was made; written within a second. The first
        outcome stands."""
        self._journal.post(_OUTCOME, (id, outcome, ms, account))

    def note(self, record: Call | Callable[[], Call]) -> None:
        """Note a call that has ended (a read); written within a second. ``record`` may be what makes it: that is asked
        when it is written, and raises nothing."""
        self._journal.post(self._noted, record)

    def _noted_row(self, record: Call | Callable[[], Call]) -> tuple[object, ...]:
        call = record if isinstance(record, Call) else record()
        at = microseconds(call.at)
        return _row(named(at // 1000, self._endings.next()), call, at)

    async def flush(self) -> None:
        """Wait until all that was noted is written. Raises ``StoreUnavailable``."""
        await self._journal.flush()

    async def recent(self, n: int) -> list[Entry]:
        """The newest ``n`` written calls, newest first."""
        query = select(audit).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(n)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings()
            return [Entry(row["id"], Call(**{key: row[key] for key in row if key != "id"})) for row in rows]
