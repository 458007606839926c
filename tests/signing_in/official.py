"""A server of the official SDK that wants a bearer token and speaks 2025-11-25, run by tests: ``official.py PORT``.

Each person has a note of their own, which sessions of theirs can subscribe to. Not a test.
"""

import sys
from collections import defaultdict
from typing import Any

import uvicorn
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.lowlevel import Server
from mcp_types import (
    CallToolResult,
    EmptyResult,
    ListResourcesResult,
    ListToolsResult,
    ReadResourceResult,
    Resource,
    TextContent,
    TextResourceContents,
    Tool,
)

PORT = int(sys.argv[1])
NOTE = "note://mine"
notes: dict[str, str] = {}
refused: set[str] = set()
listening: dict[str, list[Any]] = defaultdict(list)
subscribed: list[str] = []
lists = ["look", "write", "wish", "grow", "end"]


class Keys:
    """Whose a token is stands in it; that of nobody is refused."""

    async def verify_token(self, token: str) -> AccessToken | None:
        person = token.removeprefix("planted-key-of-")
        if person == token or person in refused:
            return None
        return AccessToken(token=token, client_id="hub", scopes=[], subject=person)


def person() -> str:
    """Who asks."""
    token = get_access_token()
    assert token is not None
    assert token.subject is not None
    return token.subject


async def list_tools(ctx: Any, params: Any) -> ListToolsResult:
    return ListToolsResult(tools=[Tool(name=name, input_schema={"type": "object"}) for name in lists])


async def list_resources(ctx: Any, params: Any) -> ListResourcesResult:
    return ListResourcesResult(resources=[Resource(uri=NOTE, name="note")])


async def read(ctx: Any, params: Any) -> ReadResourceResult:
    return ReadResourceResult(contents=[TextResourceContents(uri=NOTE, text=notes.get(person(), "empty"))])


async def subscribe(ctx: Any, params: Any) -> EmptyResult:
    listening[person()].append(ctx.session)
    subscribed.append(person())
    return EmptyResult()


async def unsubscribe(ctx: Any, params: Any) -> EmptyResult:
    listening[person()].clear()
    return EmptyResult()


async def call(ctx: Any, params: Any) -> CallToolResult:
    text = f"{person()} {' '.join(subscribed)}"
    if params.name == "write":
        notes[person()] = "written"
        for session in listening[person()]:
            await session.send_resource_updated(NOTE)
    elif params.name == "wish":
        schema = {"type": "object", "properties": {"city": {"type": "string"}}}
        answer = await ctx.session.elicit_form("Which city?", schema)
        text = f"{person()} {answer.action} {answer.content}"
    elif params.name == "end":
        refused.add(person())
    elif params.name == "grow":
        lists.append("grown")
        await ctx.session.send_tool_list_changed()
    return CallToolResult(content=[TextContent(type="text", text=text)])


server: Server[Any] = Server(
    "notes",
    on_list_tools=list_tools,
    on_list_resources=list_resources,
    on_read_resource=read,
    on_subscribe_resource=subscribe,
    on_unsubscribe_resource=unsubscribe,
    on_call_tool=call,
)
inner = server.streamable_http_app(
    auth=AuthSettings(
        issuer_url=f"http://localhost:{PORT}",  # type: ignore[arg-type]
        resource_server_url=f"http://localhost:{PORT}/mcp",  # type: ignore[arg-type]
    ),
    token_verifier=Keys(),
)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """The SDK's server without 2026-07-28, as those are that people use today."""
    headers = dict(scope.get("headers", ()))
    if headers.get(b"mcp-protocol-version") == b"2026-07-28":
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": b"Bad Request"})
        return
    await inner(scope, receive, send)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT)
