"""The requirements of ``requirements.yaml``, and the tests that say they prove them.

Tests are read, not run: a proof is a test function with ``@pytest.mark.proves("id", ...)``. Not the page (``page.py``).
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("requirements.yaml")
LEVELS = ("must", "should", "advisory", "house")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement; ``absent`` says why it does not apply, empty where it does."""

    id: str
    level: str
    words: str
    absent: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Requirements of one source."""

    title: str
    source: str
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, order=True, slots=True)
class Proof:
    """A test, by its file from the project's root, and the requirements it proves."""

    file: str
    test: str
    proves: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The test's name as a sentence."""
        return self.test.removeprefix("test_").replace("_", " ")


def sections() -> list[Section]:
    """The list, in its order. Raises ``TypeError`` or ``KeyError`` for one that is not written as its head says."""
    held = yaml.safe_load(LIST.read_text("utf-8"))
    return [
        Section(one["section"], one["source"], tuple(Requirement(**it) for it in one["requirements"])) for one in held
    ]


def proofs(root: Path = ROOT) -> list[Proof]:
    """All tests that bear the mark, by file and place."""
    found: list[Proof] = []
    for path in sorted((root / "tests").rglob("test_*.py")):
        if "node_modules" in path.parts:
            continue
        text = path.read_text("utf-8")
        if "mark.proves(" in text:
            found += _of(path.relative_to(root).as_posix(), ast.parse(text))
    return found


def by_requirement(found: list[Proof]) -> Mapping[str, list[Proof]]:
    """The proofs of each id."""
    made: dict[str, list[Proof]] = {}
    for proof in found:
        for id in proof.proves:
            made.setdefault(id, []).append(proof)
    return made


def _of(file: str, module: ast.Module) -> Iterator[Proof]:
    for node in module.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        ids = [id for decorator in node.decorator_list for id in _ids(decorator)]
        if ids:
            yield Proof(file, node.name, tuple(ids))


def _ids(decorator: ast.expr) -> Iterator[str]:
    if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.proves":
        for argument in decorator.args:
            assert isinstance(argument, ast.Constant), ast.unparse(decorator)
            assert isinstance(argument.value, str), ast.unparse(decorator)
            yield argument.value
