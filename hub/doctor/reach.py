"""Whether Claude can reach a URL at all, by the URL and its addresses alone. Pure; nothing is looked up here.

Claude's servers connect from the internet over https, on port 443, to a public IPv4 address
(claude.com/docs/connectors/building/authentication). Claude Code runs on a person's machine and reaches more.
"""

import ipaddress
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from hub.upstream.guard import forbidden

_LOCAL_NAMES = ("localhost", "local", "localdomain", "lan", "home", "internal", "intranet", "corp", "test", "invalid")
"""Last parts of names that the internet does not know (RFC 6761, RFC 6762, RFC 8375 and custom)."""

_TUNNEL = (
    "Give the hub a public address: a domain with a reverse proxy (Caddy), a Cloudflare tunnel or Tailscale Funnel, "
    "and set public_url to it"
)


class Obstacle(NamedTuple):
    """Something that keeps Claude away, and how to mend it."""

    text: str
    mend: str


def is_loopback(url: str) -> bool:
    """Whether the URL is for programs on the same machine only."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def obstacles_of_url(url: str) -> list[Obstacle]:
    """What is wrong with the URL itself."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    found = []
    if parts.scheme != "https":
        found.append(Obstacle("it is not https, which Claude requires", f"{_TUNNEL}, beginning with https://."))
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if port != 443:
        text = f"its port is {port}; Claude connects to port 443 only"
        found.append(Obstacle(text, "Have a reverse proxy listen on 443, and leave the port out of public_url."))
    if _address(host) is None and (host.rpartition(".")[2] in _LOCAL_NAMES or "." not in host):
        text = f"{host} is a name of the local network; Claude cannot look it up"
        found.append(Obstacle(text, f"{_TUNNEL}."))
    elif host.endswith(".home.arpa"):
        found.append(Obstacle(f"{host} is a name of the local network", f"{_TUNNEL}."))
    return found


def obstacles_of_addresses(host: str, addresses: Sequence[str]) -> list[Obstacle]:
    """What is wrong with the addresses of a name, or with an address in place of one."""
    found = []
    for one in addresses:
        if (reason := forbidden(one)) is not None:
            text = f"{host} leads to {one}, {reason}; Claude reaches public addresses only"
            mend = f"{_TUNNEL}. Every address of the name must be public, so remove this one from its DNS records."
            if "carrier-grade" in reason:
                mend += " Behind carrier-grade NAT no port can be forwarded; a tunnel works there. Tailscale's own"
                mend += " 100.x addresses are of this kind, too: use Funnel."
            found.append(Obstacle(text, mend))
    if addresses and all(":" in one for one in addresses):
        text = f"{host} has IPv6 addresses only; Claude connects over IPv4"
        found.append(Obstacle(text, "Add an A record with a public IPv4 address, or use a tunnel."))
    return found


def _address(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None
