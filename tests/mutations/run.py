"""``make mutations``: puts each fault into a copy of the tree, one at a time, and sees whether its tests notice.

Prints a table; ends with 1 when a fault survives, cannot be applied or breaks more than it should, and when the tests
fail without any. Never touches the tree it is started from.

    python -m tests.mutations.run [WORD ...] [--jobs N]

Takes the faults whose name or list holds one of the words; N at a time (2), each in a copy of its own.
"""

import argparse
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.mutations.faults import HERE, ROOT, Fault, FaultBroken, chosen, load

LEFT_OUT = (".git", ".venv", ".*cache*", "node_modules", "__pycache__", ".hypothesis", "build", "dist")
SECONDS, ALL_SECONDS = 240, 3600
"""How long the tests of one fault may take, and those of all of them together, without any."""

CAUGHT, SURVIVED, BROKEN = "caught", "SURVIVED", "BROKEN"
_FAILED, _PASSED = 1, 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a fault: caught, survived, or broken, and why."""

    fault: Fault
    outcome: str
    told: str
    seconds: float


def pytest(tree: Path, tests: Sequence[str], *options: str, seconds: int = SECONDS) -> tuple[int, str]:
    """Run tests in a tree with the code of that tree; the exit status and what was printed. -1: out of time."""
    scratch = tree.with_name(f"{tree.name}-scratch")
    command = [sys.executable, "-m", "pytest", *tests, *options, "-q", "-p", "no:cacheprovider", "--no-header"]
    # Before the installed project, so that the copy's code is what is tested.
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [*command, f"--basetemp={scratch}"],
            cwd=tree,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -1, f"no answer within {seconds} s"
    return done.returncode, done.stdout + done.stderr


def judged(tree: Path, fault: Fault) -> Verdict:
    """Apply a fault to a tree, run its tests there, and put the tree back."""
    begun = time.monotonic()
    path = tree / fault.file
    whole = path.read_bytes() if path.is_file() else b""
    try:
        path.write_text(fault.altered(tree), "utf-8")
        status, output = pytest(tree, fault.tests, "-x", "--timeout=60")
    except FaultBroken as wrong:
        return Verdict(fault, BROKEN, str(wrong), time.monotonic() - begun)
    finally:
        if whole:
            path.write_bytes(whole)
    taken = time.monotonic() - begun
    failed = [line.removeprefix("FAILED ").partition(" - ")[0] for line in output.splitlines() if line[:7] == "FAILED "]
    if status == _FAILED and failed:
        return Verdict(fault, CAUGHT, failed[0], taken)
    if status == _PASSED:
        return Verdict(fault, SURVIVED, ", ".join(fault.tests), taken)
    # The tests did not even begin: that says nothing about whether they would notice.
    return Verdict(fault, BROKEN, output[-1500:], taken)


def copied(folder: Path) -> Path:
    """A copy of this tree's code and tests. Raises ``RuntimeError`` when its code would not be what is imported."""
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    found = subprocess.run(
        [sys.executable, "-c", "import hub; print(hub.__file__)"],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    if not Path(found).is_relative_to(tree):
        raise RuntimeError(f"the copy's tests would import {found}")
    return tree


def run(faults: Sequence[Fault], jobs: int) -> list[Verdict]:
    """All verdicts, in the faults' order; each is printed as it comes. Raises ``RuntimeError`` where the tests fail
    without a fault."""
    with tempfile.TemporaryDirectory(prefix="hub-mutations-") as held:
        folders = [Path(held) / str(number) for number in range(jobs)]
        trees: queue.Queue[Path] = queue.Queue()
        for folder in folders:
            trees.put(copied(folder))
        tree = trees.get()
        wanted = sorted({test for fault in faults for test in fault.tests})
        status, output = pytest(tree, wanted, "-x", seconds=ALL_SECONDS)
        trees.put(tree)
        if status != _PASSED:
            raise RuntimeError(f"the tests fail without any fault:\n{output[-3000:]}")
        printing = threading.Lock()

        def one(fault: Fault) -> Verdict:
            mine = trees.get()
            try:
                verdict = judged(mine, fault)
            finally:
                trees.put(mine)
            with printing:
                print(f"{verdict.outcome:9} {verdict.seconds:5.1f} s  {fault.name}  ({verdict.told})", flush=True)
            return verdict

        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(one, faults))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit status."""
    parser = argparse.ArgumentParser(description="Deliberate faults, and whether the tests notice them.")
    parser.add_argument("words", nargs="*", help="only faults whose name or list holds one of these")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (2)")
    asked = parser.parse_args(arguments)
    try:
        faults = chosen(load(HERE), asked.words)
    except FaultBroken as wrong:
        print(wrong, file=sys.stderr)
        return 1
    if not faults:
        print("No fault's name or list holds any of these words.", file=sys.stderr)
        return 1
    begun = time.monotonic()
    try:
        verdicts = run(faults, max(1, asked.jobs))
    except RuntimeError as wrong:
        print(wrong, file=sys.stderr)
        return 1
    counts = {outcome: sum(one.outcome == outcome for one in verdicts) for outcome in (CAUGHT, SURVIVED, BROKEN)}
    told = ", ".join(f"{count} {outcome.lower()}" for outcome, count in counts.items())
    print(f"{len(verdicts)} faults in {time.monotonic() - begun:.0f} s: {told}")
    return 0 if counts[CAUGHT] == len(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
