"""What of a server's word is pinned, and how two such words differ.

Pinned is all a model or a person is led by: tools, templates, prompts, instructions and how the server names itself.
Resources come and go with the data, and are not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

_TOLD = ("name", "title", "description", "websiteUrl", "icons")
_KEYS = {"tools": "name", "resourceTemplates": "uriTemplate", "prompts": "name"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that changed: ``what`` names it, ``before`` and ``after`` are its definitions, None where there is
    none."""

    what: str
    before: Any
    after: Any

    def lines(self) -> list[str]:
        """The difference for people, member by member."""
        if self.before is None:
            return [f"+ {self.what}", f"    {_shown(self.after)}"]
        if self.after is None:
            return [f"- {self.what}"]
        if not (isinstance(self.before, Mapping) and isinstance(self.after, Mapping)):
            return [f"~ {self.what}", f"    - {_shown(self.before)}", f"    + {_shown(self.after)}"]
        lines = [f"~ {self.what}"]
        for member in sorted({*self.before, *self.after}):
            old, new = self.before.get(member), self.after.get(member)
            if old != new:
                lines += [f"    {member}:"]
                lines += [f"      - {_shown(old)}"] if old is not None else []
                lines += [f"      + {_shown(new)}"] if new is not None else []
        return lines


def pinned_part(definitions: Mapping[str, Any]) -> dict[str, Any]:
    """What of a server's definitions is pinned, in a fixed order."""
    info = definitions.get("serverInfo")
    found: dict[str, Any] = {
        key: sorted(definitions.get(key, ()), key=lambda one: str(one.get(name))) for key, name in _KEYS.items()
    }
    found["instructions"] = definitions.get("instructions")
    found["serverInfo"] = {key: info[key] for key in _TOLD if key in info} if isinstance(info, Mapping) else {}
    return found


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What differs between two pinned parts, by kind and name."""
    found: list[Difference] = []
    for key, name in _KEYS.items():
        old = {str(one.get(name)): one for one in before.get(key, ())}
        new = {str(one.get(name)): one for one in after.get(key, ())}
        kind = {"tools": "tool", "resourceTemplates": "template", "prompts": "prompt"}[key]
        for one in sorted({*old, *new}):
            if old.get(one) != new.get(one):
                found.append(Difference(f"{kind} {one}", old.get(one), new.get(one)))
    for key in ("instructions", "serverInfo"):
        if before.get(key) != after.get(key):
            found.append(Difference(key, before.get(key), after.get(key)))
    return found


def _shown(value: Any) -> str:
    """A value for a terminal: what could steer one is escaped by JSON."""
    text = orjson.dumps(value).decode()
    plain = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
    return plain if len(plain) <= 2000 else plain[:1999] + "…"
