"""docs/writing-connectors.md: every example is loaded and replayed, every key and name of the contract is told of."""

import re
import shlex
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

import hub.sdk
from hub import yaml
from hub.cli.program import app
from hub.files import Limits
from hub.files.given import SMALL
from hub.gateway import completions, results, threads
from hub.gateway import files as gateway_files
from hub.gateway import gateway as calls
from hub.registry import load as loading
from hub.registry import units
from hub.registry.places import shipped_folder
from hub.sdk import convert, declaration, names, response, schema
from hub.sdk.client import Http
from hub.sdk.connector import Connector, ToolDraft
from hub.sdk.context import Context
from hub.sdk.paging import Style
from hub.sdk.provider import declaration as provider
from hub.sdk.provider import steps
from hub.sdk.request import BodyKind
from hub.sdk.tool import EFFECTS
from hub.testing import Recording, check, connectors_at, files_of
from hub.testing import recording as recordings
from hub.upstream import redirects, transport, upstream
from tests.docs.pages import Page, first_cells, placed, tables

PAGE = Page.of("docs/writing-connectors.md")
EXAMPLES = [block for block in PAGE.blocks if block.language in ("yaml", "python")]


def connectors() -> list[str]:
    """The names of the page's connectors, in order."""
    found = [block.words.partition("/")[0].partition(".")[0] for block in EXAMPLES]
    return list(dict.fromkeys(found))


def keys_of(model: type[BaseModel]) -> set[str]:
    """A declaration's keys as an author writes them."""
    return {one.alias or name for name, one in model.model_fields.items()}


def test_every_block_names_the_file_it_is_or_is_a_console() -> None:
    stray = [block.line for block in PAGE.blocks if block.language != "console" and not block.words]
    assert stray == []
    named = [block.words for block in EXAMPLES]
    assert len(named) == len(set(named))
    assert {block.language for block in PAGE.blocks} == {"yaml", "python", "console"}


@pytest.mark.parametrize("name", connectors())
async def test_an_example_loads_without_a_warning_and_does_what_its_recordings_say(name: str, tmp_path: Path) -> None:
    folder = placed(EXAMPLES, tmp_path)
    (path,) = [one for one in connectors_at(folder) if one.stem == name]
    report = await check(path)
    assert report.reason is None
    assert report.problems == ()
    assert report.warnings == ()
    assert report.recordings == len(files_of(path)) > 0


def test_the_page_tells_of_every_style_kind_and_effect_and_shows_them() -> None:
    declared = [yaml.load(block.text, block.words) for block in EXAMPLES if block.words.endswith((".yaml",))]
    tools = [tool for one in declared for tool in one.get("tools", {}).values()]
    assert {tool["effect"] for tool in tools} >= {"read", "write", "send", "destroy"}
    assert {tool["pagination"]["style"] for tool in tools if "pagination" in tool} == set(get_args(Style))
    assert {kind for tool in tools for kind in tool["request"]} >= set(get_args(BodyKind))
    assert first_cells(tables(PAGE.section("Tools"))[1]) == set(EFFECTS)
    assert first_cells(tables(PAGE.section("Errors"))[2]) == set(get_args(response.Kind))
    assert first_cells(tables(PAGE.section("Input"))[1]) == set(convert.SEND_AS) == set(convert.READ_AS)
    assert first_cells(tables(PAGE.section("Pagination"))[2]) == set(get_args(Style))


@pytest.mark.parametrize(
    ("title", "at", "model"),
    [
        ("The connector", 0, declaration.ConnectorDeclaration),
        ("Tools", 0, declaration.ToolDeclaration),
        ("Requests", 0, declaration.RequestDeclaration),
        ("Requests", 1, declaration.GraphQL),
        ("Answers", 1, declaration.FieldDeclaration),
        ("Pagination", 0, declaration.PaginationDeclaration),
        ("Pagination", 1, declaration.SizeDeclaration),
        ("Errors", 0, declaration.ErrorRule),
        ("Errors", 1, declaration.ErrorWhen),
        ("Settings and hosts", 0, declaration.SettingDeclaration),
        ("Resources", 0, declaration.ResourceDeclaration),
        ("Prompts", 0, declaration.PromptDeclaration),
        ("Prompts", 1, declaration.PromptArgumentDeclaration),
        ("Recordings", 0, Recording),
    ],
)
def test_a_table_of_keys_is_that_of_the_declaration(title: str, at: int, model: type[BaseModel]) -> None:
    told = {row[0].strip("`") for row in tables(PAGE.section(title))[at][1:]}
    assert told == keys_of(model)


PROVIDER_TABLES: tuple[type[BaseModel], ...] = (
    provider.ProviderDeclaration, provider.AccountSetting, steps.Who, steps.ProviderRequest, steps.Revoke,
    provider._Way, steps.Signing, steps.Tenants, provider.PastedMethod, provider.PastedField, provider.GrantMethod,
    provider.OAuthMethod, provider.DeviceMethod, steps.Authorize, steps.DeviceCall, steps.TokenCall, steps.Expiry,
    steps.NextCall, provider.Scopes, steps.Refresh, provider.AppCredentials, provider.WrongTurn,
    provider.McpOAuthMethod, provider.ClientCredentialsMethod, provider.JwtBearerMethod, provider.OperatorMethod,
)  # fmt: skip
"""The tables of the section Providers, in order; a class's table has the keys it declares itself."""


def test_every_key_of_a_provider_is_told_of() -> None:
    told = [{row[0].strip("`") for row in table[1:]} for table in tables(PAGE.section("Providers"))]
    declared = [
        {
            one.alias or name
            for name, one in model.model_fields.items()
            if name in vars(model).get("__annotations__", {})
        }
        for model in PROVIDER_TABLES
    ]
    assert told == declared
    assert tables(PAGE.section("Accounts")) == [], "the keys stand in one place"
    shipped = shipped_folder()
    assert shipped is not None
    files = {file.parent.name for file in shipped.glob("*/provider.yaml")}
    (told_of,) = re.findall(r"These ship with the hub[^:]*: (.*?)\.\n", PAGE.section("Providers"), re.DOTALL)
    assert set(re.findall(r"`(\w+)`", told_of)) == files
    known = {one for one in (*vars(provider).values(), *vars(steps).values()) if isinstance(one, type)}
    models = {one for one in known if issubclass(one, BaseModel) and one.__module__.startswith("hub.sdk.provider")}
    assert models - set(PROVIDER_TABLES) == {steps.Strict}


def test_no_declaration_is_without_its_table() -> None:
    models = {
        one
        for one in vars(declaration).values()
        if isinstance(one, type) and issubclass(one, BaseModel) and one.__module__ == declaration.__name__
    }
    assert {one.__name__ for one in models if not one.__name__.startswith("_")} == {
        *("ConnectorDeclaration", "ToolDeclaration", "RequestDeclaration", "GraphQL", "FieldDeclaration"),
        *("PaginationDeclaration", "SizeDeclaration", "ErrorRule", "ErrorWhen", "SettingDeclaration"),
        *("ResourceDeclaration", "PromptDeclaration", "PromptArgumentDeclaration"),
    }


def test_every_name_of_the_sdk_is_told_of_and_used_in_an_example() -> None:
    assert set(hub.sdk.__all__) - PAGE.named == set()
    code = "\n".join(block.text for block in EXAMPLES if block.language == "python")
    # These come to a tool from the hub, or only stand in a type hint; the page's tables tell of them.
    handed = {"Connection", "ConnectionNeeded", "ConnectorError", "Element", "Http", "Reply", "User"}
    assert [name for name in hub.sdk.__all__ if name not in code and name not in handed] == []


def test_everything_a_python_tool_can_use_is_told_of() -> None:
    inner = {"talk", "answers", "announce", "logger", "clock", "relays"}
    context = {name for name in (*Context.__dataclass_fields__, *vars(Context)) if not name.startswith("_")}
    assert context - inner - PAGE.named == set()
    methods = {name for name, one in vars(Http).items() if callable(one) and not name.startswith("_")}
    assert methods - {"call"} - PAGE.named == set()
    assert set(ToolDraft.__dataclass_fields__) - {"function"} - PAGE.named == set()
    assert {name for name in vars(Connector) if not name.startswith("_")} - {"once"} - PAGE.named == set()


def test_every_kind_of_a_recorded_error_is_told_of() -> None:
    assert set(get_args(recordings.ErrorKind)) - PAGE.coded == set()


def test_the_limits_are_those_of_the_code() -> None:
    told = {row[0]: row[1] for row in tables(PAGE.section("Limits"))[0][1:]}
    defaults = declaration.ToolDeclaration.model_fields["timeout"]
    assert told == {
        "one request": f"{defaults.default:g} s, or the tool's `timeout`, at most {upstream.OVERALL:g} s",
        "one call, all its requests and waits": f"{calls.DEADLINE:g} s",
        "one reply's body": f"{transport.MAX_BODY:,} bytes; one that is a file (`reply: file`, "
        "`ctx.http.get(..., largest=)`) `files.max_bytes`",
        "a result, text and structured content together": f"{results.CHARACTERS:,} characters",
        "images and audio of one result, in base64": f"{results.BINARY_CHARACTERS:,} characters; each one above "
        f"{gateway_files.SHOWN_BYTES:,} bytes is kept as a file",
        "one file": f"`files.max_bytes`, {Limits().file:,} bytes; in the call itself (`data`, a `data:` URL) {SMALL:,}",
        "an app's error message": f"{response.MESSAGE_CHARACTERS} characters",
        "a tool's input schema": f"{schema.INPUT_MAX_BYTES:,} bytes",
        "redirects": f"{redirects.MAX_REDIRECTS}, within the connector's hosts",
        "threads of one connector": f"{threads.PLACES}",
        "loading one connector": f"{loading.IMPORT_TIMEOUT:g} s",
        "files of one connector's folder": f"{units.MAX_FILES:,}",
        "one YAML file": f"{yaml.MAX_BYTES:,} bytes",
        "a full name": f"{names.FULL_NAME_MAX} characters, best at most {names.FULL_NAME_GOOD}",
    }
    assert f"At most {completions.VALUES_MAX} values" in PAGE.section("Completions")


def test_the_commands_do_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    for command in [one for block in PAGE.blocks if block.words == "" for one in block.commands]:
        words, _, into = command.partition(" > ")
        done = runner.invoke(app, shlex.split(words)[1:])
        assert done.exit_code == 0, f"{command}\n{done.output}"
        if into:
            Path(into).write_text(done.output)
    assert (tmp_path / "holidays" / "connector.yaml").is_file()
    assert (tmp_path / "holidays_py" / "__init__.py").is_file()
    assert (tmp_path / "connector.schema.json").read_text().startswith("{")
