"""Files in calls: what a tool gives becomes a link, what a tool takes is fetched, and neither is anybody else's."""

import asyncio
import base64
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from hub.errors import HubBusy, ReadFailed, ResourceMissing
from hub.files.files import KEEP
from hub.files.kept import OCTETS
from hub.files.memory import Memory
from hub.gateway.results import CHARACTERS
from hub.sdk.talk import Silence
from tests.files.scene import CSV, PDF, PNG, TEXT, House, opened
from tests.upstream.test_trust import Authority

KIND = "text/plain; charset=utf-8"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# -- what tools give --------------------------------------------------------------------------------------------


async def test_a_binary_answer_is_a_link_with_all_that_model_person_and_program_need(house: House) -> None:
    answer = await house.call("papers_get_report")
    link, text = answer["content"]
    told = answer["structuredContent"]
    assert link == {
        "type": "resource_link", "uri": told["file"], "name": "Jahres bericht.pdf", "mimeType": "application/pdf",
        "size": len(PDF),
    }  # fmt: skip
    assert orjson.loads(text["text"]) == told
    assert (told["name"], told["mime_type"], told["bytes"]) == ("Jahres bericht.pdf", "application/pdf", len(PDF))
    read = await house.hub.gateway.read_resource(house.ada, told["file"], Silence())
    (contents,) = read["contents"]
    assert (contents["uri"], contents["mimeType"]) == (told["file"], "application/pdf")
    assert base64.b64decode(contents["blob"]) == PDF
    async with house.curl.get(house.here(told["download"])) as reply:
        assert await reply.read() == PDF


async def test_a_short_text_stays_in_the_answer(house: House) -> None:
    answer = await house.call("papers_get_note")
    assert answer["content"] == [
        {"type": "resource", "resource": {"uri": "file:///note.txt", "mimeType": KIND, "text": "a short note"}}
    ]


async def test_a_small_picture_is_seen_and_kept(house: House) -> None:
    image, link, _ = (await house.call("papers_get_picture"))["content"]
    assert (image["type"], image["mimeType"]) == ("image", "image/png")
    assert base64.b64decode(image["data"]) == PNG
    assert (link["type"], link["name"]) == ("resource_link", "picture.png")


async def test_several_files_of_one_answer_are_each_linked_and_its_facts_stay(house: House) -> None:
    answer = await house.call("desk_pack")
    assert answer["structuredContent"] == {"count": 2}
    kinds = [(one["type"], one.get("name")) for one in answer["content"]]
    assert kinds[:3] == [("text", None), ("resource_link", "b.zip"), ("resource_link", "c.pdf")]
    assert [orjson.loads(one["text"])["name"] for one in answer["content"][3:]] == ["b.zip", "c.pdf"]


async def test_plain_bytes_are_a_file(house: House) -> None:
    assert (await house.told("desk_plain"))["mime_type"] == OCTETS


async def test_an_answer_too_large_for_the_model_is_kept_and_read_in_parts(house: House) -> None:
    told = await house.told("papers_list_rows")
    assert "more than can be passed on" in told["too_large"]
    whole, offset = "", 0
    for _ in range(20):
        part = await house.told("hub_read_file", file=told["file"], offset=offset)
        whole += part["text"]
        if "next_offset" not in part:
            break
        offset = part["next_offset"]
    assert len(orjson.loads(whole)["items"]) == 3000
    changed = await house.told("papers_change_rows")
    assert changed["too_large"].startswith("This was done. Its answer has")


async def test_a_long_text_is_cut_and_the_rest_can_be_read(house: House) -> None:
    (block,) = (await house.call("papers_read_text"))["content"]
    assert len(block["text"]) <= CHARACTERS
    shown, _, note = block["text"].partition("\n\n[Cut here: ")
    file, offset = note.partition("hub://files/")[2][:32], int(note.partition("offset ")[2].partition(" ")[0])
    part = await house.told("hub_read_file", file=f"hub://files/{file}", offset=offset)
    assert TEXT.startswith(shown + part["text"])


async def test_a_table_is_read_in_whole_characters_wherever_a_part_begins(house: House) -> None:
    told = await house.told("papers_get_table")
    text, offset = "", 0
    while True:
        part = await house.told("hub_read_file", file=told["file"], offset=offset)
        text += part["text"]
        if "next_offset" not in part:
            break
        offset = part["next_offset"]
    assert text == CSV.decode()
    inside = CSV.index("ö".encode()) + 1
    assert (await house.told("hub_read_file", file=told["file"], offset=inside))["text"].startswith("ße 0\n")


async def test_a_picture_is_seen_and_a_pdf_is_told_of(house: House) -> None:
    link = (await house.told("hub_upload_file", name="cat.png"))["link"]
    async with house.curl.put(house.here(link), data=PNG, headers={"Content-Type": "image/png"}) as reply:
        picture = (await reply.json())["file"]
    image, text = (await house.call("hub_read_file", file=picture))["content"]
    assert base64.b64decode(image["data"]) == PNG
    assert text["text"].startswith(house.hub.config.public_url)
    report = (await house.told("papers_get_report"))["file"]
    assert "text" not in await house.told("hub_read_file", file=report)


async def test_a_file_above_the_limit_is_not_taken_from_the_app(house: House) -> None:
    assert "at most 1 MB can be read" in await house.refused("papers_get_huge")


async def test_a_file_too_large_to_be_read_at_once_says_how_else(house: House) -> None:
    file = (await house.told("papers_get_table"))["file"]
    with pytest.raises(ReadFailed, match="hub_read_file, or download it: http"):
        await house.hub.gateway.read_resource(house.ada, file, Silence())


# -- what tools take --------------------------------------------------------------------------------------------


async def kept(house: House) -> str:
    return str((await house.told("papers_get_report"))["file"])


@pytest.mark.parametrize("form", ["own", "object", "https", "data", "base64", "text"])
async def test_a_file_is_given_in_every_form_and_arrives_as_it_is(house: House, form: str) -> None:
    given, name, kind, data = {
        "own": (await kept(house), "Jahres bericht.pdf", "application/pdf", PDF),
        "object": ({"url": await kept(house), "name": "b.pdf"}, "b.pdf", "application/pdf", PDF),
        "https": (f"{house.secure}/picture.png?size=1", "picture.png", "image/png", PNG),
        "data": (
            "data:text/csv;name=t%C3%A4.csv;base64," + base64.b64encode(b"1,2").decode(), "tä.csv", "text/csv", b"1,2"
        ),
        "base64": (
            {"data": base64.b64encode(PNG).decode(), "name": "x", "mime_type": "image/png"}, "x", "image/png", PNG
        ),
        "text": ({"text": "Größe", "name": "n.md"}, "n.md", "text/markdown", "Größe".encode()),
    }[form]  # fmt: skip
    await house.told("papers_send_form", note="hello", file=given, more=[given, "data:,plain%20words"])
    note, first, second, third = house.app.got[-4:]
    assert (note["name"], note["filename"], note["sha"]) == ("note", None, sha(b"hello"))
    assert first == {"name": "upload", "filename": name, "type": kind, "sha": sha(data)}
    assert second == {**first, "name": "more"}
    assert third == {"name": "more", "filename": "file.txt", "type": "text/plain", "sha": sha(b"plain words")}


async def test_a_raw_body_is_the_file_and_a_json_body_holds_it(house: House) -> None:
    await house.told("papers_send_raw", file=f"{house.secure}/picture.png")
    assert (house.app.got[-1]["type"], house.app.got[-1]["sha"]) == ("image/png", sha(PNG))
    await house.told("papers_send_json", file="data:,abc")
    assert house.app.got[-1]["text"] == '{"content":"YWJj"}'


async def test_a_python_tool_gets_file_objects(house: House) -> None:
    picture = f"{house.secure}/picture.png"
    told = await house.told("desk_measure", file="data:,abc", others=[{"text": "more"}], photo=picture)
    assert told["files"] == [
        ["file.txt", "text/plain", 3, "abc"],
        ["file.txt", "text/plain", 4, "more"],
        ["picture.png", "image/png", len(PNG), PNG[:20].decode("latin-1")],
    ]


async def test_the_schema_tells_how_a_file_is_given_and_what_it_may_be(house: House) -> None:
    tools = {one["name"]: one["inputSchema"]["properties"] for one in house.hub.gateway.list_tools(house.ada)}
    assert tools["papers_send_raw"]["file"]["description"] == (
        "The picture. Give hub://files/<id> (of a tool, or uploaded by hub_upload_file), an https URL, or {name, text}."
        " Types: image/*; at most 2,000 bytes."
    )
    assert tools["desk_measure"]["photo"]["x-file"] == {"accept": ["image/png"], "max_bytes": 1000}
    assert tools["desk_measure"]["others"]["items"]["type"] == ["string", "object"]
    assert {"hub_upload_file", "hub_read_file"} <= set(tools)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("somewhere.txt", "'somewhere.txt' leads to no file. Right would be hub://files/<id>"),
        ("http://127.0.0.2/x", "leads to no file"),
        ("file:///etc/passwd", "leads to no file"),
        ("hub://files/../x", "leads to no file"),
        ({}, "exactly one of url, text and data"),
        ({"url": "data:,x", "text": "y"}, "exactly one of url, text and data"),
        ({"data": "!!"}, "no base64"),
        ({"data": "A" * 1_400_000}, "too much for the call itself"),
        ("data:nonsense", "a data URL is data:<type>;base64,<data>"),
        ("data:," + "x" * 1_000_001, "too much for the call itself"),
        (f"hub://files/{'0' * 32}", "There is no file hub://files/000"),
        ("{secure}/login", "answered HTTP 403. It must be a link that needs no sign-in"),
        ("{secure}/huge", "at most 1 MB can be read"),
        ("{secure}/down", "redirected"),
        ("https://127.0.0.1:9/x", "private"),
        ("https://[::1]/x", "private"),
        ("https://[", "URL"),
        ("https://user:secret@127.0.0.2/x", "file"),
    ],
)
async def test_what_is_no_file_is_refused_with_what_would_be_right(house: House, given: Any, told: str) -> None:
    if isinstance(given, str):
        given = given.replace("{secure}", house.secure)
    wrong = await house.refused("papers_send_form", file=given)
    assert told in wrong
    assert "secret" not in wrong
    assert house.app.got == []


async def test_type_and_size_are_checked_before_anything_is_sent(house: House) -> None:
    wrong = await house.refused("papers_send_raw", file="data:,words")
    assert wrong == "file: file.txt is of the type text/plain. Types: image/*; at most 2,000 bytes."
    assert "at most 2 kB" in await house.refused("papers_send_raw", file={"url": await kept(house)})
    assert house.app.got == []


async def test_a_link_is_followed_to_another_place_and_carries_nothing_of_anybody(house: House) -> None:
    await house.told("papers_send_form", file=f"{house.secure}/onward")
    assert house.app.got[-1]["sha"] == sha(PNG)
    sent = " ".join(house.app.headers).lower()
    assert "cookie" not in sent
    assert "authorization" not in sent


async def test_what_the_operator_opened_for_a_connector_is_not_open_for_links(house: House) -> None:
    plain = next(iter(house.hub.config.network.allow_private["papers"]))
    assert "private" in await house.refused("papers_send_form", file=f"https://{plain}/report")


# -- whose they are ---------------------------------------------------------------------------------------------


async def test_another_user_cannot_give_read_or_fetch_a_file(house: House) -> None:
    file = await kept(house)
    none = (await house.refused("papers_send_form", house.ben, file=f"hub://files/{'0' * 32}")).replace("0" * 32, "")
    for tool in ("papers_send_form", "hub_read_file"):
        wrong = await house.refused(tool, house.ben, file=file)
        assert wrong.replace(file.removeprefix("hub://files/"), "").replace("file: ", "") == none.replace("file: ", "")
    with pytest.raises(ResourceMissing):
        await house.hub.gateway.read_resource(house.ben, file, Silence())
    assert house.app.got == []


async def test_a_profile_without_the_tool_has_none_of_its_files(house: House) -> None:
    file = await kept(house)
    narrow = replace(house.ada, profile=house.hub.oauth.profiles["desks"])
    for tool in ("desk_measure", "hub_read_file"):
        assert "not part of the profile desks" in await house.refused(tool, narrow, file=file)
    with pytest.raises(Exception, match="not part of the profile desks"):
        await house.hub.gateway.read_resource(narrow, file, Silence())
    own = (await house.told("desk_plain", narrow))["file"]
    assert (await house.told("desk_measure", narrow, file=own))["files"][0][2] == 2
    id = (await house.told("hub_upload_file"))["link"]
    async with house.curl.put(house.here(id), data=b"mine") as reply:
        uploaded = (await reply.json())["file"]
    assert (await house.told("desk_measure", narrow, file=uploaded))["files"][0][2] == 4


async def test_after_an_hour_a_file_is_nobodys(house: House) -> None:
    file = await kept(house)
    house.clock.advance(KEEP)
    assert "its hour is over" in await house.refused("papers_send_form", file=file)
    with pytest.raises(ResourceMissing):
        await house.hub.gateway.read_resource(house.ada, file, Silence())


async def test_a_user_whose_room_is_used_up_is_told_when_there_is_some_again(house: House) -> None:
    for _ in range(9):
        await kept(house)
    wrong = await house.refused("papers_get_report")
    told = f"The answer is a file of {len(PDF):,} bytes, more than can be passed on: The user's files take"
    assert wrong.startswith(told)
    assert "UTC" in wrong


async def test_where_nobody_signs_in_files_work_the_same(tmp_path: Path, authority: Authority) -> None:
    async with opened(tmp_path, authority, mode="none") as house:
        told = await house.told("papers_get_report")
        async with house.curl.get(house.here(told["download"])) as reply:
            assert await reply.read() == PDF
        link = (await house.told("hub_upload_file"))["link"]
        async with house.curl.get(house.here(link), headers={"Accept": "text/html"}) as page:
            assert "<h1>Upload a file</h1>" in await page.text()


# -- memory -----------------------------------------------------------------------------------------------------


async def test_calls_wait_for_room_in_memory_in_their_order_and_not_for_ever() -> None:
    memory = Memory(100, patience=0.05)
    await memory.take(80)
    with pytest.raises(HubBusy):
        await memory.take(30)
    waiting = [asyncio.create_task(memory.take(size)) for size in (90, 10)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    memory.give(80)
    await waiting[1]
    assert memory.held == 10
    memory.give(10)
    await memory.take(500)
    assert memory.held == 500
    memory.give(500)


async def test_no_call_leaves_memory_taken(house: House) -> None:
    await house.told("papers_send_form", file=await kept(house), more=["data:,x", f"{house.secure}/picture.png"])
    await house.refused("papers_send_form", file="nothing")
    await house.refused("papers_send_raw", file=f"{house.secure}/login")
    assert house.hub.files.memory.held == 0
