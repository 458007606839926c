"""The hub with many users behind a token each, as a process, and what it takes: memory, threads, start.

Shared by the scale, crowd and soak runs. Not the load itself, nor the small hub of ``make bench`` (``servers.py``).
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from hub.clock import SystemClock
from hub.config import load
from hub.sdk.tool import EFFECTS
from hub.store import Store

START_SECONDS = 120.0
_CPU_CLOCK = 2  # CPUCLOCK_SCHED: what the kernel's scheduler counted for a process


class NoStart(Exception):
    """The hub did not come up; says its last words."""


@dataclass(slots=True)
class RunningHub:
    """``hub serve`` as a process: its port, and the seconds from its start until it was ready, in which it ``worked``
    so many seconds of processor time."""

    process: "subprocess.Popen[bytes]"
    config: Path
    port: int
    seconds: float
    worked: float
    connectors: int
    tools: int

    def resident(self) -> float:
        """Megabytes of resident memory now."""
        return _status(self.process.pid, "VmRSS")

    def cpu(self) -> float:
        """Seconds of processor time used so far, of all its threads."""
        return _cpu(self.process.pid)

    def peak(self) -> float:
        """The most megabytes of resident memory there were."""
        return _status(self.process.pid, "VmHWM")

    def forget_peak(self) -> None:
        """Let the peak begin anew from what is resident now (proc_pid_clear_refs(5))."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")


def _cpu(pid: int) -> float:
    """A process's own clock (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | _CPU_CLOCK)


def _status(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise NoStart(f"/proc tells nothing of {name}.")


def configured(folder: Path, connectors: Path, more: Mapping[str, Any] | None = None) -> Path:
    """A config file in ``folder`` for the connectors of another folder, on any free port."""
    path = folder / "config.yaml"
    settings = {
        "listen": {"host": "127.0.0.1", "port": 0},
        "data_dir": str(folder / "data"),
        "connectors": {"shipped": False, "paths": [str(connectors)]},
        **(more or {}),
    }
    path.write_text(yaml.safe_dump(settings))
    return path


@contextlib.contextmanager
def serving(config: Path) -> Iterator[RunningHub]:
    """The hub while it is needed, ready. Raises ``NoStart``."""
    words = config.with_name("hub.log")
    begun = time.monotonic()
    with words.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - the hub itself
            [sys.executable, "-m", "hub", "serve", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={name: value for name, value in os.environ.items() if not name.startswith("HUB_")},
        )
    try:
        told = _await_ready(process, words)
        seconds = time.monotonic() - begun
        worked = _cpu(process.pid)
        port = int(str(told["listening"][0]).rpartition(":")[2])
        yield RunningHub(process, config, port, seconds, worked, int(told["connectors"]), int(told["tools"]))
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_ready(process: "subprocess.Popen[bytes]", words: Path) -> dict[str, Any]:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        for line in words.read_bytes().splitlines():
            if b"the hub is ready" in line and line.endswith(b"}"):
                told: dict[str, Any] = orjson.loads(line)
                return told
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.005)
    raise NoStart(words.read_text(errors="replace")[-2000:])


def tokens(config: Path, users: int) -> list[str]:
    """A token for everything for each of so many new users, made before the hub runs or beside it."""
    return asyncio.run(_tokens(config, users))


async def _tokens(config: Path, users: int) -> list[str]:
    store = Store.open(load(config, {}).store_url, SystemClock())
    try:
        await store.migrate()
        made = []
        for number in range(users):
            user = await store.users.add(f"crowd{number}")
            made.append((await store.tokens.create(user.id, "crowd", EFFECTS))[1])
    finally:
        await store.close()
    return made


def verdict(rows: Sequence[tuple[str, float, float, str]]) -> int:
    """Print what was measured beside its bar, each row its name, figure, bar and unit; 1 when one is not met."""
    failed = 0
    for name, figure, bar, unit in rows:
        met = figure < bar
        failed += not met
        print(f"{name:<58} {figure:9.3f} {unit:<3} under {bar:g} {unit:<3} {'met' if met else 'NOT MET'}")
    return 1 if failed else 0
