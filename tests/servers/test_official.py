"""The official SDK's server behind the hub, over each transport."""

import re
import sys
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
import pytest

from hub.errors import ReadFailed, ResourceMissing
from hub.identity import local_caller
from hub.sdk.talk import Silence
from tests.servers.conftest import OFFICIAL, Begin, Program, call, tools, until


class Person(Silence):
    """A client on the back channel whose user answers; remembers what it was told."""

    waits = True
    capabilities: Mapping[str, Any] = {"elicitation": {}}

    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:
        self.seen.append((progress, total, message))

    async def ask(self, requests: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        self.seen.append(requests["server"]["params"]["message"])
        return {"server": {"action": "accept", "content": {"city": "Oslo"}}}


@pytest.mark.parametrize("transport", ["streamable-http", "sse", "stdio"])
async def test_all_an_official_server_offers_is_there_and_works(
    transport: str, begin: Begin, official: Callable[[str], Awaitable[Program]]
) -> None:
    if transport == "stdio":
        hub = await begin({}, commands={"my_weather": {"run": [sys.executable, str(OFFICIAL), "stdio"]}})
    else:
        hub = await begin({"my_weather": {"url": (await official(transport)).url}})
    me = local_caller()
    await until(hub, lambda: "my_weather_add" in tools(hub))

    added = await call(hub, "my_weather_add", a=1, b=2)
    assert added["structuredContent"] == {"result": 3}
    assert added["content"] == [{"type": "text", "text": "3"}]
    failed = await call(hub, "my_weather_fail")
    assert failed["isError"]
    assert "Error executing tool fail" in failed["content"][0]["text"]
    person = Person()
    walked = await call(hub, "my_weather_walk", person)
    assert walked["content"][0]["text"] == "there"
    assert person.seen == [(n, 3, f"step {n}") for n in (1, 2, 3)]

    assert [one["uri"] for one in hub.gateway.list_resources(me)] == ["my-weather+weather://today"]
    assert [one["uriTemplate"] for one in hub.gateway.list_templates(me)] == ["my-weather+weather://{city}/now"]
    read = await hub.gateway.read_resource(me, "my-weather+weather://Oslo/now", Silence())
    assert read["contents"][0]["uri"] == "my-weather+weather://Oslo/now"
    assert read["contents"][0]["text"] == "rain in Oslo"
    with pytest.raises(ResourceMissing):
        await hub.gateway.read_resource(me, "my-weather+weather://nowhere/at/all", Silence())
    prompt = await hub.gateway.get_prompt(me, "my_weather_report", {"city": "Oslo"}, Silence())
    assert prompt["messages"][0]["content"]["text"] == "Report on Oslo."
    assert "this server says: Ask about cities." in hub.gateway.instructions(me)


async def test_a_question_of_a_server_before_2026_is_shown_as_its_own_and_its_answer_goes_back(
    begin: Begin, official: Callable[[str], Awaitable[Program]]
) -> None:
    hub = await begin({"weather": {"url": (await official("sse")).url}})
    await until(hub, lambda: "weather_wish" in tools(hub))
    person = Person()
    assert (await call(hub, "weather_wish", person))["content"][0]["text"] == "Oslo"
    assert person.seen == ["Weather asks: Which city?"]
    assert (await call(hub, "weather_wish"))["content"][0]["text"] == "cancel"


async def test_a_foreign_tool_is_write_until_its_class_is_accepted(
    begin: Begin, official: Callable[[str], Awaitable[Program]]
) -> None:
    hub = await begin({"weather": {"url": (await official("streamable-http")).url}})
    await until(hub, lambda: "weather_add" in tools(hub))
    assert tools(hub)["weather_add"]["annotations"]["readOnlyHint"] is False
    hub.servers.pins.accept("weather", {"add": "read"})
    await hub.store.changes.announce("pin", "weather")
    await until(hub, lambda: tools(hub)["weather_add"]["annotations"]["readOnlyHint"])


async def test_a_server_that_dies_keeps_its_list_and_comes_back_with_the_next_one(
    begin: Begin, official: Callable[[str], Awaitable[Program]]
) -> None:
    program = await official("streamable-http")
    hub = await begin({"weather": {"url": program.url}})
    await until(hub, lambda: "weather_add" in tools(hub))
    program.process.kill()
    await program.process.wait()
    gone = await call(hub, "weather_add", a=1, b=2)
    assert gone["isError"]
    assert gone["_meta"]["hub/error"]["kind"] == "unavailable"
    assert "Weather does not answer" in gone["content"][0]["text"]
    assert "weather_add" in tools(hub)
    pin = hub.servers.pins.get("weather")
    assert pin is not None
    assert pin.trouble is not None


async def test_what_is_large_of_a_relayed_result_becomes_a_file_and_what_is_small_stays_as_it_came(
    begin: Begin,
) -> None:
    hub = await begin({}, commands={"weather": {"run": [sys.executable, str(OFFICIAL), "stdio"]}})
    me = local_caller()
    await until(hub, lambda: "weather_radar" in tools(hub))
    assert {"hub_read_file", "hub_upload_file"} <= set(tools(hub))

    small = await call(hub, "weather_radar", size=300_000)
    kinds = ["image", "image", "resource", "text"]
    assert [one["type"] for one in small["content"]] == kinds
    large = await call(hub, "weather_radar", size=6_000_000)
    link, *rest, text, facts = large["content"]
    assert rest == small["content"][1:3]
    assert not large.get("isError")
    assert (link["type"], link["mimeType"], link["size"]) == ("resource_link", "image/png", 6_000_000)
    assert orjson.loads(facts["text"])["file"] == link["uri"]
    (named,) = re.findall(r"hub://files/\w+", text["text"])
    whole = await hub.gateway.read_resource(me, named, Silence())
    assert whole["contents"][0]["text"] == "rain " * 60_000
    assert len(text["text"]) < 140_000
    kept = await call(hub, "hub_read_file", file=link["uri"])
    assert kept["structuredContent"]["bytes"] == 6_000_000

    # The server promised the form of structured content, and clients hold it to that, but for errors.
    many = await call(hub, "weather_archive", days=10_000)
    assert many["isError"]
    assert "structuredContent" not in many
    items, told = (orjson.loads(one["text"]) for one in many["content"])
    assert "more than can be passed on (140,000)" in items["too_large"]
    assert "This was done. The structured content has" in told["too_large"]
    first = await call(hub, "hub_read_file", file=told["file"])
    assert first["structuredContent"]["text"].startswith('{"result":["rain, later sun","rain')

    with pytest.raises(ReadFailed, match=r"More than can be read at once, kept for an hour: hub://files/\w{32}"):
        await hub.gateway.read_resource(me, "weather+weather://everywhere/now", Silence())


async def test_a_file_is_handed_to_a_relayed_tool_where_its_schema_says_so_and_nowhere_else(begin: Begin) -> None:
    hub = await begin({}, commands={"weather": {"run": [sys.executable, str(OFFICIAL), "stdio"]}})
    me = local_caller()
    await until(hub, lambda: "weather_forward" in tools(hub))
    files = hub.files.files
    png = await files.keep(me.user_id, b"\x89PNG", name="a.png", mime_type="image/png", source=None)
    theirs = await files.keep("b" * 32, b"not yours", name="b.png", mime_type="image/png", source=None)
    note = await files.keep(me.user_id, b"rain on Monday", name="c.txt", mime_type="text/plain", source=None)

    done = await call(hub, "weather_forward", chart=note.uri, page=note.uri, photos=[png.uri, "data:,x"], note=note.uri)
    got = done["structuredContent"]
    assert got["chart"] == "rain on Monday"
    assert got["page"].startswith(f"http://localhost:8080/files/{note.id}?t=")
    assert got["photos"] == [f"data:image/png;base64,{b64encode(await files.read(png)).decode()}", "data:,x"]
    assert got["note"] == note.uri, "a text that is no file to the server stays as it is"
    plain = await call(hub, "weather_forward", chart="cmFpbg==", page="https://example.com/")
    assert plain["structuredContent"] == {"chart": "rain", "page": "https://example.com/", "photos": [], "note": ""}

    for wrong, told in ((theirs, "There is no file"), (note, "photos: c.txt is of the type text/plain")):
        refused = await call(hub, "weather_forward", chart="cmFpbg==", photos=[wrong.uri])
        assert refused["isError"]
        assert told in refused["content"][0]["text"]
    long = await call(hub, "weather_forward", chart="cmFpbg==", photos=["data:," + "x" * 200])
    assert "longer than 40" in long["content"][0]["text"]
