"""Tables in Markdown, which CommonMark reads as a paragraph of lines with bars.

Not Notion's blocks: these are rows of cells of runs.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from .rich_text import Run

_RULE = re.compile(r"\|?(\s*:?-+:?\s*\|)*\s*:?-+:?\s*\|?")


def table_rows(runs: Sequence[Run]) -> list[list[list[Run]]] | None:
    """The rows of a table, each as long as the first, which is its head; None where the runs are no table."""
    lines = _lines(runs)
    if len(lines) < 2 or not all(_text(line).lstrip().startswith("|") for line in lines):
        return None
    if not _RULE.fullmatch(_text(lines[1]).strip()):
        return None
    rows = [_cells(line) for at, line in enumerate(lines) if at != 1]
    width = len(rows[0])
    return [(row + [[] for _ in range(width - len(row))])[:width] for row in rows]


def _text(line: Sequence[Run]) -> str:
    return "".join(run.text for run in line)


def _lines(runs: Sequence[Run]) -> list[list[Run]]:
    lines: list[list[Run]] = [[]]
    for run in runs:
        first, *others = run.text.split("\n")
        lines[-1].append(replace(run, text=first))
        lines += [[replace(run, text=other)] for other in others]
    return [line for line in lines if _text(line).strip()]


def _cells(line: Sequence[Run]) -> list[list[Run]]:
    cells: list[list[Run]] = [[]]
    for run in line:
        first, *others = [run.text] if run.code else run.text.split("|")
        cells[-1].append(replace(run, text=first))
        cells += [[replace(run, text=other)] for other in others]
    inner = cells[1:] if not _text(cells[0]).strip() else cells
    return inner[:-1] if len(inner) > 1 and not _text(inner[-1]).strip() else inner
