"""Where connectors are found, which forms they have, and which place wins."""

import os
from pathlib import Path
from typing import Any

import pytest

from hub.config.model import ConnectorsConfig
from hub.registry import Registry, places_of


async def test_each_form_of_a_connector_is_found(folder: Any, registry_of: Any) -> None:
    folder.yaml("one.yaml")
    folder.yaml("two.yml")
    folder.python("three.py")
    folder.yaml("four/connector.yaml")
    folder.python("five/__init__.py")
    folder.yaml("six/connector.yaml")
    folder.write("six/__init__.py", "from hub.sdk import Connector\nfrom .more import connector\n")
    folder.write(
        "six/more.py",
        '''
        from hub.sdk import Connector

        connector = Connector.here()


        @connector.tool(effect="read")
        def clever() -> str:
            """Does what the declaration cannot."""
            return "done"
        ''',
    )
    catalog = await registry_of(folder).load()
    assert {name: one.state for name, one in catalog.connectors.items()} == dict.fromkeys(
        ("five", "four", "one", "six", "three", "two"), "ok"
    )
    assert [name for name in catalog.tools if name.startswith("six")] == ["six_look", "six_clever"]


async def test_what_is_not_a_connector_is_passed_over(folder: Any, registry_of: Any) -> None:
    folder.yaml("good.yaml")
    folder.yaml("_draft.yaml")
    folder.yaml(".hidden.yaml")
    folder.python("_shared/__init__.py")
    folder.write("good.recordings/look.yaml", "arguments: {}")
    folder.write("__pycache__/good.cpython-311.pyc", "x")
    folder.write("README.md", "# Connectors")
    folder.write("google/provider.yaml", "title: Google")
    folder.write("google/provider.py", "raise SystemExit")
    folder.write("docs/page.txt", "words")
    assert list((await registry_of(folder).load()).connectors) == ["good"]


async def test_a_folder_of_python_without_a_connector_is_set_aside_with_what_it_lacks(
    folder: Any, registry_of: Any
) -> None:
    folder.python("zendesk/main.py")
    loaded = (await registry_of(folder).load()).connectors["zendesk"]
    assert loaded.state == "set_aside"
    assert "neither connector.yaml nor __init__.py" in loaded.reason


@pytest.mark.parametrize("name", ["My-App.yaml", "x.yaml", "hub.py", "9lives.yaml", "a_name_that_is_far_too_long.yaml"])
async def test_a_name_no_connector_may_bear_is_set_aside(folder: Any, registry_of: Any, name: str) -> None:
    folder.yaml(name)
    catalog = await registry_of(folder).load()
    (loaded,) = catalog.connectors.values()
    assert loaded.state == "set_aside"
    assert repr(Path(name).stem) in loaded.reason
    assert not catalog.tools


async def test_two_connectors_of_one_name_in_one_place_are_both_set_aside(folder: Any, registry_of: Any) -> None:
    folder.yaml("same.yaml")
    folder.python("same/__init__.py")
    folder.yaml("other.yaml")
    catalog = await registry_of(folder).load()
    loaded = catalog.connectors["same"]
    assert loaded.state == "set_aside"
    assert "same.yaml" in loaded.reason
    assert "same/" in loaded.reason
    assert list(catalog.tools) == ["other_look"]


async def test_a_later_place_wins_whole_and_says_what_it_replaced(folder: Any, second: Any, registry_of: Any) -> None:
    replaced = folder.yaml("app.yaml", title="First")
    folder.yaml("kept.yaml")
    second.python("app/__init__.py", title="Second")
    catalog = await registry_of(folder, second).load()
    loaded = catalog.connectors["app"]
    assert (loaded.compiled.title, loaded.place, loaded.replaces) == ("Second", str(second.path), str(replaced))
    assert catalog.connectors["kept"].replaces is None
    assert list(catalog.tools) == ["app_answer", "kept_look"]


async def test_a_broken_replacement_does_not_let_the_replaced_one_serve(
    folder: Any, second: Any, registry_of: Any
) -> None:
    folder.yaml("app.yaml")
    second.write("app.yaml", "title: [")
    catalog = await registry_of(folder, second).load()
    assert catalog.connectors["app"].state == "set_aside"
    assert not catalog.tools


@pytest.mark.proves("CVE-2026-42271")
async def test_from_the_folder_the_hub_writes_to_only_data_is_loaded(
    folder: Any, written: Any, registry_of: Any, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    code = f"open({str(ran)!r}, 'w')\n"
    written.yaml("data.yaml")
    written.write("code.py", code)
    written.write("folder/__init__.py", code)
    written.yaml("mixed/connector.yaml")
    written.write("mixed/provider.py", code)
    (folder.path / "linked.py").symlink_to(written.path / "code.py")
    (folder.path / "linked_folder").symlink_to(written.path / "folder")
    folder.write("part/__init__.py", "from . import code\n")
    (folder.path / "part" / "code.py").symlink_to(written.path / "code.py")
    catalog = await registry_of(written, folder).load()
    aside = {name: one.reason for name, one in catalog.connectors.items() if one.state == "set_aside"}
    assert set(aside) == {"code", "folder", "mixed", "linked", "linked_folder", "part"}
    assert all("Python is never loaded" in reason for reason in aside.values())
    assert not ran.exists()
    assert list(catalog.tools) == ["data_look"]


async def test_a_link_that_leaves_the_folder_the_hub_writes_to_is_refused(
    folder: Any, written: Any, registry_of: Any
) -> None:
    (written.path / "out.yaml").symlink_to(folder.yaml("app.yaml"))
    loaded = (await registry_of(written).load()).connectors["out"]
    assert loaded.state == "set_aside"
    assert "leads out" in loaded.reason


async def test_links_in_other_places_are_followed(folder: Any, second: Any, registry_of: Any) -> None:
    (folder.path / "file.yaml").symlink_to(second.yaml("somewhere.yaml"))
    (folder.path / "whole").symlink_to(second.python("elsewhere/__init__.py").parent)
    assert list((await registry_of(folder).load()).tools) == ["file_look", "whole_answer"]


async def test_what_is_not_a_plain_file_is_set_aside(folder: Any, registry_of: Any) -> None:
    os.mkfifo(folder.path / "pipe.yaml")
    (folder.path / "dangling.py").symlink_to(folder.path / "nowhere")
    catalog = await registry_of(folder).load()
    assert "not a regular file" in catalog.connectors["pipe"].reason
    assert "cannot be read" in catalog.connectors["dangling"].reason


async def test_a_name_that_is_not_text_is_set_aside_and_can_be_shown(folder: Any, registry_of: Any) -> None:
    (Path(os.fsdecode(os.fsencode(folder.path) + b"/caf\xe9.yaml"))).write_text("title: x")
    (loaded,) = (await registry_of(folder).load()).connectors.values()
    assert loaded.state == "set_aside"
    loaded.name.encode()
    loaded.reason.encode()


async def test_a_disabled_connector_is_shown_and_its_code_does_not_run(
    folder: Any, registry_of: Any, tmp_path: Path
) -> None:
    folder.write("app.py", f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    catalog = await registry_of(folder, disabled=["app"]).load()
    assert catalog.connectors["app"].state == "disabled"
    assert "connectors.disabled" in catalog.connectors["app"].reason
    assert not (tmp_path / "ran").exists()


def test_the_places_are_the_shipped_ones_then_the_paths_each_once(tmp_path: Path) -> None:
    paths = (tmp_path / "a", tmp_path / "b", tmp_path / "a")
    places = places_of(ConnectorsConfig(paths=paths), tmp_path / "data")
    assert [place.label for place in places] == ["shipped", str(tmp_path / "b"), str(tmp_path / "a")]
    assert (places[0].path / "..").resolve() == Path(__file__).resolve().parents[2]
    assert [place.label for place in places_of(ConnectorsConfig(shipped=False, paths=()), tmp_path)] == []


def test_a_folder_within_the_written_one_takes_no_python_either(tmp_path: Path) -> None:
    data = tmp_path / "data"
    deep = places_of(ConnectorsConfig(shipped=False, paths=(data / "connectors" / "deep", data)), data)
    assert [place.takes_code for place in deep] == [False, True]
    assert not deep[1].takes_code_at(data / "connectors")


async def test_a_place_that_does_not_exist_is_empty(folder: Any, registry_of: Any) -> None:
    folder.path.rmdir()
    registry: Registry = registry_of(folder)
    assert (await registry.load()).connectors == {}
