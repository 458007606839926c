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

from hub.mcp_server.limits import Limits
from hub.mcp_server.stream import Answer

Key = tuple[str, str, str | int]
"""Which call a cancellation means: whose, of which session (or token), and the request's id."""

Why = Literal["cancelled", "late", "left", "closing"]
"""Why a call was ended: the client said so, the deadline passed, the client left, or the hub stops."""


class Outcome(NamedTuple):
    """An HTTP status and a JSON-RPC message; no body where a cancelled request gets no response."""

    status: int
    body: bytes | None


@dataclass(eq=False, slots=True)
class Call:
    """One call. ``excuse`` makes its answer when it did not end by itself."""

    task: asyncio.Task[Outcome]
    user: str
    key: Key | None
    excuse: Callable[[Why | None], Outcome]
    why: Why | None = field(default=None)

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

    def start(
        self,
        work: Coroutine[Any, Any, Outcome],
        user: str,
        excuse: Callable[[Why | None], Outcome],
        key: Key | None = None,
    ) -> Call:
        """Begin ``work``. With ``key``, ``cancel`` finds it."""
        call = Call(asyncio.get_running_loop().create_task(work), user, key, excuse)
        self._running.add(call)
        if key is not None:
            self._keyed.setdefault(key, []).append(call)
        call.task.add_done_callback(lambda _: self._forget(call))
        return call

    def _forget(self, call: Call) -> None:
        self._running.discard(call)
        if call.key is not None:
            same = self._keyed[call.key]
            same.remove(call)
            if not same:
                del self._keyed[call.key]

    def cancel(self, key: Key) -> None:
        """The client's ``notifications/cancelled``. Two calls of one key (clients without a session that count alike)
        cannot be told apart, and the wrong one must not end: then neither does."""
        same = self._keyed.get(key, ())
        if len(same) == 1:
            same[0].end("cancelled")

    async def conduct(self, call: Call, answer: Answer, *, outlives: bool) -> web.StreamResponse:
        """Watch ``call`` and answer it. A client that leaves cancels it, unless ``outlives`` (legacy: a lost
        connection is no cancellation; 2025-11-25, basic/transports)."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._limits.deadline
        beat = loop.time() + self._limits.to_stream
        task = call.task
        try:
            # What answers without waiting for anything is done after one turn of the loop.
            await asyncio.sleep(0)
            while not task.done():
                now = loop.time()
                await asyncio.wait((task,), timeout=max(0.0, min(beat, deadline, now + self._limits.poll) - now))
                if task.done():
                    break
                if answer.gone:
                    self._leave(call, outlives, deadline)
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
            self._leave(call, outlives, deadline)
            raise
        return await answer.give(*call.outcome())

    def _leave(self, call: Call, outlives: bool, deadline: float) -> None:
        """The client left: end the call, or let it run on to its deadline, a bounded number for each user."""
        if call.task.done():
            return
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
