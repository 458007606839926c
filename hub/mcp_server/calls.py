"""The calls under way: each a task of its own, watched until it is answered, cancelled or out of time.

Knows nothing of what a call does. What it makes sure of: no call outlives its deadline, a client that leaves is
noticed, nothing keeps running unseen, and shutdown waits for what is under way.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from aiohttp import web

from hub.clock import Alarms
from hub.mcp_server.limits import Limits
from hub.mcp_server.messages import Body
from hub.mcp_server.stream import Answer

Key = tuple[str, str, str | int]
"""Which call a cancellation means: whose, of which session (or token), and the request's id."""

Why = Literal["cancelled", "late", "left", "closing"]
"""Why a call was ended: the client said so, the deadline passed, the client left, or the hub stops."""


class Outcome(NamedTuple):
    """An HTTP status and a JSON-RPC message; no body where a cancelled request gets no response."""

    status: int
    body: Body | None


@dataclass(eq=False, slots=True)
class Call:
    """One call. ``excuse`` makes its answer when it did not end by itself."""

    user: str
    key: Key | None
    excuse: Callable[[Why | None], Outcome]
    task: asyncio.Task[Outcome] = field(init=False)
    why: Why | None = field(default=None)
    turn: asyncio.Future[None] | None = field(default=None)
    """What ``conduct`` waits for: that the call ended, or that it is time to look after it."""

    async def run(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        """Do the work, and say so with its last step: a task's own callbacks come a turn of the loop later."""
        try:
            return await work
        finally:
            self.wake()

    def wake(self) -> None:
        """Have ``conduct`` look."""
        if self.turn is not None and not self.turn.done():
            self.turn.set_result(None)

    def end(self, why: Why) -> None:
        """Cancel the call, unless it ended already; the first reason counts."""
        if not self.task.done():
            self.why = self.why or why
            self.task.cancel()

    async def ended(self) -> None:
        """Wait until the call ended, however it did."""
        await asyncio.wait((self.task,))

    def outcome(self) -> Outcome:
        """What to answer now: the call's own result, or its excuse."""
        if not self.task.done() or self.task.cancelled() or self.task.exception() is not None:
            return self.excuse(self.why)
        return self.task.result()


class Calls:
    """All calls under way in this process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._running: set[Call] = set()
        self._keyed: dict[Key, list[Call]] = {}
        self._orphans: Counter[str] = Counter()
        self._alarms = Alarms()

    def start(
        self,
        work: Coroutine[Any, Any, Outcome],
        user: str,
        excuse: Callable[[Why | None], Outcome],
        key: Key | None = None,
    ) -> Call:
        """Begin ``work``. With ``key``, ``cancel`` finds it."""
        call = Call(user, key, excuse)
        call.task = asyncio.get_running_loop().create_task(call.run(work))
        self._running.add(call)
        if key is not None:
            self._keyed.setdefault(key, []).append(call)
        call.task.add_done_callback(lambda _: self._forget(call))
        return call

    def _forget(self, call: Call) -> None:
        call.wake()
        self._running.discard(call)
        if call.key is not None:
            same = self._keyed[call.key]
            same.remove(call)
            if not same:
                del self._keyed[call.key]

    @property
    def keys(self) -> list[Key]:
        """The keys of the calls that ``cancel`` finds."""
        return list(self._keyed)

    def cancel(self, key: Key) -> bool:
        """The client's ``notifications/cancelled``; False when there is no such call. Two calls of one key (clients
        without a session that count alike) cannot be told apart, and the wrong one must not end: then neither does."""
        same = self._keyed.get(key, ())
        if len(same) == 1:
            same[0].end("cancelled")
        return bool(same)

    async def conduct(self, call: Call, answer: Answer, *, outlives: bool) -> web.StreamResponse:
        """Watch ``call`` and answer it. A client that leaves cancels it, unless ``outlives`` (legacy: a lost
        connection is no cancellation; 2025-11-25, basic/transports)."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._limits.deadline
        beat = loop.time() + self._limits.to_stream
        task = call.task
        try:
            while not task.done():
                await self._turn(call, min(beat, deadline) - loop.time())
                if task.done():
                    break
                if answer.gone:
                    self._leave(call, answer, outlives, deadline)
                    return answer.abandon()
                if loop.time() >= deadline:
                    call.end("late")
                    await asyncio.wait((task,), timeout=self._limits.unwind)
                    break
                if loop.time() >= beat:
                    await answer.beat()
                    beat = loop.time() + self._limits.keepalive
        except asyncio.CancelledError:
            # aiohttp cancels us when the client leaves (where it is told to) and at shutdown.
            self._leave(call, answer, outlives, deadline)
            raise
        return await answer.give(*call.outcome())

    async def _turn(self, call: Call, seconds: float) -> None:
        """Wait until the call ended, ``seconds`` passed, or it is time to see whether the client is still there."""
        loop = asyncio.get_running_loop()
        call.turn = loop.create_future()
        due = self._alarms.set(loop, min(seconds, self._limits.poll), call)
        try:
            await call.turn
        finally:
            due.discard(call)

    def _leave(self, call: Call, answer: Answer, outlives: bool, deadline: float) -> None:
        """The client left: end the call, or let it run on to its deadline, a bounded number for each user. What it
        comes to is kept where the client can come back for it."""
        if call.task.done():
            answer.afterwards(call.outcome().body)
            return
        call.task.add_done_callback(lambda _: answer.afterwards(call.outcome().body))
        if not outlives or self._orphans[call.user] >= self._limits.orphans:
            call.end("left")
            return
        self._orphans[call.user] += 1
        timer = asyncio.get_running_loop().call_at(deadline, call.end, "late")
        call.task.add_done_callback(lambda _: self._bury(call.user, timer))

    def _bury(self, user: str, timer: asyncio.TimerHandle) -> None:
        timer.cancel()
        self._orphans[user] -= 1
        if self._orphans[user] <= 0:
            del self._orphans[user]

    async def close(self) -> None:
        """Let the calls under way end within the grace period, then end them."""
        if self._running:
            await asyncio.wait([call.task for call in self._running], timeout=self._limits.grace)
        rest = list(self._running)
        for call in rest:
            call.end("closing")
        if rest:
            await asyncio.wait([call.task for call in rest], timeout=self._limits.unwind)
