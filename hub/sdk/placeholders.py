"""Placeholders in declared requests: ``{x}``, ``{settings.x}``, ``{account.x}``; ``{{`` and ``}}`` are literal.

Not a template language: no conditions, no loops, no filters, no nesting. When one is wanted, the tool is
written in Python.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

from hub.errors import ConnectorError, OperatorNeeded, ToolError

_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*\Z")


class Absent(Enum):
    """The type of ``ABSENT``: a value that was not given, as opposed to ``null``, which is sent."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Scope(NamedTuple):
    """The values placeholders may stand for in one call."""

    arguments: Mapping[str, Any] = _NOTHING
    settings: Mapping[str, Any] = _NOTHING
    account: Mapping[str, Any] = _NOTHING

    def get(self, name: str) -> Any:
        """The value of a placeholder, or ``ABSENT`` for an argument that was not given.

        Raises ``OperatorNeeded`` for a setting or account field that is missing.
        """
        room, dot, rest = name.partition(".")
        if dot and room == "settings":
            if rest not in self.settings:
                raise OperatorNeeded(f"The setting {rest!r} of this connector is not set.")
            return self.settings[rest]
        if dot and room == "account":
            if rest not in self.account:
                raise OperatorNeeded(f"The connected account has no field {rest!r}.")
            return self.account[rest]
        return self.arguments.get(name, ABSENT)


Piece = str | tuple[str]
"""A literal string, or a 1-tuple with a placeholder's name."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A string with placeholders, parsed. ``pieces`` are its literals and names, in order."""

    pieces: tuple[Piece, ...]

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """Parse ``text``; raises ``ConnectorError`` on a lone brace or a malformed name."""
        pieces: list[Piece] = []
        literal = ""
        at = 0
        for found in _PLACE.finditer(text):
            literal += text[at : found.start()]
            at = found.end()
            token = found.group()
            if token in ("{{", "}}"):
                literal += token[0]
                continue
            name = found.group(1)
            if name is None or not _NAME.match(name):
                raise ConnectorError(
                    f"{text!r}: {token!r} is not a placeholder; write {{name}}, and {{{{ or }}}} for a literal brace."
                )
            if literal:
                pieces.append(literal)
                literal = ""
            pieces.append((name,))
        literal += text[at:]
        if literal:
            pieces.append(literal)
        return cls(tuple(pieces))

    @property
    def names(self) -> tuple[str, ...]:
        """The placeholders' names, in order."""
        return tuple(piece[0] for piece in self.pieces if isinstance(piece, tuple))

    @property
    def literal(self) -> str | None:
        """The text itself when it has no placeholder, else None."""
        if not self.pieces:
            return ""
        return self.pieces[0] if len(self.pieces) == 1 and isinstance(self.pieces[0], str) else None

    def value(self, scope: Scope) -> Any:
        """The filled value: a lone placeholder keeps its type, a mixed string becomes text.

        ``ABSENT`` when any of its arguments was not given.
        """
        if len(self.pieces) == 1 and isinstance(self.pieces[0], tuple):
            return scope.get(self.pieces[0][0])
        return self.text(scope, str)

    def text(self, scope: Scope, encode: Callable[[str], str]) -> Any:
        """The filled text, each value passed through ``encode``; ``ABSENT`` when an argument is missing."""
        out = ""
        for piece in self.pieces:
            if isinstance(piece, str):
                out += piece
                continue
            value = scope.get(piece[0])
            if value is ABSENT:
                return ABSENT
            out += encode(plain(value, piece[0]))
        return out


def plain(value: Any, name: str) -> str:
    """A JSON scalar as text, as APIs expect it: ``true``, ``false``, numbers, strings, nothing for null.

    Raises ``ToolError`` for an array or object, which has no place inside a string.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, int | float):
        return repr(value)
    raise ToolError(f"{name} must be a single value here, not {'a list' if isinstance(value, list) else 'an object'}.")


def segment(value: str) -> str:
    """One path segment, percent-encoded whole (RFC 3986, section 2.1).

    Raises ``ToolError`` for what some servers would still read as leaving the path: empty, ``.``, ``..`` in any
    spelling, and control characters.
    """
    seen = value
    for _ in range(4):
        if any(part in (".", "..") for part in re.split(r"[/\\]", seen)):
            raise ToolError(f"{value!r} cannot be part of an address: it contains a '.' or '..' step.")
        decoded = unquote(seen)
        if decoded == seen:
            break
        seen = decoded
    if value == "" or any(ord(char) < 0x20 or ord(char) == 0x7F for char in seen):
        raise ToolError(f"{value!r} cannot be part of an address: it is empty or holds control characters.")
    return quote(value, safe="~")


@dataclass(frozen=True, slots=True)
class Literal:
    """A value sent as it stands."""

    held: Any


@dataclass(frozen=True, slots=True)
class Branch:
    """An object whose values hold placeholders."""

    items: tuple[tuple[str, "Node"], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A list whose items hold placeholders."""

    items: tuple["Node", ...]


Node = Literal | Pattern | Branch | Row


def parse(data: Any) -> Node:
    """Parse JSON-like data whose strings may hold placeholders; raises ``ConnectorError``."""
    if isinstance(data, str):
        pattern = Pattern.parse(data)
        return Literal(pattern.literal) if pattern.literal is not None else pattern
    if isinstance(data, Mapping):
        items = tuple((str(key), parse(value)) for key, value in data.items())
        if all(isinstance(node, Literal) for _, node in items):
            return Literal({key: node.held for key, node in items if isinstance(node, Literal)})
        return Branch(items)
    if isinstance(data, list | tuple):
        nodes = tuple(parse(item) for item in data)
        if all(isinstance(node, Literal) for node in nodes):
            return Literal([node.held for node in nodes if isinstance(node, Literal)])
        return Row(nodes)
    return Literal(data)


def fill(node: Node, scope: Scope) -> Any:
    """The node's value in ``scope``. An absent value takes its key or item with it, and what it leaves empty."""
    if isinstance(node, Literal):
        return node.held
    if isinstance(node, Pattern):
        return node.value(scope)
    if isinstance(node, Branch):
        filled = ((key, fill(child, scope)) for key, child in node.items)
        kept = {key: value for key, value in filled if value is not ABSENT}
        return kept if kept else ABSENT
    row = [value for value in (fill(child, scope) for child in node.items) if value is not ABSENT]
    return row if row else ABSENT


def names_in(node: Node) -> tuple[str, ...]:
    """All placeholder names below ``node``."""
    return tuple(_walk(node))


def _walk(node: Node) -> Iterable[str]:
    if isinstance(node, Pattern):
        yield from node.names
    elif isinstance(node, Branch):
        for _, child in node.items:
            yield from _walk(child)
    elif isinstance(node, Row):
        for child in node.items:
            yield from _walk(child)
