"""What was accepted of each server's word, in files of the data folder: one for each connector.

Written by the hub as it hears of changes and by ``hub pin``; a lock keeps the two apart. Not sealed: what servers say
of themselves is no secret.
"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import orjson

from hub.errors import HubError
from hub.importers.foreign.definitions import Difference, differences, pinned_part
from hub.importers.foreign.pin import Pin
from hub.sdk.effect import EFFECTS, Effect

CHANGE = "pin"
"""The kind of change by which processes hear of another pin; its key is the connector."""


class Pins:
    """The pins below ``folder``, which is made when the first is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str) -> Pin | None:
        """The pin of a connector; None where there is none, or it cannot be read."""
        try:
            held = orjson.loads((self._folder / f"{name}.json").read_bytes())
            return Pin(**{**held, "resources": tuple(held["resources"])})
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
            return None

    def all(self) -> dict[str, Pin]:
        """All pins by connector."""
        names = sorted(path.stem for path in self._folder.glob("*.json"))
        return {name: pin for name in names if (pin := self.get(name)) is not None}

    def took(self, name: str, address: str, definitions: Mapping[str, Any], now: float) -> bool:
        """Take in what a server says now: the first word is accepted, a later one waits. Whether what serves, or
        what is listed of resources, changed."""

        def change(pin: Pin | None) -> Pin:
            told = pinned_part(definitions)
            listed = tuple(definitions.get("resources", ()))
            if pin is None or pin.accepted is None or pin.address != address:
                return Pin(address, told, None, listed, {}, None, now)
            since = pin.since if pin.trouble is None else now
            waits = None if pin.accepted == told else told
            return replace(pin, candidate=waits, resources=listed, trouble=None, since=since)

        before, after = self._change(name, change)
        return before is None or (before.accepted, before.resources) != (after.accepted, after.resources)

    def fails(self, name: str, address: str, trouble: str, now: float) -> None:
        """Note that a server does not answer."""

        def change(pin: Pin | None) -> Pin:
            if pin is None:
                return Pin(address, trouble=trouble, since=now)
            return replace(pin, trouble=trouble, since=pin.since if pin.trouble is not None else now)

        known = self.get(name)
        if known is None or known.trouble != trouble:
            self._change(name, change)

    def answers(self, name: str, now: float) -> None:
        """Note that a server answers, where it did not."""

        def change(pin: Pin | None) -> Pin:
            return replace(pin or Pin(""), trouble=None, since=now)

        known = self.get(name)
        if known is not None and known.trouble is not None:
            self._change(name, change)

    def accept(
        self, name: str, effects: Mapping[str, Effect], *, claimed: bool = False, seen: str | None = None
    ) -> Pin:
        """Accept what waits, and these classes of tools (by the server's names); ``claimed`` takes the classes of all
        tools from the server's annotations. A tool that changed loses its class.

        Raises ``HubError`` where nothing is known of the server, a tool of ``effects`` is not its, or what waits is not
        what was ``seen`` (its ``mark``) any more.
        """

        def change(pin: Pin | None) -> Pin:
            if pin is None or pin.accepted is None:
                raise HubError(f"Nothing is known of a server of {name!r} yet; hub pin list names those there are.")
            now = pin.candidate or pin.accepted
            if seen is not None and seen != _mark(now):
                raise HubError(f"{name} has changed again since this was shown; look at what it says now.")
            changed = {one.what for one in differences(pin.accepted, now)}
            kept = {tool: one for tool, one in pin.effects.items() if f"tool {tool}" not in changed}
            return replace(pin, accepted=now, candidate=None, effects=_classes(name, now, kept, effects, claimed))

        return self._change(name, change)[1]

    def classify(self, name: str, effects: Mapping[str, Effect], *, claimed: bool = False) -> Pin:
        """Accept classes of tools as ``accept`` does, of what serves; what waits goes on waiting. Raises as it does."""

        def change(pin: Pin | None) -> Pin:
            if pin is None or pin.accepted is None:
                raise HubError(f"Nothing is known of a server of {name!r} yet; hub pin list names those there are.")
            return replace(pin, effects=_classes(name, pin.accepted, pin.effects, effects, claimed))

        return self._change(name, change)[1]

    def mark(self, name: str) -> str:
        """What stands for exactly what a server says now; empty where nothing is known of it."""
        pin = self.get(name)
        now = None if pin is None else pin.candidate or pin.accepted
        return "" if now is None else _mark(now)

    def forget(self, name: str) -> None:
        """Drop a pin, so that the server's next word is its first again."""
        (self._folder / f"{name}.json").unlink(missing_ok=True)

    def waiting(self, name: str) -> list[Difference]:
        """What waits to be accepted."""
        pin = self.get(name)
        return [] if pin is None or pin.accepted is None else differences(pin.accepted, pin.candidate or pin.accepted)

    def _change(self, name: str, change: Callable[[Pin | None], Pin]) -> tuple[Pin | None, Pin]:
        with self._locked():
            before = self.get(name)
            after = change(before)
            if after != before:
                self._write(name, after)
            return before, after

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self._folder / ".lock", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)

    def _write(self, name: str, pin: Pin) -> None:
        draft = self._folder / f".{name}.{secrets.token_hex(4)}"
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
                written.write(orjson.dumps(asdict(pin)))
            draft.replace(self._folder / f"{name}.json")
        except OSError:
            draft.unlink(missing_ok=True)
            raise


def _mark(definitions: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(definitions, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _classes(
    name: str,
    definitions: Mapping[str, Any],
    before: Mapping[str, Effect],
    effects: Mapping[str, Effect],
    claimed: bool,
) -> dict[str, Effect]:
    """The classes of a server's tools; raises ``HubError`` for a tool it does not have."""
    tools = {str(one.get("name")): one for one in definitions["tools"]}
    unknown = sorted(set(effects) - set(tools))
    if unknown:
        raise HubError(f"{name} has no tool {', '.join(unknown)}; it has {', '.join(tools)}.")
    made = {tool: one for tool, one in before.items() if tool in tools}
    if claimed:
        made |= {tool: claimed_effect(one) for tool, one in tools.items()}
    return {**made, **effects}


def claimed_effect(tool: Mapping[str, Any]) -> Effect:
    """The class a tool's annotations claim (specification, ToolAnnotations; absent hints mean the worse)."""
    hints = tool.get("annotations")
    held = hints if isinstance(hints, Mapping) else {}
    if held.get("readOnlyHint") is True:
        return "read"
    return "write" if held.get("destructiveHint") is False else "destroy"


def effect_named(text: str) -> Effect:
    """An effect by its name. Raises ``HubError``."""
    for effect in EFFECTS:
        if effect == text:
            return effect
    raise HubError(f"{text!r} is not a class; there are {', '.join(sorted(EFFECTS))}.")
