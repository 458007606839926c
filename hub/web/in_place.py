"""Requests run in the task of their connection, one after another, each in a context of its own.

On Python 3.11 aiohttp makes a task for each request and waits for it: a task, a handle and two turns of the event
loop, of which a call needs but four. Since Python 3.12 it begins such tasks at once, and nothing is done here. Nor is
anything where a newer aiohttp is inside no longer what this module knows (``missing``). Not the watching of
connections, which is ``connections.py``'s.
"""

import asyncio
import sys
import types
from collections.abc import Coroutine, Generator
from contextvars import copy_context
from typing import Any

from aiohttp import web

from hub.observe import log

_NEEDED = ("_loop", "create_task", "_handle_request")
"""What aiohttp's ``RequestHandler.start`` uses of what its documentation does not name, and this module leans on."""


def missing(names: tuple[str, ...] = web.RequestHandler.start.__code__.co_names) -> list[str]:
    """The names this module needs in aiohttp's ``start`` that are not there."""
    return [name for name in _NEEDED if name not in names]


IN_PLACE = sys.version_info < (3, 12) and not missing()
"""Whether requests run in their connection's task because of this module."""

if sys.version_info < (3, 12) and missing():
    log("web").warning("aiohttp has changed inside; each request has a task of its own, more slowly", missing=missing())


@types.coroutine
def apart(work: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Await ``work`` in this task, in a copy of its context, as a task of its own would have: what it sets in context
    variables is gone with it. Raises what it raises."""
    run = copy_context().run
    step: Any = work.send
    given: Any = None
    while True:
        try:
            awaited = run(step, given)
        except StopIteration as done:
            return done.value
        try:
            given = yield awaited
            step = work.send
        except GeneratorExit:
            run(work.close)
            raise
        except BaseException as wrong:  # a cancellation, which is for the work
            step, given = work.throw, wrong


class LoopInPlace:
    """The event loop as ``RequestHandler.start`` sees it, whose tasks are awaited in place."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # What is asked for with every request.
        self.create_future = loop.create_future
        self.time = loop.time

    def create_task(self, work: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """No task: what the one who would have waited for it awaits."""
        return apart(work)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)
