"""Memory gathered into huge pages: only what is the program's own and well filled, and nothing of it changes."""

import subprocess
import sys
from pathlib import Path

from hub.huge_pages import SIZE, areas

SMAPS = """\
5581d0000000-5581d2000000 rw-p 00000000 00:00 0                          [heap]
Size:              32768 kB
Rss:               30000 kB
7f0000000000-7f0004000000 rw-p 00000000 00:00 0
Size:              65536 kB
Rss:               65536 kB
7f1000000000-7f1000800000 rw-p 00000000 00:00 0
Size:               8192 kB
Rss:                  40 kB
7f2000000000-7f2000400000 rw-p 00030000 fe:00 1234                       /usr/lib/libpython3.11.so.1.0
Size:               4096 kB
Rss:                4096 kB
7f3000000000-7f3000400000 r--p 00000000 00:00 0
Size:               4096 kB
Rss:                4096 kB
7f4000000000-7f4000400000 rw-s 00000000 00:01 77                         /dev/shm/shared
Size:               4096 kB
Rss:                4096 kB
7ffc00000000-7ffc00400000 rw-p 00000000 00:00 0                          [stack]
Size:               4096 kB
Rss:                4096 kB
"""

PROGRAM = """
import sys, zlib
from pathlib import Path
from hub.huge_pages import gather

def huge():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("AnonHugePages:"))

held = [bytes([n % 251]) * 400 for n in range(100_000)]
before = zlib.crc32(b"".join(held))
begun, gathered = huge(), gather()
assert zlib.crc32(b"".join(held)) == before
print(gathered, huge() - begun)
"""


def test_only_well_filled_memory_of_the_program_itself_is_gathered() -> None:
    assert list(areas(SMAPS)) == [(0x5581D0000000, 0x5581D2000000), (0x7F0000000000, 0x7F0004000000)]


def test_what_is_held_stays_as_it_was_wherever_it_is_moved() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    gathered, more = map(int, done.stdout.split())
    assert gathered % SIZE == 0
    # Where the system has no huge pages to give, nothing is moved, and that is fine.
    assert more == 0 or gathered > 0
    if gathered and Path("/proc/self/smaps_rollup").exists():
        assert more > 0
