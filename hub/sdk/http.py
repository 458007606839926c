"""One HTTP exchange as data: what is to be sent, what came back, and how far a connector may reach.

Not a client: nothing here touches the network. ``upstream/`` sends an ``Outgoing``; recordings replay one.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson

from hub.errors import ConnectorError, ProviderUnavailable
from hub.sdk.slots import slotted

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing at the provider (RFC 9110, section 9.2.1)."""


@slotted
@dataclass(frozen=True, slots=True)
class Outgoing:
    """One HTTP request, complete and ready to send.

    ``url`` is absolute and percent-encoded, query included. ``repeatable`` says that sending it twice does
    no more than sending it once (safe method, idempotent tool, or an idempotency key in ``headers``).
    ``private`` are texts in it that are secret: never shown, and never sent on to another place. ``largest`` is how
    many bytes its reply may have, where that is not what any reply may. ``again`` is asked before it is sent once more
    (a retry, a redirect), and raises where it may not be. ``standing``: its reply is a stream held open to hear of what
    may never come; it takes none of the places of other requests.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    repeatable: bool = False
    private: tuple[str, ...] = field(default=(), repr=False)
    largest: int | None = None
    again: Callable[[], Awaitable[None]] | None = field(default=None, repr=False, compare=False)
    standing: bool = False

    @property
    def safe(self) -> bool:
        """Whether the method changes nothing at the provider."""
        return self.method in SAFE_METHODS

    def with_url(self, url: str) -> "Outgoing":
        """The same request to another URL (a redirect, the next page)."""
        return replace(self, url=url)


@slotted
@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP response, body read whole. Header names are lower case; repeated headers are joined by ``, ``."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; raises ``ProviderUnavailable`` when it is not JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            kind = self.headers.get("content-type", "no content type").split(";")[0]
            host = urlsplit(self.url).hostname
            raise ProviderUnavailable(f"{host} answered {kind} where JSON was expected (HTTP {self.status}).") from None

    def text(self) -> str:
        """The body as text, in the declared charset or UTF-8; undecodable bytes become U+FFFD."""
        charset = "utf-8"
        for part in self.headers.get("content-type", "").split(";")[1:]:
            key, _, value = part.strip().partition("=")
            if key.lower() == "charset":
                charset = value.strip("\"' ")
        try:
            return self.body.decode(charset, "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Reach:
    """Where one connector's requests may go, redirects and next pages included.

    ``hosts`` are lower-case host names, with ``:port`` where it is not the scheme's own, ``*.example.com``
    for every subdomain, or the single ``*`` for any public host (only without an account). ``plain`` allows
    http as well as https. Private addresses need the operator's word besides (``network.allow_private``).
    """

    connector: str
    hosts: tuple[str, ...]
    plain: bool = False

    def allows(self, url: str) -> bool:
        """Whether ``url`` lies within the reach (scheme, host and port; never resolves a name)."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return False
        if not parts.hostname or parts.username is not None or parts.password is not None:
            return False
        return self.covers(parts.scheme, parts.hostname.lower(), port)

    def covers(self, scheme: str, host: str, port: int | None) -> bool:
        """The same of a URL's parts; ``host`` in lower case without brackets, ``port`` None for the scheme's own."""
        if scheme != "https" and not (self.plain and scheme == "http"):
            return False
        netloc = host if port in (None, 443 if scheme == "https" else 80) else f"{host}:{port}"
        for allowed in self.hosts:
            if allowed in ("*", netloc):
                return True
            if allowed.startswith("*.") and netloc.endswith(allowed[1:]) and len(netloc) > len(allowed) - 1:
                return True
        return False


class Send(Protocol):
    """The one way out."""

    def __call__(self, outgoing: Outgoing, reach: Reach, *, timeout: float = 60.0) -> Awaitable[Reply]:
        """Send a request within a reach and return the last reply, whatever its status; ``timeout`` in seconds.

        Raises ``ProviderUnavailable`` (no answer in time, connection lost, still rate-limited after the one
        retry) and ``OperatorNeeded`` (a private or forbidden address). Retries, redirects, caps and deadlines
        are its own.
        """
        ...


def host_of(url: str) -> str:
    """``host`` or ``host:port`` of an absolute http(s) URL, as ``Reach.hosts`` spells it.

    Raises ``ConnectorError`` when ``url`` is not one.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as wrong:
        raise ConnectorError(f"{url!r} is not a URL: {wrong}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConnectorError(f"{url!r} is not an absolute http or https URL.")
    default = 443 if parts.scheme == "https" else 80
    return parts.hostname.lower() if port in (None, default) else f"{parts.hostname.lower()}:{port}"
