"""Where a request goes, read once from its URL and read strictly.

Two programs that read one URL differently are how guards are passed; a URL whose parts could be read in two
ways is refused here, before reach, guard or transport see it. Not a name lookup.
"""

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from yarl import URL

from hub.errors import ToolError
from hub.upstream.places import IPAddress

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_BLANK = re.compile(r"[\x00-\x20\x7f]")
_VISIBLE = re.compile(r"[!-~]+")
_UNSAFE = re.compile(r"[\"<>\\^`{|}]")
_SPLIT = re.compile(r"(https?://[^/?#]+)([/?#].*)?", re.DOTALL)
_REST = re.compile(r"[!-\[\]-~]*")
"""Visible ASCII without the backslash."""


class Target(NamedTuple):
    """A request's URL and the parts that decide where it goes.

    ``url`` is the URL in ASCII without fragment; ``host`` a lower-case name or an IP address without brackets;
    ``address`` the latter, parsed; ``path`` what the request line asks for (RFC 9112, section 3.2.1, origin-form).
    """

    url: str
    scheme: str
    host: str
    port: int
    address: IPAddress | None
    path: str

    @property
    def netloc(self) -> str:
        """Host and port for people and keys: ``host:port``, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    @lru_cache(maxsize=256)
    def of(cls, url: str) -> "Target":
        """Read ``url``: absolute, http or https, percent-encoded; only the host may be beyond ASCII (it becomes
        its IDNA form, UTS 46).

        Raises ``ToolError`` for anything that is not plainly one URL: userinfo, blanks or control characters,
        a trailing dot, IPv4 addresses spelled as hex, octal or one number, IPv6 zone ids.

        The latest are remembered, as each URL is read at several doors; nothing drops one but the need for room: a
        URL says the same for ever.
        """
        split = _SPLIT.fullmatch(url)
        if split is None:
            return cls._read(url)
        # Where a URL goes is settled before its first "/", "?" or "#", and is the same for many; what follows only
        # has to be plain.
        origin, rest = split.groups("")
        if not _REST.fullmatch(rest) or "#" in rest:
            return cls._read(url)
        known = _origin(origin)
        path = rest if rest.startswith("/") else "/" + rest
        return cls(known.url + rest, known.scheme, known.host, known.port, known.address, path)

    @classmethod
    def _read(cls, url: str) -> "Target":
        """Read ``url`` whole; raises as ``of`` does."""
        if _BLANK.search(url):
            raise ToolError("A URL may not hold blanks or control characters; percent-encode them.")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ToolError("This is not a URL; write one like https://example.com/path.") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ToolError(
                "Only absolute http and https URLs can be fetched; write one like https://example.com/path."
            )
        if "@" in parts.netloc:
            raise ToolError("A URL may not carry a user name or password; leave out what stands before the @.")
        host, address = _host(parts.hostname)
        shown = f"[{host}]" if ":" in host else host
        rest = url[url.index("//") + 2 + len(parts.netloc) :].partition("#")[0]
        plain = f"{parts.scheme}://{shown}" + (f":{port}" if port is not None else "") + rest
        if not _VISIBLE.fullmatch(plain) or "\\" in plain:
            raise ToolError(f"The URL on {host} is not percent-encoded; it holds a backslash or letters beyond ASCII.")
        known = port if port is not None else (443 if parts.scheme == "https" else 80)
        try:
            sent = URL(plain, encoded=True)
        except ValueError:
            raise ToolError(f"The URL on {host} is malformed.") from None
        if known == 0 or (sent.scheme, sent.raw_host, sent.port) != (parts.scheme, host, known):
            raise ToolError(f"The URL on {host} is malformed; check its host and port.")
        return cls(plain, parts.scheme, host, known, address, sent.raw_path_qs)


@lru_cache(maxsize=4096)
def _origin(origin: str) -> Target:
    """The target of ``scheme://host:port`` alone. Nothing drops it: it says the same for ever."""
    return Target._read(origin)


def _host(text: str) -> tuple[str, IPAddress | None]:
    """The host in one spelling, with its address where it is one. Raises ``ToolError``."""
    if ":" in text:
        try:
            six = ipaddress.IPv6Address(text)
        except ValueError:
            raise ToolError("The URL's IPv6 address is malformed.") from None
        if six.scope_id is not None:
            raise ToolError("An IPv6 address in a URL may not carry a zone id.")
        return six.compressed, six
    if not text.isascii():
        try:
            text = URL.build(scheme="http", host=text).raw_host or ""
        except ValueError:
            raise ToolError("The URL's host is not a valid host name.") from None
    host = text.lower()
    if host.endswith("."):
        raise ToolError(f"Write the host without the dot at its end: {host.rstrip('.')}")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # Whatever ends in a number is an address to the system's resolver (inet_aton), so it must be a plain one.
        try:
            four = ipaddress.IPv4Address(host)
        except ValueError:
            raise ToolError(
                f"{host!r} is not a plain IPv4 address; write four decimal numbers, like 192.0.2.1."
            ) from None
        return host, four
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ToolError("The URL's host is not a valid host name.")
    return host, None


def encoded(reference: str) -> str:
    """A URL reference as servers write it in ``Location``, with what may not stand in a URL percent-encoded.

    Percent signs stay (they already encode something); letters beyond ASCII become their UTF-8 bytes.
    """
    return "".join(
        char if _VISIBLE.fullmatch(char) and not _UNSAFE.fullmatch(char) else _percent(char)
        for char in reference.strip()
    )


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode())
