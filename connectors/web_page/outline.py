"""Reading HTML: what a page is called, what it links to, and the part of it that people came to read.

Not a renderer: scripts are not run, styles not applied. Tolerates the broken markup pages have.
"""

from dataclasses import dataclass
from html import escape
from urllib.parse import urljoin

from hub.sdk import EndTag, StartTag, html_pieces

CHARACTERS_MAX = 2_000_000
"""How much of a page's source is read."""

BODY_MAX = 500_000
"""How much simple HTML a body may be: what turns it into Markdown is slow."""

PARTS_MAX = 50
"""How many main and article elements are looked at."""

DEPTH_MAX = 60
"""How deep kept tags may nest; deeper ones give their text only, since what follows recurses over them."""

_UNREADABLE = frozenset(
    {"script", "style", "noscript", "template", "svg", "math", "iframe", "object", "canvas", "audio", "video"}
    | {"select", "textarea"}
)
_AROUND = frozenset({"nav", "footer", "aside", "button", "dialog", "menu"})
"""What stands around the main part of a page."""

_KEPT = frozenset(
    {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "dl", "dt", "dd", "pre", "code", "blockquote", "em"}
    | {"strong", "b", "i", "table", "thead", "tbody", "tr", "th", "td", "caption", "figcaption"}
)
_BLOCKS = frozenset({"div", "section", "article", "main", "header", "figure", "form", "details", "summary", "address"})
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
_SHORT = 200
"""Characters of text below which a part of a page is not taken for its main part."""


@dataclass(slots=True)
class _Part:
    """A main or article element: where its pieces begin and end, and how much text it holds."""

    tag: str
    start: int
    text: int
    end: int | None = None


@dataclass(slots=True)
class Link:
    """A link of a page: where it leads, what it says, its ``rel`` and ``type``."""

    url: str
    text: str = ""
    rel: str = ""
    type: str = ""


class Outline:
    """One page, read. ``metas`` are its meta elements by lower-case name or property, the first of each; ``links`` its
    anchors, ``heads`` its link elements.

    ``whole`` keeps menus, headers and footers; ``keep_links`` keeps in the body where links lead.
    """

    def __init__(self, url: str, source: str, *, whole: bool = False, keep_links: bool = False) -> None:
        self.url = url
        self.title = ""
        self.language = ""
        self.metas: dict[str, str] = {}
        self.links: list[Link] = []
        self.heads: list[Link] = []
        self._whole = whole
        self._keep_links = keep_links
        self._pieces: list[str] = []
        self._open: list[str] = []
        self._parts: list[_Part] = []
        self._skip = ""
        self._skipped = 0
        self._text = 0
        self._in_title = False
        self._link: Link | None = None
        for piece in html_pieces(source[:CHARACTERS_MAX]):
            if isinstance(piece, str):
                self._data(piece)
            elif isinstance(piece, StartTag):
                self._start(piece.tag, piece.attributes)
            elif isinstance(piece, EndTag):
                self._end(piece.tag)
        self._end_link()

    def body(self) -> str:
        """The page's main part as simple HTML: its main element, else its longest article, else all of it."""
        mains = [part for part in self._parts if part.tag == "main"] or self._parts
        best = max(mains, key=self._length, default=None)
        if self._whole or best is None or self._length(best) < _SHORT:
            return "".join(self._pieces)[:BODY_MAX]
        return "".join(self._pieces[best.start : best.end])[:BODY_MAX]

    def _length(self, part: _Part) -> int:
        return part.text if part.end is not None else self._text - part.text

    def _start(self, tag: str, given: dict[str, str]) -> None:
        if self._skip:
            self._skipped += tag == self._skip
            return
        if tag in ("meta", "link", "base", "html"):
            self._head(tag, given)
            return
        hidden = "hidden" in given or given.get("aria-hidden") == "true"
        around = not self._whole and (tag in _AROUND or (tag == "header" and not self._parts))
        if tag in _UNREADABLE or around or (hidden and tag not in _VOID and tag != "body"):
            self._skip, self._skipped = tag, 1
            return
        if tag == "title":
            self._in_title = not self.title
        elif (tag in ("main", "article") or given.get("role") == "main") and len(self._parts) < PARTS_MAX:
            self._parts.append(_Part("article" if tag == "article" else "main", len(self._pieces), self._text))
        if tag == "br":
            self._pieces.append("<br>")
        elif tag == "hr":
            self._pieces.append("<hr>")
        elif tag == "a" and given.get("href"):
            self._anchor(given)
        elif (tag in _KEPT or tag in _BLOCKS) and len(self._open) < DEPTH_MAX:
            self._open.append(tag)
            self._pieces.append(f"<{tag if tag in _KEPT else 'div'}>")

    def _end(self, tag: str) -> None:
        if self._skip:
            self._skipped -= tag == self._skip
            if self._skipped == 0:
                self._skip = ""
            return
        if tag == "title":
            self._in_title = False
        elif tag == "a":
            self._end_link()
        elif tag in self._open:
            while True:
                last = self._open.pop()
                self._pieces.append(f"</{last if last in _KEPT else 'div'}>")
                if last == tag:
                    break
        if tag in ("main", "article"):
            for part in reversed(self._parts):
                if part.end is None and part.tag == tag:
                    part.end, part.text = len(self._pieces), self._text - part.text
                    break

    def _data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif not self._skip:
            self._text += len(data.strip())
            self._pieces.append(escape(data, quote=False))
            if self._link is not None:
                self._link.text += data

    def _anchor(self, given: dict[str, str]) -> None:
        self._end_link()
        url = _absolute(self.url, given["href"])
        if url is None:
            return
        self._link = Link(url, rel=given.get("rel", "").lower(), type=given.get("type", "").lower())
        self.links.append(self._link)
        if self._keep_links:
            self._pieces.append(f'<a href="{escape(url)}">')

    def _end_link(self) -> None:
        if self._link is not None:
            self._link.text = " ".join(self._link.text.split())
            if self._keep_links:
                self._pieces.append("</a>")
        self._link = None

    def _head(self, tag: str, given: dict[str, str]) -> None:
        if tag == "html":
            self.language = self.language or given.get("lang", "")
        elif tag == "base" and given.get("href"):
            self.url = _absolute(self.url, given["href"]) or self.url
        elif tag == "meta":
            name = (given.get("name") or given.get("property") or given.get("itemprop") or "").lower()
            if name and given.get("content"):
                self.metas.setdefault(name, " ".join(given["content"].split()))
        elif tag == "link" and given.get("href") and given.get("rel"):
            url = _absolute(self.url, given["href"])
            if url is not None:
                rel, kind = given["rel"].lower(), given.get("type", "").lower()
                self.heads.append(Link(url, given.get("title", ""), rel, kind))


def _absolute(page: str, href: str) -> str | None:
    """Where a link leads, without its fragment; None where that is not the web, or only elsewhere on the page."""
    try:
        url = urljoin(page, href.strip()).partition("#")[0]
    except ValueError:
        return None
    same = url == page.partition("#")[0] and href.strip().startswith("#")
    return url if url.startswith(("https://", "http://")) and not same else None
