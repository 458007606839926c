"""``Fault``: one deliberate mistake in the hub's code, and the tests that must notice it.

Reads the lists of this folder (README.md tells their format) and applies a fault to a tree. Not the run (``run.py``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KEYS = {"name", "file", "old", "new", "tests"}


class FaultBroken(Exception):
    """A fault that cannot be used as it stands; the text says which, and what would be right."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: in ``file``, ``old`` (which stands there once) becomes ``new``; one of ``tests`` must then fail."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    source: str

    def altered(self, root: Path) -> str:
        """The file's text with the fault in it. Raises ``FaultBroken`` unless the old text is there exactly once."""
        path = root / self.file
        if not path.is_file():
            raise FaultBroken(f"{self.source}, {self.name!r}: there is no file {self.file}")
        text = path.read_text("utf-8")
        count = text.count(self.old)
        if count != 1:
            raise FaultBroken(
                f"{self.source}, {self.name!r}: the old text stands {count} times in {self.file}; it must stand there "
                "exactly once. The code has changed: write the fault anew, or take more of the line into the old text."
            )
        return text.replace(self.old, self.new)


def read(path: Path) -> list[Fault]:
    """The faults of one list. Raises ``FaultBroken`` for one that lacks a key, has another, or changes nothing."""
    held: Any = yaml.safe_load(path.read_text("utf-8"))
    if not isinstance(held, list):
        raise FaultBroken(f"{path.name}: a list of faults is needed")
    return [_fault(path.name, number, entry) for number, entry in enumerate(held, start=1)]


def load(folder: Path = HERE) -> list[Fault]:
    """The faults of every list (``*.yaml``) in a folder. Raises ``FaultBroken``; also for a name used twice."""
    found = [fault for path in sorted(folder.glob("*.yaml")) for fault in read(path)]
    names = [fault.name for fault in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FaultBroken(f"names that stand for two faults: {', '.join(twice)}")
    return found


def chosen(faults: Iterable[Fault], words: Iterable[str]) -> list[Fault]:
    """The faults whose name or list holds one of the words; all of them where there are no words."""
    wanted = list(words)
    return [one for one in faults if not wanted or any(word in one.name or word in one.source for word in wanted)]


def _fault(source: str, number: int, entry: Any) -> Fault:
    place = f"{source}, fault {number}"
    if not isinstance(entry, dict) or set(entry) != KEYS:
        raise FaultBroken(f"{place}: a fault has exactly the keys {', '.join(sorted(KEYS))}")
    name, file, old, new, tests = (entry[key] for key in ("name", "file", "old", "new", "tests"))
    if not all(isinstance(text, str) for text in (name, file, old, new)) or not old or old == new:
        raise FaultBroken(f"{place}: name, file, old and new are texts; old is not empty and differs from new")
    if not isinstance(tests, list) or not tests or not all(isinstance(one, str) for one in tests):
        raise FaultBroken(f"{place}: tests is a list of tests or of files with tests")
    return Fault(name, file, old, new, tuple(tests), source)
