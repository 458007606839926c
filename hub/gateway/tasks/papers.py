"""What is sealed in a task's row, and the shape in which a client sees the row.

Each part is bound to the row and its user, so that no part can be moved to another row. Nothing is decided here.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from hub.clock import Clock
from hub.errors import CapabilityMissing, ProtocolError
from hub.sdk.tool import Effect
from hub.seal import Box
from hub.store import Task

KEPT = timedelta(hours=1)
"""How long a task is kept after it ended."""

POLL_MS = (1000, 5000)
"""How often a client should ask: the soonest, for a young task, and the latest."""


@dataclass(frozen=True, slots=True)
class CallPaper:
    """Which call a task is."""

    tool: str
    effect: Effect
    arguments: Any


@dataclass(frozen=True, slots=True)
class StatePaper:
    """What a live task waits for and has been given: questions and answers by key, and a word on how far it is."""

    pending: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    message: str | None = None

    @property
    def answers_bytes(self) -> int:
        """How much the answers weigh."""
        return len(orjson.dumps(self.answers))


class Papers:
    """Seals and opens the parts of rows."""

    def __init__(self, box: Box, clock: Clock) -> None:
        self._box = box
        self._clock = clock

    def call(self, id: str, user: str, paper: CallPaper, expires: datetime) -> str:
        """Seal the call."""
        return self._seal("call", id, user, [paper.tool, paper.effect, paper.arguments], expires)

    def state(self, id: str, user: str, paper: StatePaper, expires: datetime) -> str:
        """Seal the state."""
        return self._seal("state", id, user, [paper.pending, paper.answers, paper.message], expires)

    def outcome(self, id: str, user: str, outcome: dict[str, Any], expires: datetime) -> str:
        """Seal how it ended: ``result``, or ``error``, or neither; ``message`` says more."""
        return self._seal("outcome", id, user, outcome, expires)

    def call_of(self, task: Task) -> CallPaper:
        """The call; raises ``SealBroken``."""
        return CallPaper(*self._open("call", task, task.call))

    def state_of(self, task: Task) -> StatePaper:
        """The state; raises ``SealBroken``."""
        return StatePaper(*self._open("state", task, task.state))

    def detailed(self, task: Task) -> dict[str, Any]:
        """The task as ``tasks/get`` and ``notifications/tasks`` tell it, without ``resultType``; raises ``SealBroken``.

        An ``error`` is ``{"kind", "message", ...}``: its number is the wire's to give.
        """
        told = self.seed(task)
        state = self.state_of(task)
        outcome: dict[str, Any] = {} if task.outcome is None else self._open("outcome", task, task.outcome)
        message = outcome.get("message") if not task.live else state.message
        if message:
            told["statusMessage"] = message
        if task.status == "input_required":
            told["inputRequests"] = state.pending
        elif task.status == "completed":
            told["result"] = outcome["result"]
        elif task.status == "failed":
            told["error"] = outcome["error"]
        return told

    def seed(self, task: Task) -> dict[str, Any]:
        """The task without what depends on its status."""
        age = self._clock.now() - task.created_at
        soonest, latest = POLL_MS
        return {
            "taskId": task.id,
            "status": task.status,
            "createdAt": _iso(task.created_at),
            "lastUpdatedAt": _iso(task.updated_at),
            "ttlMs": (task.expires_at - task.created_at) // timedelta(milliseconds=1),
            "pollIntervalMs": max(soonest, min(latest, age // timedelta(milliseconds=10))),
        }

    def _seal(self, part: str, id: str, user: str, value: Any, expires: datetime) -> str:
        return self._box.seal(orjson.dumps(value), bound=f"{user}\n{id}\n{part}", expires=expires.timestamp())

    def _open(self, part: str, task: Task, sealed: str) -> Any:
        bound = f"{task.user_id}\n{task.id}\n{part}"
        return orjson.loads(self._box.open(sealed, bound=bound, now=self._clock.time()))


def error_of(wrong: ProtocolError) -> dict[str, Any]:
    """A protocol error of a call, as a task's row keeps it."""
    if isinstance(wrong, CapabilityMissing):
        return {"kind": "capability_missing", "message": str(wrong), "required": wrong.required}
    return {"kind": "protocol", "message": str(wrong), "data": wrong.data}


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
