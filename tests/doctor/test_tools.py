"""The doctor before lists of tools that Claude does not take as they are."""

from typing import Any

import orjson
import pytest

from tests.doctor.conftest import Deploy
from tests.doctor.deployment import Reply
from tests.doctor.faults import back, first

pytestmark = pytest.mark.asyncio(loop_scope="module")


def tool(name: str = "a_tool", **changed: Any) -> dict[str, Any]:
    held = {"name": name, "description": "Does it.", "inputSchema": {"type": "object", "properties": {}}}
    return {**held, **changed}


def schema(**members: Any) -> dict[str, Any]:
    return tool(inputSchema={"type": "object", **members})


@pytest.mark.parametrize(
    ("tools", "words", "severe"),
    [
        ([tool(f"tool_{number}") for number in range(300)], "300 tools", True),
        ([tool(f"tool_{number}") for number in range(100)], "100 tools", False),
        ([tool("x" * 65)], "1 to 64 characters", True),
        ([tool("dotted.name")], "dotted.name", True),
        ([tool("x" * 60)], "longer than 48", False),
        ([tool(), tool()], "named twice", True),
        ([schema(properties={"a": {"enum": ["y" * 100] * 200}})], "16,384 bytes", True),
        ([schema(anyOf=[{}])], "a union at its top", True),
        ([schema(properties={"a": {"$ref": "#/$defs/a"}})], "$ref", True),
        ([schema(properties={"a b": {}})], "an argument's name", True),
        ([tool(inputSchema={"properties": {}})], "must be object", True),
        ([tool(description="z" * 3000)], "2,048 bytes", False),
        ([tool(f"tool_{number}", description="z" * 5000) for number in range(250)], "the list has", True),
        ([], "no tools", False),
    ],
)
async def test_a_list_of_tools_beyond_claudes_limits_is_named(
    deploy: Deploy, token: str, tools: list[dict[str, Any]], words: str, severe: bool
) -> None:
    def change(reply: Reply) -> None:
        if b'"inputSchema"' in reply.body:
            held = orjson.loads(reply.body)
            held["result"]["tools"] = tools
            reply.body = orjson.dumps(held)

    report = await (await deploy(back("/mcp")(change))).examined(token=token)
    told = [one for one in report.findings if one.step == "tools" and words in one.text]
    assert [one.status for one in told] == ["wrong" if severe else "warning"]
    assert all(one.mend for one in told)
    assert report.ok != severe


async def test_further_pages_of_the_list_are_named(deploy: Deploy, token: str) -> None:
    def change(reply: Reply) -> None:
        if b'"inputSchema"' in reply.body:
            held = orjson.loads(reply.body)
            held["result"]["nextCursor"] = "more"
            reply.body = orjson.dumps(held)

    step, text = first(await (await deploy(back("/mcp")(change))).examined(token=token))
    assert step == "tools"
    assert "further pages" in text
