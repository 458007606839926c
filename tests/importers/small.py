"""Small descriptions for tests of one case, and what their tools send. Not a test."""

from collections.abc import Mapping
from typing import Any

import orjson

from hub.importers.compilation import Compiled
from hub.sdk.http import Outgoing
from hub.sdk.placeholders import Scope
from hub.sdk.request import Call, build
from hub.sdk.tool import Tool
from tests.importers.specs import compiled


def openapi(paths: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """An OpenAPI 3.1 document with these paths."""
    return {"openapi": "3.1.0", "info": {"title": "Sample", "version": "1"}, "paths": paths, **more}


def operation(**more: Any) -> dict[str, Any]:
    """An operation that says little else than what it is given."""
    return {"operationId": "getThing", "summary": "Get a thing", "responses": {"200": {"description": "ok"}}, **more}


def made(document: Mapping[str, Any], **yaml: Any) -> Compiled:
    """The connector of a document, all operations taken."""
    return compiled(orjson.dumps(document), **yaml)


def tool_of(path: str, method: str = "get", *, document: Mapping[str, Any] | None = None, **more: Any) -> Tool:
    """The one tool of a document with one operation."""
    paths = {path: {method: operation(**more)}}
    result = made(openapi(paths, **(document or {})))
    assert result.report.left_out == []
    (tool,) = result.connector.tools.values()
    return tool


def sent(tool: Tool, **arguments: Any) -> Outgoing:
    """The request a tool makes of these arguments."""
    assert isinstance(tool.run, Call)
    return build(tool.run, Scope(arguments), base_url="https://api.example.com", headers={}, new_key=lambda: "00-00")


def query(schema: Mapping[str, Any], value: Any, **how: Any) -> str:
    """The query in which one parameter ``x`` is written."""
    tool = tool_of("/a", parameters=[{"name": "x", "in": "query", "schema": dict(schema), **how}])
    return sent(tool, x=value).url.partition("?")[2]


def argument(schema: Mapping[str, Any], **document: Any) -> Mapping[str, Any]:
    """The schema a JSON body's field ``x`` is shown under."""
    body = {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object", "properties": {"x": dict(schema)}}}},
    }
    tool = tool_of("/a", "post", requestBody=body, document=document)
    shown: Mapping[str, Any] = tool.input["properties"]["x"]
    return shown
