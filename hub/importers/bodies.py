"""Bodies and replies: which of the media types an operation names is used, and as what it is written.

JSON before forms before multipart before text before bytes. Not the writing itself (``hub.sdk.wire``).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from hub.importers.references import Pool
from hub.sdk.wire import BodyKind

_TEXTS = ("xml", "yaml", "x-ndjson", "ndjson", "jsonl", "javascript", "graphql", "csv", "html", "x-yaml", "sql")
_STREAMS = ("text/event-stream", "application/x-ndjson", "application/json-seq", "application/stream+json")


def kind_of(media: str) -> BodyKind:
    """How a body of this media type is written: json, form, multipart, text or binary."""
    bare = media.partition(";")[0].strip().lower()
    if bare in _STREAMS:
        return "text"
    if bare in ("*/*", "", "application/*") or bare.endswith(("json", "json5")):
        return "json"
    if bare == "application/x-www-form-urlencoded":
        return "form"
    if bare.startswith("multipart/"):
        return "multipart"
    if bare.startswith("text/") or bare.rpartition("/")[2].rpartition("+")[2] in _TEXTS:
        return "text"
    return "binary"


_RANK = {"json": 1, "form": 2, "multipart": 3, "text": 4, "binary": 5}


def preferred(medias: Iterable[str], pool: Pool, content: Mapping[str, Any] | None = None) -> str | None:
    """The media type that is used of several; None of none. Plain ``application/json`` comes first of all, and
    multipart before JSON where only it can carry the operation's files."""

    def rank(media: str) -> tuple[float, int]:
        bare = media.partition(";")[0].strip().lower()
        at: float = _RANK[kind_of(media)]
        if bare == "application/json":
            at = 0.5
        elif bare in ("application/json-patch+json", "application/merge-patch+json"):
            at = 1.2 if bare.startswith("application/merge") else 1.4
        elif bare.startswith("application/") and "apply-patch" in bare:
            at = 9
        elif bare in ("*/*", "application/*"):
            at = 1.3
        return at, order[media]

    order = {media: number for number, media in enumerate(medias)}
    if not order:
        return None
    best = min(order, key=rank)
    if content is not None and kind_of(best) == "json":
        for media in order:
            if (
                kind_of(media) == "multipart"
                and has_file(pool, _schema_of(content, media))
                and not has_file(pool, _schema_of(content, best))
            ):
                only_there = _names(pool, _schema_of(content, media)) - _names(pool, _schema_of(content, best))
                if only_there:
                    return media
    return best


def further(medias: Iterable[str], used: str) -> tuple[str, ...]:
    """The other media types of an operation whose body is a file, which the file may have of its own."""
    if kind_of(used) != "binary":
        return ()
    return tuple(str(one) for one in medias if one != used and "/" in str(one) and str(one).isascii())


def _schema_of(content: Mapping[str, Any], media: str) -> Any:
    held = content.get(media)
    return held.get("schema") if isinstance(held, dict) else None


def _names(pool: Pool, schema: Any) -> set[str]:
    properties = pool.node(schema).get("properties")
    return {str(name) for name in properties} if isinstance(properties, dict) else set()


def has_file(pool: Pool, schema: Any) -> bool:
    """Whether one of a form's fields is a file."""
    properties = pool.node(schema).get("properties")
    return isinstance(properties, dict) and any(file_kind(pool, one) for one in properties.values())


def file_kind(pool: Pool, schema: Any) -> str | None:
    """``file`` for a field that is one, ``files`` for a list of them, else None."""
    node = pool.node(schema)
    if isinstance(node.get("items"), dict) and node.get("type", "array") == "array":
        return "files" if _is_file(pool.node(node["items"])) else None
    for union in ("anyOf", "oneOf", "allOf"):
        parts = node.get(union)
        if isinstance(parts, list) and any(_is_file(pool.node(part)) for part in parts):
            return "file"
    return "file" if _is_file(node) else None


def _is_file(node: Mapping[str, Any]) -> bool:
    kind = node.get("type")
    if kind == "file":
        return True
    if node.get("format") == "binary" or ("contentMediaType" in node and "contentEncoding" not in node):
        return kind in ("string", None) or (isinstance(kind, list) and "string" in kind)
    return False


def accepted(medias: Iterable[str]) -> tuple[str, bool]:
    """The ``Accept`` header for the media types of an operation's good answers, and whether all of them are endless
    streams. JSON is asked for where there is any."""
    known = [media.strip() for media in medias if "/" in media and media.isascii()]
    whole = [media for media in known if media.partition(";")[0].lower() not in _STREAMS]
    if known and not whole:
        return known[0], True
    for media in whole:
        if media.partition(";")[0].strip().lower() == "application/json":
            return media, False
    for media in whole:
        if kind_of(media) == "json" and "*" not in media:
            return media, False
    if not whole or any("*" in media for media in whole):
        return "*/*", False
    return ", ".join(whole[:4]), False
