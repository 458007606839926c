"""``servers_of``: the MCP servers of one hub, from its configuration. Not what they do."""

from collections.abc import Mapping
from typing import Any

from hub.clock import Clock
from hub.config import Config
from hub.servers.pins import Pins
from hub.servers.servers import Recompile, Servers
from hub.upstream.mcp import Command
from hub.upstream.mcp.http import Streams


def servers_of(
    config: Config, pins: Pins, clock: Clock, transport: object, *, info: Mapping[str, Any], recompile: Recompile
) -> Servers:
    """The servers, with the operator's programs and credentials; see ``Servers``. ``transport`` is their way out where
    it can stream."""
    streams = transport if isinstance(transport, Streams) else None
    commands = {
        name: Command(one.run, {key: value.get_secret_value() for key, value in one.env.items()}, one.folder)
        for name, one in config.commands.items()
    }
    credentials = {
        name: {key: value.get_secret_value() for key, value in one.credential.items()}
        for name, one in config.providers.items()
    }
    return Servers(
        pins, clock, streams=streams, commands=commands, credentials=credentials, info=info, recompile=recompile
    )
