"""Loading again: only what changed, the last good version where the new one fails, calls in flight unhurt."""

import asyncio
import os
import sys
from typing import Any

import pytest

from hub.errors import ConfigError
from hub.registry import Catalog
from hub.registry.modules import KEPT, PARENT


async def test_nothing_changed_keeps_the_catalog_and_tells_nobody(folder: Any, registry_of: Any) -> None:
    folder.yaml("one.yaml")
    folder.python("two/__init__.py")
    folder.write("bad.py", "raise ValueError")
    registry = registry_of(folder)
    first = await registry.load()
    told: list[Catalog] = []
    registry.on_change(lambda before, after: told.append(after))
    os.utime(folder.path / "one.yaml")
    folder.write("two/README.md", "words")
    assert await registry.reload() is first
    assert told == []


async def test_only_what_changed_is_compiled_again(folder: Any, registry_of: Any) -> None:
    folder.yaml("one.yaml")
    folder.yaml("two.yaml")
    registry = registry_of(folder)
    before = await registry.load()
    folder.yaml("two.yaml", description="Looks at something else now.")
    after = await registry.reload()
    assert after.tools["one_look"] is before.tools["one_look"]
    assert after.tools["two_look"].tool.description == "Looks at something else now."
    assert before.tools["two_look"].tool.description == "Looks at something there."


async def test_a_list_stays_the_same_object_until_it_differs(folder: Any, registry_of: Any) -> None:
    folder.python("app.py", title="One")
    registry = registry_of(folder)
    before = await registry.load()
    folder.python("app.py", title="Two")
    inner = await registry.reload()
    folder.yaml("more.yaml")
    outer = await registry.reload()
    assert inner is not before
    assert inner.listed_tools is before.listed_tools
    assert outer.listed_tools is not before.listed_tools
    assert outer.listed_prompts is before.listed_prompts


async def test_an_edit_of_the_same_length_at_the_same_time_is_seen(folder: Any, registry_of: Any, run: Any) -> None:
    path = folder.python("app/__init__.py", title="One")
    os.utime(path, ns=(10**18, 10**18))
    registry = registry_of(folder)
    assert await run(await registry.load(), "app_answer") == "One"
    folder.python("app/__init__.py", title="Two")
    os.utime(path, ns=(10**18, 10**18))
    assert await run(await registry.reload(), "app_answer") == "Two"
    assert not (folder.path / "app" / "__pycache__").exists()


async def test_after_a_bad_edit_the_last_good_version_serves_as_stale(folder: Any, registry_of: Any, run: Any) -> None:
    folder.python("app.py", title="Good")
    folder.yaml("other.yaml")
    registry = registry_of(folder)
    await registry.load()
    folder.write("app.py", "from hub.sdk import Connector\nconnector = Conn")
    folder.write("other.yaml", "title: Other\ntools: {")
    stale = await registry.reload()
    assert [one.state for one in stale.connectors.values()] == ["stale", "stale"]
    assert stale.connectors["app"].reason == "app.py:2: NameError: name 'Conn' is not defined"
    assert "other.yaml, line" in stale.connectors["other"].reason
    assert await run(stale, "app_answer") == "Good"
    assert "other_look" in stale.tools
    folder.python("app.py", title="Better")
    mended = await registry.reload()
    assert (mended.connectors["app"].state, mended.connectors["app"].reason) == ("ok", None)
    assert await run(mended, "app_answer") == "Better"


async def test_a_reload_that_hangs_leaves_the_last_good_version_and_lets_others_through(
    folder: Any, registry_of: Any
) -> None:
    folder.python("app.py")
    registry = registry_of(folder, import_timeout=2)
    await registry.load()
    folder.write("app.py", "import threading\nthreading.Event().wait()")
    folder.yaml("fresh.yaml")
    seen: list[dict[str, str]] = []
    registry.on_change(lambda before, after: seen.append({name: one.state for name, one in after.connectors.items()}))
    after = await registry.reload()
    assert "fresh_look" in after.tools
    assert "app_answer" in after.tools
    assert seen == [{"app": "ok", "fresh": "ok"}, {"app": "stale", "fresh": "ok"}]
    assert after.connectors["app"].state == "stale"


async def test_a_new_version_that_is_still_bad_is_not_loaded_again(
    folder: Any, registry_of: Any, tmp_path: Any
) -> None:
    count = tmp_path / "count"
    folder.write("app.py", f"with open({str(count)!r}, 'a') as f:\n    f.write('x')\nraise ValueError")
    registry = registry_of(folder)
    await registry.load()
    folder.yaml("other.yaml")
    await registry.reload()
    assert count.read_text() == "x"


async def test_a_submodules_edit_reloads_its_package(folder: Any, registry_of: Any, run: Any) -> None:
    folder.python("app/__init__.py", title="x")
    path = folder.path / "app" / "__init__.py"
    path.write_text("from .deep.words import WORD\n" + path.read_text().replace('return "x"', "return WORD"))
    folder.write("app/deep/words.py", "WORD = 'one'\n")
    registry = registry_of(folder)
    assert await run(await registry.load(), "app_answer") == "one"
    folder.write("app/deep/words.py", "WORD = 'two'\n")
    assert await run(await registry.reload(), "app_answer") == "two"


async def test_a_data_file_beside_the_code_counts_as_its_content(folder: Any, registry_of: Any, run: Any) -> None:
    folder.python("app/__init__.py", title="x")
    path = folder.path / "app" / "__init__.py"
    lines = "from importlib.resources import files\nWORD = files(__package__).joinpath('word.txt').read_text()\n"
    path.write_text(lines + path.read_text().replace('return "x"', "return WORD"))
    folder.write("app/word.txt", "one")
    registry = registry_of(folder)
    assert await run(await registry.load(), "app_answer") == "one"
    folder.write("app/word.txt", "two")
    assert await run(await registry.reload(), "app_answer") == "two"


async def test_a_call_in_flight_keeps_the_version_it_began_with(folder: Any, registry_of: Any, run: Any) -> None:
    code = '''
        import asyncio

        from hub.sdk import Connector

        connector = Connector(title="App")
        go = asyncio.Event()


        @connector.tool(effect="read")
        async def answer() -> str:
            """Tells its answer once it may."""
            await go.wait()
            from .late import WORD
            return "{word} " + WORD


        @connector.tool(effect="read")
        async def let() -> None:
            """Lets the waiting call go on."""
            go.set()
    '''
    folder.write("app/__init__.py", code.replace("{word}", "old"))
    folder.write("app/late.py", "WORD = 'old'\n")
    registry = registry_of(folder)
    before = await registry.load()
    call = asyncio.create_task(run(before, "app_answer"))
    await asyncio.sleep(0)
    folder.write("app/__init__.py", code.replace("{word}", "new"))
    folder.write("app/late.py", "WORD = 'new'\n")
    after = await registry.reload()
    assert not call.done()
    await run(before, "app_let")
    assert await call == "old old"
    await run(after, "app_let")
    assert await run(after, "app_answer") == "new new"


async def test_a_call_in_flight_outlives_its_connector(folder: Any, registry_of: Any, run: Any) -> None:
    path = folder.python("app.py", title="Last words")
    registry = registry_of(folder)
    before = await registry.load()
    path.unlink()
    assert (await registry.reload()).connectors == {}
    assert await run(before, "app_answer") == "Last words"


async def test_old_generations_are_forgotten(folder: Any, registry_of: Any) -> None:
    registry = registry_of(folder)
    for number in range(KEPT * 3):
        folder.python("aged.py", title=f"Version {number}")
        await registry.reload()
    folder.write("aged.py", "raise ValueError")
    await registry.reload()
    mine = [name for name in sys.modules if name.startswith(f"{PARENT}.aged__")]
    assert len(mine) == KEPT + 1


async def test_two_loads_of_one_connector_do_not_share_modules(folder: Any, registry_of: Any) -> None:
    folder.python("app.py")
    one, two = await registry_of(folder).load(), await registry_of(folder).load()
    assert one.tools["app_answer"].tool.run.call is not two.tools["app_answer"].tool.run.call


async def test_a_listener_that_fails_does_not_keep_the_others_from_hearing(folder: Any, registry_of: Any) -> None:
    registry = registry_of(folder)
    heard: list[Catalog] = []

    def fail(before: Catalog, after: Catalog) -> None:
        raise ValueError("broken listener")

    registry.on_change(fail)
    forget = registry.on_change(lambda before, after: heard.append(after))
    folder.yaml("app.yaml")
    first = await registry.load()
    forget()
    folder.yaml("more.yaml")
    await registry.reload()
    assert heard == [first]


async def test_a_place_that_is_a_file_stops_the_start_with_its_name(folder: Any, registry_of: Any) -> None:
    folder.path.rmdir()
    folder.path.write_text("not a folder")
    with pytest.raises(ConfigError, match=r"connectors\.paths: .*connectors cannot be listed: Not a directory"):
        await registry_of(folder).load()
