"""The scan for planted values finds what leaks, names the place, and fails the run."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.proofs.requirements import ROOT

CONFTEST = "from tests.conftest import nothing_planted_lies_about, pytest_runtest_logreport\n"
LEAKING = """
from tests import plants

def test_leaks(tmp_path):
    (tmp_path / "hub.db").write_bytes(b"SQLite " + b"x" * 5000 + b"planted-key-of-somebody")
    (tmp_path / "wal").write_bytes(b"hub_" + b"Ab1_" * 11)
    print("the log: planted-content of a mail")
    plants.answered({"content": "planted-content of a mail"})
    plants.answered({"content": "Bearer planted-token"})

def test_keeps(tmp_path):
    (tmp_path / "notes.txt").write_bytes(b"planted-key outside of any data folder")
    plants.answered("hub_" + "Ab1_" * 11)
"""
CLEAN = """
from tests import plants

def test_keeps(tmp_path):
    (tmp_path / "hub.db").write_bytes(b"SQLite")
    plants.answered({"content": "planted-content of a mail"})
"""


def run(text: str) -> tuple[int, str]:
    """A run of pytest over this module, under the same watch: its exit code and what it says."""
    # Not below this run's own folder, whose end would find it all again.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conftest.py").write_text(CONFTEST, "utf-8")
        (folder / "test_it.py").write_text(text, "utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", name, name]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
        done = subprocess.run(
            [*command, "--basetemp", f"{name}/run"],
            cwd=name,
            env={**kept, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout


@pytest.mark.proves("nothing-planted")
def test_a_planted_leak_fails_the_run_and_its_place_is_named() -> None:
    code, told = run(LEAKING)
    assert code == 1, told
    assert "4 planted values lie where they must not" in told
    for place in ("hub.db: ", "wal: ", "test_leaks (Captured stdout call): ", "an answer in test_it.py::test_leaks"):
        assert place in told, place
    assert "notes.txt" not in told


def test_a_run_without_a_leak_passes() -> None:
    code, told = run(CLEAN)
    assert code == 0, told
