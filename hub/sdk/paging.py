"""Pagination as data: what to send for the next page, and how to find it in a reply.

Five styles: ``cursor``, ``page`` (a page number), ``offset``, ``link`` (a URL: Link header, RFC 8288, or in the
body) and ``graphql`` (a cursor among the variables). Pure: nothing here fetches.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urljoin

from hub.errors import ProviderUnavailable, ToolError
from hub.sdk.http import Reply
from hub.sdk.paths import Getter

Style = Literal["cursor", "page", "offset", "link", "graphql"]


@dataclass(frozen=True, slots=True)
class Size:
    """How many items a page has: the wire name it is ``send`` as, the ``default`` and the provider's ``max``."""

    send: str
    default: int = 30
    max: int = 100


@dataclass(frozen=True, slots=True)
class Paging:
    """How one call is paged.

    ``items`` finds the list in the reply; ``next`` finds the next cursor (or URL, for ``link``), ``more`` says
    whether there is one; ``send`` is the wire name of the cursor, in the query, the ``body`` or the
    ``variables``; ``first`` is the number of the first page.
    """

    style: Style
    items: Getter
    send: str | None = None
    next: Getter | None = None
    more: Getter | None = None
    size: Size | None = None
    first: int = 1
    place: Literal["query", "body", "variables"] = "query"

    def limit(self, asked: int | None) -> int | None:
        """The page size to send: what was asked for, within the provider's bounds; None where it has none."""
        if self.size is None:
            return None
        return max(1, min(asked if asked is not None else self.size.default, self.size.max))

    def parameters(self, cursor: str | None, limit: int | None) -> dict[str, Any]:
        """The wire parameters for this page, to go where ``place`` says. Raises ``ToolError`` on a bad cursor."""
        out: dict[str, Any] = {}
        if self.size is not None and limit is not None:
            out[self.size.send] = limit
        if self.send is None or self.style == "link":
            return out
        if self.style in ("page", "offset"):
            start = self.first if self.style == "page" else 0
            out[self.send] = start if cursor is None else _number(cursor)
        elif cursor is not None:
            out[self.send] = cursor
        return out

    def following(self, reply: Reply, data: Any, items: list[Any], cursor: str | None, limit: int | None) -> str | None:
        """The cursor of the next page, or None at the end.

        Raises ``ProviderUnavailable`` when the provider hands out the cursor it was just given, which would
        page for ever.
        """
        found = self._found(reply, data, items, cursor, limit)
        if found is not None and found == cursor:
            raise ProviderUnavailable("The app answered with the same page marker again; paging cannot go on.")
        return found

    def _found(self, reply: Reply, data: Any, items: list[Any], cursor: str | None, limit: int | None) -> str | None:
        if self.more is not None and not self.more(data):
            return None
        if self.style in ("page", "offset"):
            if not items or (self.more is None and limit is not None and len(items) < limit):
                return None
            if self.style == "page":
                return str((self.first if cursor is None else _number(cursor)) + 1)
            return str((0 if cursor is None else _number(cursor)) + len(items))
        if self.style == "link" and self.next is None:
            target = next_link(reply.headers.get("link", ""))
            return urljoin(reply.url, target) if target else None
        value = self.next(data) if self.next is not None else None
        if value is None or value == "" or value is False:
            return None
        return urljoin(reply.url, str(value)) if self.style == "link" else str(value)


def _number(cursor: str) -> int:
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 12:
        raise ToolError(f"cursor {cursor!r} is not one this tool gave out; pass next_cursor of the last page, or none.")
    return int(cursor)


_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[^;,\"=\s]+\s*(?:=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\",;\s]+))?)*)\s*(?:,|\Z)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\",;\s]+))", re.IGNORECASE)


def next_link(header: str) -> str | None:
    """The target of the ``rel="next"`` link in a Link header (RFC 8288, section 3), or None."""
    for target, parameters in _LINK.findall(header[:8192]):
        rel = _REL.search(parameters)
        if rel and "next" in (rel.group(1) or rel.group(2)).lower().split():
            return str(target)
    return None


PAGE_ARGUMENTS: Mapping[str, Any] = {
    "cursor": {"type": "string", "description": "next_cursor of the previous page; leave out for the first."},
    "limit": {"type": "integer", "minimum": 1, "description": "How many items to return."},
}
"""The reserved arguments of a paged tool, as shown to the model."""
