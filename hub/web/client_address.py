"""From which address a request comes, by the connection and by proxies the operator trusts.

The one place where ``X-Forwarded-For`` is read to know someone by. Not who they are.
"""

import ipaddress
from collections.abc import Sequence

from aiohttp import web

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

TRUSTED_PROXIES: web.AppKey[tuple[IPNetwork, ...]] = web.AppKey("trusted_proxies", tuple)
"""Networks of ``network.trusted_proxies``."""

UNKNOWN = "unknown"
"""What is said of a connection without an address (a Unix socket)."""


def trust(app: web.Application, networks: Sequence[str]) -> None:
    """Believe proxies in these CIDR blocks. Raises ``ValueError`` for what is not one."""
    app[TRUSTED_PROXIES] = tuple(ipaddress.ip_network(one) for one in networks)


def client_address(request: web.Request) -> str:
    """The address a request comes from, in its shortest spelling.

    The connection's own, unless that is a trusted proxy's: then the last address in ``X-Forwarded-For`` that is not
    one, for everything before it could have been written by anyone.
    """
    peer = request.transport.get_extra_info("peername") if request.transport else None
    found = _address(str(peer[0])) if isinstance(peer, tuple) and peer else None
    if found is None:
        return UNKNOWN
    trusted = request.app.get(TRUSTED_PROXIES, ())
    told = [entry for line in request.headers.getall("X-Forwarded-For", []) for entry in line.split(",")]
    while told and any(found in network for network in trusted):
        before = _address(told.pop())
        if before is None:
            break
        found = before
    return str(found)


def neighbourhood(address: str) -> str:
    """The network that one subscriber has: an IPv4 address itself, the /64 of an IPv6 address."""
    found = _address(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address


def _address(text: str) -> IPAddress | None:
    """An address as proxies write it: bare, in brackets, with a port or a zone."""
    bare = text.strip().partition("%")[0]
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        found = ipaddress.ip_address(bare)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
