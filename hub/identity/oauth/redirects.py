"""Redirect URIs: which a client may have, and when a presented one is a registered one.

Exact comparison (OAuth 2.1, section 4.1.1; RFC 9700, section 2.1), except for the port of a loopback URI, which the
client gets from its system (RFC 8252, section 7.3). Not the decision whether people may be sent there.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from hub.identity.oauth.errors import RedirectRefused

LOOPBACK = "loopback"
"""The word for all programs on the person's own machine, where a host stands for a client."""

MOST = 2000
"""Characters of a redirect URI."""

_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:]+(%[a-z0-9]+)?")
_URI = re.compile(r"[!#-;=?-\[\]_a-z~]+")
_ANSWERS = frozenset({"code", "state", "iss", "error", "error_description", "error_uri"})


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirect URI, looked into. ``host`` is how the client is known by it: ``loopback``, or the host (with a port
    that is not https's own); ``origin`` is what a page's policy must let a form lead to."""

    uri: str
    host: str
    origin: str

    @property
    def loopback(self) -> bool:
        """Whether it leads to the person's own machine."""
        return self.host == LOOPBACK


def parse_redirect(uri: str) -> Redirect:
    """Look into a redirect URI. Raises ``RedirectRefused`` for what no client may have."""
    if not 1 <= len(uri) <= MOST or not _URI.fullmatch(uri):
        raise RedirectRefused(f"a redirect URI has 1 to {MOST} characters, percent-encoded where needed.")
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise RedirectRefused("the redirect URI cannot be read as a URI.") from None
    host = parts.hostname or ""
    if parts.scheme not in ("https", "http"):
        raise RedirectRefused("the redirect URI must begin with https://, or http:// on the person's own machine.")
    if not _HOST.fullmatch(host) or parts.username is not None or parts.password is not None:
        raise RedirectRefused("the redirect URI needs a plain host name, without a user.")
    if "#" in uri:
        raise RedirectRefused("the redirect URI must have no fragment.")
    if any(key in _ANSWERS for key, _ in parse_qsl(parts.query, keep_blank_values=True)):
        raise RedirectRefused("the redirect URI's query must not hold what the hub's answer holds (code, state, iss).")
    loopback = host in _LOOPBACK_HOSTS
    if parts.scheme == "http" and not loopback:
        raise RedirectRefused("http:// redirect URIs are for localhost, 127.0.0.1 and [::1] only; use https://.")
    name = f"[{host}]" if ":" in host else host
    default = 443 if parts.scheme == "https" else 80
    place = name if port in (None, default) else f"{name}:{port}"
    return Redirect(uri, LOOPBACK if loopback else place, f"{parts.scheme}://{place}")


def is_registered(uri: str, registered: Iterable[str]) -> bool:
    """Whether ``uri`` is one of the registered ones. Raises ``RedirectRefused`` for what no client may have."""
    presented = parse_redirect(uri)
    known = list(registered)
    if uri in known:
        return True
    return presented.loopback and _portless(uri) in {_portless(one) for one in known}


def _portless(uri: str) -> tuple[str, str | None, str, str]:
    # Whether there is a query at all counts, too: "?" alone is another URI.
    parts = urlsplit(uri)
    return parts.scheme, parts.hostname, parts.path, uri[uri.index("?") :] if "?" in uri else ""
