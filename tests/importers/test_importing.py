"""``hub import`` on the command line: made, loaded, read again, held, agreed to; and what hostile places come to."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner, Result

from hub.cli.program import app
from tests.importers.small import openapi, operation

Hub = Callable[..., Result]


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """Runs ``hub`` with a configuration of its own, whose connectors are in ``connectors/``."""
    config = tmp_path / "config.yaml"
    config.write_text("data_dir: data\nconnectors: {shipped: false, paths: [connectors]}\n")
    return lambda *words: CliRunner().invoke(app, ["--config", str(config), *words], prog_name="hub")


def written(folder: Path, document: Any, name: str = "api.json") -> str:
    """A description's file, as its path."""
    file = folder / name
    file.write_bytes(document if isinstance(document, bytes) else orjson.dumps(document))
    return str(file)


def shop(**more: Any) -> dict[str, Any]:
    """An API with thirty operations."""
    paths: dict[str, Any] = {}
    for number in range(15):
        paths[f"/things{number}"] = {
            "get": operation(operationId=f"listThings{number}", tags=["things"]),
            "post": operation(operationId=f"createThing{number}", tags=["Making"]),
        }
    return openapi(paths, servers=[{"url": "https://api.example.com/v1"}], **more)


def listed(hub: Hub) -> dict[str, Any]:
    """The one connector as ``hub list --json`` tells of it."""
    (connector,) = orjson.loads(hub("list", "--json").stdout)
    return dict(connector)


def test_an_import_takes_the_twenty_most_useful_operations_and_lists_the_rest(hub: Hub, tmp_path: Path) -> None:
    told = hub("import", "openapi", written(tmp_path, shop()), "--name", "shop")
    assert told.exit_code == 0, told.output
    assert "20 of 30 operations are tools" in told.stdout
    text = (tmp_path / "connectors" / "shop" / "connector.yaml").read_text()
    assert 'base_url: "https://api.example.com/v1"' in text
    assert text.count("\n  - ") == 30
    assert len(listed(hub)["tools"]) == 20


def test_an_api_whose_address_depends_on_the_account_goes_where_its_provider_says(hub: Hub, tmp_path: Path) -> None:
    shipped = Path(__file__).resolve().parents[2] / "connectors" / "atlassian"
    shutil.copytree(shipped, tmp_path / "connectors" / "atlassian")
    file = written(tmp_path, shop())
    done = hub("import", "openapi", file, "--name", "shop", "--provider", "atlassian", "--base-url", "{base.jira}/v1")
    assert done.exit_code == 0, done.output
    assert (listed(hub)["state"], len(listed(hub)["tools"])) == ("ok", 20)
    own = tmp_path / "connectors" / "shop" / "connector.yaml"
    own.write_text(own.read_text().replace("{base.jira}", "{base.mail}"))
    assert "there are: {base.confluence}, {base.jira}" in listed(hub)["reason"]


def test_what_is_taken_is_chosen_by_tag_glob_and_effect(hub: Hub, tmp_path: Path) -> None:
    file = written(tmp_path, shop())
    for name, words, count in (
        ("by_tag", ["--include", "making"], 15),
        ("by_glob", ["--include", "list_things1*"], 6),
        ("left", ["--all", "--exclude", "POST *"], 15),
        ("reads", ["--all", "--read-only"], 15),
        ("whole", ["--all"], 30),
    ):
        told = hub("import", "openapi", file, "--name", name, *words)
        assert told.exit_code == 0, told.output
        assert f"{count} of 30 operations are tools" in told.stdout
    nothing = hub("import", "openapi", file, "--name", "nothing", "--include", "billing")
    assert nothing.exit_code == 1
    assert "tags are: Making, things" in nothing.stderr
    assert not (tmp_path / "connectors" / "nothing").exists()


def test_an_import_never_writes_over_a_connector(hub: Hub, tmp_path: Path) -> None:
    file = written(tmp_path, shop())
    assert hub("import", "openapi", file, "--name", "shop").exit_code == 0
    again = hub("import", "openapi", file, "--name", "shop")
    assert again.exit_code == 1
    assert "hub import again shop" in again.stderr


def test_a_description_read_again_that_names_another_server_is_held_until_an_admin_agrees(
    hub: Hub, tmp_path: Path
) -> None:
    file = written(tmp_path, shop())
    hub("import", "openapi", file, "--name", "shop")
    moved = {**shop(), "servers": [{"url": "https://evil.example.net"}]}
    written(tmp_path, moved)
    told = hub("import", "again", "shop")
    assert told.exit_code == 0, told.output
    assert "servers: + https://evil.example.net" in told.stdout
    held = listed(hub)
    assert (held["state"], held["tools"]) == ("held", [])
    assert "hub import agree shop" in held["reason"]
    assert "held back" in hub("list").stdout
    assert "servers: + https://evil.example.net" in hub("import", "agree", "shop").stdout
    agreed = listed(hub)
    assert agreed["state"] == "ok"
    assert 'base_url: "https://api.example.com/v1"' in (tmp_path / "connectors" / "shop" / "connector.yaml").read_text()


def test_a_description_read_again_that_signs_in_otherwise_is_held(hub: Hub, tmp_path: Path) -> None:
    file = written(tmp_path, shop())
    hub("import", "openapi", file, "--name", "shop")
    written(
        tmp_path, shop(components={"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}})
    )
    hub("import", "again", "shop")
    assert "auth: + key: apiKey header X-Key" in listed(hub)["reason"]


def test_new_and_gone_operations_are_told_and_do_not_hold_a_connector(hub: Hub, tmp_path: Path) -> None:
    file = written(tmp_path, shop())
    hub("import", "openapi", file, "--name", "shop", "--all")
    document = shop()
    document["paths"]["/new"] = document["paths"].pop("/things3")
    written(tmp_path, document)
    told = hub("import", "again", "shop").stdout
    assert "new: GET /new" in told
    assert "gone: POST /things3" in told
    assert listed(hub)["state"] == "ok"


def test_overrides_say_it_better_and_pin_what_is_always_the_same(hub: Hub, tmp_path: Path) -> None:
    parameters = [
        {"name": "q", "in": "query", "schema": {"type": "string"}},
        {"name": "lang", "in": "query", "schema": {"type": "string"}},
    ]
    document = openapi(
        {"/find": {"get": operation(operationId="find", parameters=parameters)}}, servers=[{"url": "https://a.example"}]
    )
    hub("import", "openapi", written(tmp_path, document), "--name", "shop")
    file = tmp_path / "connectors" / "shop" / "connector.yaml"
    own = "{name: find_words, description: Finds words quickly., pinned: {lang: en}, fields: {id: id}}"
    better = f"overrides:\n  find: {own}\n"
    file.write_text(file.read_text().replace("overrides: {}\n", better))
    (tool,) = listed(hub)["tools"]
    assert (tool["name"], tool["description"]) == ("shop_find_words", "Finds words quickly.")
    assert list(tool["input_schema"]["properties"]) == ["q"]
    assert list(tool["output_schema"]["properties"]) == ["id"]


def test_a_description_in_several_files_becomes_one_and_reads_nothing_outside_its_folder(
    hub: Hub, tmp_path: Path
) -> None:
    folder = tmp_path / "apis"
    (folder / "parts").mkdir(parents=True)
    (tmp_path / "secret.yaml").write_text("type: object\nproperties: {password: {type: string}}\n")
    (folder / "parts" / "paths.yaml").write_text(
        "things:\n  get:\n    operationId: listThings\n    parameters: [{$ref: 'parameters.yaml#/limit'}]\n"
        "    requestBody: {content: {application/json: {schema: {$ref: '../../secret.yaml'}}}}\n"
        "    responses: {200: {description: ok}}\n"
    )
    (folder / "parts" / "parameters.yaml").write_text("limit: {name: size, in: query, schema: {type: integer}}\n")
    (folder / "api.yaml").write_text(
        "openapi: 3.0.3\ninfo: {title: T, version: '1'}\nservers: [{url: https://a.example}]\n"
        "paths: {/things: {$ref: 'parts/paths.yaml#/things'}}\n"
    )
    told = hub("import", "openapi", str(folder / "api.yaml"), "--name", "shop")
    assert told.exit_code == 0, told.output
    assert "which was not read" in told.stdout
    assert "password" not in (tmp_path / "connectors" / "shop" / "description.json").read_text()
    assert "size" in listed(hub)["tools"][0]["input_schema"]["properties"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/api.json", "http://169.254.169.254/latest", "http://[::1]:9/x", "http://10.0.0.1/x"]
)
def test_a_description_on_a_private_address_is_not_fetched(hub: Hub, url: str) -> None:
    told = hub("import", "openapi", url, "--name", "shop")
    assert told.exit_code == 1
    assert "network.allow_private.shop" in told.stderr or "may not reach" in told.stderr


BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [*a{n - 1},*a{n - 1},*a{n - 1},*a{n - 1},*a{n - 1},*a{n - 1},*a{n - 1},*a{n - 1}]\n"
    for n in range(1, 30)
)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested more than"),
        (b"[" * 10_000 + b"]" * 10_000, "nested more than"),
        (b"- " * 10_000, "nested more than"),
        (BOMB.encode(), "aliases that stand for more than"),
        (b"a: &a [*a]", "names nothing that is complete"),
        (b"\x1f\x8b not gzip", "not a whole gzip file"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (b"just words", "mapping of keys"),
        (b"{}", "neither OpenAPI 3 nor Swagger 2.0"),
        (b'{"discoveryVersion": "v1"}', "hub import discovery"),
    ],
    ids=["deep", "deep list", "deep yaml", "bomb", "itself", "gzip", "bytes", "words", "empty", "discovery"],
)
def test_a_hostile_or_foreign_document_is_refused_in_one_line(hub: Hub, tmp_path: Path, data: bytes, told: str) -> None:
    result = hub("import", "openapi", written(tmp_path, data), "--name", "shop")
    assert result.exit_code == 1
    assert told in result.stderr
    assert len(result.stderr) < 1_000


def test_a_document_of_two_hundred_megabytes_is_refused_unread(hub: Hub, tmp_path: Path) -> None:
    file = tmp_path / "huge.json"
    with file.open("wb") as sparse:
        sparse.truncate(200_000_000)
    result = hub("import", "openapi", str(file), "--name", "shop")
    assert result.exit_code == 1
    assert "a description has at most" in result.stderr


@pytest.mark.parametrize("path", ["/a/../admin", "/{}", "/a/{b", "/./x"])
def test_an_operation_whose_path_is_no_template_is_left_out_and_the_others_stay(
    hub: Hub, tmp_path: Path, path: str
) -> None:
    document = openapi(
        {path: {"get": operation()}, "/good": {"get": operation(operationId="good")}},
        servers=[{"url": "https://a.example"}],
    )
    told = hub("import", "openapi", written(tmp_path, document), "--name", "shop")
    assert "1 of 2 operations are tools" in told.stdout
    assert f"Left out: 1.\n  GET {path}: its path" in told.stdout


def test_a_described_connector_keeps_its_description_in_its_own_folder(hub: Hub, tmp_path: Path) -> None:
    hub("import", "openapi", written(tmp_path, shop()), "--name", "shop")
    file = tmp_path / "connectors" / "shop" / "connector.yaml"
    file.write_text(file.read_text().replace("file: description.json", 'file: "../../api.json"'))
    assert "in the connector's own folder" in listed(hub)["reason"]


def test_variables_of_a_server_become_settings_and_a_missing_server_is_asked_for(hub: Hub, tmp_path: Path) -> None:
    server = {
        "url": "https://{tenant}.example.com/{version}",
        "variables": {"tenant": {"default": "demo"}, "version": {"default": "v2", "enum": ["v1", "v2"]}},
    }
    document = {**shop(), "servers": [server]}
    hub("import", "openapi", written(tmp_path, document), "--name", "shop")
    text = (tmp_path / "connectors" / "shop" / "connector.yaml").read_text()
    assert 'base_url: "https://{settings.tenant}.example.com/{settings.version}"' in text
    assert '"default":"demo"' in text
    document = {key: value for key, value in shop().items() if key != "servers"}
    hub("import", "openapi", written(tmp_path, document), "--name", "nowhere")
    assert "https://{settings.address}" in (tmp_path / "connectors" / "nowhere" / "connector.yaml").read_text()
