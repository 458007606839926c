"""The page a person uploads a file at, in a real Chromium: the model asks, the person chooses, the model reads."""

from pathlib import Path
from typing import Any

from hub.identity import Caller
from hub.sdk.effect import EFFECTS
from hub.sdk.talk import Silence
from tests.browser.house import IN_BROWSER, House, Person, Sit
from tests.browser.test_looks import faults

pytestmark = IN_BROWSER

NOTE = "Umbrellas: nine, violet.\n"


async def told(house: House, person: Person, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a tool answers this person."""
    caller = Caller(person.id, person.name, None, frozenset(EFFECTS), False)
    answer = await house.hub.gateway.call_tool(caller, tool, arguments, Silence())
    assert not answer.get("isError"), answer
    data: dict[str, Any] = answer["structuredContent"]
    return data


async def test_a_file_is_chosen_sent_told_to_be_kept_and_read_by_the_model(
    house: House, sit: Sit, tmp_path: Path
) -> None:
    person = await house.person("fatima")
    asked = await told(house, person, "hub_upload_file")
    (tmp_path / "stock list.txt").write_text(NOTE, "utf-8")
    seat = await sit()
    await seat.goto(asked["link"])
    assert "as fatima" in await seat.page.inner_text("main")
    found = await faults(seat, "upload")
    await seat.press("Upload")
    assert await seat.heading() == "Upload a file", "the browser itself asks for a file first"
    await seat.page.get_by_label("File").set_input_files(tmp_path / "stock list.txt")
    await seat.press("Upload")
    await seat.page.wait_for_selector("#uploaded")
    assert f"stock list.txt ({len(NOTE)} bytes) is kept for one hour." in await seat.page.inner_text("#uploaded")
    assert asked["file"] in await seat.page.inner_text("main")
    found += await faults(seat, "uploaded")
    assert (await told(house, person, "hub_read_file", file=asked["file"]))["text"] == NOTE

    # A link works once. What is refused before it was read is heard all the same, however much is still to come.
    (tmp_path / "large.bin").write_bytes(bytes(8_000_000))
    await seat.goto(asked["link"])
    await seat.page.get_by_label("File").set_input_files(tmp_path / "large.bin")
    await seat.press("Upload")
    await seat.page.wait_for_selector("[role=alert]")
    assert "used already" in await seat.page.inner_text("[role=alert]")
    found += await faults(seat, "upload-refused")
    assert found == []
    assert (await told(house, person, "hub_read_file", file=asked["file"]))["text"] == NOTE
