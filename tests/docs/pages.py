"""The documentation as tests read it: fenced blocks with the words behind their fence, sections, tables.

Not a Markdown parser: fences and tables are all it knows, written as this repository writes them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, the words behind it, what it holds, and its line in the page."""

    language: str
    words: str
    text: str
    line: int

    @property
    def commands(self) -> list[str]:
        """The commands of a console block, without what they print."""
        return [line.removeprefix("$ ") for line in self.text.splitlines() if line.startswith("$ ")]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the documentation."""

    path: Path
    text: str

    @classmethod
    def of(cls, name: str) -> "Page":
        """The page at ``name``, relative to the repository."""
        return cls(ROOT / name, (ROOT / name).read_text("utf-8"))

    @property
    def blocks(self) -> list[Block]:
        """All fenced blocks, in order."""
        found = []
        for match in _FENCE.finditer(self.text):
            language, _, words = match[1].partition(" ")
            found.append(Block(language, words, match[2], self.text.count("\n", 0, match.start()) + 1))
        return found

    @property
    def prose(self) -> str:
        """The page without its fenced blocks."""
        return _FENCE.sub("", self.text)

    @property
    def coded(self) -> set[str]:
        """What stands in backticks in the prose."""
        return {match[1] for match in _CODE.finditer(self.prose)}

    @property
    def named(self) -> set[str]:
        """The single words in backticks in the prose: ``ctx.ask()`` names ctx and ask."""
        return {word for one in self.coded for word in re.findall(r"[A-Za-z_][A-Za-z0-9_]*", one)}

    def section(self, title: str) -> str:
        """What stands under the heading ``title``, down to the next heading, without blocks."""
        parts = re.split(r"^#{1,4} +(.+)$", self.prose, flags=re.MULTILINE)
        found = [body for heading, body in zip(parts[1::2], parts[2::2], strict=True) if heading.strip() == title]
        assert len(found) == 1, f"{self.path.name} has {len(found)} sections named {title!r}"
        return found[0]


def tables(text: str) -> list[list[list[str]]]:
    """The tables in ``text``, each a list of rows without the line under its head; cells are stripped."""
    found: list[list[list[str]]] = []
    inside = False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if not inside:
            found.append([])
            inside = True
        if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            found[-1].append(cells)
    return found


def first_cells(table: list[list[str]]) -> set[str]:
    """What stands in backticks in the first column of a table, its head left out."""
    return {match[1] for row in table[1:] for match in _CODE.finditer(row[0])}


def placed(blocks: Iterable[Block], folder: Path) -> Path:
    """``folder`` with every block written to the file its fence names."""
    for block in blocks:
        path = folder / block.words
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, "utf-8")
    return folder
