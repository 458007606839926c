"""All pages: links lead somewhere, decisions are indexed, and numbers are those of the code."""

import re
from datetime import timedelta

import pytest

from hub.cli.users import LINK_LIFE
from hub.gateway import asks, results
from hub.mcp_server.limits import Limits
from hub.mcp_server.messages import MAX_DEPTH
from hub.sdk import response
from hub.upstream import redirects, transport
from tests.docs.pages import ROOT, Page

PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")))


def anchors(page: Page) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#{1,6} +(.+)$", page.prose, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    page = Page.of(name)
    broken = []
    for target in re.findall(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)", page.prose):
        file, _, anchor = target.partition("#")
        if file.startswith(("https://", "http://")):
            continue
        path = (page.path.parent / file) if file else page.path
        if not path.exists() or (
            anchor and anchor not in anchors(Page.of(path.resolve().relative_to(ROOT).as_posix()))
        ):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("name", PAGES)
def test_an_example_shows_the_name_of_its_file_to_those_who_do_not_see_the_fence(name: str) -> None:
    wrong = [
        (block.line, block.words)
        for block in Page.of(name).blocks
        if block.language in ("yaml", "python")
        and block.text.partition("\n")[0] not in (f"# {block.words}", f"# {block.words.replace('.network', '')}")
    ]
    assert wrong == []


def test_every_decision_is_indexed_under_its_own_title() -> None:
    folder = ROOT / "docs" / "decisions"
    index = dict(re.findall(r"\[(.+)\]\((\d{4}-.+\.md)\)", (folder / "README.md").read_text("utf-8")))
    records = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    assert set(index.values()) == {path.name for path in records}
    for title, file in index.items():
        number = int(file[:4])
        assert (folder / file).read_text("utf-8").startswith(f"# {number}. {title}\n"), file


def test_a_decision_has_a_number_of_its_own_and_says_context_decision_and_consequences() -> None:
    records = [path for path in (ROOT / "docs" / "decisions").glob("*.md") if path.name != "README.md"]
    assert len({path.name[:4] for path in records}) == len(records)
    for path in records:
        text = path.read_text("utf-8")
        assert [part for part in ("**Context.**", "**Decision.**", "**Consequences.**") if part not in text] == [], path


def test_the_numbers_on_the_security_page_are_those_of_the_code() -> None:
    text = " ".join(Page.of("docs/security.md").text.split())
    limits = Limits()
    assert f"{limits.body // 2**20} MiB for one message, {MAX_DEPTH} levels of JSON, {limits.reading:g} s" in text
    assert (redirects.MAX_REDIRECTS, "At most five, each checked" in text) == (5, True)
    assert f"cut at {transport.MAX_BODY // 10**6} MB" in text
    assert f"results at {results.CHARACTERS:,} characters" in text
    assert f"at most {response.MESSAGE_CHARACTERS} characters" in text
    assert (asks.STATE_SECONDS, "(`requestState`, one hour)" in text) == (3600.0, True)
    assert (LINK_LIFE, "work once, within three days" in text) == (timedelta(days=3), True)
