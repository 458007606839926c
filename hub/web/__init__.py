"""Every route but ``/mcp``: health, metrics, the protected resource's document, and the pages people see.

Not the MCP wire (``hub/mcp_server``), and no use case lives here: routes read a request, ask below, and show.
"""

from hub.web.site import Site

__all__ = ["Site"]
