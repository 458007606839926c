"""YAML 1.2, core schema, as the hub reads it: plain data with the line each thing stood on.

libyaml's parser gives the events; which plain words are numbers, booleans or null is decided here by the 1.2 core
schema (YAML 1.2.2, section 10.3), so ``on``, ``no``, ``12:30`` and dates are strings. Duplicate keys, tags, merge
keys and keys that are not strings are errors. Not a general YAML library: one document, no custom objects, no
writing, and bounded in size, depth and alias expansion.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from yaml import YAMLError
from yaml._yaml import CParser
from yaml.error import MarkedYAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from hub.errors import HubError

MAX_BYTES = 1_000_000
"""The largest text read, in bytes of UTF-8."""

MAX_DEPTH = 64
"""How deep mappings and lists may nest, aliases included."""

MAX_ALIAS_NODES = 10_000
"""How many nodes all aliases of one document may stand for together."""


class YamlError(HubError):
    """A text is not the YAML the hub reads. ``line`` and ``column`` count from 1; None where unknown."""

    def __init__(self, problem: str, *, file: str, line: int | None = None, column: int | None = None) -> None:
        place = file if line is None else f"{file}, line {line}, column {column}"
        super().__init__(f"{place}: {problem}")
        self.problem = problem
        self.file = file
        self.line = line
        self.column = column


class Map(dict[str, Any]):
    """A mapping that knows where it stood: ``line`` its first line, ``key_lines`` the line of each key."""

    __slots__ = ("key_lines", "line")

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line
        self.key_lines: dict[str, int] = {}


class List(list[Any]):
    """A list that knows where it stood: ``line`` its first line, ``item_lines`` the line of each item."""

    __slots__ = ("item_lines", "line")

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line
        self.item_lines: list[int] = []


_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NUMBERS: tuple[tuple[re.Pattern[str], Callable[[str], int | float]], ...] = (
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda word: int(word[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda word: int(word[2:], 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)"), lambda word: float(word.replace(".", "").lower())),
    (re.compile(r"\.(nan|NaN|NAN)"), lambda _: float("nan")),
)


def load(text: str, file: str) -> Any:
    """The one document in ``text``; None for an empty one. ``file`` only names it in errors.

    Mappings are ``Map``, lists ``List``. Raises ``YamlError`` (see the module's docstring for what is refused).
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as wrong:
        raise YamlError(f"character {wrong.start} is half of a surrogate pair; save it as UTF-8.", file=file) from None
    if size > MAX_BYTES:
        raise YamlError(f"{size} bytes of YAML; at most {MAX_BYTES} are read.", file=file)
    return _Builder(file).build(text)


def line_of(node: Any, path: Sequence[str | int]) -> int | None:
    """The line (from 1) of the key or item at ``path`` below ``node``.

    Where the path leads nowhere, the line of the deepest part of it that exists; None when ``node`` did not come
    from ``load``.
    """
    line: int | None = node.line if isinstance(node, Map | List) else None
    for step in path:
        if isinstance(node, Map) and step in node:
            line = node.key_lines.get(str(step), line)
            node = node[str(step)]
        elif isinstance(node, List) and isinstance(step, int) and 0 <= step < len(node):
            line = node.item_lines[step]
            node = node[step]
        else:
            break
    return line


def plain(node: Any) -> Any:
    """The same data in plain dicts and lists."""
    if isinstance(node, dict):
        return {key: plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    return node


@dataclass(slots=True)
class _Open:
    """A mapping or list still being read."""

    node: Map | List
    anchor: str | None
    key: str | None = None
    key_line: int = 0


@dataclass(slots=True)
class _Builder:
    """Turns one document's events into data, without recursion, so depth costs no stack."""

    file: str
    root: Any = None
    open: list[_Open] = field(default_factory=list)
    anchors: dict[str, Any] = field(default_factory=dict)
    alias_nodes: int = 0
    documents: int = 0

    def build(self, text: str) -> Any:
        for event in self._events(text):
            match event:
                case ScalarEvent():
                    self._scalar(event)
                case AliasEvent():
                    self._alias(event)
                case MappingStartEvent():
                    self._begin(event, Map)
                case SequenceStartEvent():
                    self._begin(event, List)
                case MappingEndEvent() | SequenceEndEvent():
                    self._end(event)
                case DocumentStartEvent():
                    self._document(event)
        return self.root

    def _events(self, text: str) -> Iterator[Any]:
        try:
            parser: Any = CParser(text)
            while parser.check_event():
                yield parser.get_event()
        except MarkedYAMLError as wrong:
            told = ", ".join(part for part in (wrong.context, wrong.problem) if part) or "this is not YAML"
            mark: Any = wrong.problem_mark
            if mark is None:
                raise YamlError(f"{told}.", file=self.file) from None
            raise YamlError(f"{told}.", file=self.file, line=mark.line + 1, column=mark.column + 1) from None
        except YAMLError as wrong:
            problem = getattr(wrong, "reason", None) or str(wrong)
            raise self._unmarked(text, problem, getattr(wrong, "position", None)) from None

    def _unmarked(self, text: str, problem: str, position: int | None) -> YamlError:
        """The reader's errors carry a byte position instead of a mark."""
        if position is None:
            return YamlError(f"{problem}.", file=self.file)
        before = text.encode()[:position].decode(errors="replace")
        line = before.count("\n") + 1
        return YamlError(f"{problem}.", file=self.file, line=line, column=len(before) - before.rfind("\n"))

    def _fail(self, event: Any, problem: str) -> NoReturn:
        mark = event.start_mark
        raise YamlError(problem, file=self.file, line=mark.line + 1, column=mark.column + 1)

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self._fail(event, "a second document; write one file for each.")
        if event.version not in (None, (1, 2)):
            self._fail(event, "a %YAML directive for another version; the hub reads YAML 1.2.")
        if event.tags:
            self._fail(event, "a %TAG directive; tags are not read.")

    def _untagged(self, event: Any) -> None:
        if event.tag is not None:
            self._fail(event, f"the tag {event.tag!r}; tags are not read. Put text in quotes to keep it text.")

    def _scalar(self, event: Any) -> None:
        self._untagged(event)
        expects_key = bool(self.open) and isinstance(self.open[-1].node, Map) and self.open[-1].key is None
        plain_word: bool = event.implicit[0]
        if expects_key and plain_word and event.value == "<<":
            self._fail(event, "a merge key (<<); YAML 1.2 has none. Write the keys out.")
        value = self._resolve(event) if plain_word else event.value
        if expects_key and not isinstance(value, str):
            self._fail(event, f"the key {event.value or 'null'} is not a string; put it in quotes.")
        if event.anchor is not None:
            self.anchors[event.anchor] = value
        self._place(event, value)

    def _resolve(self, event: Any) -> Any:
        word: str = event.value
        if word in _NULL:
            return None
        if word in _BOOL:
            return _BOOL[word]
        if word[0] in "+-.0123456789":
            for pattern, number in _NUMBERS:
                if pattern.fullmatch(word):
                    try:
                        return number(word)
                    except ValueError:
                        self._fail(event, f"a number of {len(word)} digits; put it in quotes to keep it text.")
        return word

    def _begin(self, event: Any, kind: type[Map] | type[List]) -> None:
        self._untagged(event)
        self._not_a_key(event)
        if len(self.open) >= MAX_DEPTH:
            self._fail(event, f"nested more than {MAX_DEPTH} deep.")
        if event.anchor is not None:
            self.anchors.pop(event.anchor, None)
        self.open.append(_Open(kind(event.start_mark.line + 1), event.anchor))

    def _end(self, event: Any) -> None:
        done = self.open.pop()
        if done.anchor is not None:
            self.anchors[done.anchor] = done.node
        self._place(event, done.node, line=done.node.line)

    def _alias(self, event: Any) -> None:
        self._not_a_key(event)
        if any(held.anchor == event.anchor for held in self.open):
            self._fail(event, f"the alias *{event.anchor} stands inside what it names.")
        if event.anchor not in self.anchors:
            self._fail(event, f"the alias *{event.anchor} names nothing above it.")
        self._place(event, self._copy(event, self.anchors[event.anchor], len(self.open)))

    def _not_a_key(self, event: Any) -> None:
        if self.open and isinstance(self.open[-1].node, Map) and self.open[-1].key is None:
            self._fail(event, "a key that is not a string; keys are plain or quoted words.")

    def _copy(self, event: Any, node: Any, depth: int) -> Any:
        """What an alias stands for, as data of its own, so that changing one place never changes another."""
        self.alias_nodes += 1
        if self.alias_nodes > MAX_ALIAS_NODES:
            self._fail(event, f"aliases that stand for more than {MAX_ALIAS_NODES} values together.")
        if isinstance(node, Map | List) and depth >= MAX_DEPTH:
            self._fail(event, f"nested more than {MAX_DEPTH} deep through an alias.")
        if isinstance(node, Map):
            mapping = Map(node.line)
            for key, value in node.items():
                mapping[key] = self._copy(event, value, depth + 1)
            mapping.key_lines = dict(node.key_lines)
            return mapping
        if isinstance(node, List):
            items = List(node.line)
            items.extend(self._copy(event, value, depth + 1) for value in node)
            items.item_lines = list(node.item_lines)
            return items
        return node

    def _place(self, event: Any, value: Any, line: int | None = None) -> None:
        line = event.start_mark.line + 1 if line is None else line
        if not self.open:
            self.root = value
            return
        held = self.open[-1]
        if isinstance(held.node, List):
            held.node.append(value)
            held.node.item_lines.append(line)
        elif held.key is None:
            if value in held.node:
                first = held.node.key_lines[value]
                self._fail(event, f"the key {value!r} stands twice (first in line {first}).")
            held.key, held.key_line = value, line
        else:
            held.node[held.key] = value
            held.node.key_lines[held.key] = held.key_line
            held.key = None
