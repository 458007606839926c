"""A connector to record and replay, written into a temporary folder for each test."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

DECLARATION = """
title: Shop
description: A shop's tickets.
base_url: https://shop.example/api
settings: {team: {description: The team, default: red}}
headers: {X-Team: "{settings.team}"}
tools:
  find:
    description: Find tickets by words, newest first.
    effect: read
    input:
      query: {type: string, description: Words}
      tags: {type: array, items: {type: string}, description: Tags}
    request: {path: /tickets, query: {q: "{query}", tag: "{tags}"}}
    pagination: {style: link, items: tickets}
    fields: {id: id, title: title}
  add:
    description: Add a ticket with a title.
    effect: write
    summary: "Add {title}"
    input:
      title: {type: string, description: The title}
      size: {type: integer, description: Its size}
    required: [title]
    request: {method: POST, path: /tickets, body: {ticket: {title: "{title}", size: "{size}"}}}
  sign:
    description: Sign a form with a name.
    effect: write
    summary: "Sign as {name}"
    input:
      name: {type: string, description: The name}
      count: {type: integer, description: How often}
    required: [name]
    request: {method: POST, path: /sign, form: {name: "{name}", count: "{count}"}}
  page:
    description: Read a page of the manual as text.
    effect: read
    input: {name: {type: string, description: The page}}
    required: [name]
    request: {path: "/manual/{name}"}
    reply: text
resources:
  shop://tickets/{id}:
    name: ticket
    request: {path: "/tickets/{id}"}
prompts:
  greet:
    description: Greet a customer.
    arguments: {name: {description: The customer}}
    text: "Say hello to {name}."
"""

CODE = '''
"""The shop's tools that think."""

from typing import Annotated

from hub.sdk import Connector, Context, Elicit, Image, ToolError

connector = Connector.here()


@connector.tool(effect="read")
async def today(ctx: Context) -> str:
    """Tell today's date, as the shop's clock shows it."""
    return ctx.now().date().isoformat()


@connector.tool(effect="write", summary="Close {id}")
async def close(ctx: Context, id: Annotated[int, "The ticket"]) -> dict[str, str]:
    """Close a ticket, after asking whether to."""
    answer = await ctx.ask(sure=Elicit("Close it?", {"yes": {"type": "boolean"}}))
    if answer["action"] != "accept":
        raise ToolError("The user does not want it closed.")
    await ctx.http.delete("/tickets/{id}", path={"id": id})
    return {"closed": str(id)}


@connector.tool(effect="read")
async def picture(ctx: Context) -> Image:
    """Show the shop's picture."""
    reply = await ctx.http.get("/picture")
    return Image(reply.body, "image/png")


@connector.tool(effect="read")
async def stubborn(ctx: Context) -> dict[str, int]:
    """Count tickets, and hide that it could not."""
    try:
        return {"count": (await ctx.http.get("/count")).json()["count"]}
    except Exception:
        return {"count": 0}
'''


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The folder of the connector ``shop``, without recordings."""
    folder = tmp_path / "shop"
    (folder / "recordings").mkdir(parents=True)
    (folder / "connector.yaml").write_text(DECLARATION)
    (folder / "__init__.py").write_text(CODE)
    return folder


Keep = Callable[[str, str], Path]


@pytest.fixture
def keep(shop: Path) -> Keep:
    """Writes a recording of the shop: its file's name without ``.yaml``, and its text after the line ``source``."""

    def write(name: str, text: str) -> Path:
        path = shop / "recordings" / f"{name}.yaml"
        path.write_text("source: https://shop.example/docs\n" + textwrap.dedent(text).lstrip("\n"))
        return path

    return write
