"""The shelf: YAML connectors that loaded once, kept in the data folder so that a start need not read them again.

What is kept is data: the parsed declaration, and each tool as it is listed. It is taken only for the very content, hub
and contract it was made from, and only as this hub sealed it; a tool is compiled from it when it is first used, under
the same rules as ever, and nothing kept is ever run. What does not load is not kept, so it is refused at each start.
Not for Python, which is imported each time.
"""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

import hub
from hub import observe, yaml
from hub.errors import ConnectorError
from hub.importers.head import head_of
from hub.registry.described import is_described, is_server
from hub.registry.entries import Sheet, sheets_of
from hub.registry.units import Content
from hub.sdk.compilation import compile_yaml
from hub.sdk.declaration import CONTRACT
from hub.sdk.shape import Naming
from hub.sdk.tool import CompiledConnector, Tool
from hub.seal import KeyRing, SealBroken

_HUB = Path(hub.__file__).parent
_COMPILING = ("yaml.py", "sdk", "importers", "registry")
"""What of the hub's own code bears on how a declaration compiles."""

_log = observe.log("registry")


def program() -> str:
    """The hub's own part in a key: its version, and how its compiling code looks on disk, as authors of the hub change
    it without a new version."""
    marks = [hub.__version__, str(CONTRACT)]
    for name in _COMPILING:
        path = _HUB / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else (path,):
            seen = file.stat()
            marks.append(f"{file.name} {seen.st_size} {seen.st_mtime_ns}")
    return hashlib.blake2b("\n".join(marks).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class _Kept:
    """A tool as it lies on the shelf: how it is listed, and its declaration (of a description: its draft) as JSON."""

    sheet: Sheet
    declared: str


class KeptTools(Mapping[str, Tool]):
    """The tools of a connector from the shelf, each compiled when it is first asked for."""

    def __init__(self, kept: Mapping[str, _Kept], make: Callable[[_Kept], Tool]) -> None:
        self._kept = kept
        self._make = make
        self._compiled: dict[str, Tool] = {}

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        """How the tools are listed; compiles nothing."""
        return tuple(one.sheet for one in self._kept.values())

    def __getitem__(self, name: str) -> Tool:
        """The tool ``name``; raises ``KeyError``, and ``ConnectorError`` where it no longer compiles."""
        found = self._compiled.get(name)
        if found is None:
            found = self._compiled[name] = self._make(self._kept[name])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


class Shelf:
    """Compiled YAML connectors in ``folder``, one sealed file for each name, which is made when it is needed."""

    def __init__(self, folder: Path, ring: KeyRing) -> None:
        self._folder = folder
        self._box = ring.box("connector shelf")
        self._program = program()

    def find(self, content: Content, *, prefix: bool) -> CompiledConnector | None:
        """The connector that ``content`` came to before, or None."""
        if not _keepable(content):
            return None
        unit = content.unit
        try:
            token = (self._folder / f"{unit.name}.sealed").read_text("ascii")
            held = orjson.loads(self._box.open(token, bound=self._bound(content, prefix), now=0.0))
        except (OSError, UnicodeError, SealBroken):
            return None
        file = unit.shown(str(unit.declaration))
        kept = {
            one["name"]: _Kept(
                Sheet(one["name"], one["effect"], tuple(one["renamed_from"]), one["listing"]), one["declared"]
            )
            for one in held["tools"]
        }
        data = orjson.loads(held["declared"])
        try:
            bare = (head_of if is_described(data) else compile_yaml)(unit.name, data, file, prefix=prefix)
        except ConnectorError:
            return None
        if is_described(data):
            # A hub without imported connectors does not wait for what makes their tools.
            from hub.importers.drafts import builder

            build = builder(Naming(unit.name, prefix, bare.provider), bare.reading.rules)

            def make(one: _Kept) -> Tool:
                return build(one.sheet.name, orjson.loads(one.declared), one.sheet.listing["inputSchema"])
        else:

            def make(one: _Kept) -> Tool:
                whole = {**data, "tools": {one.sheet.name: orjson.loads(one.declared)}}
                return compile_yaml(unit.name, whole, file, prefix=prefix).tools[one.sheet.name]

        return replace(bare, tools=KeptTools(kept, make), warnings=tuple(held["warnings"]))

    def keep(self, content: Content, compiled: CompiledConnector, *, prefix: bool) -> None:
        """Put a connector that was just compiled on the shelf. One that cannot be written is only slower next time."""
        held = _held(content, compiled) if _keepable(content) else None
        if held is None:
            return
        token = self._box.seal(held, bound=self._bound(content, prefix))
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(f"{content.unit.name}.sealed", token)
        except OSError as wrong:
            _log.warning("a compiled connector cannot be kept for the next start", reason=wrong.strerror or str(wrong))

    def _bound(self, content: Content, prefix: bool) -> str:
        return f"{content.unit.name} {content.digest} {self._program} {prefix}"

    def _write(self, name: str, token: str) -> None:
        draft = self._folder / f".{name}.{secrets.token_hex(4)}"
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(file, "w", encoding="ascii") as written:
                written.write(token)
            draft.replace(self._folder / name)
        except OSError:
            draft.unlink(missing_ok=True)
            raise


def _keepable(content: Content) -> bool:
    return content.unit.declaration is not None and content.unit.code is None and content.problem is None


def _held(content: Content, compiled: CompiledConnector) -> bytes | None:
    """What is kept of ``content``; None where JSON cannot hold all that its YAML says (infinities, huge numbers)."""
    unit = content.unit
    text = content.files[str(unit.declaration)].decode("utf-8-sig")
    data = yaml.plain(yaml.load(text, unit.shown(str(unit.declaration))))
    if is_server(data):
        return None  # its tools are what was accepted of a server's word, which changes by itself
    try:
        if orjson.loads(orjson.dumps(data)) != data:
            return None
    except (orjson.JSONEncodeError, orjson.JSONDecodeError):
        return None
    tools: Mapping[str, Any] = data.pop("tools", {})
    if is_described(data):
        from hub.importers.drafts import DescribedTools

        if not isinstance(compiled.tools, DescribedTools):
            return None
        tools = compiled.tools.drafts
    return orjson.dumps(
        {
            "declared": orjson.dumps(data).decode(),
            "warnings": compiled.warnings,
            "tools": [
                {
                    "name": sheet.name,
                    "effect": sheet.effect,
                    "renamed_from": sheet.renamed_from,
                    "listing": sheet.listing,
                    "declared": orjson.dumps(tools[sheet.name]).decode(),
                }
                for sheet in sheets_of(compiled)
            ],
        }
    )
