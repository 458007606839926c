"""Resources, prompts, completions, and who hears of changes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hub.app import Hub
from hub.errors import ProtocolError, ReadFailed, ResourceMissing, UnknownName
from hub.gateway import Wants
from hub.identity import Caller
from hub.sdk.talk import Silence
from hub.sdk.tool import EFFECTS, Function
from tests.waiting import PATIENCE

Begin = Callable[..., Awaitable[Hub]]
Write = Callable[[str, str], None]

ADA = Caller("user-ada", "ada", None, frozenset(EFFECTS))

YAML = """
title: App
instructions: Ask for the colour first.
base_url: https://api.example.com
tools:
  list_groups:
    description: Lists the groups with their ids.
    effect: read
    request: {path: /groups}
    items: "@"
    fields: {id: id, name: name}
resources:
  "app://about": {name: about, description: About the app, request: {path: /about}, reply: text}
  "app://groups/{id}": {name: group, request: {path: "/groups/{id}"}, lookup: {id: list_groups}}
prompts:
  report:
    description: Asks for a report.
    arguments: {group: {description: Which group, lookup: list_groups}, tone: {required: false}}
    text: "Write a {tone} report on {group}."
"""
GROUPS = [{"id": "g1", "name": "Alpha"}, {"id": "g2", "name": "Beta"}, {"id": "x", "name": "Alphabet"}]


async def started(begin: Begin, write: Write, wire: Any) -> Hub:
    write("app.yaml", YAML)
    wire.answers["https://api.example.com/groups"] = (200, GROUPS)
    wire.answers["https://api.example.com/groups/g%201"] = (200, {"id": "g 1"})
    wire.answers["https://api.example.com/about"] = (200, b"All about it.", {"content-type": "text/plain"})
    wire.answers["https://api.example.com/groups/boom"] = (500, {"message": "boom"})
    return await begin()


async def test_resources_and_templates_are_listed_and_read(begin: Begin, write: Write, wire: Any) -> None:
    hub = await started(begin, write, wire)
    assert [one["uri"] for one in hub.gateway.list_resources(ADA)] == ["app://about"]
    assert [one["uriTemplate"] for one in hub.gateway.list_templates(ADA)] == ["app://groups/{id}"]
    about = await hub.gateway.read_resource(ADA, "app://about", Silence())
    assert about["contents"] == [{"uri": "app://about", "mimeType": "text/plain", "text": "All about it."}]
    group = await hub.gateway.read_resource(ADA, "app://groups/g%201", Silence())
    assert group["contents"][0]["text"] == '{"id":"g 1"}'


async def test_a_resource_that_is_not_there_is_missing_and_one_that_fails_says_why(
    begin: Begin, write: Write, wire: Any
) -> None:
    hub = await started(begin, write, wire)
    for uri in ("app://nope", "app://groups/unknown", "other://x"):
        with pytest.raises(ResourceMissing):
            await hub.gateway.read_resource(ADA, uri, Silence())
    with pytest.raises(ReadFailed, match="boom"):
        await hub.gateway.read_resource(ADA, "app://groups/boom", Silence())


async def test_a_prompt_is_filled_in_and_wrong_arguments_are_named(begin: Begin, write: Write, wire: Any) -> None:
    hub = await started(begin, write, wire)
    made = await hub.gateway.get_prompt(ADA, "app_report", {"group": "g1", "tone": "short"}, Silence())
    assert made["messages"][0]["content"]["text"] == "Write a short report on g1."
    with pytest.raises(ProtocolError, match="needs group"):
        await hub.gateway.get_prompt(ADA, "app_report", {}, Silence())
    with pytest.raises(ProtocolError, match="has no argument colour"):
        await hub.gateway.get_prompt(ADA, "app_report", {"group": "g1", "colour": "red"}, Silence())
    with pytest.raises(UnknownName):
        await hub.gateway.get_prompt(ADA, "app_nope", {}, Silence())


async def test_a_lookup_completes_by_id_or_name(begin: Begin, write: Write, wire: Any) -> None:
    hub = await started(begin, write, wire)
    for ref, name in (
        ({"type": "ref/prompt", "name": "app_report"}, "group"),
        ({"type": "ref/resource", "uri": "app://groups/{id}"}, "id"),
    ):
        made = await hub.gateway.complete(ADA, ref, {"name": name, "value": "alp"}, {})
        assert made["completion"] == {"values": ["g1", "x"], "total": 2, "hasMore": False}
    with pytest.raises(ProtocolError, match="no argument"):
        await hub.gateway.complete(ADA, {"type": "ref/prompt", "name": "app_report"}, {"name": "z", "value": ""}, {})


async def test_the_instructions_say_what_connectors_say(begin: Begin, write: Write, wire: Any) -> None:
    hub = await started(begin, write, wire)
    assert "app: Ask for the colour first." in hub.gateway.instructions(ADA)
    assert len(hub.gateway.instructions(ADA)) <= 2000


async def test_a_listener_hears_of_the_lists_it_wants_once_and_of_no_other(
    begin: Begin, write: Write, wire: Any
) -> None:
    hub = await started(begin, write, wire)
    wants = hub.gateway.listeners.open(ADA, Wants(tools=True, uris=frozenset({"app://about"})))
    write("second.yaml", YAML.replace("app://", "second://"))
    await hub.registry.reload()
    hub.gateway.listeners.changed("tools")
    hub.gateway.listeners.updated("app://about")
    hub.gateway.listeners.updated("app://other")
    wants.close()
    heard = [one["method"] async for one in wants]
    assert heard == ["notifications/tools/list_changed", "notifications/resources/updated"]
    assert [one["name"] for one in hub.gateway.list_tools(ADA)] == ["app_list_groups", "second_list_groups"]


async def test_a_call_in_flight_keeps_the_version_it_began_with(begin: Begin, write: Write) -> None:
    text = '''
import asyncio
from hub.sdk import Connector
connector = Connector(title="T")
go = asyncio.Event()
@connector.tool(effect="read")
async def version() -> str:
    """Says which version it is, once told to."""
    if "{n}" == "1":
        await go.wait()
    return "{n}"
@connector.tool(effect="read")
async def release() -> str:
    """Lets the waiting call go on."""
    go.set()
    return "ok"
'''
    write("tt.py", text.replace("{n}", "1"))
    hub = await begin()
    old = hub.registry.catalog
    waiting = asyncio.create_task(hub.gateway.call_tool(ADA, "tt_version", {}, Silence()))
    await asyncio.sleep(0)
    release = old.tools["tt_release"].tool.run
    assert isinstance(release, Function)
    write("tt.py", text.replace("{n}", "2"))
    await hub.registry.reload()
    assert (await hub.gateway.call_tool(ADA, "tt_version", {}, Silence()))["content"][0]["text"] == "2"
    await release.call()
    assert (await asyncio.wait_for(waiting, PATIENCE))["content"][0]["text"] == "1"
