"""What the pages say is refused or warned of: each is provoked, and the message the pages quote is the one that comes.

The rules themselves are tested with the contract (tests/sdk); here the words are held to them.
"""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.errors import ConnectorError
from hub.sdk.compilation import compile_yaml
from hub.testing import check
from hub.testing.yaml_text import dump
from tests.docs.pages import Page, first_cells, tables

WRITING = Page.of("docs/writing-connectors.md")
AGENTS = Page.of("docs/connectors-for-agents.md")
GOOD: dict[str, Any] = {
    "title": "Shop",
    "base_url": "https://api.example.com",
    "settings": {"server": {"description": "The server.", "required": False}},
    "tools": {
        "get_order": {
            "description": "One order of the shop.",
            "effect": "read",
            "input": {"id": {"type": "string", "description": "The order's number."}},
            "required": ["id"],
            "request": {"path": "/orders/{id}"},
        }
    },
}

Change = Callable[[dict[str, Any], dict[str, Any]], Any]
"""Breaks the connector (first) or its tool (second)."""


def changed(change: Change) -> dict[str, Any]:
    """``GOOD``, broken."""
    data = copy.deepcopy(GOOD)
    change(data, data["tools"]["get_order"])
    return data


def argument(tool: dict[str, Any], name: str, **held: Any) -> None:
    """Give the tool one more argument, and use it."""
    tool["input"][name] = {"type": "string", "description": "Words.", **held}
    tool["request"]["query"] = {name: f"{{{name}}}"}


REFUSED: dict[str, tuple[Change, str]] = {
    "an unknown key": (lambda one, tool: tool.update(colour="red"), "unknown key"),
    "a placeholder that names nothing": (
        lambda one, tool: tool["request"].update(query={"q": "{x}"}),
        "{x} is not an argument of this tool",
    ),
    "an argument in a header": (
        lambda one, tool: tool["request"].update(headers={"X-Order": "{id}"}),
        "headers take {settings.x} and {account.x} only",
    ),
    "or in a host": (lambda one, tool: one.update(base_url="https://{id}.example.com"), "only {settings.x}"),
    "a host\nsetting without a pattern": (
        lambda one, tool: one["settings"]["server"].update(host=True),
        "host: true needs a pattern",
    ),
    "a request to a host that is not declared": (
        lambda one, tool: tool["request"].update(base_url="https://elsewhere.example.com"),
        "is not among the connector's hosts",
    ),
    "an optional argument in a path": (
        lambda one, tool: tool.update(required=[]),
        "stands in the path and must be required",
    ),
    "a missing `summary`": (lambda one, tool: tool.update(effect="write"), "summary is required"),
    "an argument with\n`format: uri` and no `egress`": (
        lambda one, tool: argument(tool, "link", format="uri"),
        "is a URL; say egress",
    ),
    "a reserved argument": (lambda one, tool: argument(tool, "limit"), "the argument 'limit' is reserved"),
    "a `$ref`": (lambda one, tool: tool["input"]["id"].update({"$ref": "#/x"}), "without $ref"),
    "a JMESPath": (lambda one, tool: tool.update(fields={"id": "a["}), "is not a JMESPath"),
    "or schema that does not\ncompile": (
        lambda one, tool: tool["input"]["id"].update(pattern="(?=x)"),
        "the schema is not usable",
    ),
    "a name that is taken or too long": (
        lambda one, tool: one["tools"].update({"a" * 60: one["tools"].pop("get_order")}),
        "a full name has at most",
    ),
}

WARNED: dict[str, tuple[Change, str]] = {
    "a full name over 40 characters": (
        lambda one, tool: one["tools"].update({"a" * 38: one["tools"].pop("get_order")}),
        "keep it within 40",
    ),
    "a description that is missing, too short": (lambda one, tool: tool.update(description="Gets."), "too short"),
    "or over 2,000\ncharacters": (lambda one, tool: tool.update(description="word " * 500), "over 2,000 characters"),
    "an argument without a description": (
        lambda one, tool: tool["input"]["id"].pop("description"),
        "the argument id has no description",
    ),
    "or not used in the request": (
        lambda one, tool: tool["input"].update(x={"type": "string", "description": "Words."}),
        "the argument x is not used in the request",
    ),
    "an argument that looks like a URL without `egress`": (
        lambda one, tool: argument(tool, "page_url"),
        "looks like a URL",
    ),
    "an input\nschema over its limit": (
        lambda one, tool: argument(tool, "word", enum=[f"word {at}" for at in range(2000)]),
        "clients drop tools over",
    ),
    "`read` with PUT, PATCH or DELETE": (
        lambda one, tool: tool["request"].update(method="DELETE"),
        "say what it really does",
    ),
    "anything else with GET": (
        lambda one, tool: tool.update(effect="send", summary="Send it"),
        "a GET is sent again",
    ),
}


def folded(text: str) -> str:
    """Text on one line."""
    return " ".join(text.split())


def test_the_connector_they_are_made_of_is_good() -> None:
    assert compile_yaml("shop", GOOD, "shop.yaml").warnings == ()


@pytest.mark.parametrize("words", REFUSED, ids=folded)
def test_what_the_page_says_is_refused_is_refused(words: str) -> None:
    section = WRITING.section("What is refused, what is warned of")
    assert folded(words) in folded(section.partition("**Warned of**")[0])
    change, message = REFUSED[words]
    with pytest.raises(ConnectorError, match=re.escape(message)):
        compile_yaml("shop", changed(change), "shop.yaml")


async def test_a_lookup_that_is_not_a_read_tool_is_refused(tmp_path: Path) -> None:
    assert "a lookup that is not a read tool" in WRITING.section("What is refused, what is warned of")
    path = tmp_path / "shop.yaml"
    path.write_text(dump(changed(lambda one, tool: tool["input"]["id"].update(lookup="list_orders"))), "utf-8")
    assert "must name a read tool" in str((await check(path)).reason)


@pytest.mark.parametrize("words", WARNED, ids=folded)
def test_what_the_page_says_is_warned_of_is_warned_of(words: str) -> None:
    section = WRITING.section("What is refused, what is warned of")
    assert folded(words) in folded(section.partition("**Warned of**")[2])
    change, message = WARNED[words]
    warnings = compile_yaml("shop", changed(change), "shop.yaml").warnings
    assert any(message in one for one in warnings), warnings


async def test_the_mistakes_of_the_agents_page_are_told_in_its_words(tmp_path: Path) -> None:
    quoted = first_cells(tables(AGENTS.section("Common mistakes"))[0]) - {"data/connectors"}
    told = {message for _, message in (REFUSED | WARNED).values()}
    path = tmp_path / "shop.yaml"
    path.write_text(dump(GOOD), "utf-8")
    recording = tmp_path / "shop.recordings" / "get_order.yaml"
    recording.parent.mkdir()
    for url, result in (("https://api.example.com/orders/8", {}), ("https://api.example.com/orders/7", {"id": "8"})):
        exchange = {"request": {"url": url}, "response": {"body": {"id": "7"}}}
        held = {"source": url, "arguments": {"id": "7"}, "exchanges": [exchange], "result": result}
        recording.write_text(dump(held), "utf-8")
        told |= set((await check(path)).problems)
    assert [words for words in quoted if not any(words in one for one in told)] == []
