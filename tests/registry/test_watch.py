"""Hot reload: what happens to the files is in the catalog soon after, without a restart."""

import asyncio
import shutil
import time
from typing import Any

import pytest

from hub.clock import SystemClock
from hub.errors import ConfigError
from tests.waiting import A_SECOND, PATIENCE


async def test_a_dropped_file_adds_its_tools_within_a_second_or_so(
    folder: Any, registry_of: Any, watching: Any
) -> None:
    watched = await watching(registry_of(folder))
    folder.yaml("first.yaml")
    await watched.until(lambda catalog: "first_look" in catalog.tools)
    began = time.monotonic()
    folder.yaml("app.yaml")
    await watched.until(lambda catalog: "app_look" in catalog.tools)
    assert time.monotonic() - began < 2 * A_SECOND


async def test_an_edit_a_rename_and_a_deletion_are_followed(folder: Any, registry_of: Any, watching: Any) -> None:
    path = folder.yaml("app.yaml")
    watched = await watching(registry_of(folder))
    folder.yaml("app.yaml", title="Edited")
    await watched.until(lambda catalog: catalog.connectors["app"].compiled.title == "Edited")
    path.rename(folder.path / "renamed.yaml")
    catalog = await watched.until(lambda catalog: "renamed_look" in catalog.tools and "app" not in catalog.connectors)
    assert list(catalog.tools) == ["renamed_look"]
    (folder.path / "renamed.yaml").unlink()
    await watched.until(lambda catalog: not catalog.connectors)


async def test_a_half_written_file_leaves_the_last_good_version(folder: Any, registry_of: Any, watching: Any) -> None:
    path = folder.yaml("app.yaml")
    whole = path.read_text()
    watched = await watching(registry_of(folder))
    path.write_text(whole[:40] + "\n  [")
    stale = await watched.until(lambda catalog: catalog.connectors["app"].state == "stale")
    assert "app_look" in stale.tools
    path.write_text(whole.replace("One", "Whole"))
    await watched.until(lambda catalog: catalog.connectors["app"].state == "ok")
    assert all("app_look" in after.tools for _, after in watched.changes)


async def test_a_new_folder_and_an_edit_of_its_submodule_are_followed(
    folder: Any, registry_of: Any, watching: Any, run: Any
) -> None:
    watched = await watching(registry_of(folder))
    path = folder.python("app/__init__.py", title="x")
    folder.write("app/api.py", "WORD = 'one'\n")
    path.write_text("from .api import WORD\n" + path.read_text().replace('return "x"', "return WORD"))
    catalog = await watched.until(lambda catalog: "app_answer" in catalog.tools)
    folder.write("app/api.py", "WORD = 'two'\n")
    catalog = await watched.until(lambda now: now is not catalog and now.connectors["app"].state == "ok")
    assert await run(catalog, "app_answer") == "two"


async def test_a_place_that_appears_later_is_followed_from_then_on(
    folder: Any, second: Any, registry_of: Any, watching: Any
) -> None:
    folder.path.rmdir()
    second.yaml("steady.yaml")
    watched = await watching(registry_of(folder, second))
    folder.yaml("app.yaml")
    await watched.until(lambda catalog: "app_look" in catalog.tools)
    folder.yaml("more.yaml")
    await watched.until(lambda catalog: "more_look" in catalog.tools)
    shutil.rmtree(folder.path)
    await watched.until(lambda catalog: list(catalog.tools) == ["steady_look"])


async def test_places_that_are_all_missing_are_awaited(folder: Any, registry_of: Any, watching: Any) -> None:
    folder.path.rmdir()
    watched = await watching(registry_of(folder))
    folder.yaml("app.yaml")
    await watched.until(lambda catalog: "app_look" in catalog.tools)


async def test_a_place_that_is_replaced_whole_is_followed(
    folder: Any, second: Any, registry_of: Any, watching: Any
) -> None:
    folder.yaml("app.yaml", title="Before")
    second.yaml("app.yaml", title="After")
    watched = await watching(registry_of(folder))
    folder.path.rename(folder.path.with_name("gone"))
    second.path.rename(folder.path)
    await watched.until(lambda catalog: catalog.connectors["app"].compiled.title == "After")
    folder.yaml("more.yaml")
    await watched.until(lambda catalog: "more_look" in catalog.tools)


async def test_a_file_replaced_in_two_steps_never_takes_its_tools_away(
    folder: Any, registry_of: Any, watching: Any
) -> None:
    path = folder.yaml("app.yaml")

    class SecondStep(SystemClock):
        """The replacement's other half comes while the registry waits for it."""

        async def sleep(self, seconds: float) -> None:
            if not path.exists():
                folder.yaml("app.yaml", title="Replaced")

    watched = await watching(registry_of(folder, clock=SecondStep()))
    path.rename(folder.path / "app.yaml~")
    await watched.until(lambda catalog: catalog.connectors["app"].compiled.title == "Replaced")
    assert all("app_look" in after.tools for _, after in watched.changes)


async def test_a_place_that_cannot_be_listed_for_a_while_keeps_serving(
    folder: Any, registry_of: Any, watching: Any
) -> None:
    folder.yaml("app.yaml")
    away = folder.path.with_name("away")
    watched = await watching(registry_of(folder))
    folder.path.rename(away)
    folder.path.symlink_to(folder.path)
    with pytest.raises(ConfigError, match="cannot be listed"):
        await watched.registry.reload()
    folder.path.unlink()
    away.rename(folder.path)
    folder.yaml("more.yaml")
    await watched.until(lambda catalog: "more_look" in catalog.tools)
    assert all("app_look" in after.tools for _, after in watched.changes)


async def test_changes_behind_a_link_are_followed(folder: Any, second: Any, registry_of: Any, watching: Any) -> None:
    (folder.path / "app.yaml").symlink_to(second.yaml("real.yaml"))
    (folder.path / "whole").symlink_to(second.python("real/__init__.py").parent)
    watched = await watching(registry_of(folder))
    second.yaml("real.yaml", title="Edited")
    await watched.until(lambda catalog: catalog.connectors["app"].compiled.title == "Edited")
    second.python("real/__init__.py", title="Edited")
    await watched.until(lambda catalog: catalog.connectors["whole"].compiled.title == "Edited")


@pytest.mark.parametrize("polling", [True, False])
async def test_files_that_stay_as_they_are_cause_nothing(
    folder: Any, registry_of: Any, watching: Any, polling: bool
) -> None:
    folder.python("app.py")
    registry = registry_of(folder, force_polling=polling)
    watched = await watching(registry)
    folder.write("notes.txt", "nothing of a connector")
    folder.yaml("last.yaml")
    await watched.until(lambda catalog: "last_look" in catalog.tools)
    assert len(watched.changes) == 1


async def test_watching_ends_when_it_is_cancelled(folder: Any, registry_of: Any) -> None:
    registry = registry_of(folder)
    await registry.load()
    task = asyncio.create_task(registry.watch())
    await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(asyncio.CancelledError):
            await task
