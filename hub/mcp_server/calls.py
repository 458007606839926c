"""The calls under way: each watched until it is answered, cancelled or out of time.

A call runs in the task aiohttp gave its request, which may be its connection's, so that nothing has to be handed from
one task to another; those of a batch run in tasks of their own. Knows nothing of what a call does. What it makes sure
of: no call outlives its deadline, a client that leaves is noticed, nothing keeps running unseen, and shutdown waits for
what is under way.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
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


Excuse = Callable[[Why | None], Outcome]
"""Makes the answer of a call that did not end by itself."""


class Call:
    """One call under way in ``task``, until it is ``over``."""

    __slots__ = ("ended", "excuse", "key", "over", "task", "why")

    def __init__(self, key: Key | None, excuse: Excuse, task: asyncio.Task[Any]) -> None:
        self.key = key
        self.excuse = excuse
        self.task = task
        self.why: Why | None = None
        self.over = False
        self.ended: asyncio.Future[None] | None = None

    def end(self, why: Why) -> None:
        """Cancel the call, unless it ended already; the first reason counts."""
        if not self.over and not self.task.done():
            self.why = self.why or why
            self.task.cancel()


class Watched(Call):
    """A call in its request's own task, looked after whenever its alarm rings (``hub.clock.Sleeper``)."""

    __slots__ = ("answer", "beat", "calls", "deadline", "due", "given", "left", "orphaned", "outlives", "user")

    def __init__(
        self,
        calls: "Calls",
        user: str,
        key: Key | None,
        excuse: Excuse,
        task: asyncio.Task[Any],
        answer: Answer,
        outlives: bool,
        now: float,
    ) -> None:
        self.key = key
        self.excuse = excuse
        self.task = task
        self.why = None
        self.over = False
        self.ended = None
        self.calls = calls
        self.user = user
        self.answer = answer
        self.outlives = outlives
        self.deadline = now + calls.limits.deadline
        self.beat = now + calls.limits.to_stream
        self.left = False
        self.orphaned = False
        self.given: web.StreamResponse | None = None
        self.due: set[Any] = set()

    def wake(self) -> None:
        """It is time to look after the call."""
        self.calls.look(self)


class Calls:
    """All calls under way in this process."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._running: set[Call] = set()
        self._keyed: dict[Key, list[Call]] = {}
        self._orphans: Counter[str] = Counter()
        self._errands: set[asyncio.Task[None]] = set()
        self._alarms = Alarms()
        self._first = min(limits.poll, limits.to_stream, limits.deadline)

    async def conduct(
        self,
        work: Coroutine[Any, Any, Outcome],
        user: str,
        excuse: Excuse,
        answer: Answer,
        *,
        key: Key | None = None,
        outlives: bool = False,
    ) -> web.StreamResponse:
        """Do ``work`` in this task, watch it, and answer. A client that leaves cancels it, unless it ``outlives`` its
        connection (legacy: a lost connection is no cancellation; 2025-11-25, basic/transports). ``cancel`` finds it by
        ``key``."""
        loop = self._alarms.loop
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("a call needs a task")
        call = Watched(self, user, key, excuse, task, answer, outlives, loop.time())
        call.due = self._alarms.set(self._first, call)
        self._add(call)
        try:
            outcome = await work
        except asyncio.CancelledError:
            if call.why is None and answer.dismissed:
                raise
            outcome = excuse(call.why)
        finally:
            call.over = True
            call.due.discard(call)
            self._forget(call)
        if task.cancelling():
            await _settled(task)
        if call.left:
            answer.afterwards(outcome.body)
            return answer.abandon()
        return call.given or await answer.give(*outcome)

    def start(self, work: Coroutine[Any, Any, Outcome], excuse: Excuse, key: Key) -> Call:
        """Begin ``work`` in a task of its own, as a part of a call that is conducted; ``cancel`` finds it by ``key``.
        The task comes to an ``Outcome``, whatever happens to it."""

        async def run() -> Outcome:
            try:
                return await work
            except asyncio.CancelledError:
                return excuse(call.why)

        call = Call(key, excuse, asyncio.get_running_loop().create_task(run()))
        self._add(call)
        call.task.add_done_callback(lambda _: self._forget(call))
        return call

    def _add(self, call: Call) -> None:
        self._running.add(call)
        if call.key is not None:
            self._keyed.setdefault(call.key, []).append(call)

    def _forget(self, call: Call) -> None:
        self._running.discard(call)
        if call.ended is not None and not call.ended.done():
            call.ended.set_result(None)
        if call.key is not None:
            same = self._keyed[call.key]
            same.remove(call)
            if not same:
                del self._keyed[call.key]
        if isinstance(call, Watched) and call.orphaned:
            self._orphans[call.user] -= 1
            if self._orphans[call.user] <= 0:
                del self._orphans[call.user]

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

    def look(self, call: Watched) -> None:
        """See whether the client is still there, show it that the call is at work, and end the call out of time."""
        now = self._alarms.loop.time()
        if not call.left and call.answer.gone:
            self._leave(call)
        if now >= call.deadline:
            call.end("late")
            self._send(self._insist(call))
            return
        if call.left:
            # Nobody is there to be shown anything.
            call.due = self._alarms.set(call.deadline - now, call)
            return
        if now >= call.beat:
            call.beat = now + self.limits.keepalive
            self._send(call.answer.beat())
        call.due = self._alarms.set(min(self.limits.poll, call.beat - now, call.deadline - now), call)

    def _leave(self, call: Watched) -> None:
        """The client left: end the call, or let it run on to its deadline, a bounded number for each user. What it
        comes to is kept where the client can come back for it."""
        call.left = True
        if not call.outlives or self._orphans[call.user] >= self.limits.orphans:
            call.end("left")
            return
        self._orphans[call.user] += 1
        call.orphaned = True

    async def _insist(self, call: Watched) -> None:
        """Answer a call that does not end though it was told to; it is left to itself."""
        await self._until_over((call,), self.limits.unwind)
        if not call.over and not call.left:
            call.given = await call.answer.give(*call.excuse(call.why))
            await call.answer.part(call.given)

    def _send(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def close(self) -> None:
        """Let the calls under way end within the grace period, then end them."""
        await self._until_over(self._running, self.limits.grace)
        for call in list(self._running):
            call.end("closing")
        await self._until_over(self._running, self.limits.unwind)

    async def _until_over(self, calls: Iterable[Call], seconds: float) -> None:
        """Wait until these calls are over, ``seconds`` at most. Their tasks may go on: with a connection's next."""
        waited: list[asyncio.Future[None]] = []
        for call in calls:
            if call.over:
                continue
            if call.ended is None:
                call.ended = self._alarms.loop.create_future()
            waited.append(call.ended)
        if waited:
            await asyncio.wait(waited, timeout=seconds)


async def _settled(task: asyncio.Task[Any]) -> None:
    """Take back the cancellations of ``task``, this one, that were meant for work which is over."""
    while task.cancelling():
        task.uncancel()
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(0)  # where one waits still that the work never came to
