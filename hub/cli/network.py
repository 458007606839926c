"""The real network as commands use it when they look at what passes through it. Not a command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hub.clock import Clock
from hub.config import Config
from hub.upstream.places import Network
from hub.upstream.transport import MAX_BODY, AioTransport


@asynccontextmanager
async def opened_network(config: Config, clock: Clock, *, max_body: int = MAX_BODY) -> AsyncIterator[AioTransport]:
    """The transport of this configuration, open; it reads replies of ``max_body`` bytes. Raises ``ConfigError``."""
    network = config.network
    allowed = Network(network.allow_private, network.ca_file, network.proxy)
    transport = AioTransport(allowed, clock=clock, max_body=max_body)
    try:
        await transport.open()
        yield transport
    finally:
        await transport.close()
