"""``make bench`` runs and prints its table. Not whether its bars are met: machines that run tests are shared."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = (
    "bare aiohttp, object",
    "bare aiohttp, items",
    "hub 2026-07-28, object",
    "hub 2026-07-28, items",
    "hub 2025-11-25, object",
    "hub 2025-11-25, items",
    "bare aiohttp, list of 256",
    "hub 2026-07-28, list of 256",
    "hub 2025-11-25, list of 256",
)


def test_the_quick_bench_measures_every_row_and_finds_every_call_in_the_audit_log() -> None:
    pinned = ROOT / "tests" / "interop" / "node_modules" / ".bin" / "node"
    if not pinned.exists() and shutil.which("node") is None:
        pytest.skip("Node is not installed: make programs")
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "run.py"), "--quick", "--no-fastmcp"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    # Calls that are missing from the audit log, or wrong answers, end it with 2.
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for row in ROWS:
        (line,) = [line for line in lines if line.startswith(f"{row} ")]
        figures = line.removeprefix(row).replace("|", " ").split()
        assert len([figure for figure in figures if _positive(figure)]) >= 4, line
    assert "not met" in done.stdout or " met" in done.stdout


def _positive(figure: str) -> bool:
    try:
        return float(figure) > 0
    except ValueError:
        return False
