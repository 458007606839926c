"""A FastMCP server over pipes, run by tests with FastMCP's own Python. Not a test."""

from fastmcp import FastMCP  # type: ignore[import-not-found]

server = FastMCP("fast")


@server.tool  # type: ignore[untyped-decorator]
def greet(name: str) -> dict[str, str]:
    """Greet somebody."""
    return {"greeting": f"Hello, {name}"}


# Its banner asks a registry for newer versions.
server.run(show_banner=False)
