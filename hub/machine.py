"""What the hub asks of the system it runs on, and learns from it: memory, and time spent waiting for a processor.

Both are Linux's (memory glibc's); elsewhere nothing is asked and nothing known. Not settings: an operator who sets
the C library's own variables is obeyed. Not the limit of open files, which belongs to the connections.
"""

import asyncio
import ctypes
import os
from collections.abc import Mapping
from contextlib import suppress

from hub.clock import Clock
from hub.observe import Metrics

HEAPS = 2
"""Heaps for all threads together. glibc makes up to eight for each processor, of which each keeps what it once took;
under Python's lock threads hardly ever ask for memory at the same moment."""

_M_ARENA_MAX = -8
"""mallopt(3)."""

_THEIRS = ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")
_THREADS = "/proc/self/task"


def few_heaps(env: Mapping[str, str] = os.environ) -> bool:
    """Have the C library keep to ``HEAPS`` heaps from now on; whether it does. Not where ``env`` says otherwise."""
    if any(name in env for name in _THEIRS):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # no glibc
        return False
    return bool(mallopt(_M_ARENA_MAX, HEAPS))


def give_back() -> bool:
    """Give memory the C library holds and nobody uses back to the system (malloc_trim(3)), a millisecond's work or so;
    whether there was any. By itself it gives back only what lies at the end of a heap, so that one small object that
    stays keeps all that was below it."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # no glibc
        return False
    return bool(trim(ctypes.c_size_t(0)))


class Waits:
    """How long this process's threads could have run but had no processor (Linux, sched-stats: the second number of
    ``schedstat``), all together, from one look to the next.

    All threads, since one that stands still with Python's lock in its hands holds up the others. As the hub looks 20
    times a second, files stay open and threads are listed once in ``LISTED`` looks. To be closed.
    """

    LISTED = 20

    def __init__(self) -> None:
        self._files: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._looks = 0

    def more(self) -> float:
        """Seconds the threads known waited since the last look; 0.0 where the system does not tell."""
        if self._looks % self.LISTED == 0:
            self._list()
        self._looks += 1
        waited = 0
        for thread, file in list(self._files.items()):
            try:
                count = int(os.pread(file, 100, 0).split()[1])
            except (OSError, ValueError, IndexError):  # it ended
                self._drop(thread)
                continue
            waited += count - self._counts.get(thread, count)
            self._counts[thread] = count
        return waited / 1e9

    def _list(self) -> None:
        with suppress(OSError):
            threads = set(os.listdir(_THREADS))
            for thread in self._files.keys() - threads:
                self._drop(thread)
            for thread in threads - self._files.keys():
                with suppress(OSError):
                    self._files[thread] = os.open(f"{_THREADS}/{thread}/schedstat", os.O_RDONLY)

    def _drop(self, thread: str) -> None:
        os.close(self._files.pop(thread))
        self._counts.pop(thread, None)

    def close(self) -> None:
        """Close the files."""
        for thread in list(self._files):
            self._drop(thread)


LOOK_SECONDS = 0.05
"""How often it is looked how late the event loop is."""

GIVE_BACK_SECONDS = 30.0
"""How often memory that is not used any more goes back to the system."""


async def watch_lag(metrics: Metrics, clock: Clock) -> None:
    """Measure how late the event loop is, and how much of it the machine is not to blame for, until cancelled."""
    waits = Waits()
    try:
        waits.more()
        while True:
            begun = clock.monotonic()
            await clock.sleep(LOOK_SECONDS)
            late = max(0.0, clock.monotonic() - begun - LOOK_SECONDS)
            metrics.lagged(late, max(0.0, late - waits.more()))
    finally:
        waits.close()


async def give_memory_back(clock: Clock) -> None:
    """Keep no more memory than is used, until cancelled."""
    while True:
        await clock.sleep(GIVE_BACK_SECONDS)
        await asyncio.to_thread(give_back)
