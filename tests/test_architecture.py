"""Holds the house up: floors, who may import what, file lengths, names (docs/architecture.md).

Reads the source as trees, so imports inside functions and under ``TYPE_CHECKING`` count too. Not a style check: ruff
and mypy do that.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HUB = ROOT / "hub"

FLOORS: dict[str, int] = {
    **dict.fromkeys(
        ("__init__", "errors", "config", "seal", "yaml", "clock", "observe", "machine", "huge_pages", "turns"), 0
    ),
    **dict.fromkeys(("sdk",), 1),
    **dict.fromkeys(("importers", "upstream", "store"), 2),
    **dict.fromkeys(("registry", "broker", "identity", "doctor", "servers", "files"), 3),
    **dict.fromkeys(("gateway",), 4),
    **dict.fromkeys(("mcp_server", "web", "testing"), 5),
    **dict.fromkeys(("app", "serving", "cli", "__main__"), 6),
}
ONE_ROOM = {0, 6}
"""Floors whose modules know each other: the ground, and the wiring on top."""

WEB_ROOMS = {"mcp_server", "web", "app", "serving"}
PLACES: dict[str, set[str]] = {
    "aiohttp_jinja2": {"web", "app"},
    "jinja2": {"web", "app"},
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "asyncpg": {"store"},
    "aiosqlite": {"store"},
    "sqlite3": {"store"},
    "mcp": {"upstream"},
    "httpx": set(),
    "httpx2": set(),
    "requests": set(),
    "starlette": set(),
    "http.client": {"upstream"},
    "urllib.request": {"upstream"},
}
"""Which rooms may import a library; a library that is not here may be imported anywhere."""

FORBIDDEN_WORDS = {"manager", "handler", "helper", "helpers", "utils", "util", "service", "base", "common", "core"}
LIMIT = 400
SQL = re.compile(r"\s*(SELECT\s.+\sFROM\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|CREATE\s+TABLE\s)", re.S)


@dataclass(frozen=True)
class Import:
    """One imported name: the module it comes from, the name itself (empty for ``import x``), and where."""

    module: str
    name: str
    line: int

    @property
    def full(self) -> str:
        """Module and name, dotted."""
        return f"{self.module}.{self.name}" if self.name else self.module


def sources(*folders: str) -> list[Path]:
    """The Python files under these folders of the checkout, those that npm or a virtual environment put there aside."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if not {"node_modules", "__pycache__", ".venv"} & set(path.parts)]


def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(module: ast.Module, package: str) -> Iterator[Import]:
    """Every import of a module, wherever it stands; ``package`` resolves the relative ones."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, "", node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                parts = package.split(".") if package else []
                kept = parts[: len(parts) - node.level + 1]
                origin = ".".join([*kept, origin] if origin else kept)
            yield from (Import(origin, alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in {"import_module", "__import__"} and isinstance(node.args[0].value, str):
                yield Import(node.args[0].value, "", node.lineno)


def package_of(path: Path, top: Path) -> str:
    """The dotted name of the package a file belongs to."""
    return ".".join(path.relative_to(top).parent.parts)


def hub_room(found: Import) -> str | None:
    """The room of the hub that an import reaches; None when it is not of the hub."""
    parts = found.full.split(".")
    if parts[0] != "hub":
        return None
    name = parts[1] if len(parts) > 1 else "__init__"
    is_module = name in FLOORS or (HUB / name).exists() or (HUB / f"{name}.py").exists()
    return name if is_module else "__init__"


def room_of(path: Path) -> str:
    """The room a file of the hub is in."""
    return path.relative_to(HUB).parts[0].removesuffix(".py")


def breaches_of_floors(room: str, found: list[Import]) -> list[str]:
    """What is wrong with a room's imports of other rooms."""
    wrong = []
    for one in found:
        other = hub_room(one)
        if other is None or other == room:
            continue
        if other not in FLOORS:
            wrong.append(f"line {one.line}: hub.{other} has no floor")
        elif FLOORS[other] > FLOORS[room]:
            wrong.append(f"line {one.line}: {room} (floor {FLOORS[room]}) looks up to {other} (floor {FLOORS[other]})")
        elif FLOORS[other] == FLOORS[room] and FLOORS[room] not in ONE_ROOM:
            wrong.append(f"line {one.line}: {room} knows {other}, a room on its own floor")
    return wrong


def breaches_of_places(room: str, found: list[Import]) -> list[str]:
    """What is wrong with a room's imports of libraries."""
    wrong = []
    for one in found:
        for library, rooms in PLACES.items():
            if (one.full == library or one.full.startswith(library + ".")) and room not in rooms:
                place = ", ".join(sorted(rooms)) or "nowhere"
                wrong.append(f"line {one.line}: {one.full} in {room}; its place: {place}")
        if one.module.split(".")[0] == "aiohttp":
            server_side = one.full.startswith(
                (
                    "aiohttp.web",
                    "aiohttp.hdrs",
                    "aiohttp.typedefs",
                    "aiohttp.http",
                    "aiohttp.abc",
                    "aiohttp.helpers",
                    "aiohttp.multipart",
                )
            ) or one.full in ("aiohttp.HttpVersion10", "aiohttp.HttpVersion11")
            if server_side and room not in WEB_ROOMS | {"upstream"}:
                wrong.append(f"line {one.line}: {one.full} in {room}; its place: {', '.join(sorted(WEB_ROOMS))}")
            elif one.full.startswith("aiohttp.web") and room == "upstream":
                wrong.append(f"line {one.line}: upstream serves nothing, so it does not import {one.full}")
            elif not server_side and room != "upstream":
                wrong.append(f"line {one.line}: {one.full} in {room}; outgoing HTTP is upstream's")
        if one.module.split(".")[0] == "mcp_types" and FLOORS[room] == 0:
            wrong.append(f"line {one.line}: mcp_types on floor 0; the ground knows nothing of MCP")
    return wrong


def breaches_of_reach(found: list[Import], own: str) -> list[str]:
    """What is wrong with a connector's imports; ``own`` is the dotted name of its folder."""
    wrong = []
    for one in found:
        first = one.module.split(".")[0]
        of_sdk = one.full == "hub.sdk" or one.full.startswith("hub.sdk.")
        of_itself = bool(own) and (one.module == own or one.module.startswith(own + "."))
        if not (of_sdk or of_itself or first in sys.stdlib_module_names):
            wrong.append(f"line {one.line}: {one.full}; a connector imports hub.sdk, the standard library and itself")
    return wrong


def connector_files() -> list[tuple[Path, str]]:
    """Every Python file of a connector in this repository, with the dotted name of its connector's folder."""
    found = []
    for place in (ROOT / "connectors", ROOT / "tests" / "conformance" / "connectors"):
        for path in sorted(place.rglob("*.py")) if place.exists() else []:
            parts = path.relative_to(place).parts
            found.append((path, parts[0] if len(parts) > 1 else ""))
    return found


def fixture_names() -> set[str]:
    """The names by which the conformance suite calls its fixtures, as the fixtures bear them."""
    names = set()
    for path in (ROOT / "tests" / "conformance" / "connectors").rglob("*.py"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.decorator_list:
                names.add(node.name)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("test://"):
                names.add(node.value)
    return {name for name in names if name.startswith(("test_", "test://", "json_schema_"))} | {"test://", "state-ok"}


@pytest.mark.parametrize("path", sources("hub"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_lower_floors_and_its_own_room(path: Path) -> None:
    room = room_of(path)
    assert room in FLOORS, f"hub/{room} has no floor: give it one in docs/architecture.md and here"
    found = list(imports(tree(path), package_of(path, ROOT)))
    assert breaches_of_floors(room, found) == []


@pytest.mark.parametrize("path", sources("hub"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_library_is_imported_only_where_it_belongs(path: Path) -> None:
    found = list(imports(tree(path), package_of(path, ROOT)))
    assert breaches_of_places(room_of(path), found) == []


@pytest.mark.parametrize("path", sources("hub"), ids=lambda path: str(path.relative_to(ROOT)))
def test_sql_is_written_in_the_store_only(path: Path) -> None:
    texts = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    found = [f"line {node.lineno}" for node in texts if SQL.match(str(node.value))]
    assert room_of(path) == "store" or found == []


def test_a_connector_imports_only_the_sdk_the_standard_library_and_itself() -> None:
    files = connector_files()
    assert files, "there are no connectors to look at"
    wrong = {}
    for path, own in files:
        top = next(parent for parent in path.parents if parent.name == "connectors")
        breaches = breaches_of_reach(list(imports(tree(path), package_of(path, top))), own)
        if breaches:
            wrong[str(path.relative_to(ROOT))] = breaches
    assert wrong == {}


def test_no_file_outgrows_its_room() -> None:
    files = sources("hub", "connectors", "tests")
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {name: lines for name, lines in lengths.items() if lines > LIMIT} == {}


def test_no_module_and_no_class_bears_a_name_that_says_nothing() -> None:
    wrong = []
    for path in sources("hub", "connectors"):
        names = [path.stem if path.stem != "__init__" else path.parent.name]
        names += [node.name for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)]
        for name in names:
            words = {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}
            if words & FORBIDDEN_WORDS:
                wrong.append(f"{path.relative_to(ROOT)}: {name}")
    assert wrong == []


def test_every_module_says_what_it_is() -> None:
    missing = [str(path.relative_to(ROOT)) for path in sources("hub") if not ast.get_docstring(tree(path))]
    assert missing == []


def test_the_conformance_suites_names_stand_nowhere_in_the_hub() -> None:
    names = fixture_names()
    assert len(names) > 30
    texts = {path: path.read_text(encoding="utf-8") for path in sources("hub")}
    wrong = [f"{path.relative_to(ROOT)}: {name}" for path, text in texts.items() for name in names if name in text]
    assert wrong == []


@pytest.mark.parametrize(
    ("room", "code", "breach"),
    [
        ("store", "from hub.gateway import Gateway", "looks up to gateway"),
        ("store", "def f():\n    from hub import app", "looks up to app"),
        ("store", "if TYPE_CHECKING:\n    import hub.upstream.guard", "a room on its own floor"),
        ("store", "from ..upstream import x", "a room on its own floor"),
        ("gateway", "import importlib\nimportlib.import_module('hub.web')", "looks up to web"),
    ],
)
def test_an_import_up_or_across_is_found_wherever_it_stands(room: str, code: str, breach: str) -> None:
    wrong = breaches_of_floors(room, list(imports(ast.parse(code), f"hub.{room}")))
    assert len(wrong) == 1
    assert breach in wrong[0]


@pytest.mark.parametrize(
    ("room", "code"),
    [
        ("gateway", "from aiohttp import web"),
        ("mcp_server", "from aiohttp import ClientSession"),
        ("web", "import aiohttp"),
        ("upstream", "import aiohttp.web"),
        ("gateway", "from sqlalchemy.ext.asyncio import AsyncEngine"),
        ("registry", "from mcp.client import Client"),
        ("config", "import mcp_types"),
        ("cli", "import urllib.request"),
    ],
)
def test_a_library_out_of_place_is_found(room: str, code: str) -> None:
    assert breaches_of_places(room, list(imports(ast.parse(code), f"hub.{room}")))


@pytest.mark.parametrize(
    ("room", "code"),
    [
        ("mcp_server", "from aiohttp import web"),
        ("upstream", "import aiohttp\nfrom aiohttp.abc import AbstractResolver\nfrom mcp.client import Client"),
        ("store", "from sqlalchemy import select"),
        ("sdk", "import mcp_types"),
    ],
)
def test_a_library_in_its_place_is_let_be(room: str, code: str) -> None:
    assert breaches_of_places(room, list(imports(ast.parse(code), f"hub.{room}"))) == []


@pytest.mark.parametrize(
    "code", ["from hub.gateway import Gateway", "import aiohttp", "from hub import sdk, store", "from notion import x"]
)
def test_a_connector_that_reaches_further_is_found(code: str) -> None:
    assert len(breaches_of_reach(list(imports(ast.parse(code), "github")), "github")) == 1


def test_a_connector_may_import_its_own_folder() -> None:
    code = "from . import blocks\nfrom .blocks import x\nimport json\nimport hub.sdk"
    assert breaches_of_reach(list(imports(ast.parse(code), "notion")), "notion") == []
