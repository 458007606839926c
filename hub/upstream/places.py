"""The network as the operator set it, and the private places opened in it.

A ``Place`` is one entry of ``network.allow_private``. Not the guard: nothing here judges an address.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hub.errors import ConfigError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")
_EXAMPLES = '"nas.lan:8080", "192.168.1.5:8123", "[fd00::5]:80", "10.0.0.0/8" or "10.0.0.0/8:443"'


@dataclass(frozen=True, slots=True)
class Network:
    """What ``config.yaml`` says under ``network`` about the way out.

    ``allow_private`` maps a connector's name to its open places; ``ca_file`` is a PEM file whose certificates are
    trusted besides the machine's own; ``proxy`` is the URL of an HTTP proxy, user and password included.
    """

    allow_private: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ca_file: Path | None = None
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """One opened place: a host name with its port, or a range of addresses with or without one.

    Exactly one of ``name`` and ``addresses`` is set; ``port`` None means every port.
    """

    name: str | None
    addresses: IPNetwork | None
    port: int | None

    @classmethod
    def parse(cls, text: str, connector: str) -> "Place":
        """Read one entry of ``network.allow_private.<connector>``.

        ``host:port``, an address, a CIDR, or ``CIDR:port`` (IPv6 hosts in brackets). Raises ``ConfigError``
        naming the key, what was found and what is allowed.
        """
        try:
            return cls._read(text.strip().lower())
        except ValueError as wrong:
            raise ConfigError(
                f"network.allow_private.{connector}: {text!r} is not a place ({wrong}); write it like {_EXAMPLES}."
            ) from None

    @classmethod
    def _read(cls, text: str) -> "Place":
        if "/" in text:
            address, _, rest = text.partition("/")
            length, colon, port = rest.partition(":")
            return cls(None, ipaddress.ip_network(f"{address.strip('[]')}/{length}"), _port(port) if colon else None)
        bare = _address(text)
        if bare is not None:
            return cls(None, ipaddress.ip_network(bare), None)
        host, colon, port = text.rpartition(":")
        if not colon:
            raise ValueError("a host name needs its port")
        literal = _address(host.removeprefix("[").removesuffix("]"))
        if literal is not None:
            return cls(None, ipaddress.ip_network(literal), _port(port))
        if not _NAME.fullmatch(host):
            raise ValueError("the host name is malformed")
        return cls(host, None, _port(port))

    def covers(self, host: str, port: int, address: IPAddress) -> bool:
        """Whether a connection to ``address`` and ``port``, asked for as ``host``, lies in this place."""
        if self.port not in (None, port):
            return False
        if self.addresses is not None:
            return address.version == self.addresses.version and address in self.addresses
        return self.name == host


def _address(text: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise ValueError("the port must be a number from 1 to 65535")
    return int(text)
