"""That the conformance run counts honestly: only a scenario that ran without a failed check has passed."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def run() -> ModuleType:
    """run.py as a module; it is a script, not a package's part."""
    spec = importlib.util.spec_from_file_location("conformance_run", HERE / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def write(results: Path, scenario: str, *statuses: str) -> None:
    """A result folder as the suite writes it."""
    folder = results / f"server-{scenario}-2026-01-02T03-04-05-678Z"
    folder.mkdir(parents=True)
    checks = [{"id": f"check-{status.lower()}", "status": status, "errorMessage": "told"} for status in statuses]
    (folder / "checks.json").write_text(json.dumps(checks))


def test_a_scenario_that_did_not_run_has_not_passed(run: ModuleType, tmp_path: Path) -> None:
    write(tmp_path, "ping", "SUCCESS")
    outcomes = run.read(tmp_path, ["ping", "tools-list"])
    assert [name for name, outcome in outcomes.items() if outcome.passed] == ["ping"]


def test_one_failed_check_fails_its_scenario_and_no_other(run: ModuleType, tmp_path: Path) -> None:
    write(tmp_path, "tools-call-error", "SUCCESS", "FAILURE")
    write(tmp_path, "tools-call-error-again", "SUCCESS")
    outcomes = run.read(tmp_path, ["tools-call-error", "tools-call-error-again"])
    assert outcomes["tools-call-error"].failures == ["check-failure: told"]
    assert outcomes["tools-call-error-again"].passed


def test_a_warning_is_told_and_does_not_fail(
    run: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "ping", "WARNING")
    assert run.report("2025-11-25", ["ping"], run.read(tmp_path, ["ping"]), {}, run.Known()) == 0
    assert "warning  ping: check-warning: told" in capsys.readouterr().out


def test_what_is_not_required_counts_too(run: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "ping", "SUCCESS")
    write(tmp_path, "tasks-lifecycle", "FAILURE")
    outcomes = run.read(tmp_path, ["ping", "tasks-lifecycle"])
    assert run.report("2026-07-28", ["ping"], outcomes, {"tasks-lifecycle": "extension"}, run.Known()) == 1
    assert "failed   tasks-lifecycle (not required: extension)" in capsys.readouterr().out


def test_a_known_failure_is_told_with_its_reason_and_must_go_on_failing(
    run: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "ping", "SUCCESS")
    write(tmp_path, "tasks-lifecycle", "FAILURE")
    outcomes = run.read(tmp_path, ["ping", "tasks-lifecycle"])
    known = run.Known(failing={"tasks-lifecycle": "the suite is wrong"})
    assert run.report("2026-07-28", ["ping", "tasks-lifecycle"], outcomes, {}, known) == 0
    assert "known    tasks-lifecycle: the suite is wrong" in capsys.readouterr().out
    assert run.report("2026-07-28", ["ping"], outcomes, {}, run.Known(failing={"ping": "wrong"})) == 1


def test_a_scenario_that_checked_nothing_is_told(
    run: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "ping", "INFO", "SKIPPED")
    known = run.Known(unchecked={"ping": "it has nothing to say"})
    assert run.report("2025-11-25", ["ping"], run.read(tmp_path, ["ping"]), {}, known) == 0
    assert "nothing checked by ping: it has nothing to say" in capsys.readouterr().out


def test_the_hub_under_test_listens_where_its_public_url_says(run: ModuleType) -> None:
    origin, port = run.settings()
    assert origin == f"http://localhost:{port}"
