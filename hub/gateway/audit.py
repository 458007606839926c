"""What the gateway needs of the audit: an intent before anything is changed, an outcome after.

Not the table: that is ``hub/store``. This is the order in which it is told.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

import orjson

from hub.clock import Clock
from hub.errors import OperatorNeeded
from hub.identity import Caller
from hub.observe import log
from hub.registry import Entry
from hub.store.audit import Call

__all__ = ["Audit", "Call", "Measures", "NoAudit", "Records"]

_log = log(__name__)

_SMALL = 1024
"""Bytes of arguments that are held until their call is written down; of longer ones at once only the digest."""


class Audit(Protocol):
    """Keeps who called what."""

    async def intent(self, record: Call) -> str:
        """Write down what is about to be done, durably, and return its id. Raises when it cannot: the call must
        then not be made."""
        ...

    def outcome(self, id: str, outcome: str, ms: float, account: str | None = None) -> None:
        """Note how an intended call ended, and the connection it was made with; written within a second."""
        ...

    def note(self, record: Callable[[], Call]) -> None:
        """Note a read, ended; written within a second. ``record`` is asked then, and raises nothing."""
        ...


class NoAudit:
    """Keeps nothing: recordings replayed, a connector checked."""

    async def intent(self, record: Call) -> str:
        return ""

    def outcome(self, id: str, outcome: str, ms: float, account: str | None = None) -> None:
        return None

    def note(self, record: Callable[[], Call]) -> None:
        return None


class Measures(Protocol):
    """Where finished calls are counted."""

    def called(self, connector: str, outcome: str, seconds: float) -> None:
        """Count one call."""
        ...


class Records:
    """What the gateway writes down of each call: arguments as a digest only."""

    def __init__(self, audit: Audit, clock: Clock, measures: Measures | None) -> None:
        self._audit = audit
        self._clock = clock
        self._measures = measures

    async def intent(self, caller: Caller, entry: Entry, arguments: Mapping[str, Any]) -> str:
        """Write down a call that may change something, before it is made. Raises ``OperatorNeeded``."""
        try:
            return await self._audit.intent(_record(caller, entry, _held(arguments), self._clock.time()))
        except Exception as wrong:
            _log.error("the audit cannot be written", exc_info=wrong)
            raise OperatorNeeded("the audit cannot be written, so nothing that changes things is done.") from wrong

    def ended(
        self,
        caller: Caller,
        entry: Entry,
        arguments: Mapping[str, Any],
        intent: str | None,
        outcome: str,
        seconds: float,
        account: str | None = None,
    ) -> None:
        """Note how a call ended; ``intent`` is what was written before it, if anything was, ``account`` the id of the
        connection it was made with."""
        if intent is not None:
            self._audit.outcome(intent, outcome, seconds * 1000, account)
        else:
            # Nobody waits for the record: it is made when it is written, with those of the other calls.
            held = _held(arguments)
            self._audit.note(partial(_record, caller, entry, held, self._clock.time(), outcome, seconds, account))
        if self._measures is not None:
            self._measures.called(entry.connector.name, outcome, seconds)


def _held(arguments: Mapping[str, Any]) -> bytes | str:
    """Arguments as they are now: their JSON, which is to be made a digest, or where that is long its digest."""
    text = orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)
    return text if len(text) <= _SMALL else hashlib.sha256(text).hexdigest()


def _record(
    caller: Caller,
    entry: Entry,
    held: bytes | str,
    at: float,
    outcome: str | None = None,
    seconds: float | None = None,
    account: str | None = None,
) -> Call:
    return Call(
        caller.user_id,
        caller.token_id,
        entry.connector.name,
        entry.full_name,
        entry.tool.effect,
        held if isinstance(held, str) else hashlib.sha256(held).hexdigest(),
        datetime.fromtimestamp(at, UTC),
        outcome,
        None if seconds is None else seconds * 1000,
        account,
    )
