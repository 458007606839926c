"""``hub pin``, as an operator types it."""

import orjson
import pytest

from hub.servers import Pins
from tests.cli.conftest import House

WEATHER = "kind: mcp\ntitle: Weather\nurl: https://mcp.weather.example/mcp\n"
TOOL = {
    "name": "look",
    "description": "Looks.",
    "inputSchema": {"type": "object"},
    "annotations": {"readOnlyHint": True},
}


@pytest.fixture
def pins(house: House) -> Pins:
    """A server that has said one thing, then another with an escape sequence in it."""
    (house.connectors / "weather.yaml").write_text(WEATHER)
    made = Pins(house.folder / "data" / "servers")
    address = "https://mcp.weather.example/mcp"
    made.took("weather", address, {"tools": [TOOL]}, 1.0)
    made.took("weather", address, {"tools": [{**TOOL, "description": "\x1b[2JSends."}]}, 2.0)
    return made


def test_what_waits_is_listed_shown_and_accepted(house: House, pins: Pins) -> None:
    assert "1 changes wait: hub pin diff weather" in house.hub("pin", "list").output
    assert "hub pin diff weather" in house.hub("list").output
    shown = house.hub("pin", "diff", "weather").output
    assert "~ tool look" in shown
    assert '- "Looks."' in shown
    assert "\x1b" not in shown
    mark = shown.rpartition("--seen ")[2].strip()
    assert "has changed again" in house.hub("pin", "accept", "weather", "--seen", "0" * 16).output
    accepted = house.hub("pin", "accept", "weather", "--effect", "look=send", "--seen", mark)
    assert "1 changes, 1 classes" in accepted.output
    told = orjson.loads(house.hub("pin", "list", "--json").output)["weather"]
    assert told["waiting"] == []
    assert told["effects"] == {"look": "send"}
    (listed,) = orjson.loads(house.hub("list", "--json").output)
    assert [one["effect"] for one in listed["tools"]] == ["send"]


def test_the_classes_a_server_claims_can_be_accepted_together(house: House, pins: Pins) -> None:
    assert house.hub("pin", "accept", "weather", "--claimed").exit_code == 0
    (listed,) = orjson.loads(house.hub("list", "--json").output)
    assert [one["effect"] for one in listed["tools"]] == ["read"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("accept", "other"), "No server of 'other' has answered yet"),
        (("diff", "other"), "No server of 'other' has answered yet"),
        (("accept", "weather", "--effect", "look"), "write TOOL=EFFECT"),
        (("accept", "weather", "--effect", "look=harmless"), "'harmless' is not a class"),
        (("accept", "weather", "--effect", "none=read"), "weather has no tool none; it has look"),
    ],
)
def test_what_is_wrong_is_said(words: tuple[str, ...], told: str, house: House, pins: Pins) -> None:
    refused = house.hub("pin", *words)
    assert refused.exit_code == 1
    assert told in refused.output
    assert len(pins.waiting("weather")) == 1


def test_a_server_that_moved_is_forgotten_on_request(house: House, pins: Pins) -> None:
    (house.connectors / "weather.yaml").write_text(WEATHER.replace("mcp.weather", "mcp2.weather"))
    assert "hub pin accept weather --moved" in house.hub("list").output
    assert "is forgotten" in house.hub("pin", "accept", "weather", "--moved").output
    assert pins.get("weather") is None
    assert "has not been asked yet" in house.hub("list").output
