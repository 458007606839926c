"""Usefulness: which operations of a large description a person most likely wants, so that an import begins with those.

A guess from methods, names and subjects, written into the YAML for the operator to correct. Not the selection
itself (``selection.py``).
"""

from collections.abc import Iterable, Mapping

from hub.importers.operation import Operation
from hub.importers.vocabulary import NOISE, SIDE
from hub.importers.words import static_steps, words_of

_SCORES = {"list": 5.0, "search": 5.2, "find": 4.6, "query": 4.6, "get": 4.4, "read": 4.2, "create": 4.3, "send": 4.2,
           "add": 3.8, "post": 3.6, "update": 3.4, "edit": 3.4, "delete": 1.4, "remove": 1.2}  # fmt: skip


def most_useful(operations: Iterable[Operation], names: Mapping[str, str], number: int) -> list[Operation]:
    """The ``number`` operations a person most likely wants, spread over the document's subjects; in document order."""
    known = list(operations)
    scored: dict[str, float] = {}
    for one in known:
        name = names[one.key]
        score = _SCORES.get(name.split("_")[0], 2.0)
        score -= 0.45 * len(static_steps(one.path)) + 0.15 * sum(1 for given in one.parameters if given.required)
        score -= 20.0 if one.deprecated else 0.0
        score -= 2.5 if SIDE & (set(words_of(one.path)) | set(name.split("_"))) else 0.0
        score += 0.5 if one.title or one.description else 0.0
        scored[one.key] = score
    sizes: dict[str, int] = {}
    for one in known:
        sizes[_subject(one)] = sizes.get(_subject(one), 0) + 1
    at = {one.key: number for number, one in enumerate(known)}
    seen: dict[str, int] = {}
    verbs: dict[str, int] = {}
    chosen: set[str] = set()

    def worth(one: Operation) -> tuple[float, int]:
        subject, verb = _subject(one), names[one.key].split("_")[0]
        # What an API has most operations for is what it is about.
        about = min(3.2, 0.5 * sizes[subject].bit_length())
        return scored[one.key] + about - 0.55 * seen.get(subject, 0) - 0.16 * verbs.get(verb, 0), -at[one.key]

    for _ in range(min(number, len(known))):
        best = max((one for one in known if one.key not in chosen), key=worth)
        chosen.add(best.key)
        subject, verb = _subject(best), names[best.key].split("_")[0]
        seen[subject] = seen.get(subject, 0) + 1
        verbs[verb] = verbs.get(verb, 0) + 1
    return [one for one in known if one.key in chosen]


def _subject(operation: Operation) -> str:
    if operation.tags:
        return operation.tags[0]
    static = [step for step in static_steps(operation.path) if words_of(step) and words_of(step)[0] not in NOISE]
    return static[0] if static else ""
