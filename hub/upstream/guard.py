"""The one guard against private addresses: pure judgement of addresses, no name lookup and no connection.

Whatever is not a public unicast address is refused, by the IANA special-purpose registries (RFC 6890 and its
updates); IPv6 outside 2000::/3 is refused whole. Not a firewall: the transport asks it before every request and
pins the connection to the very addresses that were judged.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from functools import lru_cache

from hub.errors import OperatorNeeded
from hub.upstream.places import IPAddress, Place

_REMEMBERED = 4096
"""How many allowed destinations a guard remembers."""

METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # most clouds
        "169.254.170.2",  # container credentials
        "168.63.129.16",  # a public address that only answers inside its cloud
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::a9fe:a9fe",
    )
)
"""Addresses where clouds hand credentials to whoever asks; no setting opens them."""

_IPV4 = tuple(
    (ipaddress.IPv4Network(net), reason)
    for net, reason in (
        ("0.0.0.0/8", "an unspecified address"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "a carrier-grade NAT address"),
        ("127.0.0.0/8", "a loopback address"),
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "an address reserved for protocols"),
        ("192.0.2.0/24", "a documentation address"),
        ("192.88.99.0/24", "a 6to4 relay address"),
        ("192.168.0.0/16", "a private address"),
        ("198.18.0.0/15", "a benchmarking address"),
        ("198.51.100.0/24", "a documentation address"),
        ("203.0.113.0/24", "a documentation address"),
        ("224.0.0.0/4", "a multicast address"),
        ("255.255.255.255/32", "the broadcast address"),
        ("240.0.0.0/4", "a reserved address"),
    )
)

_IPV6 = tuple(
    (ipaddress.IPv6Network(net), reason)
    for net, reason in (
        ("::/128", "an unspecified address"),
        ("::1/128", "a loopback address"),
        ("::/96", "an IPv4-compatible address"),
        ("::ffff:0:0:0/96", "an IPv4-translated address"),
        ("64:ff9b:1::/48", "a local NAT64 address"),
        ("100::/64", "a discard address"),
        ("2001::/32", "a Teredo address"),
        ("2001:2::/48", "a benchmarking address"),
        ("2001::/23", "an address reserved for protocols"),
        ("2001:db8::/32", "a documentation address"),
        ("3fff::/20", "a documentation address"),
        ("fc00::/7", "a private address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a site-local address"),
        ("ff00::/8", "a multicast address"),
    )
)

_PUBLIC6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_6TO4 = ipaddress.IPv6Network("2002::/16")  # RFC 3056
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214, section 6.1: the upper half of the interface identifier

_NEVER_OPEN = tuple(
    ipaddress.ip_network(net) for net in ("0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "ff00::/8")
)


@lru_cache(maxsize=4096)
def forbidden(ip: str) -> str | None:
    """Why nothing may be sent to the address ``ip``, as a noun phrase; None for a public one.

    IPv4 addresses inside IPv4-mapped, NAT64, 6to4 and ISATAP addresses are unwrapped and judged. Raises
    ``ValueError`` when ``ip`` is not an IP address.
    """
    address = ipaddress.ip_address(ip)
    if address in METADATA:
        return "a cloud metadata address"
    if isinstance(address, ipaddress.IPv4Address):
        return next((reason for net, reason in _IPV4 if address in net), None)
    carried, carrier = _carried(address)
    if carried is not None:
        inner = forbidden(str(carried))
        if inner is not None:
            return f"{inner} inside {carrier}"
        if address not in _PUBLIC6:  # mapped and NAT64: as public as what they carry
            return None
    reason = next((reason for net, reason in _IPV6 if address in net), None)
    return reason or (None if address in _PUBLIC6 else "not a public address")


def _carried(address: ipaddress.IPv6Address) -> tuple[ipaddress.IPv4Address | None, str]:
    """The IPv4 address that packets to ``address`` end up at, and what carries it."""
    number = int(address)
    low = ipaddress.IPv4Address(number & 0xFFFFFFFF)
    if address.ipv4_mapped is not None:
        return low, "an IPv4-mapped address"
    if address in _NAT64:
        return low, "a NAT64 address"
    if address in _6TO4:
        return ipaddress.IPv4Address(number >> 80 & 0xFFFFFFFF), "a 6to4 address"
    # An ISATAP interface identifier tunnels to its IPv4 address only under a public prefix; other prefixes are refused.
    if address in _PUBLIC6 and (number >> 32) & 0xFFFFFFFF in _ISATAP:
        return low, "an ISATAP address"
    return None, ""


def _openable(address: IPAddress) -> bool:
    return address not in METADATA and not any(address.version == net.version and address in net for net in _NEVER_OPEN)


class Guard:
    """Judges where a connector's connection may go, with the places the operator opened for it."""

    def __init__(self, allow_private: Mapping[str, Sequence[str]]) -> None:
        """``allow_private`` as in ``Network``. Raises ``ConfigError`` on an entry that is not a place."""
        self._open = {
            connector: tuple(Place.parse(text, connector) for text in texts)
            for connector, texts in allow_private.items()
        }
        self._judged: dict[tuple[str, str, int, tuple[str, ...]], bool] = {}

    def judge(self, connector: str, host: str, port: int, addresses: Sequence[str]) -> bool:
        """Allow a connection of ``connector`` to all ``addresses`` of ``host``, or refuse it.

        Returns whether it goes to an opened private place. Raises ``OperatorNeeded`` when any one address is
        neither public nor opened for this connector: an answer that mixes both is an attack or a mistake.

        What was allowed once is remembered by all it was judged by, so nothing has to drop it: the same question about
        the same addresses has the same answer as long as this guard lives. Refusals are made anew.
        """
        asked = (connector, host, port, tuple(addresses))
        known = self._judged.get(asked)
        if known is None:
            known = self._judge(connector, host, port, addresses)
            if len(self._judged) >= _REMEMBERED:
                self._judged.clear()
            self._judged[asked] = known
        return known

    def _judge(self, connector: str, host: str, port: int, addresses: Sequence[str]) -> bool:
        private = False
        for text in addresses:
            reason = forbidden(text)
            if reason is None:
                continue
            if not self._opened(connector, host, port, ipaddress.ip_address(text)):
                shown = f"[{host}]" if ":" in host else host
                leads = "it is" if host == text else "it leads to"
                raise OperatorNeeded(
                    f"The connector {connector!r} may not reach {shown}:{port}: {leads} {reason}. If it is meant to, "
                    f'the operator adds "{shown}:{port}" to network.allow_private.{connector}.'
                )
            private = True
        return private

    def _opened(self, connector: str, host: str, port: int, address: IPAddress) -> bool:
        # A mapped address is one socket away from the IPv4 address it spells, so ranges of IPv4 cover it.
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        plain: IPAddress = mapped or address
        return _openable(plain) and any(place.covers(host, port, plain) for place in self._open.get(connector, ()))
