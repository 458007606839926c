"""What the hub asks of its system and learns from it, and how it tells its own delays from the machine's."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import aiohttp
import pytest

from hub import machine
from tests.limits.conftest import CONNECTOR, Start

BLOCKS = (
    CONNECTOR.replace("import asyncio\n", "import asyncio\nimport time\n", 1)
    + '''

@connector.tool(effect="read")
async def block(seconds: float) -> str:
    """Holds up everything for that many seconds, as no tool should."""
    time.sleep(seconds)
    return "blocked"
'''
)

HEAPS = """
import ctypes, os, re, sys, threading, time
from hub import machine
kept = machine.few_heaps({} if sys.argv[1] == "few" else {"MALLOC_ARENA_MAX": "64"})
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
everyone = threading.Barrier(12)
def work():
    everyone.wait()
    for _ in range(200):
        libc.malloc(1000)
        time.sleep(0)
    everyone.wait()
threads = [threading.Thread(target=work) for _ in range(12)]
[one.start() for one in threads]
[one.join() for one in threads]
libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info(0, ctypes.c_void_p(libc.fdopen(1, b"w")))
libc.fflush(None)
print(kept, file=sys.stderr)
"""


def heaps(how: str) -> tuple[int, str]:
    """How many heaps a process of twelve threads has, and what ``few_heaps`` said."""
    done = subprocess.run([sys.executable, "-c", HEAPS, how], capture_output=True, text=True, check=True)
    return done.stdout.count("<heap nr="), done.stderr.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' heaps are not glibc's")
def test_many_threads_share_two_heaps_unless_the_operator_says_otherwise() -> None:
    assert heaps("few") == (2, "True")
    many, told = heaps("many")
    assert told == "False"
    assert many > 2


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' memory is not glibc's")
def test_what_lies_free_below_something_that_stays_is_given_back() -> None:
    code = (
        "import ctypes\n"
        "from hub import machine\n"
        "libc = ctypes.CDLL(None)\n"
        "libc.malloc.restype = ctypes.c_void_p\n"
        "held = [libc.malloc(50_000) for _ in range(2_000)]\n"
        "for one in held: ctypes.memset(ctypes.c_void_p(one), 1, 50_000)\n"
        "for one in held[:-1]: libc.free(ctypes.c_void_p(one))\n"
        "resident = lambda: int(open('/proc/self/statm').read().split()[1]) * 4096\n"
        "before = resident()\n"
        "print(machine.give_back(), before - resident())\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert told[0] == "True"
    assert int(told[1]) > 50_000_000


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the system does not tell")
def test_a_process_that_wants_more_processors_than_there_are_learns_how_long_it_waited() -> None:
    code = (
        "import os, time\n"
        "from hub import machine\n"
        "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "if os.fork() == 0:\n"
        "    end = time.monotonic() + 1\n"
        "    while time.monotonic() < end: pass\n"
        "    os._exit(0)\n"
        "waits = machine.Waits()\n"
        "first, end = waits.more(), time.process_time() + 0.3\n"
        "while time.process_time() < end: pass\n"
        "print(first + waits.more())\n"
        "os.wait()\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert float(told) > 0.1


def test_the_time_waited_never_fails_while_threads_come_and_go() -> None:
    waits = machine.Waits()
    held = len(os.listdir("/proc/self/fd"))
    for _ in range(5 * machine.Waits.LISTED):
        threading.Thread(target=lambda: None).start()
        assert waits.more() >= 0
    waits.close()
    assert len(os.listdir("/proc/self/fd")) <= held


async def test_a_tool_that_blocks_the_event_loop_shows_in_the_time_the_hub_held_itself_up(program: Start) -> None:
    async with program(code=BLOCKS) as hub:
        await hub.call("waits_block", {"seconds": 1.2}, hub.ada)
        url = f"http://127.0.0.1:{hub.port}/metrics"
        while True:
            async with aiohttp.ClientSession() as http, http.get(url) as response:
                told = dict(line.rsplit(" ", 1) for line in (await response.text()).splitlines() if line[0] != "#")
            looks = float(told["hub_loop_held_seconds_count"])
            if looks > float(told['hub_loop_held_seconds_bucket{le="0.5"}']):
                break
            assert looks < 200
