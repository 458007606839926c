"""``Kept``: what is known of a file without its contents; its URI, its name and its type made safe.

Nothing is read or written here.
"""

import mimetypes
import re
from dataclasses import dataclass
from datetime import datetime

URI = "hub://files/"
"""What the URI of every file begins with."""

OCTETS = "application/octet-stream"
"""The type of contents nothing is known of (RFC 2046, section 4.5.1)."""

NAME_MOST = 150
"""Characters of a file's name; with its encoding it stays below what file systems allow."""

Source = tuple[str, str]
"""A connector, and the full name of one of its tools; empty where none of them made it."""

_ID = re.compile(r"[0-9a-f]{32}")
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_TEXTS = ("json", "xml", "yaml", "x-yaml", "javascript", "x-ndjson", "ndjson", "csv", "toml", "sql", "graphql", "rtf")


@dataclass(frozen=True, slots=True)
class Kept:
    """One file: whose it is, what it is called, of what type and how many bytes, and until when it is kept.

    ``source`` is where it came from: connector and full name of the tool; None where a person handed it in.
    """

    id: str
    user_id: str
    name: str
    mime_type: str
    size: int
    source: Source | None
    expires_at: datetime

    @property
    def uri(self) -> str:
        """``hub://files/<id>``."""
        return f"{URI}{self.id}"

    @property
    def textual(self) -> bool:
        """Whether its type is one of text."""
        return textual(self.mime_type)


def id_in(uri: str) -> str | None:
    """The id in a ``hub://files/<id>``; None where it is no such URI."""
    id = uri.strip().removeprefix(URI)
    return id if id != uri.strip() and _ID.fullmatch(id) else None


def textual(mime_type: str) -> bool:
    """Whether a media type is one of text: ``text/*``, JSON, XML and their like (RFC 6839)."""
    kind, _, below = mime_type.partition("/")
    return kind == "text" or below.rpartition("+")[2] in _TEXTS


def clean_name(name: str, mime_type: str = "") -> str:
    """A file's name that is safe as one: its last part, without control characters and what systems give a meaning.

    Where there is none, ``file`` with the ending of its type.
    """
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(char if char.isprintable() and char not in '<>:"|?*' else "_" for char in last).strip(" .")
    if len(kept) > NAME_MOST:
        stem, dot, ending = kept.rpartition(".")
        kept = f"{stem[: NAME_MOST - len(ending) - 1]}.{ending}" if dot and len(ending) <= 16 else kept[:NAME_MOST]
    return kept or f"file{mimetypes.guess_extension(mime_type) or ''}"


def clean_type(mime_type: str | None, name: str = "") -> str:
    """A media type without parameters, in lower case (RFC 6838, section 4.2); what is none, or says nothing, is
    guessed by the name's ending."""
    bare = (mime_type or "").partition(";")[0].strip().lower()
    if _TYPE.fullmatch(bare) and bare not in (OCTETS, "binary/octet-stream"):
        return bare
    return mimetypes.guess_type(name)[0] or OCTETS


def told_size(size: int) -> str:
    """Bytes in words: ``2.1 MB``."""
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1000:.3g} kB" if size < 999_500 else f"{size / 1e6:.3g} MB"
