"""Paths into JSON: plain dotted paths compile to getters, everything else is JMESPath (jmespath.org).

Read only. A path that finds nothing gives None.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jmespath

from hub.errors import ConnectorError

Getter = Callable[[Any], Any]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*\Z")


def compile_path(path: str) -> Getter:
    """A function from JSON to the value at ``path``; ``@`` is the whole. Raises ``ConnectorError``."""
    if path == "@":
        return whole
    if _PLAIN.match(path):
        steps = path.split(".")
        return Key(steps[0]) if len(steps) == 1 else _dotted(tuple(steps))
    try:
        return _search(jmespath.compile(path))
    except jmespath.exceptions.JMESPathError as wrong:
        raise ConnectorError(f"{path!r} is not a JMESPath: {wrong}") from None


def whole(data: Any) -> Any:
    """The getter of everything (``@``)."""
    return data


@dataclass(frozen=True, slots=True)
class Key:
    """The getter of one member of an object."""

    name: str

    def __call__(self, data: Any) -> Any:
        """The member, None where ``data`` is no object or has none."""
        return data.get(self.name) if isinstance(data, dict) else None


def _dotted(steps: tuple[str, ...]) -> Getter:
    def get(data: Any) -> Any:
        for step in steps:
            if not isinstance(data, dict):
                return None
            data = data.get(step)
        return data

    return get


def _search(compiled: Any) -> Getter:
    def get(data: Any) -> Any:
        try:
            return compiled.search(data)
        except jmespath.exceptions.JMESPathError:
            return None  # a function met a type it does not take: the field is not there in this reply

    return get
