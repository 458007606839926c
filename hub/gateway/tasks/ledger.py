"""``Ledger``: every change a task's row can undergo, with what is sealed in it.

A task that has ended never changes again. Not where a task runs, and not who may ask: the caller is checked by
``mine`` alone.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from hub.clock import Clock
from hub.errors import ProtocolError, ToolError
from hub.gateway.tasks.papers import KEPT, CallPaper, Papers, StatePaper
from hub.identity import Caller
from hub.observe import log
from hub.sdk.tool import Effect
from hub.seal import Box, SealBroken
from hub.store import Task
from hub.store import Tasks as Rows
from hub.store.tasks import LEASE

MOST = 64
"""Tasks one user may have under way, in all processes together (``limits.tasks_per_user``)."""

ANSWERS_BYTES = 1_000_000
"""How much the answers given to one task may weigh together."""

INTERRUPTED = (
    "The task was interrupted: the hub process that ran it stopped. Call again; if the tool changes something, look "
    "first whether it did."
)

_log = log(__name__)


Permits = Callable[[Caller, str, Effect], bool]
"""Whether a caller may use a tool of this full name and effect, and so look after a task of it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The call that is to become a task."""

    caller: Caller
    tool: str
    effect: Effect
    arguments: Mapping[str, Any]


class Ledger:
    """The rows of tasks, opened and sealed. ``owner`` names this process in them; ``permits`` says who may see them;
    ``most`` is how many a user may have under way."""

    def __init__(
        self,
        rows: Rows,
        box: Box,
        clock: Clock,
        permits: Permits,
        most: int = MOST,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.rows = rows
        self._most = most
        self._permits = permits
        self.owner = random(16).hex()
        self._papers = Papers(box, clock)
        self._clock = clock
        self._random = random

    async def create(self, subject: Subject, seconds: float) -> tuple[str, dict[str, Any]]:
        """A new task of at most ``seconds``: its id, and what the client is told. It is durable then.

        Raises ``ToolError`` when the user has too many, ``StoreUnavailable``.
        """
        user = subject.caller.user_id
        id = self._random(20).hex()
        now = self._clock.now()
        expires = now + timedelta(seconds=seconds) + KEPT
        call = CallPaper(subject.tool, subject.effect, dict(subject.arguments))
        row = Task(
            id=id,
            user_id=user,
            status="working",
            call=self._papers.call(id, user, call, expires),
            state=self._papers.state(id, user, StatePaper(), expires),
            outcome=None,
            owner=self.owner,
            lease_until=now + LEASE,
            created_at=now,
            updated_at=now,
            expires_at=expires,
        )
        if not await self.rows.add(row, self._most):
            raise ToolError(f"{self._most} tasks of this user are under way; wait for one to end, or cancel one.")
        return id, self._papers.seed(row)

    async def mine(self, caller: Caller, id: str) -> Task:
        """The caller's task; raises ``ProtocolError`` when they have no such task."""
        task = await self.rows.get(id)
        try:
            theirs = task is not None and task.user_id == caller.user_id
            if task is not None and theirs:
                call = self._papers.call_of(task)
                if self._permits(caller, call.tool, call.effect):
                    return task
        except SealBroken:
            _log.warning("a task's row cannot be opened", task=id)
        raise ProtocolError("There is no such task: it was never there, is forgotten, or is another user's.")

    async def may(self, caller: Caller, id: str) -> bool:
        """Whether ``mine`` gives this task."""
        try:
            await self.mine(caller, id)
        except ProtocolError:
            return False
        return True

    async def told(self, id: str) -> dict[str, Any] | None:
        """The task as a client sees it, whoever's it is; None when there is none."""
        row = await self.rows.get(id)
        try:
            return None if row is None else self._papers.detailed(row)
        except SealBroken:
            _log.warning("a task's row cannot be opened", task=id)
            return None

    def answers(self, task: Task) -> dict[str, Any]:
        """What has been answered so far; raises ``SealBroken``."""
        return self._papers.state_of(task).answers

    async def ask(self, id: str, requests: Mapping[str, Any]) -> None:
        """Add questions; the task then waits for input."""
        await self._amend(id, lambda state: replace(state, pending={**state.pending, **requests}))

    async def say(self, id: str, message: str) -> None:
        """Set the word on how far it is."""
        await self._amend(id, lambda state: replace(state, message=message))

    async def answer(self, id: str, responses: Mapping[str, Any]) -> None:
        """Take answers to what is asked, and leave aside what is not. Raises ``ProtocolError`` for too large ones."""
        too_large = False

        def answered(state: StatePaper) -> StatePaper | None:
            nonlocal too_large
            given = {key: responses[key] for key in state.pending if isinstance(responses.get(key), Mapping)}
            if not given:
                return None
            pending = {key: request for key, request in state.pending.items() if key not in given}
            after = replace(state, pending=pending, answers={**state.answers, **given})
            too_large = after.answers_bytes > ANSWERS_BYTES
            return None if too_large else after

        await self._amend(id, answered)
        if too_large:
            raise ProtocolError(f"The answers given to a task may weigh {ANSWERS_BYTES:,} bytes; answer more briefly.")

    async def _amend(self, id: str, change: Callable[[StatePaper], StatePaper | None]) -> None:
        def changed(task: Task) -> Task | None:
            after = change(self._papers.state_of(task)) if task.live else None
            if after is None:
                return None
            sealed = self._papers.state(task.id, task.user_id, after, task.expires_at)
            status = "input_required" if after.pending else "working"
            return replace(task, status=status, state=sealed, updated_at=self._clock.now())

        await self.rows.amend(id, changed)

    async def end(self, id: str, user: str, outcome: dict[str, Any], *, lapsed: bool = False) -> None:
        """Write how a task ended: with ``result`` completed, with ``error`` failed, else cancelled; nothing where it
        has ended. ``lapsed``: only if its owner still has not renewed its lease. Raises ``StoreUnavailable``."""
        now = self._clock.now()
        expires = now + KEPT
        status = "completed" if "result" in outcome else "failed" if "error" in outcome else "cancelled"
        sealed = self._papers.outcome(id, user, outcome, expires)

        def ended(task: Task) -> Task | None:
            if not task.live or (lapsed and task.lease_until >= now):
                return None
            return replace(task, status=status, outcome=sealed, updated_at=now, expires_at=expires)

        await self.rows.amend(id, ended)

    async def interrupt(self, task: Task) -> None:
        """End a task whose owner fell silent."""
        await self.end(task.id, task.user_id, interrupted(), lapsed=True)


def interrupted() -> dict[str, Any]:
    """The outcome of a task that nobody runs any more."""
    return {"error": {"kind": "interrupted", "message": INTERRUPTED}, "message": INTERRUPTED}
