"""Markdown as Notion's blocks, which is what pages are written in. https://developers.notion.com/reference/block

Not the other way: Notion itself tells a page as Markdown. Nothing here sends anything.
"""

from typing import Any

from hub.sdk import EndTag, StartTag, html_from_markdown, html_pieces

from .rich_text import Inline, Run, rich_text, tidy
from .tables import table_rows

Block = dict[str, Any]

DEPTH_MAX = 2
"""How deep blocks may lie in each other in one request (https://developers.notion.com/reference/patch-block-children)."""

_ITEMS = {"ul": "bulleted_list_item", "ol": "numbered_list_item"}
_HEADINGS = {f"h{level}": f"heading_{min(level, 3)}" for level in range(1, 7)}
_BLOCKS = {"p", "pre", "blockquote", "hr", *_ITEMS, *_HEADINGS}
_LANGUAGES = frozenset((
    "bash", "c", "c++", "c#", "clojure", "css", "dart", "diff", "docker", "elixir", "elm", "erlang",
    "fortran", "f#", "go", "graphql", "groovy", "haskell", "html", "java", "javascript", "json", "julia",
    "kotlin", "latex", "less", "lisp", "lua", "makefile", "markdown", "matlab", "mermaid", "nix",
    "objective-c", "ocaml", "pascal", "perl", "php", "powershell", "prolog", "protobuf", "python", "r",
    "ruby", "rust", "sass", "scala", "scheme", "scss", "shell", "sql", "swift", "typescript", "verilog",
    "vhdl", "webassembly", "xml", "yaml",
))  # fmt: skip
_ALIASES = {
    "cpp": "c++", "cs": "c#", "csharp": "c#", "console": "shell", "dockerfile": "docker", "js": "javascript",
    "md": "markdown", "py": "python", "rb": "ruby", "rs": "rust", "sh": "shell", "ts": "typescript", "yml": "yaml",
}  # fmt: skip


def from_markdown(markdown: str) -> list[Block]:
    """The blocks of a Markdown text (CommonMark, and tables, task lists and ``~~``). Raises ``ToolError`` where one
    paragraph has more formatting than Notion takes."""
    return _Reader(html_from_markdown(markdown)).blocks(None, 0)


def block(kind: str, runs: list[Run], children: list[Block] | None = None, **more: Any) -> Block:
    """One block of text."""
    held: dict[str, Any] = {"rich_text": rich_text(runs), **more}
    if children:
        held["children"] = children
    return {"type": kind, kind: held}


class _Reader:
    """Reads the stream of tags once, from left to right."""

    def __init__(self, html: str) -> None:
        self._pieces = list(html_pieces(html))
        self._at = 0
        self._inline = Inline()

    def blocks(self, end: str | None, depth: int) -> list[Block]:
        """The blocks up to the end tag ``end``, or of all the rest. ``depth`` is how deep they lie."""
        found: list[Block] = []
        runs: list[Run] = []
        while self._at < len(self._pieces):
            piece = self._pieces[self._at]
            self._at += 1
            if isinstance(piece, EndTag) and piece.tag == end:
                break
            if isinstance(piece, StartTag) and piece.tag in _BLOCKS:
                found += self._paragraph(runs, depth)
                runs = []
                found += self._block(piece, depth)
            else:
                runs += self._inline.read(piece)
        return found + self._paragraph(runs, depth)

    def _block(self, start: StartTag, depth: int) -> list[Block]:
        if start.tag == "hr":
            return [{"type": "divider", "divider": {}}]
        if start.tag == "pre":
            return [self._code()]
        if start.tag == "p":
            return self._paragraph(self._runs("p"), depth)
        if start.tag in _HEADINGS:
            return [block(_HEADINGS[start.tag], tidy(self._runs(start.tag)))]
        if start.tag == "blockquote":
            return self._container("quote", "blockquote", depth)
        return self._items(start.tag, depth)

    def _items(self, tag: str, depth: int) -> list[Block]:
        found: list[Block] = []
        while self._at < len(self._pieces):
            piece = self._pieces[self._at]
            self._at += 1
            if isinstance(piece, EndTag) and piece.tag == tag:
                break
            if isinstance(piece, StartTag) and piece.tag == "li":
                found += self._container(_ITEMS[tag], "li", depth)
        return found

    def _container(self, kind: str, end: str, depth: int) -> list[Block]:
        """A block whose first paragraph is its own text and whose other blocks lie in it; where that would be too
        deep for Notion, they follow it instead."""
        inside = self.blocks(end, depth + 1)
        first: list[dict[str, Any]] = []
        if inside and inside[0]["type"] == "paragraph":
            first = inside.pop(0)["paragraph"]["rich_text"]
        held: dict[str, Any] = {"rich_text": first}
        if kind != "quote" and first and (done := _task(first[0]["text"])) is not None:
            kind, held["checked"] = "to_do", done
        if inside and depth < DEPTH_MAX:
            held["children"] = inside
            inside = []
        return [{"type": kind, kind: held}, *inside]

    def _paragraph(self, runs: list[Run], depth: int) -> list[Block]:
        rows = table_rows(runs) if depth < DEPTH_MAX else None
        if rows is not None:
            cells = [[rich_text(tidy(cell)) for cell in row] for row in rows]
            children = [{"type": "table_row", "table_row": {"cells": row}} for row in cells]
            table = {"table_width": len(cells[0]), "has_column_header": True, "has_row_header": False}
            return [{"type": "table", "table": {**table, "children": children}}]
        text = tidy(runs)
        return [block("paragraph", text)] if text else []

    def _runs(self, end: str) -> list[Run]:
        runs: list[Run] = []
        while self._at < len(self._pieces):
            piece = self._pieces[self._at]
            self._at += 1
            if isinstance(piece, EndTag) and piece.tag == end:
                break
            runs += self._inline.read(piece)
        return runs

    def _code(self) -> Block:
        language = ""
        text = ""
        while self._at < len(self._pieces):
            piece = self._pieces[self._at]
            self._at += 1
            if isinstance(piece, EndTag) and piece.tag == "pre":
                break
            if isinstance(piece, str):
                text += piece
            elif isinstance(piece, StartTag):
                language = piece.attributes.get("class", "").removeprefix("language-").lower()
        language = _ALIASES.get(language, language)
        known = language if language in _LANGUAGES else "plain text"
        return block("code", [Run(text.removesuffix("\n"))], language=known)


def _task(text: dict[str, Any]) -> bool | None:
    """Whether a list item's text is a task that is done, or is open; None where it is no task. Its box is taken off."""
    content = str(text["content"])
    box = content[:4].lower()
    if box not in ("[ ] ", "[x] "):
        return None
    text["content"] = content[4:]
    return box == "[x] "
