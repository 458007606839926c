"""Getting a page: its address made ready, its failures told, its text decoded. Not reading HTML (``outline.py``)."""

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

from hub.sdk import Context, NotFoundError, ProviderUnavailable, Reply, ToolError

_ACCEPT = "text/html,application/xhtml+xml,text/plain;q=0.9,application/json;q=0.8,*/*;q=0.5"
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_TEXT_TYPES = re.compile(
    r"text/|application/(?:[\w.+-]*\+)?(?:json|xml|yaml|x-yaml|toml|javascript|ecmascript|x-ndjson|sql|x-sh)\Z"
)
_SAFE = "%/:@!$&'()*+,;=~-._?"


@dataclass(frozen=True, slots=True)
class Document:
    """What an address answered with: ``text`` as it was sent, decoded; ``html`` says whether it is a web page."""

    url: str
    content_type: str
    text: str
    html: bool


def address(url: str) -> str:
    """``url`` ready to be sent: with a scheme, percent-encoded, without fragment. Raises ``ToolError``."""
    asked = url.strip()
    if "://" not in asked and re.match(r"[\w-]+(\.[\w-]+)+(?::\d+)?(?:[/?#]|$)", asked):
        asked = f"https://{asked}"
    try:
        parts = urlsplit(asked)
    except ValueError:
        raise ToolError(f"{url!r} is not a URL; write one like https://example.com/page.") from None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ToolError(f"{url!r} cannot be fetched: only http and https addresses such as https://example.com/page.")
    return urlunsplit((parts.scheme, parts.netloc, quote(parts.path, _SAFE), quote(parts.query, _SAFE), ""))


async def document(ctx: Context, url: str) -> Document:
    """What stands at ``url``, as text.

    Raises ``NotFoundError``, ``ToolError`` for what is refused or is no text, ``ProviderUnavailable``.
    """
    reply = await ctx.http.get(address(url), headers={"Accept": _ACCEPT}, check=False)
    _verify(reply)
    kind = reply.headers.get("content-type", "").split(";")[0].strip().lower()
    unknown = kind in ("", "application/octet-stream", "binary/octet-stream", "unknown/unknown")
    start = reply.body[:1024].lstrip().lower()
    looks_html = start.startswith((b"<!doctype html", b"<html")) or b"<html" in start
    html = kind in ("text/html", "application/xhtml+xml") or (unknown and looks_html)
    if not html and not _TEXT_TYPES.match(kind) and not (unknown and _is_text(reply.body)):
        raise ToolError(f"{reply.url} is {kind or 'of no named type'} ({len(reply.body):,} bytes), which is not text.")
    return Document(reply.url, kind, _decoded(reply, html), html)


def _verify(reply: Reply) -> None:
    host = urlsplit(reply.url).hostname
    if reply.status in (401, 407):
        raise ToolError(f"{host} shows this page only to people who sign in (HTTP {reply.status}).")
    if reply.status in (403, 451):
        raise ToolError(f"{host} does not show this page to programs, or to nobody here (HTTP {reply.status}).")
    if reply.status in (404, 410):
        raise NotFoundError(f"There is no page at {reply.url} (HTTP {reply.status}).")
    if reply.status >= 500:
        raise ProviderUnavailable(f"{host} answered HTTP {reply.status}; try again in a while.")
    if reply.status != 200 and reply.status != 203:
        raise ToolError(f"{host} answered HTTP {reply.status} and no page.")


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in body


def _decoded(reply: Reply, html: bool) -> str:
    """The body as text: in the charset of the header, else the page's own, else UTF-8."""
    if not html or "charset" in reply.headers.get("content-type", "").lower():
        return reply.text()
    named = _CHARSET.search(reply.body[:4096])
    try:
        return reply.body.decode(named[1].decode("ascii") if named else "utf-8", "replace")
    except LookupError:
        return reply.body.decode("utf-8", "replace")
