"""One call at work that may become a task: the ``Talk`` its tool has, before and after.

Before, it is the request's own ``Talk``. From ``begin`` on the request has been answered: progress becomes the
task's status message, log lines go nowhere (the extension knows none), and questions wait in the task's row.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from typing import Any, Literal

from hub.errors import ToolError
from hub.gateway.admission import Place
from hub.identity import Caller
from hub.sdk.talk import Level, Talk

Why = Literal["revoked", "closing", "lost", "left"]
"""Why a run was stopped: its token or user is no more, the hub stops, its row has ended (cancelled, or taken for dead),
or the client left before it was told of the task."""

MESSAGE_CHARACTERS = 300
"""How much of a progress message is kept."""

Begin = Callable[["TaskRun"], Awaitable[None]]
Park = Callable[["TaskRun", dict[str, Any]], Awaitable[None]]


class TaskRun:
    """A ``TaskTalk`` around the request's ``Talk``. ``id`` and ``seed`` (what the client is told) are set once there
    is a row, ``place`` (what the call holds among those that run) once it runs."""

    def __init__(self, caller: Caller, talk: Talk, begin: Begin, park: Park) -> None:
        self.caller = caller
        self.id: str | None = None
        self.seed: dict[str, Any] = {}
        self.why: Why | None = None
        self.message: str | None = None
        self.place: Place | None = None
        self.work: asyncio.Task[dict[str, Any] | None] | None = None
        self.promoted = asyncio.Event()
        self._talk = talk
        self._begin = begin
        self._park = park
        self._turning = asyncio.Lock()
        self._begun = False
        self._closed = False
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._used: set[str] = set()

    # -- Talk ------------------------------------------------------------------------------------------------

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What the client declared with the request."""
        return self._talk.capabilities

    @property
    def waits(self) -> bool:
        """Whether a question is put and waited for."""
        return self._begun or self._talk.waits

    @property
    def begun(self) -> bool:
        """Whether the call is a task, or about to be one."""
        return self._begun

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:
        """See ``Talk.progress``; in a task the message alone is kept."""
        if not self._begun:
            await self._talk.progress(progress, total, message)
        elif message:
            self.message = message[:MESSAGE_CHARACTERS]

    async def log(self, level: Level, data: Any, logger: str) -> None:
        """See ``Talk.log``; nothing in a task."""
        if not self._begun:
            await self._talk.log(level, data, logger)

    async def begin(self) -> None:
        """See ``TaskTalk.begin``."""
        async with self._turning:
            if self.id is not None or self._closed:
                return
            # From now on questions wait for the row, as the run must not end with one.
            self._begun = True
            try:
                await self._begin(self)
            except BaseException:
                self._begun = False
                raise
            self.promoted.set()

    async def ask(self, requests: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """See ``Talk.ask``. Several may wait at once; a key is never used twice in a task's life. Whoever waits here
        waits for a person, an hour perhaps, and lends the call's place."""
        if not self._begun:
            return await self._talk.ask(requests)
        async with self._turning:
            if self.id is None:
                raise ToolError("The call could not become a task, so its question cannot wait; call again.")
        keys = {name: self._key(name) for name in requests}
        loop = asyncio.get_running_loop()
        replies = {name: loop.create_future() for name in requests}
        self._waiting |= {keys[name]: reply for name, reply in replies.items()}
        try:
            async with self.place.lent() if self.place is not None else nullcontext():
                await self._park(self, {keys[name]: dict(request) for name, request in requests.items()})
                return {name: await reply for name, reply in replies.items()}
        finally:
            for key in keys.values():
                self._waiting.pop(key, None)

    def _key(self, name: str) -> str:
        key, number = name, 1
        while key in self._used:
            number += 1
            key = f"{name}-{number}"
        self._used.add(key)
        return key

    # -- the other side --------------------------------------------------------------------------------------

    def answer(self, answers: Mapping[str, Any]) -> None:
        """Hand over what has been answered."""
        for key, reply in self._waiting.items():
            if key in answers and not reply.done():
                reply.set_result(answers[key])

    def stop(self, why: Why) -> None:
        """Cancel the run, once, unless it is ending already."""
        if self.why is None and not self._closed and self.work is not None:
            self.why = why
            self.work.cancel()

    async def close(self) -> bool:
        """The run ended: it becomes no task any more. Returns whether it was one."""
        self._closed = True
        async with self._turning:
            return self.id is not None
