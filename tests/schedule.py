"""Who runs what when the tests run in several processes (``-n``): what takes longest is begun first.

A file's tests stay together, as pytest-xdist's ``--dist loadfile`` has it; those of a folder whose files share what is
costly to start stay together, too. The order is only one of time: a list that is out of date costs seconds, and proves
nothing less (decision 0107).
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

TOGETHER = ("processes", "browser", "store", "e2e", "programs", "interop")
"""Folders that start programs once for all their tests: hubs, Chromium, PostgreSQL, other people's servers."""

FIRST = (
    "processes",
    "browser",
    "store",
    "e2e",
    "servers/test_crew.py",
    "cli/test_calling.py",
    "programs",
    "importers/test_descriptions.py",
    "interop",
    "limits/test_calls.py",
    "people/test_sign_in.py",
    "people/test_refusals.py",
    "people/test_openid.py",
    "oauth/test_interleavings.py",
    "fuzz/test_doors.py",
    "broker/test_sharing.py",
    "people/test_passkeys.py",
    "people/test_setup.py",
    "docs/test_readme.py",
    "broker/test_kinds.py",
    "bench/test_bench.py",
    "servers/test_eras.py",
    "registry/test_watch.py",
    "broker/test_oauth.py",
    "files/test_files.py",
    "signing_in/test_accounts.py",
    "importers/test_prism.py",
    "oauth/test_tokens.py",
    "oauth/test_trace.py",
    "fuzz/test_web.py",
    "broker/test_thieves.py",
    "doctor/test_broken.py",
    "oauth/test_clients.py",
    "files/test_calls.py",
    "oauth/test_consent.py",
    "test_house.py",
    "docs/test_first_data.py",
)
"""What takes more than ten seconds, the longest first (``--durations``)."""


def unit_of(nodeid: str) -> str:
    """The part of the tests that one process runs, as named above; the file of the test where it is in none."""
    file = nodeid.partition("::")[0].removeprefix("tests/")
    folder = file.partition("/")[0]
    return folder if folder in TOGETHER else file


def rank(nodeid: str) -> int:
    """The place of the test's unit in the order of their beginning; the same for all that are quick."""
    unit = unit_of(nodeid)
    return FIRST.index(unit) if unit in FIRST else len(FIRST)


class LongestFirst(LoadScopeScheduling):  # type: ignore[misc]
    """pytest-xdist's scheduling by units, in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        # By itself it begins with the unit of most tests, which is one of the quickest.
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
