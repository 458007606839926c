"""The connection trace's rows: how the latest clients came to the hub, step by step.

Few rows, all read and folded together in one transaction that every process waits for. Which steps belong together,
what may stand in them and how many are kept is decided above (``hub/identity/oauth/trace.py``).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

import orjson
from sqlalchemy import delete, insert, select, text, update

from hub.store.database import Database
from hub.store.oauth.tables import handshakes

StepName = Literal[
    "request",
    "challenge",
    "resource",
    "server",
    "registration",
    "authorize",
    "sign_in",
    "consent",
    "accounts",
    "token",
    "entry",
    "list",
]
"""The steps of a handshake, in the order in which clients take them."""

Outcome = Literal["ok", "waits", "wrong"]
"""How a step ended: done, waiting for a person, or refused."""

_LOCK = 0x6875625F74726163


@dataclass(frozen=True, slots=True)
class Step:
    """One step as it was last seen. ``at`` and ``first_at`` are epoch seconds, ``count`` how often it came in a row."""

    name: StepName
    outcome: Outcome
    text: str
    at: float
    first_at: float
    count: int
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class Handshake:
    """One client's way to the hub. ``place`` is where it first came from, ``thread`` what joins the authorization
    request with its code: a hash, never either."""

    id: str
    begun_at: datetime
    seen_at: datetime
    place: str
    client_id: str | None = None
    client_name: str | None = None
    host: str | None = None
    user_name: str | None = None
    thread: str | None = None
    grant_id: str | None = None
    steps: tuple[Step, ...] = field(default=())


class Folded(NamedTuple):
    """What a fold changes: rows to write, new ones too, and the ids of those to drop."""

    written: Iterable[Handshake]
    dropped: Iterable[str]


class Handshakes:
    """The table of handshakes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recent(self) -> list[Handshake]:
        """All that are kept, the newest first. Raises ``StoreUnavailable``."""
        async with self._database.read() as connection:
            rows = (await connection.execute(_ALL)).mappings().all()
        return [_of(row) for row in rows]

    async def fold(self, change: Callable[[Sequence[Handshake]], Folded]) -> None:
        """Have ``change`` look at all rows (newest first) and write what it gives back, in one transaction that no
        other process's fold overlaps. Raises ``StoreUnavailable``."""
        async with self._database.write() as connection:
            if not self._database.sqlite:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            known = [_of(row) for row in (await connection.execute(_ALL)).mappings()]
            ids = {one.id for one in known}
            written, dropped = change(known)
            for one in written:
                values = _row(one)
                if one.id in ids:
                    mine = handshakes.c.id == one.id
                    await connection.execute(update(handshakes).where(mine).values(**values))
                else:
                    await connection.execute(insert(handshakes), values)
            gone = list(dropped)
            if gone:
                await connection.execute(delete(handshakes).where(handshakes.c.id.in_(gone)))


_ALL = select(handshakes).order_by(handshakes.c.begun_at.desc(), handshakes.c.id.desc())


def _row(one: Handshake) -> dict[str, Any]:
    held = {name: getattr(one, name) for name in Handshake.__slots__}
    return held | {"steps": orjson.dumps([asdict(step) for step in one.steps]).decode()}


def _of(row: Any) -> Handshake:
    held = {name: row[name] for name in Handshake.__slots__}
    return Handshake(**{**held, "steps": tuple(Step(**step) for step in orjson.loads(row["steps"]))})
