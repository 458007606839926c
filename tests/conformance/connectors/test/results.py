"""Tools that answer without asking: every kind of content, an error, progress, log lines, changed lists."""

import json
from typing import Any

from hub.sdk import Audio, Context, Embedded, Image, Text, ToolError

from .shapes import PIXEL, TONE, connector

STEP = 0.05
"""Seconds between two notifications of one call, as the suite's descriptions ask."""

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


@connector.tool(effect="read")
async def test_simple_text() -> str:
    """Answer with one line of text."""
    return "This is a simple text response for testing."


@connector.tool(effect="read")
async def test_image_content() -> Image:
    """Answer with a picture."""
    return Image(PIXEL, "image/png")


@connector.tool(effect="read")
async def test_audio_content() -> Audio:
    """Answer with a sound."""
    return Audio(TONE, "audio/wav")


@connector.tool(effect="read")
async def test_embedded_resource() -> Embedded:
    """Answer with a resource inside the result."""
    return Embedded("test://embedded-resource", "This is an embedded resource content.", "text/plain")


@connector.tool(effect="read")
async def test_multiple_content_types() -> list[Text | Image | Embedded]:
    """Answer with text, a picture and a resource in one result."""
    return [
        Text("Multiple content types test:"),
        Image(PIXEL, "image/png"),
        Embedded("test://mixed-content-resource", json.dumps({"test": "data", "value": 123}), "application/json"),
    ]


@connector.tool(effect="read")
async def test_error_handling() -> str:
    """Fail in a way the model can read."""
    raise ToolError("This tool intentionally returns an error for testing")


@connector.tool(effect="read")
async def test_tool_with_logging(ctx: Context) -> str:
    """Send three log lines while running."""
    await ctx.log("Tool execution started")
    await ctx.sleep(STEP)
    await ctx.log("Tool processing data")
    await ctx.sleep(STEP)
    await ctx.log("Tool execution completed")
    return "Three log lines were sent."


@connector.tool(effect="read")
async def test_logging_tool(ctx: Context) -> str:
    """Send one log line, for clients that asked for log lines."""
    await ctx.log("One line for who listens.")
    return "One log line was offered."


@connector.tool(effect="read")
async def test_tool_with_progress(ctx: Context) -> str:
    """Report progress three times while running."""
    for done in (0, 50, 100):
        await ctx.progress(done, 100, f"{done} of 100 done")
        await ctx.sleep(STEP)
    return "All 100 steps are done."


@connector.tool(effect="write", idempotent=True, summary="Announce that the list of tools changed")
async def test_trigger_tool_change(ctx: Context) -> str:
    """Announce to listening clients that the list of tools changed."""
    await ctx.changed("tools")
    return "The change was announced."


@connector.tool(effect="write", idempotent=True, summary="Announce that the list of prompts changed")
async def test_trigger_prompt_change(ctx: Context) -> str:
    """Announce to listening clients that the list of prompts changed."""
    await ctx.changed("prompts")
    return "The change was announced."


@connector.tool(effect="read", input=SCHEMA)
async def json_schema_2020_12_tool(
    name: str | None = None,
    address: dict[str, Any] | None = None,
    contactMethod: str | None = None,
    phone: str | None = None,
    email: str | None = None,
) -> str:
    """Take arguments whose schema uses JSON Schema 2020-12's composition, conditions and anchors."""
    way = contactMethod or ("phone" if phone else "email")
    city = (address or {}).get("city", "an unknown city")
    return f"{name or 'Somebody'} in {city} is reached by {way}: {phone or email}"
