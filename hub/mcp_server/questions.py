"""Questions to legacy clients that wait for an answer: which answer belongs to which question.

A question's id is sealed for its session, so nobody can guess it, and only the user and session that were asked can
answer. An answer that reaches another process is left, sealed, in the store for the one that asked.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import orjson

from hub.clock import Clock
from hub.errors import ToolError
from hub.mcp_server.limits import Limits
from hub.seal import KeyRing, SealBroken
from hub.store import Sessions

Reply = asyncio.Future[dict[str, Any]]

_PREFIX = "hub-"
_LATE_SECONDS = 60.0


class Questions:
    """The open questions of this process. ``random`` gives bytes nobody can guess; ``rows`` is where answers to other
    processes' questions are left."""

    def __init__(
        self,
        random: Callable[[int], bytes],
        ring: KeyRing,
        clock: Clock,
        limits: Limits,
        rows: Sessions | None = None,
    ) -> None:
        self._random = random
        self._ids = ring.box("mcp question")
        self._answers = ring.box("mcp answer")
        self._clock = clock
        self._limits = limits
        self._rows = rows
        self._open: dict[tuple[str, str], Reply] = {}

    @contextmanager
    def open(self, session: str, count: int) -> Iterator[list[tuple[str, Reply]]]:
        """``count`` new questions of a session as (id, reply to await); forgotten when the block ends."""
        loop = asyncio.get_running_loop()
        asked: list[tuple[str, Reply]] = [(self._id(session), loop.create_future()) for _ in range(count)]
        for number, reply in asked:
            self._open[(session, number)] = reply
        try:
            yield asked
        finally:
            for number, reply in asked:
                del self._open[(session, number)]
                if not reply.done():
                    reply.cancel()
                elif not reply.cancelled():
                    reply.exception()  # seen, so that asyncio does not complain about the ones nobody awaited

    def _id(self, session: str) -> str:
        expires = self._clock.time() + self._limits.question + _LATE_SECONDS
        return _PREFIX + self._ids.seal(self._random(8), bound=session, expires=expires)

    async def answer(self, session: str, message: dict[str, Any]) -> bool:
        """Take a client's response; False when it answers no question put to this session. Raises
        ``StoreUnavailable`` where it has to be left for another process and cannot be.

        An error, or a result that is no object, becomes a ``ToolError`` for the tool that asked.
        """
        number = message.get("id")
        if not isinstance(number, str):
            return False
        reply = self._open.get((session, number))
        if reply is not None:
            _settle(reply, message)
            return True
        if self._rows is None or not self._asked(session, number):
            return False
        told = {member: message[member] for member in ("result", "error") if member in message}
        expires = self._clock.now() + timedelta(seconds=_LATE_SECONDS)
        sealed = self._answers.seal(orjson.dumps(told), bound=f"{session}\n{number}", expires=expires.timestamp())
        await self._rows.post(_digest(number), sealed, expires)
        return True

    def _asked(self, session: str, number: str) -> bool:
        """Whether a question of this id was put to this session, by whichever process, not long ago."""
        try:
            self._ids.open(number.removeprefix(_PREFIX), bound=session, now=self._clock.time())
        except SealBroken:
            return False
        return True

    async def fetch(self, digest: str) -> None:
        """An answer was left; take it where the question is ours. Raises ``StoreUnavailable``."""
        for (session, number), reply in tuple(self._open.items()):
            if reply.done() or _digest(number) != digest or self._rows is None:
                continue
            sealed = await self._rows.take(digest)
            if sealed is not None:
                now = self._clock.time()
                _settle(reply, orjson.loads(self._answers.open(sealed, bound=f"{session}\n{number}", now=now)))

    async def fetch_all(self) -> None:
        """Changes may have been missed: look for an answer to each open question. Raises ``StoreUnavailable``."""
        for _, number in tuple(self._open):
            await self.fetch(_digest(number))


def _settle(reply: Reply, message: dict[str, Any]) -> None:
    if reply.done():
        return
    result = message.get("result")
    if isinstance(result, dict):
        reply.set_result(result)
    else:
        reply.set_exception(ToolError(_refusal(message.get("error"))))


def _refusal(error: Any) -> str:
    text = error.get("message") if isinstance(error, dict) else None
    if not isinstance(text, str) or not text.strip():
        return "The client answered with an error."
    return f"The client answered with an error: {text.strip()[:300]}"


def _digest(number: str) -> str:
    return hashlib.sha256(number.encode()).hexdigest()
