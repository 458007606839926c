"""The house itself: the rule about skips, the lock files, the package, and what no file may contain."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "tests/programs/jupyter.lock",
    "tests/programs/jupyterhub.lock",
    "tests/programs/kinto.lock",
    "tests/programs/pygeoapi.lock",
    "tests/interop/fastmcp.lock",
)
CODE = {".py", ".js", ".mjs", ".ts", ".html", ".css"}
TEXT = CODE | {"", ".md", ".toml", ".yaml", ".yml", ".json", ".lock", ".in", ".txt"}
MADE = {"node_modules", "data", "build", "dist", "__pycache__"}

FOREIGN = re.compile(
    "|".join(
        (
            r"\b(?:(?:deb|security|ftp|snapshot)[.]debian|pypi|pythonhosted|npmjs)[.](?:org|com)\b",
            r"--(?:extra-)?index[-]url\b",
            r"--find[-]links\b",
            r'"resolved["]:',
            r"(?<![\w.])/(?:work/(?:main|shared|[.])|root/|opt/(?:wheels|pypi))",
        )
    )
)
"""Registry hosts, index options, lock lines with a host, and folders of one machine."""


def texts() -> list[Path]:
    """The text files of the checkout that people wrote or a lock made."""
    found = []
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        # In a worktree of git, .git is a file.
        made = {*MADE, ".git"} & set(parts) or any(part.startswith(".") and part != ".ci" for part in parts[:-1])
        if not made and path.is_file() and path.suffix in TEXT:
            found.append(path)
    return found


def pins(lock: str) -> dict[str, set[str]]:
    """The pinned versions of a lock file with their hashes, by ``name==version``."""
    found: dict[str, set[str]] = {}
    current = ""
    for line in (ROOT / lock).read_text().splitlines():
        if match := re.match(r"([a-z0-9._-]+(?:\[[^]]+])?==[^\s;]+)", line):
            current = match[1]
            found.setdefault(current, set())
        for digest in re.findall(r"--hash=sha256:([0-9a-f]{64})", line):
            found[current].add(digest)
    return found


def ci(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, listed: str, code: str) -> pytest.RunResult:
    """Run ``code`` as a test file under this repository's conftest.py and a list of skips, with HUB_CI=1."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text())
    pytester.makefile(".txt", skips=listed)
    pytester.makepyfile(test_it=code)
    monkeypatch.setenv("HUB_CI", "1")
    return pytester.runpytest_subprocess("-p", "no:cacheprovider")


SKIPPING = "import pytest\n\ndef test_a():\n    pytest.skip('no printer')\n\ndef test_b():\n    pass\n"


def test_a_skip_in_ci_is_a_failure(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    result = ci(pytester, monkeypatch, "", SKIPPING)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*test_it.py::test_a did not run: *no printer*"])


def test_a_listed_skip_in_ci_stays_a_skip(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    result = ci(pytester, monkeypatch, "test_it.py::test_a -- CI has no printer\n", SKIPPING)
    result.assert_outcomes(passed=1, skipped=1)


def test_a_listed_skip_without_a_reason_stops_the_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = ci(pytester, monkeypatch, "test_it.py::test_a\n", SKIPPING)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*skips.txt, line 1: write 'test -- reason'*"])


KINDS = """import pytest

@pytest.mark.skip(reason="later")
def test_a():
    pass

@pytest.mark.xfail(reason="later")
def test_b():
    assert False

@pytest.fixture
def x():
    pytest.skip("later")

def test_c(x):
    pass
"""


def test_every_kind_of_skip_is_a_failure_in_ci(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    result = ci(pytester, monkeypatch, "", KINDS)
    outcomes = result.parseoutcomes()
    assert result.ret != 0
    assert outcomes.keys() <= {"failed", "errors"}, outcomes
    assert sum(outcomes.values()) == 3


def test_a_module_that_skips_itself_is_a_failure_in_ci(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = ci(pytester, monkeypatch, "", "import pytest\n\npytest.skip('later', allow_module_level=True)\n")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*test_it.py did not run: *later*"])


def test_a_skip_outside_ci_is_a_skip(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text())
    pytester.makepyfile(test_it=SKIPPING)
    monkeypatch.delenv("HUB_CI", raising=False)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1, skipped=1)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_of_a_lock_has_its_hashes(lock: str) -> None:
    found = pins(lock)
    assert len(found) > 20
    assert [pin for pin, digests in found.items() if not digests] == []


def test_the_development_lock_holds_the_runtime_lock_unchanged() -> None:
    runtime, development = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {pin: digests for pin, digests in runtime.items() if development.get(pin) != digests} == {}


def test_the_locks_hold_every_dependency_of_the_project() -> None:
    def names(lock: str) -> set[str]:
        return {re.split(r"[\[=]", pin)[0] for pin in pins(lock)}

    def wanted(requirements: list[str]) -> set[str]:
        return {re.split(r"[\[<>=!~; ]", text)[0].lower().replace("_", "-") for text in requirements}

    project = PROJECT["project"]
    assert wanted(project["dependencies"]) - names("requirements.lock") == set()
    assert wanted(project["optional-dependencies"]["dev"]) - names("requirements-dev.lock") == set()
    assert wanted(PROJECT["build-system"]["requires"]) - names("requirements-dev.lock") == set()


def test_no_file_names_a_registry_or_a_folder_of_one_machine() -> None:
    wrong = []
    for path in texts():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if found := FOREIGN.search(line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {found[0]}")
    assert wrong == []


def test_the_suite_is_pinned_with_integrity_for_every_package() -> None:
    lock = json.loads((ROOT / "tests" / "conformance" / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages["node_modules/@modelcontextprotocol/conformance"]["version"] == "0.2.0-alpha.12"
    assert [name for name, entry in packages.items() if "integrity" not in entry] == []


@pytest.mark.parametrize("room", ["interop", "browser"])
def test_other_peoples_programs_are_pinned_with_integrity(room: str) -> None:
    lock = json.loads((ROOT / "tests" / room / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert len(packages) > 20
    assert [name for name, entry in packages.items() if "integrity" not in entry] == []


def test_the_wheel_carries_the_shipped_connectors(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("hub", "connectors"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    (wheel,) = tmp_path.glob("connector_hub-*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        "hub/shipped/" + path.relative_to(source / "connectors").as_posix()
        for path in (source / "connectors").rglob("*")
        if path.is_file()
    }
    assert expected, "there are no shipped connectors"
    assert expected - held == set()
    assert "hub/errors.py" in held
    assert not any(name.startswith(("connectors/", "tests/")) for name in held)


@pytest.mark.parametrize("script", [".ci/run"])
def test_a_shell_script_is_executable_and_parses(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(path)], check=True, stdin=subprocess.DEVNULL)


def test_the_makefile_knows_every_target_it_promises() -> None:
    for target in ("install", "serve", "test", "check", "conformance", "programs", "docker"):
        command = ["make", "--dry-run", target]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert PROJECT["project"]["license"] == "Apache-2.0"


def test_no_work_is_left_marked_as_unfinished() -> None:
    marks = re.compile(r"\b(?:TODO|FIXME|XXX)\b|raise NotImplemented")
    me = Path(__file__)
    wrong = []
    for folder in ("hub", "connectors", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            if path == me or MADE & set(path.relative_to(ROOT).parts):
                continue
            wrong += [f"{path.relative_to(ROOT)}: {found[0]}" for found in marks.finditer(path.read_text())]
    assert wrong == []
