"""Bundles: a description in several files as one document, its references within itself.

Told which further files it needs, someone else reads them (``wanted``, ``add``); nothing is read here. Each file
becomes a part of the document, and every reference is rewritten to where its target then stands.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from hub.errors import ConnectorError
from hub.importers.documents import MAX_BYTES, read, value_of

PARTS = "x-hub-files"
"""Where further files stand in the one document."""

MAX_FILES = 1_000
_PASSED = frozenset({"example", "examples", "tags", "enum", "default", "const"})


class Bundle:
    """One description while it is put together; ``place`` is a path or URL."""

    def __init__(self, place: str, data: bytes, *, follow: bool = True) -> None:
        """``data`` is the description itself; ``follow`` whether it may refer to other files. Raises
        ``ConnectorError``."""
        self.place = place
        self.root = read(data, place)
        self._size = len(data)
        self._parts: dict[str, Any] = {place: self.root}
        self._missing: dict[str, None] = {}
        self._unread: dict[str, None] = {}
        if follow:
            self._scan(place, self.root)

    @property
    def wanted(self) -> list[str]:
        """The places of files that are referred to and not read yet."""
        return list(self._unread)

    def add(self, place: str, data: bytes) -> None:
        """A file that was wanted. Raises ``ConnectorError`` when it cannot be read, or all are too much together."""
        self._unread.pop(place, None)
        self._size += len(data)
        if self._size > MAX_BYTES or len(self._parts) > MAX_FILES:
            raise ConnectorError(f"{self.place}: its files are too many, or too large together.")
        self._parts[place] = value_of(data, place)
        self._scan(place, self._parts[place])

    def miss(self, place: str) -> None:
        """A file that was wanted and cannot be had; what refers to it leads nowhere."""
        self._unread.pop(place, None)
        self._missing[place] = None

    @property
    def missing(self) -> list[str]:
        """The places that could not be had."""
        return list(self._missing)

    def document(self) -> dict[str, Any]:
        """The one document."""
        if len(self._parts) == 1:
            return self.root
        names = {place: f"f{number}" for number, place in enumerate(self._parts)}
        for place, part in self._parts.items():
            for node, target, pointer in _references(place, part):
                if target == self.place:
                    node["$ref"] = f"#{pointer}"
                elif target in names:
                    node["$ref"] = f"#/{PARTS}/{names[target]}{pointer}"
        held = {names[place]: part for place, part in self._parts.items() if place != self.place}
        return {**self.root, PARTS: held}

    def _scan(self, place: str, part: Any) -> None:
        for _, target, _ in _references(place, part):
            if target not in self._parts and target not in self._missing:
                self._unread[target] = None


def _references(place: str, part: Any) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Each reference in one file: the node, the place of the file it leads to, and the pointer there."""
    found: list[tuple[dict[str, Any], str, str]] = []
    stack: list[Any] = [part]
    seen: set[int] = set()
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if id(node) in seen:
                continue
            seen.add(id(node))
            reference = node.get("$ref")
            if isinstance(reference, str) and reference:
                target, pointer = _target(place, reference)
                found.append((node, target, pointer))
            stack += [
                value
                for key, value in node.items()
                if isinstance(value, dict | list) and key not in _PASSED and not str(key).startswith("x-")
            ]
        elif isinstance(node, list):
            stack += [value for value in node if isinstance(value, dict | list)]
    yield from found


def _target(place: str, reference: str) -> tuple[str, str]:
    if reference.startswith("#"):
        return place, reference[1:]
    file, pointer = urldefrag(reference)
    if urlsplit(file).scheme in ("http", "https") or urlsplit(place).scheme in ("http", "https"):
        return urljoin(place, file), pointer
    steps: list[str] = []
    for step in (PurePosixPath(place).parent / file).parts:
        if step == ".." and steps and steps[-1] not in ("/", ".."):
            steps.pop()
        elif step != ".":
            steps.append(step)
    return str(PurePosixPath(*steps)), pointer
