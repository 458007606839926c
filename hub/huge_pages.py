"""What the start loaded, gathered into huge pages of memory, so that a call which wakes the process finds it sooner.

A process that sleeps between two calls loses its place in the processor's table of addresses (the TLB). The hub's
connectors, schemas and code lie on tens of thousands of pages of 4 KiB, of which a call touches hundreds; on pages of
2 MiB it touches some dozens. Linux 6.1 and later, where the system has huge pages; elsewhere nothing is done. Not an
allocator: what comes later lies where it would.
"""

import ctypes
import re
import sys
from collections.abc import Iterator
from pathlib import Path

SIZE = 2 * 1024 * 1024
"""Bytes of a huge page on amd64, and on arm64 with pages of 4 KiB."""

FILLED = 0.75
"""How much of a piece of memory must be in use for it to be gathered; the rest of it would be wasted."""

_COLLAPSE = 25  # MADV_COLLAPSE, madvise(2)
_AREA = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) [0-9a-f]+ \S+ (\d+) *(.*)")


def areas(smaps: str) -> Iterator[tuple[int, int]]:
    """Begin and end of the program's own memory that is well filled, in the words of proc_pid_smaps(5)."""
    begin = end = 0
    for line in smaps.splitlines():
        if found := _AREA.fullmatch(line):
            begin, end = int(found[1], 16), int(found[2], 16)
            own = found[3] == "rw-p" and found[4] == "0" and found[5] in ("", "[heap]")
            end = end if own else begin
        elif line.startswith("Rss:") and int(line.split()[1]) * 1024 >= FILLED * (end - begin) > 0:
            yield begin, end


def gather() -> int:
    """Move the memory in use into huge pages; the bytes that lie in them then, 0 where the system has none.

    Takes about half a millisecond for each, during which nothing else runs. Raises nothing.
    """
    if sys.platform != "linux":
        return 0
    try:
        smaps = Path("/proc/self/smaps").read_text()
        advise = ctypes.CDLL(None).madvise
    except (OSError, AttributeError):
        return 0
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    gathered = 0
    for begin, end in areas(smaps):
        for at in range(-(-begin // SIZE) * SIZE, end - SIZE + 1, SIZE):
            # Advice only: what cannot be followed (no memory free in one piece, an older kernel) changes nothing.
            if advise(at, SIZE, _COLLAPSE) == 0:
                gathered += SIZE
    return gathered
