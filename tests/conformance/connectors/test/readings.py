"""Resources, a resource template and prompts."""

import json
from collections.abc import Mapping
from typing import Annotated

from hub.sdk import Context, Embedded, Image, Message

from .shapes import PIXEL, connector

WORDS = ("paris", "park", "party", "testValue1")


@connector.resource("test://static-text", name="static-text", mime_type="text/plain")
async def static_text() -> str:
    """A text that stays as it is."""
    return "This is the content of the static text resource."


@connector.resource("test://static-binary", name="static-binary", mime_type="image/png")
async def static_binary() -> bytes:
    """A picture that stays as it is."""
    return PIXEL


@connector.resource("test://watched-resource", name="watched-resource", mime_type="text/plain")
async def watched() -> str:
    """A text that clients subscribe to."""
    return "Watched resource content"


@connector.resource("test://template/{id}/data", name="template", mime_type="application/json")
async def template(id: str) -> str:
    """The data of one id."""
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


async def words(ctx: Context, typed: str, others: Mapping[str, str]) -> list[str]:
    """The words that begin with what was typed."""
    return [word for word in WORDS if word.startswith(typed)]


@connector.prompt(title="A simple prompt")
async def test_simple_prompt() -> str:
    """A prompt without arguments."""
    return "This is a simple prompt for testing."


@connector.prompt(title="A prompt with arguments", complete={"arg1": words})
async def test_prompt_with_arguments(
    arg1: Annotated[str, "First test argument"], arg2: Annotated[str, "Second test argument"]
) -> str:
    """A prompt that repeats its two arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@connector.prompt(title="A prompt with a resource")
async def test_prompt_with_embedded_resource(
    resourceUri: Annotated[str, "URI of the resource to embed"],
) -> list[Message]:
    """A prompt that carries a resource."""
    return [
        Message(Embedded(resourceUri, "Embedded resource content for testing.", "text/plain")),
        Message("Please process the embedded resource above."),
    ]


@connector.prompt(title="A prompt with a picture")
async def test_prompt_with_image() -> list[Message]:
    """A prompt that carries a picture."""
    return [Message(Image(PIXEL, "image/png")), Message("Please analyze the image above.")]
