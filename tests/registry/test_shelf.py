"""What a start finds of the last one's work: the same connectors, sooner; and nothing that is not the hub's own."""

from pathlib import Path

import orjson
import pytest

from hub.registry import Catalog, Registry, Shelf
from hub.registry.shelf import KeptTools
from hub.sdk.request import Call
from hub.seal import KEY_BYTES, KeyRing
from tests.registry.conftest import Folder, RegistryOf

RING = KeyRing([b"k" * KEY_BYTES])

WHOLE = """
    title: Whole
    description: All that a declaration may have.
    base_url: https://{settings.site}.example.org/v1
    headers: {Accept: application/json}
    instructions: Ask for the whole.
    settings:
      site: {description: The site., pattern: "[a-z]+", host: true}
    errors: [{when: {status: 200, body: "ok == `false`"}, is: tool_error, message: error}]
    tools:
      find:
        effect: read
        description: Finds parts of the whole by their words.
        input: {words: {type: string, description: Words., lookup: list_kinds}}
        required: [words]
        request: {path: /find, query: {q: "{words}"}}
        pagination: {style: cursor, items: results, next: after, send: after, size: {send: size, default: 5, max: 50}}
        fields: {id: id, at: {path: created, as: iso}}
        renamed_from: [search]
      list_kinds: {effect: read, description: Lists the kinds there are., request: {path: /kinds}, items: kinds}
      change:
        effect: write
        summary: "Change {id}"
        description: Changes one part of the whole.
        input: {id: {type: integer, description: Its number., minimum: 1}}
        required: [id]
        request: {method: PUT, path: "/parts/{id}", body: {id: "{id}"}}
        timeout: 1.5
    resources:
      "whole://{id}": {name: part, request: {path: "/parts/{id}"}}
    prompts:
      tell: {text: "Tell {what}.", arguments: {what: {description: Of what.}}}
"""


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return tmp_path / "data" / "cache" / "connectors"


async def filled(registry: Registry) -> Catalog:
    """The catalog of a registry that has put away what it compiled."""
    catalog = await registry.load()
    await registry.fill_shelf()
    return catalog


def listed(catalog: Catalog) -> bytes:
    """All that clients are listed, and all else the catalog tells without using a tool."""
    lists = (catalog.listed_tools, catalog.listed_resources, catalog.listed_templates, catalog.listed_prompts)
    old = sorted(name for name, entry in catalog.tools.items() if not entry.listed)
    rest = [
        (one.name, one.state, one.warnings, one.compiled and one.compiled.title) for one in catalog.connectors.values()
    ]
    return orjson.dumps((lists, old, rest))


def from_shelf(catalog: Catalog, name: str) -> bool:
    """Whether a connector was taken from the shelf."""
    compiled = catalog.connectors[name].compiled
    return compiled is not None and isinstance(compiled.tools, KeptTools)


async def test_the_next_start_lists_exactly_what_the_first_did(
    folder: Folder, registry_of: RegistryOf, shelf: Path
) -> None:
    folder.write("whole.yaml", WHOLE)
    folder.yaml("plain.yaml")
    folder.python("code.py")
    first = await filled(registry_of(folder, shelf=Shelf(shelf, RING)))
    following = await registry_of(folder, shelf=Shelf(shelf, RING)).load()
    assert listed(following) == listed(first)
    assert [from_shelf(following, name) for name in ("whole", "plain", "code")] == [True, True, False]


async def test_a_tool_from_the_shelf_is_the_tool_it_was(folder: Folder, registry_of: RegistryOf, shelf: Path) -> None:
    folder.write("whole.yaml", WHOLE)
    first = await filled(registry_of(folder, shelf=Shelf(shelf, RING)))
    following = await registry_of(folder, shelf=Shelf(shelf, RING)).load()
    for name in ("whole_find", "whole_search", "whole_change"):
        one, other = first.tools[name].tool, following.tools[name].tool
        assert isinstance(one.run, Call)
        assert isinstance(other.run, Call)
        assert (one.input, one.output, one.effect, one.timeout) == (
            other.input,
            other.output,
            other.effect,
            other.timeout,
        )
        assert (one.summary, one.lookups, one.run.path) == (other.summary, other.lookups, other.run.path)
        assert (one.run.query, one.run.paging is None) == (other.run.query, other.run.paging is None)
        assert not other.validator.is_valid({"other": 1})
    compiled = following.connectors["whole"].compiled
    assert compiled is not None
    assert compiled.reading.rules
    assert compiled.settings["site"].host
    assert compiled.instructions == "Ask for the whole."


async def test_an_edited_connector_is_read_anew(folder: Folder, registry_of: RegistryOf, shelf: Path) -> None:
    folder.yaml("app.yaml", "Before")
    await filled(registry_of(folder, shelf=Shelf(shelf, RING)))
    folder.yaml("app.yaml", "After")
    catalog = await registry_of(folder, shelf=Shelf(shelf, RING)).load()
    compiled = catalog.connectors["app"].compiled
    assert compiled is not None
    assert compiled.title == "After"
    assert not from_shelf(catalog, "app")


async def test_a_connector_that_does_not_load_is_refused_at_each_start(
    folder: Folder, registry_of: RegistryOf, shelf: Path
) -> None:
    folder.write("app.yaml", "title: One\ntools: {look: {effect: sing}}\n")
    for _ in range(2):
        catalog = await filled(registry_of(folder, shelf=Shelf(shelf, RING)))
        assert catalog.connectors["app"].state == "set_aside"
    assert not list(shelf.glob("*")) if shelf.exists() else True


@pytest.mark.parametrize("ring", [RING, KeyRing([b"o" * KEY_BYTES])])
async def test_what_the_hub_did_not_seal_is_not_taken(
    folder: Folder, registry_of: RegistryOf, shelf: Path, ring: KeyRing
) -> None:
    folder.yaml("app.yaml")
    folder.yaml("other.yaml", "Other")
    await filled(registry_of(folder, shelf=Shelf(shelf, ring)))
    if ring is RING:
        # One connector's file in another's place is no better than a stranger's.
        (shelf / "app.sealed").write_bytes((shelf / "other.sealed").read_bytes())
    catalog = await registry_of(folder, shelf=Shelf(shelf, RING)).load()
    assert not from_shelf(catalog, "app")
    assert catalog.listed_tools[0]["name"] == "app_look"


async def test_a_value_json_cannot_hold_keeps_its_connector_off_the_shelf(
    folder: Folder, registry_of: RegistryOf, shelf: Path
) -> None:
    folder.write(
        "app.yaml",
        """
        title: One
        base_url: https://api.example.org
        tools:
          look:
            effect: read
            description: Looks at something there.
            input: {most: {type: number, description: At most., maximum: .inf}}
            request: {path: /look, query: {most: "{most}"}}
        """,
    )
    first = await filled(registry_of(folder, shelf=Shelf(shelf, RING)))
    following = await registry_of(folder, shelf=Shelf(shelf, RING)).load()
    assert first.connectors["app"].state == following.connectors["app"].state
    assert not from_shelf(following, "app")


async def test_a_shelf_that_cannot_be_written_costs_only_time(
    folder: Folder, registry_of: RegistryOf, tmp_path: Path
) -> None:
    folder.yaml("app.yaml")
    (tmp_path / "file").write_text("no folder")
    for _ in range(2):
        catalog = await filled(registry_of(folder, shelf=Shelf(tmp_path / "file" / "shelf", RING)))
        assert catalog.connectors["app"].state == "ok"


async def test_the_files_are_the_owners_alone(folder: Folder, registry_of: RegistryOf, shelf: Path) -> None:
    folder.yaml("app.yaml")
    await filled(registry_of(folder, shelf=Shelf(shelf, RING)))
    (file,) = shelf.iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert b"api.example.org" not in file.read_bytes()
