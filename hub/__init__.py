"""The connector hub: one self-hosted MCP server over many third-party apps."""

__version__ = "0.1.0"
