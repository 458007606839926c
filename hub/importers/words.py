"""Words: an operation's words, its verb, what it does (effect) and what its tool is called.

Deterministic: the same description gives the same names, whichever operations are taken. A name carries a hash only
where two would be one, or nothing shorter can be told apart. Not the full name, which the registry makes.
"""

import hashlib
import re
from collections.abc import Iterable

from hub.importers.operation import Operation
from hub.importers.vocabulary import (
    CHANGES,
    DESTROYS,
    MAKES,
    MESSAGES,
    NOISE,
    NOUNS,
    PAYS,
    READS,
    SENDS,
    VERBS,
    WEAK,
)
from hub.sdk.names import FULL_NAME_GOOD
from hub.sdk.tool import Effect

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+[0-9]*|[A-Z]+[0-9]*|[0-9]+")
_BY_METHOD = {
    "POST": "create",
    "PUT": "replace",
    "PATCH": "update",
    "DELETE": "delete",
    "HEAD": "check",
    "OPTIONS": "describe",
}
_DANGER: tuple[Effect, ...] = ("read", "write", "send", "destroy", "pay")


def words_of(text: str) -> list[str]:
    """The words in an identifier or phrase, lower case."""
    return [found.lower() for found in _WORD.findall(text.replace("OAuth", "Oauth"))]


def static_steps(path: str) -> list[str]:
    return [step for step in path.partition("?")[0].partition("#")[0].split("/") if step and "{" not in step]


def _ends_open(path: str) -> bool:
    steps = [step for step in path.partition("?")[0].split("/") if step]
    return bool(steps) and "{" in steps[-1]


def effect_of(operation: Operation) -> Effect:
    """What an operation does, by its method and by its words; the more dangerous where they differ.

    A POST only reads when its own name begins with a word that reads and nothing in its name or title says otherwise:
    many APIs call everything by POST.
    """
    method = operation.method
    last = words_of(" ".join(static_steps(operation.path)[-1:]))
    named = words_of(operation.identifier) or last
    if len(named) > 1 and named[0] == method.lower():
        named = named[1:]
    titled = words_of(operation.title)[:1]
    if method == "DELETE":
        return "destroy"
    if method in ("GET", "HEAD", "OPTIONS"):
        # A GET's nouns say nothing (list_payments, get_deleted_users); only its own verb does.
        acting = {*named[:1], *titled, *(last if len(last) == 1 else ())} - NOUNS
        if named and named[0] not in READS:
            acting |= {named[-1], *last[-1:]} - NOUNS  # views.update
        found: list[Effect] = ["read"]
        if acting & DESTROYS:
            found.append("destroy")
        if acting & {"send", "notify", "publish", "invite", "broadcast"}:
            found.append("send")
        if acting & {"logout", "create", "update", "edit", "add", "execute", "trigger", "cancel", "approve"}:
            found.append("write")
        return max(found, key=_DANGER.index)
    acting = _verbs_of(named) | _verbs_of(last) | set(titled)
    everything = {*named, *last, *titled}
    reads = bool(named) and (named[0] in READS or _verb_at(named) in READS)
    reads = reads or (bool(last) and (last[0] in READS or last[-1] in ("search", "query", "list", "info", "get")))
    if method == "POST" and reads and not everything & (CHANGES | SENDS | PAYS | DESTROYS):
        return "read"
    found = ["write"]
    if {*named, *last} & PAYS or set(titled) & PAYS:
        found.append("pay")
    if acting & DESTROYS:
        found.append("destroy")
    if method == "POST" and (acting & SENDS or ({*named, *last} & MESSAGES and (acting & MAKES or not acting & VERBS))):
        found.append("send")
    return max(found, key=_DANGER.index)


def _verb_at(words: list[str]) -> str:
    """The verb that names an operation: its first word, or one that stands at the end (``documents.list``)."""
    if words[0] in VERBS:
        return words[0]
    for word in (words[-1], *words[1:]):
        if word in VERBS:
            return word
    return words[0]


def _verbs_of(words: list[str]) -> set[str]:
    if not words:
        return set()
    return {words[0], words[-1], _verb_at(words)}


def from_path(operation: Operation) -> list[str]:
    """Words for an operation without a name of its own, from method and path."""
    steps = [word for step in static_steps(operation.path) for word in words_of(step) if word not in NOISE]
    verb = _BY_METHOD.get(operation.method) or ("get" if _ends_open(operation.path) else "list")
    if steps and steps[-1] in VERBS and operation.method == "POST":
        verb = steps.pop()
    by = (
        ["by", *words_of(re.sub(r"[^A-Za-z0-9]+", " ", operation.path.rsplit("{", 1)[-1]))[:2]]
        if verb == "get" and _ends_open(operation.path)
        else []
    )
    return [verb, *(steps or ["root"]), *by]


def from_identifier(operation: Operation) -> list[str]:
    """Words of an operation's own name, its verb put first; empty where it has no usable one."""
    words = words_of(re.sub(r"[Uu]sing(?:GET|POST|PUT|PATCH|DELETE)(?:_[0-9]+)?$", "", operation.identifier))
    if not words or (not words[0][0].isalpha() and len(words) == 1):
        return []
    words = [word for at, word in enumerate(words) if at == 0 or word != words[at - 1]]
    if words[0] in ("post", "put", "patch") and words[0] == operation.method.lower() and len(words) > 1:
        rest = words[1:]
        last = words_of(" ".join(static_steps(operation.path)[-1:])) if not _ends_open(operation.path) else []
        if rest[0] in VERBS:
            words = rest
        elif rest[-1] in VERBS and last[-1:] == rest[-1:]:
            words = [rest[-1], *rest[:-1]]
        else:
            create = operation.method == "POST" and not _ends_open(operation.path)
            words = ["create" if create else "update", *rest]
    if words[0] not in VERBS:
        for at in (*range(1, min(3, len(words))), len(words) - 1):
            if words[at] in VERBS and at > 0:
                return [words[at], *words[:at], *words[at + 1 :]]
    return words


def names_of(operations: Iterable[Operation], connector: str) -> dict[str, str]:
    """The tool name of every operation, by its key; full names stay within 40 characters where that can be."""
    room = max(16, FULL_NAME_GOOD - len(connector) - 1)
    ordered = sorted(operations, key=lambda one: (one.path.count("/"), one.path, one.method))
    names: dict[str, str] = {}
    taken: set[str] = set()
    own = set(words_of(connector))
    for operation in ordered:
        plain = from_identifier(operation)
        candidates = [_fitted(words, room, own) for words in (plain, from_path(operation)) if words]
        chosen = next((name for name in candidates if name and name not in taken), None)
        if chosen is None:
            digest = hashlib.blake2b(operation.key.encode(), digest_size=8).hexdigest()
            stem = _fitted(plain or from_path(operation), room - 5, own) or "call"
            chosen = next(f"{stem}_{digest[:size]}" for size in range(4, 17) if f"{stem}_{digest[:size]}" not in taken)
        taken.add(chosen)
        names[operation.key] = chosen
    return names


def _fitted(words: list[str], room: int, own: set[str]) -> str:
    """``words`` as a name of at most ``room`` characters, its noise and then its middle left out; empty if none is
    left."""
    kept = [word for word in words if word.isascii()]
    for noise in (NOISE - {"by"}, WEAK, NOISE | own):
        if len("_".join(kept)) <= room:
            break
        kept = [word for at, word in enumerate(kept) if at == 0 or word not in noise]
    if len("_".join(kept)) > room:
        kept = list(dict.fromkeys(kept))
    while len(kept) > 2 and len("_".join(kept)) > room:
        kept.pop(1 if len(kept) < 5 else len(kept) // 2)
    name = "_".join(kept)[:room].strip("_")
    if name and not name[0].isalpha():
        name = f"call_{name}"[:room].strip("_")
    return name
