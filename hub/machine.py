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


def waited() -> float:
    """Seconds for which this process's threads could have run but had no processor, all that there are now together
    (Linux, sched-stats: the second number of ``schedstat``); 0.0 where the system does not tell.

    All threads, since one that stands still with Python's lock in its hands holds up the others.
    """
    seconds = 0.0
    with suppress(OSError):
        for thread in os.listdir(_THREADS):
            # One may have ended meanwhile.
            with suppress(OSError, ValueError, IndexError):
                seconds += int(_read(f"{_THREADS}/{thread}/schedstat").split()[1]) / 1e9
    return seconds


def _read(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 100)
    finally:
        os.close(file)


LOOK_SECONDS = 0.05
"""How often it is looked how late the event loop is."""

GIVE_BACK_SECONDS = 30.0
"""How often memory that is not used any more goes back to the system."""


async def watch_lag(metrics: Metrics, clock: Clock) -> None:
    """Measure how late the event loop is, and how much of it the machine is not to blame for, until cancelled."""
    spent = waited()
    while True:
        begun = clock.monotonic()
        await clock.sleep(LOOK_SECONDS)
        late = max(0.0, clock.monotonic() - begun - LOOK_SECONDS)
        before, spent = spent, waited()
        # A thread that ended took its count with it.
        metrics.lagged(late, max(0.0, late - max(0.0, spent - before)))


async def give_memory_back(clock: Clock) -> None:
    """Keep no more memory than is used, until cancelled."""
    while True:
        await clock.sleep(GIVE_BACK_SECONDS)
        await asyncio.to_thread(give_back)
