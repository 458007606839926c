"""Web pages: any public page as Markdown, with its links and metadata.

Python because pages are HTML. Not a browser: scripts are not run, nothing is clicked, no one is signed in.
"""

import asyncio
import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from hub.sdk import Connector, Context, Page, ToolError, markdown_from_html

from .fetching import Document, document
from .outline import Outline

PART = 20_000
PART_MAX = 40_000
LINKS_MAX = 200
PASSAGES_MAX = 20
_AROUND = 300

_TEXT = {"type": "string"}
_NUMBER = {"type": "integer"}


def _items(**properties: Any) -> dict[str, Any]:
    item = {"type": "object", "properties": properties}
    return {"type": "object", "properties": {"items": {"type": "array", "items": item}, "next_cursor": _TEXT}}


connector = Connector(
    title="Web pages",
    description="Reads public web pages: their text as Markdown, their links, their metadata.",
    category="web",
    hosts=["*"],
)

Url = Annotated[str, "The page's address, such as https://example.com/news."]


@connector.tool(
    effect="read",
    untrusted=True,
    egress="url",
    output={
        "type": "object",
        "properties": {
            "url": _TEXT,
            "title": _TEXT,
            "content_type": _TEXT,
            "content": _TEXT,
            "offset": _NUMBER,
            "next_offset": _NUMBER,
            "characters": _NUMBER,
        },
    },
)
async def read_page(
    ctx: Context,
    url: Url,
    offset: Annotated[int, "Where to begin in the text; next_offset of the answer before."] = 0,
    characters: Annotated[int, "About how much text to return, 1000 to 40000 characters."] = PART,
    part: Annotated[Literal["main", "whole"], "Only the main text, or all of the page with its menus."] = "main",
    links: Annotated[bool, "Keep where links lead, as Markdown links."] = False,
) -> dict[str, Any]:
    """Read a public web page as Markdown, or a text, JSON or XML file as it is. Long pages come in parts: pass
    next_offset as offset to read on, or use find_in_page. Use list_links to see where a page leads."""
    held = await document(ctx, url)
    title, text = await asyncio.to_thread(_read, held, part, links)
    if not text:
        raise ToolError(f"{held.url} holds no text; it may be drawn by scripts, which are not run here.")
    start = max(0, offset)
    if start >= len(text):
        raise ToolError(f"The page has {len(text):,} characters; give an offset below that.")
    end = _cut(text, start, max(1000, min(characters, PART_MAX)))
    answer: dict[str, Any] = {"url": held.url}
    if title:
        answer["title"] = title
    if not held.html:
        answer["content_type"] = held.content_type or "text/plain"
    answer["content"] = text[start:end].strip("\n")
    if start or end < len(text):
        answer |= {"offset": start, "characters": len(text)}
    if end < len(text):
        answer["next_offset"] = end
    return answer


@connector.tool(effect="read", untrusted=True, egress="url", output=_items(text=_TEXT, offset=_NUMBER))
async def find_in_page(
    ctx: Context,
    url: Url,
    words: Annotated[str, "Words or a phrase to look for; upper and lower case are alike."],
    cursor: str | None = None,
    limit: Annotated[int, "How many passages to return, 1 to 20."] = 10,
) -> Page[dict[str, Any]]:
    """Find the passages of a public web page that hold some words, each with its surroundings and its offset. Use
    read_page with that offset to read on from there. Saves reading a long page whole."""
    if not words.strip():
        raise ToolError("words is empty; give the words to look for.")
    wanted = re.compile(r"\s+".join(re.escape(word) for word in words.split()), re.IGNORECASE)
    _, text = await asyncio.to_thread(_read, await document(ctx, url), "main", False)
    passages: list[dict[str, Any]] = []
    last = -1
    for found in wanted.finditer(text):
        if found.start() < last:
            continue
        start = text.rfind("\n", 0, max(0, found.start() - _AROUND // 2)) + 1
        start = max(start, found.start() - _AROUND)
        last = _cut(text, found.end(), _AROUND)
        passages.append({"text": text[start:last].strip(), "offset": start})
    return _page(passages, cursor, max(1, min(limit, PASSAGES_MAX)))


@connector.tool(effect="read", untrusted=True, egress="url", output=_items(text=_TEXT, url=_TEXT))
async def list_links(
    ctx: Context,
    url: Url,
    contains: Annotated[str | None, "Only links whose text or address holds these characters."] = None,
    same_site: Annotated[bool, "Only links that stay on the page's own host."] = False,
    cursor: str | None = None,
    limit: Annotated[int, "How many links to return, 1 to 200."] = 50,
) -> Page[dict[str, Any]]:
    """The links of a public web page in their order, each address once: what they say and where they lead. Use
    read_page on one of them to read it."""
    held = await document(ctx, url)
    if not held.html:
        raise ToolError(f"{held.url} is {held.content_type}, not a web page; it has no links. read_page shows it.")
    outline = await asyncio.to_thread(Outline, held.url, held.text, whole=True)
    host = urlsplit(held.url).hostname
    found: dict[str, str] = {}
    for link in outline.links:
        if same_site and urlsplit(link.url).hostname != host:
            continue
        if not found.get(link.url):
            found[link.url] = link.text[:200]
    word = (contains or "").lower()
    items = [{"text": text, "url": to} for to, text in found.items() if word in text.lower() or word in to.lower()]
    return _page(items, cursor, max(1, min(limit, LINKS_MAX)))


_METADATA = {
    "description": ("description", "og:description", "twitter:description"),
    "site": ("og:site_name", "application-name"),
    "author": ("author", "article:author", "dc.creator", "citation_author"),
    "published": ("article:published_time", "datepublished", "dc.date", "citation_publication_date", "date"),
    "modified": ("article:modified_time", "og:updated_time", "datemodified", "last-modified"),
    "type": ("og:type",),
    "image": ("og:image", "twitter:image"),
    "keywords": ("keywords", "news_keywords"),
}


@connector.tool(
    effect="read",
    untrusted=True,
    egress="url",
    output={
        "type": "object",
        "properties": dict.fromkeys(("url", "title", "canonical", "language", *_METADATA), _TEXT)
        | {"feeds": {"type": "array", "items": _TEXT}},
    },
)
async def get_metadata(ctx: Context, url: Url) -> dict[str, Any]:
    """What a public web page says of itself: title, description, author, dates, site, language, picture, canonical
    address and feeds. For citing a page, or deciding whether to read it."""
    held = await document(ctx, url)
    if not held.html:
        return {"url": held.url, "type": held.content_type}
    outline = await asyncio.to_thread(Outline, held.url, held.text)
    told: dict[str, Any] = {
        "url": held.url,
        "title": " ".join(outline.title.split()) or outline.metas.get("og:title"),
        "canonical": next((one.url for one in outline.heads if "canonical" in one.rel.split()), None),
        "language": outline.language,
    }
    for name, keys in _METADATA.items():
        told[name] = next((outline.metas[key] for key in keys if key in outline.metas), None)
    told["feeds"] = [one.url for one in outline.heads if "alternate" in one.rel and re.search("rss|atom", one.type)]
    return {name: value for name, value in told.items() if value}


def _read(held: Document, part: str, links: bool) -> tuple[str, str]:
    """A document's title and text. Takes a while for large pages: called in a thread."""
    if not held.html:
        return "", held.text.strip()
    outline = Outline(held.url, held.text, whole=part == "whole", keep_links=links)
    text = markdown_from_html(outline.body())
    if not text and part == "main":
        text = markdown_from_html(Outline(held.url, held.text, whole=True, keep_links=links).body())
    return " ".join(outline.title.split()), text


def _cut(text: str, start: int, length: int) -> int:
    """Where to end a part: at a paragraph, a line or a word, if one ends in its last half."""
    end = start + length
    if end >= len(text):
        return len(text)
    for gap in ("\n\n", "\n", " "):
        at = text.rfind(gap, start + length // 2, end)
        if at != -1:
            return at + len(gap)
    return end


def _page(items: list[dict[str, Any]], cursor: str | None, limit: int) -> Page[dict[str, Any]]:
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 8):
        raise ToolError(f"cursor {cursor!r} is not one this tool gave out; pass next_cursor of the last page, or none.")
    start = int(cursor or 0)
    end = start + limit
    return Page(items[start:end], str(end) if end < len(items) else None)
