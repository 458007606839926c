"""Other MCP servers behind the hub: connected, watched, and held to what was accepted of their word.

Not their wire (``upstream/mcp``), and not what their definitions become (``importers/foreign``).
"""

from hub.servers.pins import CHANGE, Pins
from hub.servers.servers import Servers

__all__ = ["CHANGE", "Pins", "Servers"]
