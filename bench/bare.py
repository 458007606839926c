"""The yardstick: a plain aiohttp handler that makes the same upstream call and returns the same result.

Not a server anyone should run: no token, no check, no audit. What the hub adds is measured against it.

    python bench/bare.py PORT UPSTREAM_URL [LISTING]
"""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import orjson
from aiohttp import web

KEPT = ("id", "title", "state", "created_at", "url")
"""The fields that are kept of each object; the hub's connector keeps the same."""

SESSION = web.AppKey("session", aiohttp.ClientSession)


def application(upstream: str, listing: bytes = b"") -> web.Application:
    """A handler for ``tools/call`` (the tool's name chooses the path) and ``tools/list`` (fixed bytes)."""
    app = web.Application()

    async def session(app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as opened:
            app[SESSION] = opened
            yield

    async def call(request: web.Request) -> web.Response:
        message = orjson.loads(await request.read())
        if message["method"] == "tools/list":
            return web.Response(body=listing, content_type="application/json")
        path = "/items" if message["params"]["name"].endswith("items") else "/object"
        async with request.app[SESSION].get(upstream + path) as reply:
            data = orjson.loads(await reply.read())
        if path == "/items":
            data = {"items": [{key: one[key] for key in KEPT} for one in data["items"]]}
        else:
            data = {key: data[key] for key in KEPT}
        text = orjson.dumps(data).decode()
        result = {"content": [{"type": "text", "text": text}], "structuredContent": data}
        body = orjson.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result})
        return web.Response(body=body, content_type="application/json")

    app.cleanup_ctx.append(session)
    app.router.add_post("/mcp", call)
    return app


if __name__ == "__main__":
    held = Path(sys.argv[3]).read_bytes() if len(sys.argv) > 3 else b""
    web.run_app(application(sys.argv[2], held), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
