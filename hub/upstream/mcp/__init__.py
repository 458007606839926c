"""The client side of MCP: other MCP servers over HTTP (both eras), HTTP+SSE and standard input and output.

Messages travel as plain dicts, so nothing a server says is lost. Not what the hub makes of them (``hub/servers``).
"""

from hub.upstream.mcp.client import Client
from hub.upstream.mcp.commands import Command
from hub.upstream.mcp.wire import Conversation, RpcError, SessionEnded, Unauthorized

__all__ = ["Client", "Command", "Conversation", "RpcError", "SessionEnded", "Unauthorized"]
