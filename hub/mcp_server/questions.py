"""Questions to legacy clients that wait for an answer: which answer belongs to which question.

A question is known by its session and an id nobody can guess, so only the user and session that were asked can
answer. In memory: the answer must reach the process that asked (with several replicas, by sticky sessions).
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hub.errors import ToolError

Reply = asyncio.Future[dict[str, Any]]


class Questions:
    """The open questions. ``random`` gives bytes nobody can guess."""

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._open: dict[tuple[str, str], Reply] = {}

    @contextmanager
    def open(self, session: str, count: int) -> Iterator[list[tuple[str, Reply]]]:
        """``count`` new questions of a session as (id, reply to await); forgotten when the block ends."""
        loop = asyncio.get_running_loop()
        asked: list[tuple[str, Reply]] = [(f"hub-{self._random(16).hex()}", loop.create_future()) for _ in range(count)]
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

    def answer(self, session: str, message: dict[str, Any]) -> bool:
        """Take a client's response; False when it answers no open question of this session.

        An error, or a result that is no object, becomes a ``ToolError`` for the tool that asked.
        """
        number = message.get("id")
        reply = self._open.get((session, number)) if isinstance(number, str) else None
        if reply is None or reply.done():
            return False
        result = message.get("result")
        if isinstance(result, dict):
            reply.set_result(result)
        else:
            reply.set_exception(ToolError(_refusal(message.get("error"))))
        return True


def _refusal(error: Any) -> str:
    text = error.get("message") if isinstance(error, dict) else None
    if not isinstance(text, str) or not text.strip():
        return "The client answered with an error."
    return f"The client answered with an error: {text.strip()[:300]}"
