"""Prism as the judge of a description's requests: what it is given to serve, how it runs, what it says. Not a test."""

import asyncio
import re
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from hub.importers.documents import read
from hub.sdk.http import Outgoing, Reply
from hub.upstream.transport import AioTransport
from tests.importers.specs import ROOT, data_of

PRISM = ROOT / "tests" / "importers" / "node_modules" / ".bin" / "prism"
_PLACE = re.compile(r"\{[^{}]*\}")
_REFUSED = b"stoplight.io/prism/errors"

CAUSES = (
    ("description: a pattern between slashes, which nothing matches", r'must match pattern "/'),
    ("description: a path parameter that its path has no place for", r"path Request path must have required property"),
    ("description: a format that its own length rules out", r"must match format"),
    ("Prism: a part of a multipart body is never read as JSON", r"^multipart .*must be (?:object|array)"),
    ("Prism: a form's list, where the description writes no encoding", r"^form .*must be array"),
    ("Prism: a form's field that is required and not declared", r"^form body Request body must have required"),
    ("Prism: a place in a path whose name has a dot", r"no path matched"),
    ("hub: a pattern with look-around is not shown", r"must match pattern .*\(\?"),
    ("Prism: objects in a query", r" query\.\S+ .*(?:must be object|must have required)"),
    ("Prism: a header that a description has no say in", r" header\.(?:accept|content-type) "),
    ("description: an object and a list at once", r" body Request body must be (?:object|array)$"),
    ("description: alternatives that one value fits at once, and must not", r"must match exactly one schema in oneOf"),
)
"""What a refusal comes from, by Prism's words for it; the reasons stand in docs/decisions/0064. The first that fits."""
_VALUES = re.compile(r"^\S+ Request .* (\S+) must be equal to one of the allowed values: (.*)")


def parts_of(file: Path) -> Iterator[tuple[dict[str, Any], set[str]]]:
    """The document as Prism serves it, and the operations that are judged by it.

    It is without its sign-in, without references to files that are not there (examples, mostly), and with one plain
    answer to everything, as the making of answers up takes most of Prism's time and is not judged here. Paths that
    differ in nothing but the names of their places (which OpenAPI forbids) or a query are in documents of their own:
    Prism takes the first of them for all.
    """
    document = _local(orjson.loads(orjson.dumps(read(data_of(file), file.name))))
    document.pop("security", None)
    shapes: Counter[str] = Counter()
    parts: dict[int, tuple[dict[str, Any], set[str]]] = {}
    for path, item in (document.get("paths") or {}).items():
        if not isinstance(item, dict):
            continue
        for operation in item.values():
            if isinstance(operation, dict):
                operation.pop("security", None)
                operation["responses"] = {"200": {"description": "ok"}}
        # A query in a path tells operations apart that Prism takes for one.
        plain = path.partition("?")[0].partition("#")[0]
        shape = _PLACE.sub("{}", plain)
        paths, keys = parts.setdefault(shapes[shape], ({}, set()))
        paths[plain] = item
        keys |= {f"{method.upper()} {path}" for method in item}
        shapes[shape] += 1
    for paths, keys in parts.values():
        yield {**document, "paths": paths}, keys


def _local(node: Any) -> Any:
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#"):
            return {}
        return {key: _local(value) for key, value in node.items()}
    return [_local(value) for value in node] if isinstance(node, list) else node


class Listening:
    """The real network, which keeps what was sent last and what Prism said of it."""

    def __init__(self, inner: AioTransport) -> None:
        self._inner = inner
        self.last: Reply | None = None
        self.sent: Outgoing | None = None

    def forget(self) -> None:
        """Begin anew."""
        self.last = self.sent = None

    async def exchange(self, outgoing: Outgoing, *, connector: str, timeout: float) -> Reply:  # noqa: ASYNC109
        """See ``Transport``."""
        self.sent = outgoing
        self.last = await self._inner.exchange(outgoing, connector=connector, timeout=timeout)
        return self.last


class Unloadable(Exception):
    """Prism ended before it listened; its last words."""


@asynccontextmanager
async def prism(document: Mapping[str, Any], folder: Path) -> AsyncIterator[str]:
    """Prism serving ``document``; yields its address. Raises ``Unloadable``."""
    file = folder / "served.json"
    file.write_bytes(orjson.dumps(document))
    process = await asyncio.create_subprocess_exec(
        str(PRISM), "mock", "-h", "127.0.0.1", "-p", "0", str(file),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, limit=1 << 22,
    )  # fmt: skip
    assert process.stdout is not None
    words = [""]
    draining: asyncio.Task[bytes] | None = None
    try:
        async for line in process.stdout:
            found = re.search(rb"listening on http://(127\.0\.0\.1:[1-9]\d*)", line)
            if found:
                draining = asyncio.create_task(process.stdout.read())
                yield found[1].decode()
                return
            words.append(line.decode(errors="replace").strip() or words[-1])
        plain = [re.sub(r"\x1b\[[0-9;]*m", "", one) for one in words]
        raise Unloadable(next((one for one in plain if "fatal" in one), plain[-1])[:200])
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        if draining is not None:
            await draining


def complaints(reply: Reply) -> list[str]:
    """What Prism has against a request; nothing where it accepts it."""
    told = reply.headers.get("sl-violations")
    if told:
        try:
            inputs = [one for one in orjson.loads(told) if one["location"][:1] == ["request"]]
        except orjson.JSONDecodeError:
            return [told[:300]]
        return [f"{'.'.join(map(str, one['location'][1:]))} {one['message']}" for one in inputs]
    if _REFUSED not in reply.body:
        return []
    problem = orjson.loads(reply.body)
    found = [f"{'.'.join(map(str, one['location']))} {one['message']}" for one in problem.get("validation") or []]
    return found or [f"{problem.get('status')} {problem.get('title')}: {problem.get('detail')}"]


def cause(told: Sequence[str], sent: Outgoing | None, arguments: Mapping[str, Any], *, trimmed: bool) -> str:
    """What complaints come from, one of ``CAUSES`` where it is known."""
    headers = sent.headers if sent is not None else {}
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    kind = "multipart" if "multipart" in kind else "form" if "urlencoded" in kind else "other"
    if all(_allowed(one, arguments) for one in told):
        return "description: an enumeration whose members are not of its type"
    for name, words in CAUSES:
        if any(re.search(words, f"{kind} {one}") for one in told):
            return name
    return "hub: the schema was cut down to 16,000 bytes" if trimmed else "not explained"


def _allowed(told: str, arguments: Mapping[str, Any]) -> bool:
    """Whether Prism wants one of several values, and was given one of them, as a text."""
    listed = _VALUES.match(told)
    if listed is None:
        return False
    body = arguments.get("body")
    within = {**arguments, **body} if told.startswith("body.") and isinstance(body, Mapping) else arguments
    held = within.get(listed[1].split(".")[0])
    values = listed[2].lower().split(", ")
    return all(str(one).lower() in values for one in (held if isinstance(held, list) else [held]))
