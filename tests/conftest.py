"""What every test runs under: with ``HUB_CI=1`` a test that does not run is a failure; no test's log outlives it; at
the end of the run no planted secret and no planted content lies where it must not (``plants.py``).

A skip (or an expected failure) is allowed there only when tests/skips.txt lists it, one per line:

    tests/store/test_x.py::test_name -- the reason

``*`` stands for any part of the name. Not a place for fixtures: those stand in their own room's tests.
"""

import logging
import os
from collections.abc import Generator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog

from tests import plants, schedule

LIST = Path(__file__).with_name("skips.txt")

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def allowed_skips(text: str) -> dict[str, str]:
    """The listed tests and their reasons; raises ``pytest.UsageError`` for a line without a reason."""
    allowed: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, separator, reason = line.partition(" -- ")
        if not separator or not reason.strip():
            raise pytest.UsageError(f"{LIST.name}, line {number}: write 'test -- reason', found {line!r}")
        allowed[name.strip()] = reason.strip()
    return allowed


def strict() -> bool:
    """Whether skips are failures here."""
    return os.environ.get("HUB_CI") == "1"


def pytest_configure(config: pytest.Config) -> None:
    """Read the list once, so that a bad line stops the run at its start."""
    if strict():
        config.stash[ALLOWED] = allowed_skips(LIST.read_text() if LIST.exists() else "")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> schedule.LongestFirst | None:
    """Begin with what takes longest; only where whole files stay together anyway."""
    return schedule.LongestFirst(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a process of pytest-xdist: the order in which the tests are shared out."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: schedule.rank(item.nodeid))


ALLOWED: pytest.StashKey[dict[str, str]] = pytest.StashKey()


def judged(report: Report, config: pytest.Config) -> Report:
    """The report, turned into a failure when it tells of a skip that is not listed."""
    if not strict() or report.outcome != "skipped":
        return report
    if any(fnmatchcase(report.nodeid, name.replace("[", "[[]")) for name in config.stash[ALLOWED]):
        return report
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
    report.outcome = "failed"
    if hasattr(report, "wasxfail"):
        del report.wasxfail
    rule = f"With HUB_CI=1 a skip must be listed in tests/{LIST.name}."
    report.longrepr = f"{report.nodeid} did not run: {reason}\n{rule}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge a test that skipped itself or was marked."""
    report = yield
    return judged(report, item.config)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Judge a module that skipped itself whole."""
    report = yield
    return judged(report, collector.config)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Look through what a test and everything in it wrote; the last report of a test has all of it."""
    if report.when != "teardown":
        return
    for title, text in report.sections:
        # Records pytest caught itself ("Captured log") are not written yet: the hub's own log blackens them on the way.
        if "log" not in title:
            plants.note(f"{report.nodeid} ({title})", text)


@pytest.fixture(scope="session", autouse=True)
def nothing_planted_lies_about(tmp_path_factory: pytest.TempPathFactory) -> Generator[None, None, None]:
    """Look through all data folders once nothing runs any more; the last test fails where something was found."""
    yield
    plants.scan(tmp_path_factory.getbasetemp())
    if plants.found:
        told = "\n".join(f"  {one}" for one in plants.found[:20])
        pytest.fail(f"{len(plants.found)} planted values lie where they must not:\n{told}", pytrace=False)


@pytest.fixture(autouse=True)
def own_log() -> Generator[None, None, None]:
    """A test that sends the hub's log to a stream of its own leaves none of it to the next one."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)
