"""What a feed's HTML says, as one line of text or as clean simple HTML. Not a reader of whole pages."""

from html import escape
from urllib.parse import urljoin

from hub.sdk import EndTag, StartTag, html_pieces

SOURCE_MAX = 500_000
"""How much of one entry's HTML is read."""

DEPTH_MAX = 40
"""How deep kept tags may nest; what turns HTML into Markdown recurses over them."""

_SKIPPED = frozenset({"script", "style", "iframe", "svg", "noscript", "template", "object", "form", "button"})
_KEPT = frozenset(
    {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "pre", "code", "blockquote", "em", "strong", "b", "i"}
    | {"div", "table", "tr", "th", "td", "figcaption"}
)
_BREAKS = _KEPT - {"code", "em", "strong", "b", "i"} | {"br", "hr", "img"}


def line(html: str, limit: int) -> str:
    """The text of some HTML on one line, cut at a word after ``limit`` characters."""
    out: list[str] = []
    for piece in html_pieces(html[:SOURCE_MAX]):
        if isinstance(piece, str):
            out.append(piece)
        elif piece.tag in _BREAKS:
            out.append(" ")
    text = " ".join("".join(out).split())
    return text if len(text) <= limit else text[:limit].rpartition(" ")[0] + " …"


def simple(html: str, url: str) -> str:
    """Some HTML with only the tags that Markdown has, its links made absolute by ``url``."""
    out: list[str] = []
    opened: list[str] = []
    skip = ""
    for piece in html_pieces(html[:SOURCE_MAX]):
        if skip:
            skip = "" if isinstance(piece, EndTag) and piece.tag == skip else skip
        elif isinstance(piece, str):
            out.append(escape(piece, quote=False))
        elif isinstance(piece, StartTag):
            if piece.tag in _SKIPPED:
                skip = piece.tag
            elif piece.tag in ("br", "hr"):
                out.append(f"<{piece.tag}>")
            elif piece.tag == "a" and (target := web(url, piece.attributes.get("href", ""))) and "a" not in opened:
                opened.append("a")
                out.append(f'<a href="{escape(target)}">')
            elif piece.tag in _KEPT and len(opened) < DEPTH_MAX:
                opened.append(piece.tag)
                out.append(f"<{piece.tag}>")
        elif piece.tag in opened:
            while (last := opened.pop()) != piece.tag:
                out.append(f"</{last}>")
            out.append(f"</{last}>")
    return "".join(out)


def web(url: str, href: str) -> str | None:
    """Where ``href`` leads from ``url``; None where that is not on the web."""
    try:
        target = urljoin(url, href.strip())
    except ValueError:
        return None
    return target if href.strip() and target.startswith(("https://", "http://")) else None
