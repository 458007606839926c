"""``hub list``, ``check``, ``new`` and ``schema``: connectors as their authors and operators see them."""

from pathlib import Path
from typing import Any, Protocol

import jsonschema_rs
import orjson
import pytest
from typer.testing import Result

from hub import yaml
from hub.registry.places import shipped_folder

ROOT = Path(__file__).resolve().parents[2]


class House(Protocol):
    """See conftest.py."""

    folder: Path
    connectors: Path

    def configure(self, more: str = "") -> None: ...

    def hub(self, *words: str) -> Result: ...


BROKEN = "title: Broken\nbase_url: https://app.example\ntools:\n  get:\n    efect: read\n    request: {path: /a}\n"


def test_every_connector_is_listed_with_state_reason_and_tools(tickets: House) -> None:
    (tickets.connectors / "broken.yaml").write_text(BROKEN)
    listed = tickets.hub("list")
    assert listed.exit_code == 0
    assert "tickets  [ok]  Tickets\n    tickets_find, tickets_add" in listed.stdout
    assert "broken  [set aside]\n    broken.yaml:4: tools.get.effect: is required\n    broken.yaml:5: " in listed.stdout


def test_the_list_as_json_holds_all_that_there_is_to_know(tickets: House) -> None:
    (tickets.connectors / "broken.yaml").write_text(BROKEN)
    tickets.configure("connectors: {shipped: false, paths: [connectors], disabled: [other]}")
    (tickets.connectors / "other.yaml").write_text("title: Other\n")
    (tickets.connectors / "noisy.py").write_text(
        "print('hello')\nfrom hub.sdk import Connector\nconnector = Connector(title='N')\n"
    )
    told = {one["name"]: one for one in orjson.loads(tickets.hub("list", "--json").stdout)}
    assert {name: one["state"] for name, one in told.items()} == {
        "broken": "set_aside",
        "noisy": "ok",
        "other": "disabled",
        "tickets": "ok",
    }
    assert "broken.yaml:5" in told["broken"]["reason"]
    assert told["tickets"]["reason"] is None
    find, add = told["tickets"]["tools"]
    assert find["name"] == "tickets_find"
    assert find["description"] == "Find tickets by words."
    assert find["input_schema"]["required"] == ["query"]
    assert find["output_schema"]["properties"]["items"]["type"] == "array"
    assert find["annotations"]["readOnlyHint"] is True
    assert (find["effect"], add["effect"]) == ("read", "write")


def test_a_hub_without_connectors_says_how_to_get_one(house: House) -> None:
    assert house.hub("list").stdout == "There are no connectors. Make one: hub new NAME\n"


@pytest.mark.parametrize("kind", [[], ["--yaml"], ["--python"]])
def test_a_new_connector_passes_its_check_and_is_served(house: House, kind: list[str]) -> None:
    made = house.hub("new", "my_days", *kind, "--into", str(house.connectors))
    assert made.exit_code == 0, made.stderr
    folder = house.connectors / "my_days"
    assert f"hub check {folder}" in made.stdout
    assert (folder / ("__init__.py" if kind == ["--python"] else "connector.yaml")).exists()
    assert "my_days_list_holidays" in (folder / "README.md").read_text()
    checked = house.hub("check", str(folder))
    assert checked.exit_code == 0, checked.stdout
    assert checked.stdout.startswith("my_days: ok (tools: 2, recordings: 3)\n")
    assert "warning" not in checked.stdout
    (listed,) = orjson.loads(house.hub("list", "--json").stdout)
    assert [tool["name"] for tool in listed["tools"]] == ["my_days_list_countries", "my_days_list_holidays"]


def test_a_new_connector_never_overwrites(house: House) -> None:
    (house.connectors / "mine.py").write_text("mine")
    refused = house.hub("new", "mine", "--into", str(house.connectors))
    assert refused.exit_code == 1
    assert "mine.py is there already" in refused.stderr
    assert not (house.connectors / "mine").exists()
    assert house.hub("new", "twice", "--into", str(house.connectors)).exit_code == 0
    (house.connectors / "twice" / "connector.yaml").write_text("mine")
    assert house.hub("new", "twice", "--into", str(house.connectors)).exit_code == 1
    assert (house.connectors / "twice" / "connector.yaml").read_text() == "mine"


@pytest.mark.parametrize("name", ["Mine", "x", "hub", "a-b", "../up"])
def test_a_new_connector_needs_a_name_that_one_may_bear(house: House, name: str) -> None:
    refused = house.hub("new", name, "--into", str(house.connectors))
    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: ")
    assert list(house.connectors.iterdir()) == []


def test_new_takes_one_kind(house: House) -> None:
    assert house.hub("new", "mine", "--yaml", "--python").exit_code == 2


def test_checking_a_broken_connector_tells_file_and_line(house: House) -> None:
    folder = house.folder / "elsewhere" / "shop"
    folder.mkdir(parents=True)
    (folder / "connector.yaml").write_text(BROKEN)
    checked = house.hub("check", str(folder))
    assert checked.exit_code == 1
    assert "shop: FAILED" in checked.stdout
    assert (
        "  error: shop/connector.yaml:4: tools.get.effect: is required\n         shop/connector.yaml:5: "
        in checked.stdout
    )
    (folder / "connector.yaml").write_text(BROKEN.replace("efect", "effect") + "    description: Get the thing.\n")
    assert house.hub("check", str(folder)).exit_code == 0
    (folder / "recordings").mkdir()
    (folder / "recordings" / "get.yaml").write_text("source: https://app.example\nexchanges: []\nresult: 1\n")
    checked = house.hub("check", str(folder))
    assert checked.exit_code == 1
    assert "error: recordings/get.yaml:2: request 1 is not recorded" in checked.stdout


def test_checking_python_that_raises_tells_file_and_line(house: House) -> None:
    path = house.folder / "bad.py"
    path.write_text("from hub.sdk import Connector\nconnector = Connector(title=1 / 0)\n")
    checked = house.hub("check", str(path))
    assert checked.exit_code == 1
    assert "error: bad.py:2: ZeroDivisionError: division by zero" in checked.stdout


def test_lints_outside_the_repository_are_warnings(tickets: House) -> None:
    checked = tickets.hub("check")
    assert checked.exit_code == 0
    assert "warning: tool find: there is no recording; add tickets.recordings/find.yaml" in checked.stdout


def test_connectors_are_checked_by_place_and_by_name(tickets: House) -> None:
    tickets.hub("new", "days", "--into", str(tickets.connectors))
    by_place = tickets.hub("check", str(tickets.connectors))
    assert by_place.stdout.count(": ok (") == 2
    assert "checked: 2; recordings: 3; with errors: 0" in by_place.stdout
    by_name = tickets.hub("check", "days")
    assert "checked: 1; recordings: 3; with errors: 0" in by_name.stdout
    unknown = tickets.hub("check", "nights")
    assert unknown.exit_code == 1
    assert "known are: days, tickets" in unknown.stderr


def test_a_folder_without_connectors_is_none(house: House) -> None:
    (house.folder / "empty").mkdir()
    refused = house.hub("check", str(house.folder / "empty"))
    assert refused.exit_code == 1
    assert "is no connector" in refused.stderr


def test_python_where_the_hub_writes_is_not_even_checked(house: House) -> None:
    house.configure("connectors: {shipped: false}")
    written = house.folder / "data" / "connectors"
    written.mkdir(parents=True)
    (written / "sly.py").write_text("import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\n")
    checked = house.hub("check", str(written / "sly.py"))
    assert checked.exit_code == 1
    assert "Python is never loaded from the folder the hub itself writes" in checked.stdout
    assert not (written / "sly.ran").exists()


def schema(house: House, subject: str) -> jsonschema_rs.Validator:
    """A printed schema, compiled."""
    done = house.hub("schema", subject)
    assert done.exit_code == 0
    document: dict[str, Any] = orjson.loads(done.stdout)
    assert f"# yaml-language-server: $schema={subject}.schema.json" in document["$comment"]
    return jsonschema_rs.validator_for(document)


def read(path: Path) -> Any:
    """A YAML file as plain data."""
    return yaml.plain(yaml.load(path.read_text(), path.name))


def test_the_schemas_accept_what_the_hub_accepts(house: House) -> None:
    shipped = shipped_folder()
    assert shipped is not None
    connector, recording, server = (schema(house, one) for one in ("connector", "recording", "server"))
    declared, recorded = sorted(shipped.glob("*/connector.yaml")), sorted(shipped.glob("*/recordings/*.yaml"))
    assert declared
    assert recorded
    servers = [path for path in declared if read(path).get("kind") == "mcp"]
    assert servers
    assert [path for path in declared if path not in servers and not connector.is_valid(read(path))] == []
    assert [path for path in servers if not server.is_valid(read(path))] == []
    assert [path for path in recorded if not recording.is_valid(read(path))] == []
    assert schema(house, "config").is_valid(read(ROOT / "config.example.yaml"))


def test_the_schemas_refuse_a_slip_of_the_pen(house: House) -> None:
    assert not schema(house, "connector").is_valid({"title": "A", "tols": {}})
    assert not schema(house, "connector").is_valid({"title": "A", "tools": {"a": {"effect": "reed", "request": {}}}})
    assert not schema(house, "config").is_valid({"lisen": {}})
    assert not schema(house, "recording").is_valid({"source": "https://a", "exchanges": [], "reslt": 1})


def test_an_unknown_schema_names_those_there_are(house: House) -> None:
    done = house.hub("schema", "tool")
    assert done.exit_code == 2
    assert "connector" in done.stderr
