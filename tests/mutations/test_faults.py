"""The lists of faults still fit the code: each could be applied, and names tests that are there. The run itself is
``make mutations``."""

import ast
from pathlib import Path

import pytest

from tests.mutations.faults import ROOT, Fault, FaultBroken, load, read

FAULTS = load()
WELL_FORMED = "- {name: a, file: hub/errors.py, old: class, new: klass, tests: [tests/test_house.py]}\n"


def test_there_are_at_least_thirty_faults() -> None:
    assert len(FAULTS) >= 30


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_applies_to_the_code_as_it_is(fault: Fault) -> None:
    altered = fault.altered(ROOT)
    if fault.file.endswith(".py"):
        ast.parse(altered)


def test_every_test_that_is_to_notice_a_fault_exists() -> None:
    missing = []
    for fault in FAULTS:
        for named in fault.tests:
            file, _, test = named.partition("::")
            path = ROOT / file
            held = path.read_text("utf-8") if path.is_file() else ""
            if not path.exists() or (test and f"def {test}(" not in held):
                missing.append((fault.name, named))
    assert missing == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("name: a\n", "a list of faults is needed"),
        ("- {name: a}\n", "exactly the keys"),
        (WELL_FORMED.replace("klass", "class"), "differs from new"),
        (WELL_FORMED.replace("[tests/test_house.py]", "[]"), "tests is a list"),
    ],
)
def test_a_list_that_is_wrong_says_where(tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / "a.yaml").write_text(text, "utf-8")
    with pytest.raises(FaultBroken, match=wrong):
        read(tmp_path / "a.yaml")


def test_two_faults_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(WELL_FORMED, "utf-8")
    with pytest.raises(FaultBroken, match="two faults"):
        load(tmp_path)


def test_an_old_text_that_stands_there_twice_or_not_at_all_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one two two", "utf-8")
    for old, count in (("two", 2), ("three", 0)):
        fault = Fault("x", "a.py", old, "new", ("t",), "a.yaml")
        with pytest.raises(FaultBroken, match=f"stands {count} times"):
            fault.altered(tmp_path)
    with pytest.raises(FaultBroken, match="no file"):
        Fault("x", "b.py", "one", "new", ("t",), "a.yaml").altered(tmp_path)
