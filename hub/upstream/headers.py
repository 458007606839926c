"""What may stand in the headers of a request, and which of them may follow it to another host.

Pure functions over mappings. Not the signing of requests: credentials are put in above.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from hub import __version__
from hub.errors import ToolError

USER_AGENT = f"connector-hub/{__version__}"

DOCTOR = "connector-hub doctor"
"""What stands in the user agent of ``hub doctor``, so that the connection trace knows it."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_OURS = frozenset({"host", "content-length", "accept-encoding", "expect"})
"""Headers the transport writes itself, from the URL and the body."""

_HOP_BY_HOP = frozenset(
    {"connection", "http2-settings", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"}
    | {"te", "trailer", "transfer-encoding", "upgrade"}
)
"""RFC 9110, section 7.6.1: they speak of one connection, and connections are the transport's."""

_HARMLESS = frozenset(
    {"accept", "accept-language", "cache-control", "content-encoding", "content-language", "content-type", "if-match"}
    | {"if-modified-since", "if-none-match", "if-unmodified-since", "prefer", "range", "user-agent"}
)
"""Headers that hold no credential, whatever their value."""


@lru_cache(maxsize=1024)
def _lower(name: str) -> str | None:
    """The header's name in lower case, None for one the transport writes itself. Raises ``ToolError``."""
    if not _TOKEN.fullmatch(name):
        raise ToolError(f"{name!r} is not a header name.")
    lower = name.lower()
    return None if lower in _OURS or lower in _HOP_BY_HOP else lower


def sendable(headers: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The headers as they are sent, by their lower-case names: checked, without those of the connection, with a
    ``User-Agent``.

    Raises ``ToolError`` on a name that is no token or a value with control characters (RFC 9110, section 5.5):
    a line break there would begin a header, or a request, of its own.
    """
    clean: dict[str, tuple[str, str]] = {}
    listed: set[str] = set()
    for name, value in headers.items():
        lower = _lower(name)
        # Most values are printable, which is known sooner than that they hold none of these.
        if not value.isprintable() and _CONTROL.search(value):
            raise ToolError(f"The header {name} may not hold line breaks or other control characters.")
        if lower is not None:
            clean[lower] = (name, value.strip())
        elif name.lower() == "connection":
            listed.update(part.strip().lower() for part in value.split(","))
    for lower in listed:
        clean.pop(lower, None)
    if "user-agent" not in clean:
        clean["user-agent"] = ("User-Agent", USER_AGENT)
    return clean


def portable(headers: Mapping[str, str]) -> dict[str, str]:
    """Those headers that may follow a redirect to another host: only the ones known to hold no credential."""
    return {name: value for name, value in headers.items() if name.lower() in _HARMLESS}


def bodiless(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers without those that describe a body (RFC 9110, section 15.4)."""
    return {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
