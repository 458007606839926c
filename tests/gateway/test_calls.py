"""Calling tools: authorized, checked, audited, answered."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hub.app import Hub
from hub.errors import Refused, UnknownName
from hub.identity import Caller
from hub.sdk.talk import Silence
from hub.sdk.tool import EFFECTS
from tests.waiting import PATIENCE

Begin = Callable[..., Awaitable[Hub]]
Write = Callable[[str, str], None]

ADA = Caller("user-ada", "ada", None, frozenset(EFFECTS))
READER = Caller("user-bob", "bob", None, frozenset({"read"}))

YAML = """
title: App
base_url: https://api.example.com/v1
errors: [{when: {status: 200, body: "ok == `false`"}, is: tool_error, message: error}]
tools:
  list_items:
    description: Lists the items there are.
    effect: read
    request: {path: /items}
    pagination: {style: link, items: items}
    fields: {id: id, name: name}
    renamed_from: [get_items]
  get_item:
    description: Reads one item by its id.
    effect: read
    input: {id: {type: string, description: The id}, note: {type: string, description: A note}}
    required: [id]
    request: {path: "/items/{id}", query: {note: "{note}"}}
  delete_item:
    description: Deletes one item by its id.
    effect: destroy
    summary: "Delete item {id}"
    input: {id: {type: string, description: The id}}
    required: [id]
    request: {method: DELETE, path: "/items/{id}"}
    reply: none
"""


async def call(hub: Hub, name: str, caller: Caller = ADA, **arguments: Any) -> dict[str, Any]:
    return await hub.gateway.call_tool(caller, name, arguments, Silence())


def text(result: dict[str, Any]) -> str:
    return str(result["content"][0]["text"])


async def test_a_declared_tool_answers_with_its_fields_as_structure_and_as_text(
    begin: Begin, write: Write, wire: Any
) -> None:
    write("app.yaml", YAML)
    wire.answers["https://api.example.com/v1/items"] = (200, {"items": [{"id": 1, "name": "a", "junk": "x"}]})
    result = await call(await begin(), "app_list_items")
    assert result["structuredContent"] == {"items": [{"id": 1, "name": "a"}]}
    assert text(result) == '{"items":[{"id":1,"name":"a"}]}'
    assert result["resultType"] == "complete"


async def test_an_old_name_still_works_and_is_not_listed(begin: Begin, write: Write, wire: Any) -> None:
    write("app.yaml", YAML)
    hub = await begin()
    wire.answers["https://api.example.com/v1/items"] = (200, {"items": []})
    assert "isError" not in await call(hub, "app_get_items")
    assert "app_get_items" not in [one["name"] for one in hub.gateway.list_tools(ADA)]


async def test_an_unknown_tool_is_a_protocol_error(begin: Begin, write: Write) -> None:
    write("app.yaml", YAML)
    with pytest.raises(UnknownName, match="app_nope"):
        await call(await begin(), "app_nope")


async def test_a_token_limited_to_reading_neither_sees_nor_calls_what_destroys(
    begin: Begin, write: Write, wire: Any
) -> None:
    write("app.yaml", YAML)
    hub = await begin()
    assert [one["name"] for one in hub.gateway.list_tools(READER)] == ["app_list_items", "app_get_item"]
    with pytest.raises(Refused, match="limited to read"):
        await call(hub, "app_delete_item", READER, id="1")
    assert wire.sent == []


async def test_wrong_arguments_are_told_all_at_once_and_nothing_is_sent(begin: Begin, write: Write, wire: Any) -> None:
    write("app.yaml", YAML)
    result = await call(await begin(), "app_get_item", idd="1", note=3)
    assert result["isError"] is True
    for word in ("idd", '"id" is a required property', "note"):
        assert word in text(result)
    assert wire.sent == []


async def test_null_for_an_optional_argument_means_it_was_left_out(begin: Begin, write: Write, wire: Any) -> None:
    write("app.yaml", YAML)
    wire.answers["https://api.example.com/v1/items/7"] = (200, {"id": 7})
    result = await call(await begin(), "app_get_item", id="7", note=None)
    assert result["structuredContent"] == {"id": 7}
    assert wire.sent[0].url == "https://api.example.com/v1/items/7"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((404, {"message": "no item 7"}), "not_found", "HTTP 404: no item 7"),
        ((500, {"message": "oops"}), "unavailable", "HTTP 500: oops"),
        ((429, {}, {"retry-after": "900"}), "unavailable", "seconds"),
        ((401, {}), "operator_needed", "Only the operator"),
        ((200, {"ok": False, "error": "archived"}), "tool_error", "archived"),
        ((200, b"<html>hello"), "unavailable", "where JSON was expected"),
    ],
)
async def test_a_providers_failure_reaches_the_model_typed_by_who_can_act(
    begin: Begin, write: Write, wire: Any, answer: Any, kind: str, words: str
) -> None:
    write("app.yaml", YAML)
    wire.answers["https://api.example.com/v1/items/7"] = answer
    result = await call(await begin(), "app_get_item", id="7")
    assert result["isError"] is True
    assert result["_meta"]["hub/error"]["kind"] == kind
    assert words in text(result)


async def test_the_next_page_is_fetched_with_a_sealed_cursor_and_a_forged_one_is_refused(
    begin: Begin, write: Write, wire: Any
) -> None:
    write("app.yaml", YAML)
    hub = await begin()
    first, second = "https://api.example.com/v1/items", "https://api.example.com/v1/items?page=2"
    wire.answers[second] = (200, {"items": [{"id": 2}]})
    wire.answers[first] = (200, {"items": [{"id": 1}]}, {"link": f'<{second}>; rel="next"'})
    cursor = (await call(hub, "app_list_items"))["structuredContent"]["next_cursor"]
    assert "example.com" not in cursor
    page = await call(hub, "app_list_items", cursor=cursor)
    assert page["structuredContent"] == {"items": [{"id": 2}]}
    sent = len(wire.sent)
    for forged in ("https://evil.example/", cursor[:-2] + "AA", ""):
        refused = await call(hub, "app_list_items", cursor=forged)
        assert "not one this tool gave out" in text(refused)
    others = await call(hub, "app_list_items", Caller("user-eve", "eve", None, ADA.effects), cursor=cursor)
    assert others["isError"] is True
    assert len(wire.sent) == sent


async def test_a_next_page_outside_the_connectors_hosts_is_not_followed(begin: Begin, write: Write, wire: Any) -> None:
    write("app.yaml", YAML)
    wire.answers["https://api.example.com/v1/items"] = (
        200,
        {"items": [{"id": 1}]},
        {"link": '<https://evil.example/v1/items>; rel="next"'},
    )
    result = await call(await begin(), "app_list_items")
    assert "outside the hosts" in text(result)
    assert len(wire.sent) == 1


async def test_what_changes_things_is_audited_before_it_is_sent_and_its_outcome_after(
    begin: Begin, write: Write, wire: Any, tmp_path: Path
) -> None:
    write("app.yaml", YAML)
    hub = await begin()
    seen: list[tuple[Any, ...]] = []

    def look() -> None:
        with sqlite3.connect(tmp_path / "data" / "hub.db") as database:
            seen.extend(database.execute("select tool, effect, outcome from audit"))

    wire.look = look
    wire.answers["https://api.example.com/v1/items/7"] = (204, b"")
    await call(hub, "app_delete_item", id="7")
    assert seen == [("app_delete_item", "destroy", None)]
    await hub.store.audit.flush()
    entry = (await hub.store.audit.recent(1))[0].call
    assert (entry.tool, entry.outcome, entry.user_id) == ("app_delete_item", "ok", "user-ada")
    assert len(entry.arguments_digest) == 64


async def test_reads_are_noted_with_their_outcome(begin: Begin, write: Write, wire: Any) -> None:
    write("app.yaml", YAML)
    hub = await begin()
    await call(hub, "app_get_item", id="nope")
    await hub.store.audit.flush()
    entry = (await hub.store.audit.recent(1))[0].call
    assert (entry.tool, entry.effect, entry.outcome) == ("app_get_item", "read", "not_found")


async def test_without_an_audit_nothing_that_changes_things_is_sent(begin: Begin, write: Write, wire: Any) -> None:
    write("app.yaml", YAML)
    hub = await begin()
    await hub.store.close()
    result = await call(hub, "app_delete_item", id="7")
    assert result["_meta"]["hub/error"]["kind"] == "operator_needed"
    assert wire.sent == []


PYTHON = '''
"""Tools that behave badly."""
import sys, threading, time
from hub.sdk import Connector, Context, Image, Page, ToolError

connector = Connector(title="Bad")
held = threading.Event()

@connector.tool(effect="read")
async def ends() -> str:
    """Tries to end the program."""
    sys.exit(3)

@connector.tool(effect="read")
def ends_in_a_thread() -> str:
    """Tries to end the program from a thread."""
    raise SystemExit(3)

@connector.tool(effect="read")
async def fails() -> str:
    """Fails in a way nobody expected."""
    raise RuntimeError("secret-password-1234")

@connector.tool(effect="read")
def blocks() -> str:
    """Blocks its thread until it is let go."""
    held.wait(30)
    return "let go"

@connector.tool(effect="read")
def lets_go() -> str:
    """Lets go what blocks."""
    held.set()
    return "done"

@connector.tool(effect="read")
async def huge(kind: str) -> object:
    """Returns fifty megabytes in several shapes."""
    if kind == "text":
        return "x" * 50_000_000
    if kind == "dict":
        return {"a": "x" * 50_000_000}
    if kind == "image":
        return Image(b"x" * 50_000_000, "image/png")
    return Page([{"a": "x" * 1000} for _ in range(50_000)])

@connector.tool(effect="read")
async def odd() -> object:
    """Returns what is not JSON."""
    return {"a": object()}

@connector.tool(effect="read")
async def quick() -> str:
    """Answers at once."""
    return "quick"
'''


@pytest.mark.parametrize("tool", ["bad_ends", "bad_ends_in_a_thread", "bad_fails", "bad_odd"])
async def test_a_tool_that_fails_ends_only_its_own_call_and_tells_no_story(
    begin: Begin, write: Write, tool: str
) -> None:
    write("bad.py", PYTHON)
    hub = await begin()
    result, quick = await asyncio.gather(call(hub, tool), call(hub, "bad_quick"))
    assert result["isError"] is True
    assert "secret" not in text(result)
    assert "Traceback" not in text(result)
    assert text(quick) == "quick"


async def test_a_tool_that_blocks_its_thread_delays_nobody_else(begin: Begin, write: Write) -> None:
    write("bad.py", PYTHON)
    hub = await begin()
    blocked = asyncio.create_task(call(hub, "bad_blocks"))
    assert text(await asyncio.wait_for(call(hub, "bad_quick"), PATIENCE)) == "quick"
    assert not blocked.done()
    await call(hub, "bad_lets_go")
    assert text(await asyncio.wait_for(blocked, PATIENCE)) == "let go"


@pytest.mark.parametrize("kind", ["text", "dict", "image", "page"])
async def test_fifty_megabytes_never_reach_the_client(begin: Begin, write: Write, kind: str) -> None:
    write("bad.py", PYTHON)
    result = await call(await begin(), "bad_huge", kind=kind)
    assert sum(len(one.get("text", "")) + len(one.get("data", "")) for one in result["content"]) <= 140_000
    told = text(result)
    assert "Cut here" in told or (result.get("isError") and "more than can be passed on" in told)


async def test_a_missing_setting_is_the_operators_and_names_its_key(begin: Begin, write: Write, wire: Any) -> None:
    write(
        "own.yaml",
        """
title: Own
base_url: https://{settings.server}/api
settings: {server: {description: The server, host: true, pattern: '[a-z.]+'}}
tools: {ping: {description: Asks for a sign of life., effect: read, request: {path: /ping}}}
""",
    )
    wire.answers["https://own.example.com/api/ping"] = (200, {"ok": True})
    without = await call(await begin(), "own_ping")
    assert "connectors.settings.own.server" in text(without)
    wrong = await call(await begin("  settings: {own: {server: 'evil.example/x?'}}\n"), "own_ping")
    assert "does not match" in text(wrong)
    assert wire.sent == []
    right = await call(await begin("  settings: {own: {server: own.example.com}}\n"), "own_ping")
    assert right["structuredContent"] == {"ok": True}
