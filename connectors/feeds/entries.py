"""Feeds as entries: RSS 2.0 (and 0.9x), RSS 1.0 (RDF) and Atom 1.0 read into one shape. Fetches nothing.

Sources: the RSS 2.0 specification, RDF Site Summary 1.0 with its content and Dublin Core modules, RFC 4287.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

from hub.sdk import Element, ToolError, iso

from .prose import line, web

TITLE_MAX = 300

_ATOM = "{http://www.w3.org/2005/Atom}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
_XML = "{http://www.w3.org/XML/1998/namespace}base"
_ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"


@dataclass(slots=True)
class Entry:
    """One entry. ``html`` is its longest text as HTML, ``short`` its shortest; ``at`` and ``updated`` are RFC 3339
    where they could be read; ``url`` is what relative links are relative to."""

    title: str
    link: str
    id: str
    at: str
    updated: str
    author: str
    html: str
    short: str
    url: str
    categories: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Feed:
    """A feed: its title, the page it belongs to, and its entries in its own order."""

    title: str
    link: str
    entries: list[Entry]


def feed(root: Element, url: str) -> Feed:
    """Read a parsed feed that came from ``url``. Raises ``ToolError`` for XML that is no feed."""
    name = _local(root)
    if root.tag == f"{_ATOM}feed":
        base = web(url, root.get(_XML, "")) or url
        entries = [_atom(one, base) for one in root.findall(f"{_ATOM}entry")]
        return Feed(_prose(root.find(f"{_ATOM}title")), _atom_link(root, base), entries)
    channel = next((one for one in root if _local(one) == "channel"), None)
    if name == "rss" and channel is not None:
        return Feed(_said(channel, "title"), _text(channel, "link"), [_rss(one, url) for one in _all(channel, "item")])
    if name == "RDF":
        title, link = (_said(channel, "title"), _text(channel, "link")) if channel is not None else ("", "")
        return Feed(title, link, [_rss(one, url) for one in _all(root, "item")])
    raise ToolError(f"{url} is XML ({name}), but neither RSS nor Atom.")


def _rss(item: Element, url: str) -> Entry:
    short, whole = _text(item, "description"), (item.findtext(_CONTENT) or "").strip()
    guid = next(_all(item, "guid"), None)
    guid_text = (
        (guid.text or "").strip()
        if guid is not None
        else item.get("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about", "")
    )
    link = web(url, _text(item, "link")) or ""
    if not link and guid is not None and guid.get("isPermaLink", "true") == "true":
        link = web(url, guid_text) or ""
    return Entry(
        title=_said(item, "title"),
        link=link,
        id=guid_text or link,
        at=_time(_text(item, "pubDate") or item.findtext(f"{_DC}date") or ""),
        updated="",
        author=line(
            item.findtext(f"{_DC}creator") or _text(item, "author") or item.findtext(f"{_ITUNES}author") or "", 200
        ),
        html=whole or short,
        short=short or whole,
        url=link or url,
        categories=[line(one.text or "", 100) for one in _all(item, "category") if one.text],
        files=[target for one in _all(item, "enclosure") if (target := web(url, one.get("url", "")))],
    )


def _atom(entry: Element, base: str) -> Entry:
    base = web(base, entry.get(_XML, "")) or base
    short, whole = _html(entry.find(f"{_ATOM}summary")), _html(entry.find(f"{_ATOM}content"))
    names = [(one.findtext(f"{_ATOM}name") or "").strip() for one in entry.findall(f"{_ATOM}author")]
    links = entry.findall(f"{_ATOM}link")
    return Entry(
        title=_prose(entry.find(f"{_ATOM}title")),
        link=_atom_link(entry, base),
        id=(entry.findtext(f"{_ATOM}id") or "").strip(),
        at=_time(entry.findtext(f"{_ATOM}published") or entry.findtext(f"{_ATOM}updated") or ""),
        updated=_time(entry.findtext(f"{_ATOM}updated") or ""),
        author=", ".join(name for name in names if name),
        html=whole or short,
        short=short or whole,
        url=base,
        categories=[term for one in entry.findall(f"{_ATOM}category") if (term := one.get("label") or one.get("term"))],
        files=[to for one in links if one.get("rel") == "enclosure" and (to := web(base, one.get("href", "")))],
    )


def _atom_link(of: Element, base: str) -> str:
    for one in of.findall(f"{_ATOM}link"):
        if one.get("rel", "alternate") == "alternate" and (target := web(base, one.get("href", ""))):
            return target
    return ""


def _html(construct: Element | None) -> str:
    """An Atom text construct as HTML (RFC 4287, section 3.1 and 4.1.3); empty for content that is elsewhere."""
    if construct is None:
        return ""
    kind = construct.get("type", "text")
    if kind == "xhtml":
        return _inner(construct)
    text = (construct.text or "").strip()
    return text if kind in ("html", "text/html") else escape(text, quote=False)


def _inner(of: Element) -> str:
    """The markup inside an element, without namespaces; deep nesting is flattened."""
    out: list[str] = []
    stack: list[tuple[Element | None, str]] = [(of, "")]
    while stack:
        element, text = stack.pop()
        out.append(text)
        if element is None:
            continue
        out.append(escape(element.text or "", quote=False))
        for child in reversed(element):
            name = _local(child)
            href = f' href="{escape(child.get("href", ""))}"' if name == "a" else ""
            stack.append((None, f"</{name}>" + escape(child.tail or "", quote=False)))
            stack.append((child, f"<{name}{href}>"))
    return "".join(out).strip()


def _prose(construct: Element | None) -> str:
    return line(_html(construct), TITLE_MAX)


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _all(of: Element, name: str) -> Iterator[Element]:
    """Children of RSS itself: those in no namespace, or in one of the RSS 0.9, 1.0 and 2.0 namespaces."""
    for one in of:
        if _local(one) == name and (one.tag == name or "rss" in one.tag or "rdf/simple" in one.tag):
            yield one


def _text(of: Element, name: str) -> str:
    return next(((one.text or "").strip() for one in _all(of, name)), "")


def _said(of: Element, name: str) -> str:
    return line(_text(of, name), TITLE_MAX)


def _time(text: str) -> str:
    """A date as RFC 3339; as it stands where it cannot be read."""
    try:
        return iso(text) if text.strip() else ""
    except (ValueError, OverflowError):
        return " ".join(text.split())[:60]
