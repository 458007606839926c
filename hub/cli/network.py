"""The real network as commands use it when they look at what passes through it. Not a command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hub.clock import Clock
from hub.config import Config
from hub.upstream.places import Network
from hub.upstream.transport import AioTransport


@asynccontextmanager
async def opened_network(config: Config, clock: Clock) -> AsyncIterator[AioTransport]:
    """The transport of this configuration, open. Raises ``ConfigError``."""
    network = config.network
    transport = AioTransport(Network(network.allow_private, network.ca_file, network.proxy), clock=clock)
    try:
        await transport.open()
        yield transport
    finally:
        await transport.close()
