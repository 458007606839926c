"""The tools as a client of each era is told them, held against what Claude takes. Step ``tools``.

The limits are Claude's, not the specification's: names, counts and sizes beyond them are dropped or break all tools at
once (platform documentation of tool use; claude.com/docs/connectors/building; issues of claude-code and claude-ai-mcp).
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson

from hub.doctor.case import INITIALIZE, LEGACY, Case, Unanswered, answer_of, no_answer, object_of
from hub.doctor.findings import Finding, StepName, ok, skipped, warning, wrong

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
LONG_NAME = 48
"""Claude Code puts ``mcp__<server>__`` before a name."""

MOST_TOOLS = 256
MANY_TOOLS = 60
SCHEMA_BYTES = 16_384
DESCRIPTION_BYTES = 2048
LIST_BYTES = 1_000_000
_SHOWN = 3


async def tools(case: Case) -> list[Finding]:
    """``tools/list`` in both eras."""
    step: StepName = "tools"
    if case.token is None:
        return [skipped(step, "no token was given")]
    try:
        modern = await case.rpc("tools/list", token=case.token)
        begun = await case.legacy(INITIALIZE, token=case.token)
        session = begun.headers.get("mcp-session-id")
        if begun.status != 200:
            text = f"initialize of {LEGACY} is answered with {answer_of(begun)}."
            return [wrong(step, text, "Have the proxy pass POST /mcp on unchanged.")]
        asked = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
        legacy = await case.legacy(asked, token=case.token, session=session)
    except Unanswered as lost:
        return [no_answer(step, "tools/list", lost)]
    found: list[Finding] = []
    lists: list[list[dict[str, Any]]] = []
    for era, seen in (("2026-07-28", modern), (LEGACY, legacy)):
        result = (object_of(seen) or {}).get("result")
        listed = result.get("tools") if isinstance(result, dict) else None
        if seen.status != 200 or not isinstance(listed, list):
            mend = (
                "Have the proxy pass bodies and the Mcp- headers on unchanged; for older clients also Mcp-Session-Id."
            )
            found.append(wrong(step, f"tools/list of {era} is answered with {answer_of(seen)}.", mend))
            continue
        lists.append([one for one in listed if isinstance(one, dict)])
        if isinstance(result, dict) and result.get("nextCursor") is not None:
            mend = "Give a client fewer tools (a profile), so that they fit one page."
            found.append(wrong(step, f"the list of {era} has further pages, which Claude does not read.", mend))
    if found:
        return found
    names = [sorted(str(one.get("name")) for one in listed) for listed in lists]
    if names[0] != names[1]:
        mend = "Something on the way keeps or changes answers of /mcp; it must not."
        found.append(wrong(step, "the two eras are told different tools.", mend))
    found += judged(lists[0])
    return found or [ok(step, f"{len(lists[0])} tools, in both eras, within Claude's limits")]


def judged(listed: list[dict[str, Any]]) -> list[Finding]:
    """What of a list of tools Claude does not take."""
    step: StepName = "tools"
    found = []
    count, size = len(listed), len(orjson.dumps(listed))
    fewer = "Leave connectors out (connectors.disabled), or add the address of a profile, <public_url>/mcp/<profile>."
    if count > MOST_TOOLS:
        found.append(wrong(step, f"{count} tools; Claude shows {MOST_TOOLS} of a connector at most.", fewer))
    elif count > MANY_TOOLS:
        found.append(warning(step, f"{count} tools; Claude chooses better among fewer.", fewer))
    if not count:
        found.append(
            warning(step, "there are no tools for this token.", "Look at hub list, and at the token's profile.")
        )
    if size > LIST_BYTES:
        found.append(wrong(step, f"the list has {size:,} bytes; a client's deadline and context are smaller.", fewer))
    doubles = [name for name, times in Counter(str(one.get("name")) for one in listed).items() if times > 1]
    if doubles:
        found.append(wrong(step, f"named twice: {_some(doubles)}.", "Every tool needs a name of its own."))
    for text, mend, severe, names in _faults(listed):
        if names:
            report = wrong if severe else warning
            found.append(report(step, f"{_some(names)}: {text}.", mend))
    return found


def _faults(listed: list[dict[str, Any]]) -> Iterator[tuple[str, str, bool, list[str]]]:
    """What can be wrong with single tools: the words, how to mend it, whether Claude stops at it, and with which."""
    author = "The connector's author mends it; until then connectors.disabled leaves it out."

    def those(faulty: Any) -> list[str]:
        return [str(one.get("name")) for one in listed if faulty(one)]

    def schema(one: dict[str, Any]) -> dict[str, Any]:
        held = one.get("inputSchema")
        return held if isinstance(held, dict) else {}

    rule = "a name has 1 to 64 characters A-Z, a-z, 0-9, _ and -; one other can take all tools down"
    yield rule, author, True, those(lambda one: not NAME.fullmatch(str(one.get("name"))))
    too_long = those(lambda one: LONG_NAME < len(str(one.get("name"))) <= 64)
    yield f"longer than {LONG_NAME} characters; Claude Code puts its own prefix before it", author, False, too_long
    untyped = those(lambda one: schema(one).get("type") != "object")
    yield "the input schema's type must be object", author, True, untyped
    union = those(lambda one: {"oneOf", "anyOf", "allOf"} & set(schema(one)))
    yield "the input schema has a union at its top, which Claude refuses", author, True, union
    referring = those(lambda one: b'"$ref"' in orjson.dumps(schema(one)))
    yield "the input schema has a $ref, which Claude does not follow", author, True, referring
    large = those(lambda one: len(orjson.dumps(schema(one))) > SCHEMA_BYTES)
    yield f"the input schema has more than {SCHEMA_BYTES:,} bytes; Claude drops the tool", author, True, large
    keys = those(lambda one: not all(PROPERTY.fullmatch(key) for key in schema(one).get("properties") or {}))
    yield "an argument's name must have 1 to 64 characters A-Z, a-z, 0-9, _, . and -", author, True, keys
    wordy = those(lambda one: len(str(one.get("description") or "").encode()) > DESCRIPTION_BYTES)
    yield f"the description has more than {DESCRIPTION_BYTES:,} bytes; the rest is cut off", author, False, wordy
    silent = those(lambda one: not one.get("description"))
    yield "no description", author, False, silent


def _some(names: list[str]) -> str:
    """The first few, and how many more."""
    shown = ", ".join(name[:80] for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
