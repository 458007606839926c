"""HTML as a stream of tags and text, in one pass over the source whatever it holds.

The standard library's parser takes minutes over some hostile pages (200,000 unclosed comments); this one never goes
back. Not a tree, and no repair of markup: who reads the stream tolerates what is unbalanced.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

_NAME = re.compile(r"/?([A-Za-z][^\s/>]*)")
_ATTRIBUTE = re.compile(r"([^\s=/>\"']+)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'>]+))?")
_RAW = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in ("script", "style", "textarea", "title")}
"""Elements whose contents hold no tags (HTML, 13.1.2)."""


@dataclass(frozen=True, slots=True)
class StartTag:
    """A start tag; names in lower case, values decoded."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EndTag:
    """An end tag."""

    tag: str


Piece = StartTag | EndTag | str
"""A tag, or text with its entities decoded."""


def html_pieces(source: str) -> Iterator[Piece]:
    """The tags and texts of ``source`` in order. Comments, declarations and scripts are left out."""
    at = 0
    while at < len(source):
        opened = source.find("<", at)
        if opened == -1:
            yield unescape(source[at:])
            return
        if opened > at:
            yield unescape(source[at:opened])
        if source.startswith("<!--", opened):
            closed = source.find("-->", opened + 2)
            at = len(source) if closed == -1 else closed + 3
            continue
        name = _NAME.match(source, opened + 1)
        if name is None and source[opened + 1 : opened + 2] not in ("!", "?", "/"):
            yield "<"
            at = opened + 1
            continue
        closed = _tag_end(source, name.end() if name else opened + 1)
        if closed == -1:
            return
        at = closed + 1
        if name is None:
            continue
        tag = name[1].lower()
        if source[opened + 1] == "/":
            yield EndTag(tag)
            continue
        yield StartTag(tag, _attributes(source[name.end() : closed]))
        if tag in _RAW:
            ending = _RAW[tag].search(source, at)
            if ending is None:
                return
            if tag == "title":
                yield unescape(source[at : ending.start()])
            at = ending.start()


def _tag_end(source: str, at: int) -> int:
    """Where the tag that is open at ``at`` has its ``>``, outside quoted values; -1 where it never ends.

    A quote that is never closed ends with the tag, so that one stray quote does not swallow the page.
    """
    first = closed = source.find(">", at)
    while closed != -1:
        quote = _open_quote(source, at, closed)
        if quote is None:
            return closed
        ended = source.find(quote, closed, closed + 5000)
        if ended == -1:
            return first
        at, closed = ended + 1, source.find(">", ended + 1)
    return first


def _open_quote(source: str, at: int, end: int) -> str | None:
    """The quote that is open at ``end``, when values are quoted from ``at`` on."""
    while True:
        double, single = source.find('"', at, end), source.find("'", at, end)
        if double == single == -1:
            return None
        quote = '"' if single == -1 or -1 < double < single else "'"
        closing = source.find(quote, (double if quote == '"' else single) + 1, end)
        if closing == -1:
            return quote
        at = closing + 1


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _ATTRIBUTE.findall(text[:20_000]):
        bare = value[1:-1] if value[:1] in ("'", '"') else value
        found.setdefault(name.lower(), unescape(bare))
    return found
