"""docs/connectors-for-agents.md: its example passes its checklist, its commands exist, it is one page."""

import re
from pathlib import Path

from typer.testing import CliRunner

from hub.cli.program import app
from hub.testing import check
from tests.docs.pages import Page, first_cells, placed, tables

PAGE = Page.of("docs/connectors-for-agents.md")


async def test_the_example_passes_the_pages_own_checklist(tmp_path: Path) -> None:
    assert {block.language for block in PAGE.blocks} == {"yaml"}
    report = await check(placed(PAGE.blocks, tmp_path) / "parcels")
    assert report.reason is None
    assert report.problems == report.warnings == ()
    assert report.recordings == report.tools + 1


def test_every_command_and_option_it_names_is_one_of_the_program() -> None:
    told = [row[1].strip("`") for row in tables(PAGE.section("Commands"))[0][1:]]
    assert len(told) == 6
    for command in told:
        words = command.split()
        shown = CliRunner().invoke(app, [words[1], "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0, command
        assert [option for option in re.findall(r"--[a-z-]+", command) if option not in shown.output] == []
    assert "--python" in CliRunner().invoke(app, ["new", "--help"]).output


def test_it_stays_one_page() -> None:
    assert len(PAGE.prose.split()) < 1_100
    assert len(first_cells(tables(PAGE.section("Common mistakes"))[0])) >= 8
