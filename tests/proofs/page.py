"""``docs/requirements.md``: every requirement and the tests that prove it.

``python -m tests.proofs.page`` writes it; a test compares it. Nothing is decided here.
"""

from collections.abc import Sequence

from tests.proofs.requirements import ROOT, Proof, Requirement, Section, by_requirement, proofs, sections

PAGE = ROOT / "docs" / "requirements.md"

HEAD = """# Requirements and their proofs

What the authorization server, the doors it guards, and the accounts behind them must do, and the tests that prove
it. *Must* and *should* are the sources' own words; an *advisory* is a mistake others have made; *house* is what we
ask of ourselves besides. Written from `tests/proofs/requirements.yaml` and the marks of the tests
(`@pytest.mark.proves`) by `python -m tests.proofs.page`; a test holds the three together. That the tests would
notice is tried by `make mutations` ([decision 27](decisions/0027-proofs-are-marked-and-faults-are-tried.md)).
"""


def rendered(held: Sequence[Section], found: list[Proof]) -> str:
    """The page."""
    proved = by_requirement(found)
    parts = [HEAD]
    for section in held:
        parts.append(f"\n## {section.title}\n\nSource: {section.source}.\n\n| | what | proved by |\n|---|---|---|\n")
        parts += [_row(one, proved.get(one.id, [])) for one in section.requirements]
    return "".join(parts)


def _row(one: Requirement, tests: list[Proof]) -> str:
    proof = "<br>".join(f"[{test.sentence}](../{test.file})" for test in tests)
    return f"| {one.id}<br>*{one.level}* | {one.words} | {proof or f'Does not apply. {one.absent}'} |\n"


if __name__ == "__main__":
    PAGE.write_text(rendered(sections(), proofs()), "utf-8")
