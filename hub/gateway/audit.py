"""What the gateway needs of the audit: an intent before anything is changed, an outcome after.

Not the table: that is ``hub/store``. This is the order in which it is told.
"""

import hashlib
from collections.abc import Mapping
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


class Audit(Protocol):
    """Keeps who called what."""

    async def intent(self, record: Call) -> str:
        """Write down what is about to be done, durably, and return its id. Raises when it cannot: the call must
        then not be made."""
        ...

    def outcome(self, id: str, outcome: str, ms: float, account: str | None = None) -> None:
        """Note how an intended call ended, and the connection it was made with; written within a second."""
        ...

    def note(self, record: Call) -> None:
        """Note a read, ended; written within a second."""
        ...


class NoAudit:
    """Keeps nothing: recordings replayed, a connector checked."""

    async def intent(self, record: Call) -> str:
        return ""

    def outcome(self, id: str, outcome: str, ms: float, account: str | None = None) -> None:
        return None

    def note(self, record: Call) -> None:
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
            return await self._audit.intent(self._record(caller, entry, arguments))
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
            self._audit.note(self._record(caller, entry, arguments, outcome, seconds * 1000, account))
        if self._measures is not None:
            self._measures.called(entry.connector.name, outcome, seconds)

    def _record(
        self,
        caller: Caller,
        entry: Entry,
        arguments: Mapping[str, Any],
        outcome: str | None = None,
        ms: float | None = None,
        account: str | None = None,
    ) -> Call:
        digest = hashlib.sha256(orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)).hexdigest()
        return Call(
            caller.user_id,
            caller.token_id,
            entry.connector.name,
            entry.full_name,
            entry.tool.effect,
            digest,
            self._clock.now(),
            outcome,
            ms,
            account,
        )
