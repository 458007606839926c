"""FastMCP for comparison, run with the Python it is installed for (``make programs``).

    python bench/fastmcp_server.py openapi|proxy PORT TARGET

``openapi`` serves the benchmark's app from an API description of it; ``proxy`` passes on to the MCP server at TARGET.
Each as its documentation shows it, without sessions and with plain JSON answers, its fastest mode.
"""

import sys
from typing import Any

import httpx2
from fastmcp import FastMCP  # type: ignore[import-not-found]
from fastmcp.server import create_proxy  # type: ignore[import-not-found]

_OBJECT = {"application/json": {"schema": {"type": "object"}}}


def _operation(name: str) -> dict[str, Any]:
    answer = {"200": {"description": "The answer.", "content": _OBJECT}}
    return {"get": {"operationId": name, "summary": name, "responses": answer}}


def server(kind: str, target: str) -> Any:
    """The FastMCP server of that kind."""
    if kind == "proxy":
        return create_proxy(target)
    description = {
        "openapi": "3.1.0",
        "info": {"title": "Bench", "version": "1"},
        "paths": {"/object": _operation("bench_object"), "/items": _operation("bench_items")},
    }
    return FastMCP.from_openapi(description, client=httpx2.AsyncClient(base_url=target), name="Bench")


if __name__ == "__main__":
    made = server(sys.argv[1], sys.argv[3])
    made.run(
        transport="http",
        host="127.0.0.1",
        port=int(sys.argv[2]),
        show_banner=False,
        json_response=True,
        stateless_http=True,
        uvicorn_config={"log_level": "error", "access_log": False},
    )
