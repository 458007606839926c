"""The event loop's turns: which of them ask the system what has arrived.

asyncio asks in every turn, also in one that has work waiting; each time costs a system call and hands Python's lock
round. Here a turn with work waiting asks only if the one before did not. Not a loop of our own: asyncio's, with its
selector.
"""

import asyncio
import selectors


class SparingSelector(selectors.DefaultSelector):
    """The system's selector, asked in vain at most every second time.

    What arrives is seen a turn later at most, and at once where the loop has nothing to do: it then waits here.
    """

    _spared = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; nothing where the loop does not mean to wait (``timeout`` 0) and was told just before."""
        if timeout == 0 and not self._spared:
            self._spared = True
            return []
        self._spared = False
        return super().select(timeout)


def new_loop() -> asyncio.AbstractEventLoop:
    """An event loop for the hub's process."""
    return asyncio.SelectorEventLoop(SparingSelector())
