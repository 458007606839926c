"""The MCP wire: what an MCP client sees of the hub, natively on aiohttp.

Speaks 2026-07-28 and the revisions since 2025-03-26 (and answers the ``initialize`` of 2024-11-05) on one URL. Read
``server.py`` first, then ``modern.py`` and ``legacy.py``. Knows nothing of connectors, accounts or policy.
"""

from hub.mcp_server.limits import Limits
from hub.mcp_server.server import DOOR, McpServer

__all__ = ["DOOR", "Limits", "McpServer"]
