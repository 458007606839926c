"""``Tasks``: the use cases of calls that outlive their request.

A call becomes a task when its tool says so, or when it outlives its answer's deadline and the client can fetch results
later. Its process owns it by a lease; other processes answer and cancel through the row. Whatever happens, a task is
run once: one whose owner fell silent ends as failed. Not the wire, and not where a call is authorized or audited.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from hub.clock import Clock
from hub.errors import ProtocolError, ToolError
from hub.gateway.listeners import Listeners
from hub.gateway.tasks.ledger import MOST, Ledger, Permits, Subject, interrupted
from hub.gateway.tasks.papers import error_of
from hub.gateway.tasks.run import TaskRun
from hub.identity import Caller
from hub.observe import log
from hub.sdk.talk import TASKS, Talk
from hub.seal import KeyRing
from hub.store import EVERYTHING, Change, Store, StoreUnavailable
from hub.store.tasks import CHANGE, LEASE

LONGEST = 3600.0
"""Seconds a task may take."""

RENEWAL = 5.0
"""Seconds between two renewals of the lease, and between two looks for tasks whose owner fell silent."""

_STUBBORN = 30
"""How often the end of a task is tried to be written, a second apart."""

_PRUNE_SECONDS = 300.0
_CLOSING_SECONDS = 5.0

_log = log(__name__)

Work = Callable[[Talk, float], Awaitable[dict[str, Any]]]
"""Carries a call out with this ``Talk`` within so many seconds; raises ``ProtocolError``, all else is a result."""


class Tasks:
    """All tasks, and those at work in this process; one takes ``longest`` seconds at most, and a user has ``most`` of
    them under way. ``keep`` must run for leases to be renewed."""

    def __init__(
        self,
        store: Store,
        ring: KeyRing,
        clock: Clock,
        listeners: Listeners,
        *,
        permits: Permits,
        longest: float = LONGEST,
        most: int = MOST,
    ) -> None:
        self._store = store
        self._ledger = Ledger(store.tasks, ring.box("task"), clock, permits, most)
        self._clock = clock
        self._listeners = listeners
        self._longest = longest
        self._runs: dict[str, TaskRun] = {}
        self._errands: set[asyncio.Task[None]] = set()
        self._pruned = clock.monotonic()
        store.changes.watch(self._heard)

    @staticmethod
    def declared(capabilities: Mapping[str, Any]) -> bool:
        """Whether a client that declared these fetches results later."""
        extensions = capabilities.get("extensions")
        return isinstance(extensions, Mapping) and isinstance(extensions.get(TASKS), Mapping)

    # -- a call that may become a task -----------------------------------------------------------------------

    async def conduct(self, subject: Subject, talk: Talk, deadline: float, work: Work) -> dict[str, Any]:
        """Carry a call out: its result when it has one within ``deadline`` seconds, else the task it has become.

        Raises what ``work`` raises, ``TimeoutError`` when it could not become a task at the deadline. Cancelling
        cancels the call, unless the task has been told of.
        """

        async def begin(run: TaskRun) -> None:
            run.id, run.seed = await self._ledger.create(subject, self._longest)
            self._runs[run.id] = run

        run = TaskRun(subject.caller, talk, begin, lambda run, asked: self._ledger.ask(run.id or "", asked))
        run.work = asyncio.create_task(self._live(run, work), name=f"call {subject.tool}")
        promoted = asyncio.create_task(run.promoted.wait())
        try:
            await asyncio.wait((run.work, promoted), timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
            if not run.work.done() and run.id is None:
                await self._promote(run)
            if run.id is None:
                return await run.work or {}
            return {"resultType": "task", **run.seed}
        except BaseException:
            if not run.work.done():
                run.stop("left")
                await asyncio.wait((run.work,))
            if not run.work.cancelled():
                run.work.exception()
            raise
        finally:
            promoted.cancel()

    async def _promote(self, run: TaskRun) -> None:
        try:
            await run.begin()
        except (ToolError, StoreUnavailable) as wrong:
            _log.warning("a call out of time could not become a task", reason=str(wrong))
            raise TimeoutError from wrong

    async def _live(self, run: TaskRun, work: Work) -> dict[str, Any] | None:
        """The run from beginning to end: its result, or None where a row has it."""
        try:
            outcome: dict[str, Any] = {"result": await work(run, self._longest)}
        except ProtocolError as wrong:
            if not await run.close():
                raise
            outcome = {"error": error_of(wrong), "message": str(wrong)}
        except asyncio.CancelledError:
            if not await run.close():
                raise
            outcome = _stopped(run)
        else:
            if not await run.close():
                result: dict[str, Any] = outcome["result"]
                return result
        await self._settle(run, outcome)
        return None

    async def _settle(self, run: TaskRun, outcome: dict[str, Any]) -> None:
        """Write how a task ended, unless its row says it already."""
        id = run.id or ""
        try:
            for attempt in range(_STUBBORN):
                try:
                    await self._ledger.end(id, run.caller.user_id, outcome)
                    return
                except StoreUnavailable as wrong:
                    _log.error("the end of a task cannot be written", task=id, attempt=attempt, reason=str(wrong))
                    await self._clock.sleep(1)
        finally:
            self._runs.pop(id, None)

    # -- what a client may do with a task --------------------------------------------------------------------

    async def get(self, caller: Caller, id: str) -> dict[str, Any]:
        """The task as it is now (``Papers.detailed``). Raises ``ProtocolError`` where the caller has no such task."""
        task = await self._ledger.mine(caller, id)
        if task.live and task.lease_until < self._clock.now():
            await self._ledger.interrupt(task)
        told = await self._ledger.told(id)
        if told is None:
            raise ProtocolError("This task has just been forgotten.")
        return told

    async def update(self, caller: Caller, id: str, responses: Mapping[str, Any]) -> None:
        """Take answers; those to nothing that is asked are ignored. Raises ``ProtocolError`` as ``get`` does, and for
        answers that are too large."""
        await self._ledger.mine(caller, id)
        await self._ledger.answer(id, responses)

    async def cancel(self, caller: Caller, id: str) -> None:
        """End a task; nothing when it has ended. Raises ``ProtocolError`` as ``get`` does."""
        task = await self._ledger.mine(caller, id)
        await self._ledger.end(task.id, task.user_id, {"message": "Cancelled by the client."})

    async def owned(self, caller: Caller, ids: frozenset[str]) -> frozenset[str]:
        """Those of ``ids`` the caller may hear of."""
        theirs = frozenset(await self._ledger.rows.owned(caller.user_id, ids)) if ids else frozenset()
        return frozenset([id for id in theirs if await self._ledger.may(caller, id)])

    async def tell(self, id: str) -> None:
        """Tell who follows a task how it is now."""
        told = await self._ledger.told(id)
        if told is not None:
            self._listeners.progressed(id, told)

    # -- what happens elsewhere ------------------------------------------------------------------------------

    def _heard(self, change: Change) -> None:
        if change.kind == CHANGE:
            run = self._runs.get(change.key)
            if run is not None:
                self._send(self._refresh(run))
            if self._listeners.follows(change.key):
                self._send(self.tell(change.key))
        elif change.kind in ("token", "user", EVERYTHING):
            for run in self._runs.values():
                concerned = {"token": run.caller.token_id, "user": run.caller.user_id}.get(change.kind, change.key)
                if concerned == change.key:
                    self._send(self._recheck(run))
                if change.kind == EVERYTHING:
                    self._send(self._refresh(run))

    def _send(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._safely(errand))
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _safely(self, errand: Coroutine[Any, Any, None]) -> None:
        try:
            await errand
        except StoreUnavailable as wrong:
            _log.warning("a change of a task is heard late", reason=str(wrong))

    async def _refresh(self, run: TaskRun) -> None:
        """Hand over answers that came in; end a run whose row has ended."""
        row = await self._ledger.rows.get(run.id or "")
        if row is None or not row.live or row.owner != self._ledger.owner:
            run.stop("lost")
        else:
            run.answer(self._ledger.answers(row))

    async def _recheck(self, run: TaskRun) -> None:
        """End a run whose user or token is no more."""
        caller = run.caller
        if caller.token_id is None:
            return
        user = await self._store.users.get(caller.user_id)
        tokens = await self._store.tokens.list(caller.user_id)
        alive = any(token.id == caller.token_id and token.revoked_at is None for token in tokens)
        if caller.client is not None:
            grant = await self._store.grants.get(caller.token_id)
            alive = grant is not None and grant.revoked_at is None
        if user is None or not user.enabled or not alive:
            run.stop("revoked")

    # -- upkeep ----------------------------------------------------------------------------------------------

    async def keep(self) -> None:
        """Renew leases, end what others left behind, delete what is forgotten; until cancelled."""
        while True:
            work = asyncio.create_task(self._upkeep())
            try:
                await asyncio.shield(work)
            except StoreUnavailable as wrong:
                _log.warning("leases of tasks cannot be renewed", reason=str(wrong))
            except asyncio.CancelledError:
                # What was asked of the database is let end; cancelled in the middle, its connection would be lost.
                await asyncio.wait((work,), timeout=_CLOSING_SECONDS)
                raise
            except Exception:  # an outermost edge: were this to end, every task would be taken for dead
                _log.exception("the upkeep of tasks failed; it goes on")
            await self._clock.sleep(RENEWAL)

    async def _upkeep(self) -> None:
        rows = self._ledger.rows
        if self._runs:
            held = dict(self._runs)
            mine = await rows.renew(self._ledger.owner, self._clock.now() + LEASE)
            for id, run in held.items():
                if id not in mine:
                    run.stop("lost")
                elif run.message is not None:
                    message, run.message = run.message, None
                    await self._ledger.say(id, message)
        for task in await rows.lapsed():
            await self._ledger.interrupt(task)
        if self._clock.monotonic() - self._pruned > _PRUNE_SECONDS:
            self._pruned = self._clock.monotonic()
            await self._store.prune()

    async def close(self, seconds: float = 5.0) -> None:
        """Stop what runs here; the tasks end as interrupted. ``seconds`` is for writing that down."""
        runs = [run.work for run in self._runs.values() if run.work is not None]
        for run in list(self._runs.values()):
            run.stop("closing")
        if runs:
            await asyncio.wait(runs, timeout=seconds)
        errands = list(self._errands)
        if errands:
            await asyncio.wait(errands, timeout=seconds)


def _stopped(run: TaskRun) -> dict[str, Any]:
    """How a run that was stopped ended."""
    if run.why == "revoked":
        return {"message": "Stopped: the access token or the user that began it is no longer valid."}
    if run.why in ("lost", "closing"):
        return interrupted()
    return {"message": "Cancelled."}
