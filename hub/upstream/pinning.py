"""Ties one request to the addresses that were judged for it, inside aiohttp's one pool of connections.

``Flight`` travels beside a request in a context variable; ``PinnedResolver`` reads it where aiohttp would otherwise
look the name up a second time, and ``Destination`` keeps connections apart that must not be shared. No judgement here.
"""

import asyncio
import ipaddress
import select
import socket
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from hub.upstream.resolver import Resolver
from hub.upstream.target import Target

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import Connection


@dataclass(slots=True)
class Flight:
    """One round trip: the host asked for, the addresses it may connect to, and whether a byte has left.

    ``partition`` names the connector when the addresses are private places opened for it alone, else it is empty.
    """

    host: str
    addresses: tuple[str, ...]
    partition: str
    sent: bool = False


FLIGHT: ContextVar[Flight] = ContextVar("upstream_flight")


class Destination(aiohttp.ClientRequest):
    """Where a connection goes, as aiohttp's pool wants to be told: scheme, host, port, proxy. Never sent itself."""

    def __init__(self, target: Target, partition: str, proxy: URL | None) -> None:
        host = f"[{target.host}]" if ":" in target.host else target.host
        url = URL(f"{target.scheme}://{host}:{target.port}/", encoded=True)
        super().__init__("GET", url, loop=asyncio.get_running_loop(), proxy=proxy)
        key = super().connection_key
        self._key = key._replace(host=f"{key.host} of {partition}") if partition else key

    @property
    def connection_key(self) -> "ConnectionKey":
        """The pool's key. A connection to a private place carries the name of its connector in it.

        The judgement happens before the pool is asked, but the pool remembers by host name: without this, a name
        that answers a public address to one connector now would hand it the open connection to the private
        address that the same name had for another connector before. Public connections are shared by all.
        """
        return self._key


def ended(connection: "Connection") -> bool:
    """Whether a connection from the pool has something to read before anything was asked: that is its end, which the
    loop has not come round to. A write sent into it would be lost in doubt."""
    held = connection.transport.get_extra_info("socket") if connection.transport is not None else None
    if held is None or held.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(held.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class PinnedResolver(AbstractResolver):
    """Answers aiohttp with the judged addresses and looks nothing up itself, except the operator's proxy."""

    def __init__(self, resolver: Resolver, proxy_host: str | None) -> None:
        self._resolver = resolver
        self._proxy_host = proxy_host

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses a connection to ``host`` may use; raises ``OSError`` for a host that was not judged."""
        flight = FLIGHT.get()
        if host == flight.host and flight.addresses:
            addresses = flight.addresses
        elif host == self._proxy_host:
            # Named in the configuration, usually on a private address: not a connector's choice, so not judged.
            addresses = tuple(await self._resolver.addresses(host))
        else:
            raise OSError(f"{host} was not judged")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held: the transport owns the resolver beneath."""
