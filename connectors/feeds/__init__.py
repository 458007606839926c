"""Feeds: what is new on any site that publishes RSS or Atom, and where a site's feeds are.

Python because feeds are XML and pages HTML. Not a subscription: nothing is kept between calls.
"""

import asyncio
import re
from typing import Annotated, Any
from urllib.parse import quote, urlsplit, urlunsplit

from hub.sdk import (
    Connector,
    Context,
    EndTag,
    NotFoundError,
    Page,
    ProviderUnavailable,
    Reply,
    StartTag,
    ToolError,
    html_pieces,
    iso,
    markdown_from_html,
    parse_xml,
)

from .entries import Entry, Feed, feed
from .prose import line, simple, web

LIMIT_MAX = 50
SUMMARY = 300
CONTENT_MAX = 40_000
PAGE_MAX = 2_000_000

_ACCEPT = "application/atom+xml,application/rss+xml,application/rdf+xml,application/xml;q=0.9,text/html;q=0.8,*/*;q=0.5"
_FEED_TYPES = {"application/rss+xml": "rss", "application/atom+xml": "atom", "application/rdf+xml": "rss"}
_FEED_PATH = re.compile(r"(?:^|/)(?:rss|atom|feeds?|index\.rdf)(?:\.xml|\.php)?/?$|\.(?:rss|atom|rdf)$", re.IGNORECASE)
_SAFE = "%/:@!$&'()*+,;=~-._?"

_TEXT = {"type": "string"}
_LIST = {"type": "array", "items": _TEXT}
_BRIEF: dict[str, Any] = {
    "title": _TEXT,
    "link": _TEXT,
    "id": _TEXT,
    "published": _TEXT,
    "updated": _TEXT,
    "author": _TEXT,
    "summary": _TEXT,
}

connector = Connector(
    title="Feeds",
    description="News, blogs and podcasts that publish RSS or Atom feeds.",
    category="web",
    hosts=["*"],
)


def _items(properties: dict[str, Any]) -> dict[str, Any]:
    item = {"type": "object", "properties": properties}
    return {"type": "object", "properties": {"items": {"type": "array", "items": item}, "next_cursor": _TEXT}}


@connector.tool(effect="read", untrusted=True, egress="url", output=_items(_BRIEF))
async def read_feed(
    ctx: Context,
    url: Annotated[str, "The feed's address, as find_feeds gives it."],
    since: Annotated[str | None, "Only entries published at or after this ISO 8601 date or time."] = None,
    contains: Annotated[str | None, "Only entries whose title or summary holds these characters."] = None,
    cursor: str | None = None,
    limit: Annotated[int, "How many entries to return, 1 to 50."] = 20,
) -> Page[dict[str, Any]]:
    """The entries of an RSS or Atom feed in the feed's order, mostly newest first: title, link, date, author and the
    start of the text. Use find_feeds where only a site's address is known, and read_entry for all of one entry."""
    start = _start(cursor)
    after = _since(since)
    held = await _feed(ctx, url)
    found = await asyncio.to_thread(_wanted, held.entries, after, (contains or "").lower())
    end = start + max(1, min(limit, LIMIT_MAX))
    return Page(found[start:end], str(end) if end < len(found) else None)


@connector.tool(
    effect="read",
    untrusted=True,
    egress="url",
    output={
        "type": "object",
        "properties": _BRIEF | {"categories": _LIST, "files": _LIST, "content": _TEXT, "cut_at": {"type": "integer"}},
    },
)
async def read_entry(
    ctx: Context,
    url: Annotated[str, "The feed's address."],
    entry: Annotated[str, "The entry's link, or its id, as read_feed gave it."],
) -> dict[str, Any]:
    """One entry of a feed with all the text the feed has of it as Markdown, its categories and attached files. Feeds
    often carry only the start of an article; the whole stands at the entry's link."""
    held = await _feed(ctx, url)
    wanted = entry.strip()
    found = next((one for one in held.entries if wanted and wanted in (one.link, one.id)), None)
    if found is None:
        raise NotFoundError(f"The feed has no entry {entry!r} (any more); read_feed lists those it has.")
    content = await asyncio.to_thread(lambda: markdown_from_html(simple(found.html, found.url)))
    told = _brief(found)
    told.pop("summary", None)
    told |= {"categories": found.categories, "files": found.files, "content": content[:CONTENT_MAX]}
    if len(content) > CONTENT_MAX:
        told["cut_at"] = CONTENT_MAX
    return {name: value for name, value in told.items() if value}


@connector.tool(
    effect="read", untrusted=True, egress="url", output=_items({"url": _TEXT, "title": _TEXT, "format": _TEXT})
)
async def find_feeds(
    ctx: Context,
    url: Annotated[str, "A page of the site, or what may be a feed already."],
) -> list[dict[str, Any]]:
    """The RSS and Atom feeds a web page names, or links to by an address that looks like a feed. Use read_feed with one
    of them. Empty where the page names none."""
    reply = await _get(ctx, url)
    if not _is_page(reply):
        held = await asyncio.to_thread(_parsed, reply)
        return [{"url": reply.url, "title": held.title}]
    return await asyncio.to_thread(_named, reply)


def _named(reply: Reply) -> list[dict[str, Any]]:
    """The feeds a page names in its head, and those its anchors seem to lead to. Takes a while: called in a thread."""
    page, found = reply.url, dict[str, dict[str, Any]]()
    guesses: dict[str, dict[str, Any]] = {}
    anchor: str | None = None
    for piece in html_pieces(reply.text()[:PAGE_MAX]):
        if isinstance(piece, StartTag):
            given = piece.attributes
            target = web(page, given.get("href", ""))
            if piece.tag == "base" and target:
                page = target
            elif piece.tag == "link" and target and "alternate" in given.get("rel", "").lower().split():
                kind = _FEED_TYPES.get(given.get("type", "").lower())
                if kind:
                    found.setdefault(
                        target, {"url": target, "title": line(given.get("title", ""), 200), "format": kind}
                    )
            elif piece.tag == "a":
                anchor = target if target and _FEED_PATH.search(urlsplit(target).path) else None
                if anchor:
                    guesses.setdefault(anchor, {"url": anchor, "title": ""})
        elif isinstance(piece, EndTag):
            anchor = None if piece.tag == "a" else anchor
        elif anchor and not guesses[anchor]["title"]:
            guesses[anchor]["title"] = line(piece, 200)
    every = [*found.values(), *(guess for target, guess in guesses.items() if target not in found)]
    return [{name: value for name, value in one.items() if value} for one in every[:LIMIT_MAX]]


def _wanted(entries: list[Entry], after: str, word: str) -> list[dict[str, Any]]:
    """The entries from ``after`` on that hold ``word``, in brief."""
    recent = [_brief(entry) for entry in entries if after <= entry.at]
    return [one for one in recent if word in one.get("title", "").lower() or word in one.get("summary", "").lower()]


def _brief(entry: Entry) -> dict[str, Any]:
    told = {
        "title": entry.title,
        "link": entry.link,
        "id": "" if entry.id == entry.link or entry.link else entry.id,
        "published": entry.at,
        "updated": "" if entry.updated == entry.at else entry.updated,
        "author": entry.author,
        "summary": line(entry.short, SUMMARY),
    }
    return {name: value for name, value in told.items() if value}


async def _feed(ctx: Context, url: str) -> Feed:
    reply = await _get(ctx, url)
    if _is_page(reply):
        raise ToolError(f"{reply.url} is a web page, not a feed; find_feeds finds the feeds it names.")
    return await asyncio.to_thread(_parsed, reply)


def _parsed(reply: Reply) -> Feed:
    try:
        root = parse_xml(reply.body.lstrip(b"\xef\xbb\xbf \t\r\n"))
    except ProviderUnavailable as wrong:
        raise ToolError(f"{reply.url} is no feed that can be read: {wrong}") from None
    return feed(root, reply.url)


def _is_page(reply: Reply) -> bool:
    start = reply.body[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html")) or (
        "html" in reply.headers.get("content-type", "") and not start.startswith((b"<?xml", b"<rss", b"<feed", b"<rdf"))
    )


async def _get(ctx: Context, url: str) -> Reply:
    reply = await ctx.http.get(_address(url), headers={"Accept": _ACCEPT}, check=False)
    host = urlsplit(reply.url).hostname
    if reply.status in (404, 410):
        raise NotFoundError(f"There is nothing at {reply.url} (HTTP {reply.status}); find_feeds finds a site's feeds.")
    if reply.status >= 500:
        raise ProviderUnavailable(f"{host} answered HTTP {reply.status}; try again in a while.")
    if reply.status != 200:
        raise ToolError(f"{host} does not give this to programs (HTTP {reply.status}).")
    return reply


def _address(url: str) -> str:
    asked = re.sub(r"^feed:(?://)?(?=https?:)", "", url.strip())
    asked = re.sub(r"^feed://", "https://", asked)
    if "://" not in asked and re.match(r"[\w-]+(\.[\w-]+)+(?::\d+)?(?:[/?#]|$)", asked):
        asked = f"https://{asked}"
    try:
        parts = urlsplit(asked)
    except ValueError:
        raise ToolError(f"{url!r} is not a URL; write one like https://example.com/feed.xml.") from None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ToolError(
            f"{url!r} cannot be fetched: only http and https addresses such as https://example.com/feed.xml."
        )
    return urlunsplit((parts.scheme, parts.netloc, quote(parts.path, _SAFE), quote(parts.query, _SAFE), ""))


def _since(text: str | None) -> str:
    if text is None:
        return ""
    try:
        return iso(text)
    except (ValueError, OverflowError):
        raise ToolError(
            f"since: {text!r} is not a time; write ISO 8601 such as 2026-01-15 or 2026-01-15T08:00Z."
        ) from None


def _start(cursor: str | None) -> int:
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 8):
        raise ToolError(f"cursor {cursor!r} is not one this tool gave out; pass next_cursor of the last page, or none.")
    return int(cursor or 0)
