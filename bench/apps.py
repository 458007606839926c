"""Two hundred connectors with four thousand tools, written into a folder: a large hub, as the scale bars want it.

150 are YAML by hand, 10 are Python, 40 are made from API descriptions (``described.py``). What the tools call is
nobody: nothing here is sent.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bench import described

HAND_WRITTEN = 150
DESCRIBED = 40
PYTHON = 10
TOOLS_EACH = 20
CONNECTORS = HAND_WRITTEN + DESCRIBED + PYTHON
TOOLS = CONNECTORS * TOOLS_EACH

_THINGS = ("ticket", "invoice", "person", "project", "message", "file", "event", "order", "page", "task")
_MORE = {
    "filter_first": {"type": "integer", "minimum": 0, "maximum": 10_000, "description": "The first filter."},
}
_SENT = {name: f"{{{name}}}" for name in _MORE}
_VERBS = ("search", "get", "create", "update", "delete")


def write(folder: Path) -> str:
    """Write all of them into ``folder``, which is made; says what those with descriptions were made from."""
    folder.mkdir(parents=True)
    for number in range(HAND_WRITTEN):
        (folder / f"app{number}.yaml").write_text(yaml.safe_dump(_declaration(number), sort_keys=False))
    for number in range(PYTHON):
        (folder / f"code{number}.py").write_text(_python(number))
    return described.write(folder, DESCRIBED, TOOLS_EACH)


def _tools(number: int) -> Iterator[tuple[str, str]]:
    for index in range(TOOLS_EACH):
        verb, thing = _VERBS[index % len(_VERBS)], _THINGS[(number + index // len(_VERBS)) % len(_THINGS)]
        yield f"{verb}_{thing}s" if verb == "search" else f"{verb}_{thing}", thing


def _declaration(number: int) -> dict[str, Any]:
    return {
        "contract": 1,
        "version": "1.0.0",
        "title": f"App {number}",
        "description": f"Everything that people keep in the app number {number}.",
        "category": "other",
        "base_url": f"https://api{number}.example.com/v2",
        "headers": {"Accept": "application/json"},
        "errors": [{"when": {"status": 200, "body": "ok == `false`"}, "is": "tool_error", "message": "error"}],
        "tools": {name: _tool(name, thing) for name, thing in _tools(number)},
    }


def _tool(name: str, thing: str) -> dict[str, Any]:
    verb = name.partition("_")[0]
    tool: dict[str, Any] = {
        "title": name.replace("_", " ").capitalize(),
        "description": f"{verb.capitalize()} a {thing}: by its words, its state or the day it was last changed.",
    }
    fields = {
        "id": "id",
        "at": {"path": "created_at", "as": "iso"},
        "author": "user.login",
        "title": "title",
        "url": "url",
    }
    if verb == "search":
        return tool | {
            "effect": "read",
            "input": {
                "query": {"type": "string", "description": "Words to look for.", "examples": ["refund"]},
                "state": {"type": "string", "enum": ["open", "closed", "all"], "description": "Only in this state."},
                "since": {"type": "string", "format": "date-time", "description": "Changed after this moment."},
                **_MORE,
            },
            "required": ["query"],
            "request": {
                "method": "GET",
                "path": f"/{thing}s",
                "query": {"q": "{query}", "state": "{state}", "since": "{since}", **_SENT},
            },
            "pagination": {
                "style": "cursor",
                "items": "results",
                "next": "meta.after",
                "send": "after",
                "size": {"send": "size", "default": 30, "max": 100},
            },
            "fields": fields,
        }
    tool["input"] = {"id": {"type": "string", "description": f"The {thing}'s id."}}
    tool["required"] = ["id"]
    path = f"/{thing}s/{{id}}"
    if verb == "get":
        return tool | {"effect": "read", "request": {"method": "GET", "path": path}, "fields": fields}
    if verb == "delete":
        return tool | {
            "effect": "destroy",
            "summary": f"Delete the {thing} {{id}}",
            "request": {"method": "DELETE", "path": path},
        }
    tool["input"] |= {
        "title": {"type": "string", "maxLength": 200, "description": "A line that says what it is about."},
        "labels": {"type": "array", "items": {"type": "string"}, "description": "Words it is found by."},
        **_MORE,
    }
    method = "POST" if verb == "create" else "PATCH"
    return tool | {
        "effect": "write",
        "summary": f"{verb.capitalize()} the {thing} {{id}}",
        "request": {
            "method": method,
            "path": path,
            "body": {thing: {"title": "{title}", "labels": "{labels}", **_SENT}},
        },
        "fields": fields,
    }


def _python(number: int) -> str:
    lines = [
        f'"""App {number}, in Python."""',
        "",
        "from typing import Any, Literal",
        "",
        "from hub.sdk import Connector, Context",
        "",
        f'connector = Connector(title="Code {number}", description="What only code can do.", '
        f'base_url="https://code{number}.example.com")',
    ]
    for name, thing in _tools(number):
        effect = "read" if name.startswith(("search", "get")) else "write"
        summary = "" if effect == "read" else f', summary="Change the {thing} {{id}}"'
        lines += [
            "",
            "",
            f'@connector.tool(effect="{effect}"{summary})',
            f'async def {name}(ctx: Context, id: str, state: Literal["open", "closed"] = "open", count: int = 10) '
            "-> dict[str, Any]:",
            f'    """Works on the {thing} by its id, its state and how many of them there are."""',
            '    return {"id": id, "state": state, "count": count}',
        ]
    return "\n".join(lines) + "\n"
