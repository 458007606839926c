"""How two pieces of JSON differ, told line by line for people. Not a patch format."""

from collections.abc import Mapping
from typing import Any

import orjson

SHOWN = 300
"""Characters of a value that are shown."""

MOST = 12
"""Differences that are told; what follows is counted."""


def shown(value: Any) -> str:
    """A value as compact JSON, cut where it is long."""
    text = orjson.dumps(value, default=str).decode()
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"


def differences(recorded: Any, found: Any, path: str = "", *, verb: str = "got") -> list[str]:
    """One line for each place where ``found`` is not what was ``recorded``; empty when they are equal.

    ``1`` and ``1.0`` are equal, as in JSON; ``1`` and ``true`` are not. ``verb`` is the word before what was found.
    """
    lines = list(_differences(recorded, found, path, verb))
    if len(lines) > MOST:
        return [*lines[:MOST], f"and {len(lines) - MOST} more"]
    return lines


def _differences(recorded: Any, found: Any, path: str, verb: str) -> list[str]:
    if isinstance(recorded, Mapping) and isinstance(found, Mapping):
        lines: list[str] = []
        for key in [*recorded, *(key for key in found if key not in recorded)]:
            below = f"{path}.{key}" if path else str(key)
            if key not in found:
                lines.append(f"{below}: recorded {shown(recorded[key])}, {verb} nothing")
            elif key not in recorded:
                lines.append(f"{below}: recorded nothing, {verb} {shown(found[key])}")
            else:
                lines += _differences(recorded[key], found[key], below, verb)
        return lines
    if isinstance(recorded, list) and isinstance(found, list):
        lines = []
        for at, (one, other) in enumerate(zip(recorded, found, strict=False)):
            lines += _differences(one, other, f"{path}[{at}]", verb)
        if len(recorded) != len(found):
            lines.append(f"{path or 'it'}: recorded {len(recorded)} items, {verb} {len(found)}")
        return lines
    if recorded == found and isinstance(recorded, bool) == isinstance(found, bool):
        return []
    return [f"{path + ': ' if path else ''}recorded {shown(recorded)}, {verb} {shown(found)}"]
