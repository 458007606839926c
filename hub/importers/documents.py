"""Documents: the bytes of a description as plain data, JSON or YAML 1.2, read leniently and within bounds.

Lenient where real descriptions are sloppy (byte order marks, keys that are numbers, duplicate keys, tags, trailing
commas), strict where size is concerned: bytes, depth, and what aliases stand for. Not the connectors' own YAML, which
is read strictly (``hub.yaml``), and no references are followed here (``references.py``).
"""

import gzip
import io
import re
from collections.abc import Callable
from typing import Any

import orjson
from yaml import YAMLError
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from hub.errors import ConnectorError

MAX_BYTES = 64_000_000
"""The largest description read, in bytes, unpacked."""

MAX_DEPTH = 200
"""How deep a description may nest."""

MAX_ALIAS_NODES = 200_000
"""How many values all aliases of a YAML description may stand for together."""

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def read(data: bytes, file: str) -> dict[str, Any]:
    """The description in ``data`` (JSON or YAML, gzipped or not). Raises ``ConnectorError`` naming ``file``."""
    document = value_of(data, file)
    if not isinstance(document, dict):
        raise ConnectorError(f"{file}: a description is a mapping of keys, and this is none.")
    return document


def value_of(data: bytes, file: str) -> Any:
    """Any JSON or YAML value in ``data``, as ``read``."""
    if data[:2] == b"\x1f\x8b":
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
                data = packed.read(MAX_BYTES + 1)
        except (OSError, EOFError) as wrong:
            raise ConnectorError(f"{file}: not a whole gzip file: {wrong}.") from None
    if len(data) > MAX_BYTES:
        raise ConnectorError(f"{file}: a description has at most {MAX_BYTES:,} bytes.")
    data = data.removeprefix(b"\xef\xbb\xbf")
    begins = data.lstrip()[:1]
    if begins in (b"{", b"["):
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError as wrong:
            if "ecursion" in str(wrong) or "depth limit" in str(wrong):
                raise ConnectorError(f"{file}: nested more than {MAX_DEPTH} deep.") from None
            try:
                return _yaml(data, file)  # JSON with trailing commas or comments is YAML
            except ConnectorError:
                raise ConnectorError(f"{file}: not JSON: {wrong}.") from None
        return value
    return _yaml(data, file)


def dump(document: Any, file: str) -> bytes:
    """The document as compact JSON. Raises ``ConnectorError`` when it nests too deep."""
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError as wrong:
        raise ConnectorError(f"{file}: cannot be kept as JSON: {wrong} (at most {MAX_DEPTH} levels deep).") from None


def _yaml(data: bytes, file: str) -> Any:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise ConnectorError(f"{file}: byte {wrong.start} is not UTF-8.") from None
    try:
        return _built(text, file)
    except YAMLError as wrong:
        told = " ".join(str(wrong).split())
        raise ConnectorError(f"{file}: neither JSON nor YAML: {told[:300]}") from None


def _plain_word(word: str) -> Any:
    if word in _WORDS:
        return _WORDS[word]
    if word[0] in "+-.0123456789":
        if _INTEGER.fullmatch(word):
            number = int(word)
            return number if -(2**63) <= number < 2**64 else word
        if _FLOAT.fullmatch(word):
            return float(word)
    return word


class _Reader:
    """One YAML document's events turned into data, without recursion."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Any = None
        self.open: list[tuple[Any, str | None]] = []
        self.keys: list[str | None] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.counts: list[int] = []
        self.aliased = 0
        self.filled = False

    def place(self, value: Any, weight: int) -> None:
        """Put ``value`` where the reader stands."""
        if not self.open:
            if not self.filled:
                self.root, self.filled = value, True
            return
        self.counts[-1] += weight
        node = self.open[-1][0]
        if isinstance(node, list):
            node.append(value)
        elif self.keys[-1] is None:
            self.keys[-1] = value if isinstance(value, str) else orjson.dumps(value).decode()
        else:
            node[self.keys[-1]] = value
            self.keys[-1] = None

    def begin(self, event: Any, node: Any) -> None:
        """A mapping or list begins."""
        if len(self.open) >= MAX_DEPTH:
            raise ConnectorError(f"{self.file}: nested more than {MAX_DEPTH} deep.")
        self.open.append((node, event.anchor))
        self.keys.append(None)
        self.counts.append(1)

    def end(self) -> None:
        """The innermost mapping or list is complete."""
        node, anchor = self.open.pop()
        self.keys.pop()
        weight = self.counts.pop()
        if anchor is not None:
            self.anchors[anchor] = (node, weight)
        self.place(node, weight)

    def alias(self, name: str) -> None:
        """An alias; what it stands for is shared, and counted."""
        if name not in self.anchors:
            raise ConnectorError(f"{self.file}: the alias *{name} names nothing that is complete above it.")
        value, weight = self.anchors[name]
        self.aliased += weight
        if self.aliased > MAX_ALIAS_NODES:
            raise ConnectorError(f"{self.file}: aliases that stand for more than {MAX_ALIAS_NODES:,} values together.")
        if self.open and isinstance(self.open[-1][0], dict) and self.keys[-1] == "<<" and isinstance(value, dict):
            for key, item in value.items():
                self.open[-1][0].setdefault(key, item)
            self.keys[-1] = None
            self.counts[-1] += weight
            return
        self.place(value, weight)

    def scalar(self, event: Any) -> None:
        """A word, quoted or plain."""
        word = event.value
        value = _plain_word(word) if event.implicit[0] and not (self._at_key() and word != "") else word
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, 1)
        self.place(value, 1)

    def _at_key(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1][0], dict) and self.keys[-1] is None


def _built(text: str, file: str) -> Any:
    reader = _Reader(file)
    steps: dict[type, Callable[[Any], None]] = {
        ScalarEvent: reader.scalar,
        MappingStartEvent: lambda event: reader.begin(event, {}),
        SequenceStartEvent: lambda event: reader.begin(event, []),
        MappingEndEvent: lambda event: reader.end(),
        SequenceEndEvent: lambda event: reader.end(),
        AliasEvent: lambda event: reader.alias(event.anchor),
    }
    parser: Any = CParser(text)
    while parser.check_event():
        event = parser.get_event()
        step = steps.get(type(event))
        if step is not None:
            step(event)
    return reader.root
