"""What a Python tool's return type says of its answers: structured ones have a schema, content blocks have none."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hub.app import Hub
from hub.identity import local_caller
from hub.sdk.talk import Silence

Begin = Callable[..., Awaitable[Hub]]
Write = Callable[[str, str], None]

CONNECTOR = '''
from hub.sdk import Audio, Connector, Embedded, Image, Link, Text

connector = Connector(title="App", description="An app.")


@connector.tool(effect="read")
async def answer() -> {hint}:
    """Answers in the type it declares."""
    return {value}
'''

BLOCKS = {
    "Text": 'Text("one")',
    "list[Text]": '[Text("one")]',
    "list[Text | Image | Embedded]": '[Text("one"), Image(b"x", "image/png")]',
    "list[Text | Image] | None": '[Text("one")]',
    "tuple[Text, Audio | Link]": '(Text("one"), Link("app://one", "one"))',
}
"""Return types of content blocks, each with a value."""

DATA = {
    "list[str]": '["one"]',
    "list[str | int]": '["one", 2]',
    "list[dict[str, str]]": '[{"word": "one"}]',
}
"""Return types of lists of data, each with a value."""


async def answered(begin: Begin, write: Write, hint: str, value: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tool as it is listed, and its answer."""
    write("app.py", CONNECTOR.format(hint=hint, value=value))
    gateway = (await begin()).gateway
    (listed,) = gateway.list_tools(local_caller())
    return listed, await gateway.call_tool(local_caller(), "app_answer", {}, Silence())


@pytest.mark.parametrize("hint", BLOCKS)
async def test_a_tool_that_returns_blocks_promises_no_structure_and_sends_none(
    hint: str, begin: Begin, write: Write
) -> None:
    listed, answer = await answered(begin, write, hint, BLOCKS[hint])
    assert "outputSchema" not in listed
    assert "structuredContent" not in answer
    assert answer["content"][0] == {"type": "text", "text": "one"}


@pytest.mark.parametrize("hint", DATA)
async def test_a_tool_that_returns_a_list_of_data_promises_items_and_sends_them(
    hint: str, begin: Begin, write: Write
) -> None:
    listed, answer = await answered(begin, write, hint, DATA[hint])
    assert listed["outputSchema"]["properties"]["items"]["type"] == "array"
    assert answer["structuredContent"] == {"items": eval(DATA[hint], {})}  # noqa: S307 - a literal above
