"""Other MCP servers as connectors: what a server says of itself, and what of it is shown, under which names.

Pure: the server is spoken to in ``upstream/mcp``, and what was accepted is kept by ``hub/servers``.
"""

KIND = "mcp"
"""What ``kind`` says in the YAML of such a connector. Importing this room imports no more than this word."""
