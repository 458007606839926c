"""Every requirement has its proof, every proof its requirement, and the page tells of both."""

from fnmatch import fnmatchcase

from tests.conftest import LIST as SKIPS
from tests.conftest import allowed_skips
from tests.proofs.page import PAGE, rendered
from tests.proofs.requirements import LEVELS, by_requirement, proofs, sections

SECTIONS = sections()
REQUIREMENTS = [one for section in SECTIONS for one in section.requirements]
PROOFS = proofs()


def test_a_requirement_has_an_id_of_its_own_a_level_and_words() -> None:
    ids = [one.id for one in REQUIREMENTS]
    assert len(ids) > 60
    assert sorted({id for id in ids if ids.count(id) > 1}) == []
    assert [one.id for one in REQUIREMENTS if one.level not in LEVELS or not one.words.endswith(".")] == []


def test_every_requirement_is_proved_or_says_why_it_does_not_apply() -> None:
    proved = by_requirement(PROOFS)
    assert [one.id for one in REQUIREMENTS if not proved.get(one.id) and not one.absent] == []
    assert [one.id for one in REQUIREMENTS if proved.get(one.id) and one.absent] == []


def test_every_proof_is_of_a_requirement() -> None:
    known = {one.id for one in REQUIREMENTS}
    assert [(proof.test, id) for proof in PROOFS for id in proof.proves if id not in known] == []


def test_no_proof_may_be_skipped() -> None:
    listed = allowed_skips(SKIPS.read_text("utf-8"))
    named = [f"{proof.file}::{proof.test}" for proof in PROOFS]
    assert [one for one in named for skip in listed if fnmatchcase(one, skip.partition("[")[0])] == []


def test_the_page_is_that_of_the_list_and_the_marks() -> None:
    assert PAGE.read_text("utf-8") == rendered(SECTIONS, PROOFS), "write it anew: python -m tests.proofs.page"
