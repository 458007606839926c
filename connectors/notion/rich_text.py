"""Notion's rich text to and from Markdown's inline formatting.

Not blocks: paragraphs, lists and tables are blocks.py's. https://developers.notion.com/reference/rich-text
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hub.sdk import EndTag, StartTag, ToolError, html_from_markdown, html_pieces

CONTENT_MAX = 2_000
"""Characters of one rich text object (https://developers.notion.com/reference/request-limits)."""

OBJECTS_MAX = 100
"""Rich text objects of one block or property, by the same page."""

_MARKS = {"strong": "bold", "em": "italic", "del": "strikethrough", "code": "code"}
_LINKED = ("http://", "https://", "mailto:")

HARD_BREAK = "\v"
"""A line break that is meant; a newline in Markdown's source is only a space."""


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text with one formatting."""

    text: str
    bold: bool = False
    italic: bool = False
    strikethrough: bool = False
    code: bool = False
    link: str | None = None


class Inline:
    """Reads inline tags and texts, and keeps the formatting that is open."""

    def __init__(self) -> None:
        self._format = Run("")
        self._links: list[str | None] = []
        self._open = dict.fromkeys(_MARKS.values(), 0)

    def read(self, piece: StartTag | EndTag | str) -> list[Run]:
        """What one piece of HTML adds to the text."""
        if isinstance(piece, str):
            return self._struck(piece)
        mark = _MARKS.get(piece.tag)
        if mark is not None:
            self._open[mark] += 1 if isinstance(piece, StartTag) else -1
            self._format = self._formatting(self._format.link)
        elif piece.tag == "a":
            self._link(piece)
        elif isinstance(piece, StartTag) and piece.tag == "br":
            return [replace(self._format, text=HARD_BREAK)]
        elif isinstance(piece, StartTag) and piece.tag == "img":
            address = piece.attributes.get("src", "")
            return [replace(self._format, text=piece.attributes.get("alt") or address, link=_link(address))]
        return []

    def _formatting(self, link: str | None) -> Run:
        now = {mark: count > 0 for mark, count in self._open.items()}
        return Run("", now["bold"], now["italic"], now["strikethrough"], now["code"], link)

    def _link(self, piece: StartTag | EndTag) -> None:
        if isinstance(piece, StartTag):
            self._links.append(self._format.link)
            self._format = replace(self._format, link=_link(piece.attributes.get("href", "")))
        elif self._links:
            self._format = replace(self._format, link=self._links.pop())

    def _struck(self, text: str) -> list[Run]:
        """``~~`` switches striking out; CommonMark itself does not know it."""
        if self._format.code or text.count("~~") < 2:
            return [replace(self._format, text=text)]
        parts = text.split("~~")
        whole = len(parts) if len(parts) % 2 else len(parts) - 1
        runs = [replace(self._format, text=one, strikethrough=bool(at % 2)) for at, one in enumerate(parts[:whole])]
        return [*runs, *(replace(self._format, text="~~" + one) for one in parts[whole:])]


def _link(address: str) -> str | None:
    """Notion takes whole addresses only; the words of other links stay."""
    return address if address.startswith(_LINKED) else None


def tidy(runs: Iterable[Run]) -> list[Run]:
    """Runs as they are sent: source newlines are spaces, hard breaks newlines, edges bare, equal neighbours one."""
    joined: list[Run] = []
    for run in runs:
        text = run.text.replace("\n", " ")
        if joined and joined[-1].text.endswith(HARD_BREAK):
            text = text.lstrip(" ")
        if joined and replace(joined[-1], text="") == replace(run, text=""):
            joined[-1] = replace(run, text=joined[-1].text + text)
        else:
            joined.append(replace(run, text=text))
    while joined and not joined[0].text.strip():
        joined.pop(0)
    while joined and not joined[-1].text.strip():
        joined.pop()
    if joined:
        joined[0] = replace(joined[0], text=joined[0].text.lstrip())
        joined[-1] = replace(joined[-1], text=joined[-1].text.rstrip())
    return [replace(run, text=run.text.replace(HARD_BREAK, "\n")) for run in joined if run.text]


def rich_text(runs: Iterable[Run]) -> list[dict[str, Any]]:
    """Runs as rich text objects, long ones cut at Notion's limit. Raises ``ToolError`` when there are too many."""
    objects = [
        _object(replace(run, text=run.text[start : start + CONTENT_MAX]))
        for run in runs
        for start in range(0, len(run.text), CONTENT_MAX)
    ]
    if len(objects) > OBJECTS_MAX:
        raise ToolError(f"A single paragraph or property has {len(objects)} pieces of formatting; Notion takes 100.")
    return objects


def _object(run: Run) -> dict[str, Any]:
    text: dict[str, Any] = {"content": run.text}
    if run.link is not None:
        text["link"] = {"url": run.link}
    marks = {name: True for name in ("bold", "italic", "strikethrough", "code") if getattr(run, name)}
    return {"type": "text", "text": text, **({"annotations": marks} if marks else {})}


def from_markdown(markdown: str) -> list[dict[str, Any]]:
    """Markdown's inline formatting as rich text; paragraphs become lines of one text."""
    inline = Inline()
    runs: list[Run] = []
    for piece in html_pieces(html_from_markdown(markdown)):
        if isinstance(piece, StartTag) and piece.tag in ("p", "li", "h1", "h2", "h3") and runs:
            runs.append(Run(HARD_BREAK))
        runs += inline.read(piece)
    return rich_text(tidy(runs))


def to_markdown(objects: Iterable[Mapping[str, Any]]) -> str:
    """Rich text as Markdown. Colours and underlining have no Markdown and are left out; a mention is its words."""
    return "".join(_marked(one) for one in objects)


def _marked(one: Mapping[str, Any]) -> str:
    text = str(one.get("plain_text", ""))
    if one.get("type") == "equation":
        return f"${text}$"
    words = text.strip()
    if not words:
        return text
    marks = one.get("annotations") or {}
    for name, mark in (("code", "`"), ("bold", "**"), ("italic", "*"), ("strikethrough", "~~")):
        if marks.get(name):
            words = f"{mark}{words}{mark}"
    if one.get("href"):
        words = f"[{words}]({one['href']})"
    before = text[: len(text) - len(text.lstrip())]
    after = text[len(text.rstrip()) :]
    return f"{before}{words}{after}"
