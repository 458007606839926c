"""FastMCP's client, run by the tests with the Python it is installed for (``make programs``).

    HUB_TOKEN=... python fastmcp_client.py MODE URL

Prints what it saw as one JSON object. Not a test, and not importable with the hub's own Python.
"""

import asyncio
import json
import os
import sys
from typing import Any

from fastmcp import Client  # type: ignore[import-not-found]
from fastmcp.client.transports import StreamableHttpTransport  # type: ignore[import-not-found]


async def seen(mode: str, url: str, token: str) -> dict[str, Any]:
    """What the client negotiates, lists, and gets for one call that works and one that does not."""
    transport = StreamableHttpTransport(url, headers={"Authorization": f"Bearer {token}"})
    async with Client(transport, mode=mode) as client:
        tools = await client.list_tools()
        right = await client.call_tool("dates_now", {"zones": ["Asia/Tokyo"]})
        wrong = await client.call_tool("dates_now", {"zones": ["Nowhere"]}, raise_on_error=False)
        return {
            "version": client.protocol_version,
            "tools": [tool.name for tool in tools],
            "right": right.structured_content,
            "wrong": wrong.is_error,
        }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(seen(sys.argv[1], sys.argv[2], os.environ["HUB_TOKEN"]))))
