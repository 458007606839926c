"""What the processes of one hub tell each other about legacy clients: ended sessions, where they listen, wishes,
answers, cancellations.

The changes come from the store's change table, within a second. Nothing is decided here: each change goes to the part
that remembers such things.
"""

import asyncio
import hashlib
from collections.abc import Coroutine
from typing import Any

from hub.mcp_server.calls import Calls, Key
from hub.mcp_server.interests import Interests
from hub.mcp_server.listening import Listening
from hub.mcp_server.questions import Questions
from hub.mcp_server.sessions import Sessions
from hub.observe import log
from hub.store import EVERYTHING, Change, Store, StoreUnavailable
from hub.store.sessions import ANSWERED, CANCELLED, ENDED, LISTENING, NOTED

_log = log("mcp_server")


class Neighbours:
    """Hears what other processes did, and tells them of cancellations."""

    def __init__(
        self,
        store: Store,
        calls: Calls,
        sessions: Sessions,
        interests: Interests,
        questions: Questions,
        listening: Listening,
    ) -> None:
        self._rows = store.sessions
        self._calls = calls
        self._sessions = sessions
        self._interests = interests
        self._questions = questions
        self._listening = listening
        self._errands: set[asyncio.Task[None]] = set()
        store.changes.watch(self._heard)

    async def cancel(self, key: Key) -> None:
        """A client of ours cancelled a call that is not here."""
        try:
            await self._rows.cancel(_digest(key))
        except StoreUnavailable as wrong:
            _log.warning("a cancellation reaches no other process", reason=str(wrong))

    def _heard(self, change: Change) -> None:
        if change.kind == ENDED:
            self._sessions.ended(change.key)
            self._listening.end_session(change.key)
        elif change.kind == LISTENING:
            self._listening.opened(*change.key.split(" ", 1))
        elif change.kind == NOTED:
            self._send(self._interests.noted(change.key))
        elif change.kind == ANSWERED:
            self._send(self._questions.fetch(change.key))
        elif change.kind == CANCELLED:
            for key in self._calls.keys:
                if _digest(key) == change.key:
                    self._calls.cancel(key)
        elif change.kind == EVERYTHING:
            self._sessions.forget()
            self._send(self._interests.forget())
            self._send(self._questions.fetch_all())

    def _send(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._safely(errand))
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _safely(self, errand: Coroutine[Any, Any, None]) -> None:
        try:
            await errand
        except StoreUnavailable as wrong:
            _log.warning("what another process did is heard late", reason=str(wrong))

    async def close(self) -> None:
        """Wait for what is being looked up."""
        if self._errands:
            await asyncio.wait(list(self._errands), timeout=5)


def _digest(key: Key) -> str:
    # With its type: 1 is not "1".
    return hashlib.sha256(repr(key).encode()).hexdigest()
