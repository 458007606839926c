"""What a connector gets wrong costs that connector only, and its author is told what."""

import asyncio
import re
import threading
import time
from typing import Any

import pytest

from hub.errors import ToolError
from hub.sdk.schema import check_arguments
from tests.waiting import PATIENCE, SLACK

LINES = {
    "raises": ('import json\njson.loads("{")', "bad.py:2: JSONDecodeError: Expecting property name"),
    "exits": ("import sys\nsys.exit(3)", "bad.py:2: it calls sys.exit"),
    "interrupts": ("raise KeyboardInterrupt", "bad.py:1: KeyboardInterrupt"),
    "base exception": ("class Odd(BaseException): pass\nraise Odd('x\\ny')", "bad.py:2: Odd: x y"),
    "unprintable": (
        "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd",
        "bad.py:3: Odd",
    ),
    "recurses": ("def f(): f()\nf()", "bad.py:1: RecursionError"),
    "syntax": ("x = 1\ndef f(:\n", "bad.py:2: SyntaxError: "),
    "not utf-8": ("# coding: latin-nine\n", "bad.py"),
    "missing module": (
        "import no_such_module_here",
        "bad.py:1: ModuleNotFoundError: No module named 'no_such_module_here'",
    ),
    "neighbour": ("from . import good", "bad.py:1: ImportError: cannot import name 'good'"),
    "no variable": ("x = 1", "bad.py: there is no variable `connector`"),
    "wrong type": ("connector = 'x'", "bad.py: the variable `connector` is of type str"),
    "no yaml beside": ("from hub.sdk import Connector\nconnector = Connector.here()", "bad.py: Connector.here() needs"),
    "unhinted parameter": (
        "from hub.sdk import Connector\nconnector = Connector()\n"
        "@connector.tool(effect='read')\ndef f(x):\n    'Does nothing at all.'\n",
        "bad.py: tool f: parameter 'x' needs a type hint",
    ),
    "author's own refusal": (
        "from hub.sdk import ConnectorError\nraise ConnectorError('Set the region.')",
        "bad.py:2: Set the region.",
    ),
}


@pytest.mark.parametrize(("code", "told"), LINES.values(), ids=LINES)
async def test_a_failing_import_is_set_aside_with_kind_message_and_line(
    folder: Any, registry_of: Any, code: str, told: str
) -> None:
    folder.write("bad.py", code)
    folder.yaml("good.yaml")
    catalog = await registry_of(folder).load()
    loaded = catalog.connectors["bad"]
    assert loaded.state == "set_aside"
    assert loaded.reason.startswith(told)
    assert "Traceback" not in loaded.reason
    assert str(folder.path) not in loaded.reason
    assert list(catalog.tools) == ["good_look"]


@pytest.mark.parametrize(
    "code",
    ["import threading\nthreading.Event().wait()", "while True:\n    pass", "import select\nselect.select([], [], [])"],
)
async def test_an_import_that_hangs_is_given_up_and_the_others_serve(folder: Any, registry_of: Any, code: str) -> None:
    folder.write("bad/__init__.py", "from . import deep\n")
    folder.write("bad/deep.py", code)
    folder.yaml("good.yaml")
    began = time.monotonic()
    catalog = await registry_of(folder, import_timeout=0.8).load()
    assert time.monotonic() - began < 5 * SLACK
    assert catalog.connectors["bad"].state == "set_aside"
    assert re.match(r"bad/deep\.py:[12]: loading did not end within 0\.8 s", catalog.connectors["bad"].reason)
    assert list(catalog.tools) == ["good_look"]


async def test_a_loop_that_was_given_up_stops_running(folder: Any, registry_of: Any) -> None:
    folder.write("spinning.py", "while True:\n    pass")
    await registry_of(folder, import_timeout=0.2).load()
    for thread in [one for one in threading.enumerate() if one.name == "load spinning"]:
        await asyncio.to_thread(thread.join, PATIENCE)
        assert not thread.is_alive()


async def test_slow_imports_are_waited_for_side_by_side(folder: Any, registry_of: Any) -> None:
    for number in range(12):
        folder.write(f"slow{number:02}.py", "import threading\nthreading.Event().wait()")
    began = time.monotonic()
    await registry_of(folder, import_timeout=1).load()
    assert time.monotonic() - began < 12, "one after another they take that long on any machine"


async def test_what_a_connector_prints_does_not_reach_standard_output(
    folder: Any, registry_of: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.python("app.py").write_text(
        "import sys\nprint('noise')\nsys.stdout.write('more')\n" + (folder.path / "app.py").read_text()
    )
    catalog = await registry_of(folder).load()
    print("after")
    told = capsys.readouterr()
    assert catalog.connectors["app"].state == "ok"
    assert told.out == "after\n"
    assert "noise" in told.err
    assert "more" in told.err


DECLARATIONS = {
    "not yaml": ("title: [", "bad.yaml, line"),
    "not a mapping": ("- x", "bad.yaml: a connector is a mapping"),
    "unknown key": ("title: X\ntoolz: {}", "bad.yaml:2: toolz: unknown key"),
    "duplicate key": ("title: X\ntitle: Y", "bad.yaml, line 2"),
    "newer contract": ("contract: 99\ntitle: X\nnovelty: 1", "bad.yaml: written to contract 99"),
    "nested deep": ("title: " + "[" * 10_000, "bad.yaml, line 1"),
    "bomb": (
        "a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
        "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n"
        "e: [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]",
        "bad.yaml, line",
    ),
    "empty": ("", "bad.yaml: a connector is a mapping"),
}


@pytest.mark.parametrize(("text", "told"), DECLARATIONS.values(), ids=DECLARATIONS)
async def test_a_bad_declaration_is_set_aside_with_file_and_line(
    folder: Any, registry_of: Any, text: str, told: str
) -> None:
    folder.write("bad.yaml", text)
    folder.yaml("good.yaml")
    catalog = await registry_of(folder).load()
    loaded = catalog.connectors["bad"]
    assert loaded.state == "set_aside"
    assert loaded.reason.startswith(told)
    assert list(catalog.tools) == ["good_look"]


async def test_a_declaration_that_is_not_utf_8_is_set_aside(folder: Any, registry_of: Any) -> None:
    (folder.path / "bad.yaml").write_bytes(b"title: caf\xe9")
    loaded = (await registry_of(folder).load()).connectors["bad"]
    assert "bad.yaml: byte 10 is not UTF-8" in loaded.reason


WITH_ARGUMENT = """
    title: App
    base_url: https://api.example.org
    tools:
      look:
        effect: read
        description: Looks at something there.
        input: {{word: {schema}}}
        request: {{path: /look, query: {{q: "{{word}}"}}}}
"""


@pytest.mark.parametrize(
    "reference", ["file:///etc/passwd", "https://example.org/schema.json", "other.json", "//host/x", "#/properties/x"]
)
async def test_a_schema_that_refers_elsewhere_is_set_aside_unfetched(
    folder: Any, registry_of: Any, reference: str
) -> None:
    folder.write("app.yaml", WITH_ARGUMENT.format(schema=f'{{$ref: "{reference}"}}'))
    loaded = (await registry_of(folder).load()).connectors["app"]
    assert loaded.state == "set_aside"
    assert repr(reference) in loaded.reason


async def test_a_catastrophic_pattern_is_answered_in_linear_time(folder: Any, registry_of: Any) -> None:
    folder.write("app.yaml", WITH_ARGUMENT.format(schema='{type: string, pattern: "^(a+)+$"}'))
    tool = (await registry_of(folder).load()).tools["app_look"].tool
    began = time.thread_time()
    with pytest.raises(ToolError):
        check_arguments(tool.validator, {"word": "a" * 50_000 + "!"})
    assert time.thread_time() - began < 2


@pytest.mark.parametrize("pattern", ["(?<=x)y", "(a)\\\\1", "("])
async def test_a_pattern_that_would_need_backtracking_is_set_aside(folder: Any, registry_of: Any, pattern: str) -> None:
    folder.write("app.yaml", WITH_ARGUMENT.format(schema=f'{{type: string, pattern: "{pattern}"}}'))
    loaded = (await registry_of(folder).load()).connectors["app"]
    assert loaded.state == "set_aside"
    assert "app.yaml:4: tool look: the schema is not usable" in loaded.reason


async def test_a_folder_with_far_too_many_files_is_set_aside(folder: Any, registry_of: Any) -> None:
    folder.python("app/__init__.py")
    for number in range(1_001):
        (folder.path / "app" / f"{number}.json").touch()
    loaded = (await registry_of(folder).load()).connectors["app"]
    assert "more than 1000 files" in loaded.reason


async def test_an_endless_source_is_not_read(folder: Any, registry_of: Any) -> None:
    with (folder.path / "big.yaml").open("wb") as file:
        file.truncate(5_000_000_000)
    loaded = (await registry_of(folder).load()).connectors["big"]
    assert "at most" in loaded.reason
