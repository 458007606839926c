"""Plain ``def`` tools run in threads of their own, so many per connector, so that one that blocks hurts no other.

A thread cannot be killed: one that hangs keeps its place until it returns, and its connector's places are all
it can take. Not a pool: threads are made when needed and end with their call.
"""

import asyncio
import contextvars
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from hub.errors import ProviderUnavailable

T = TypeVar("T")

PLACES = 32
"""Threads one connector may hold at a time."""


class Threads:
    """Runs blocking functions, counted by connector."""

    def __init__(self, places: int = PLACES) -> None:
        self._places = places
        self._taken: Counter[str] = Counter()

    async def run(self, connector: str, function: Callable[[], T]) -> T:
        """The function's value; its exceptions pass through. Cancelling leaves the thread to end by itself.

        Raises ``ProviderUnavailable`` when the connector already holds all its places.
        """
        if self._taken[connector] >= self._places:
            raise ProviderUnavailable(f"{connector} is busy: {self._places} of its calls have not ended yet.", after=10)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        context = contextvars.copy_context()
        self._taken[connector] += 1

        def settle(value: Any, wrong: BaseException | None) -> None:
            self._taken[connector] -= 1
            if done.cancelled():
                return
            if wrong is not None:
                done.set_exception(wrong)
            else:
                done.set_result(value)

        def work() -> None:
            value: Any = None
            wrong: BaseException | None = None
            try:
                value = context.run(function)
            except StopIteration as stop:  # a Future refuses it
                wrong = RuntimeError(f"the tool raised {stop!r}")
            except BaseException as raised:  # noqa: BLE001 - the outermost edge of the thread
                wrong = raised
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, value, wrong)

        try:
            threading.Thread(target=work, name=f"tool-{connector}", daemon=True).start()
        except RuntimeError as wrong:
            self._taken[connector] -= 1
            raise ProviderUnavailable("The hub has no thread left for this call.", after=10) from wrong
        value: T = await done
        return value
