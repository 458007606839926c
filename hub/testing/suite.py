"""The one suite: replays recordings through a real gateway and a real upstream, and checks a connector whole.

``check`` is what ``hub check`` and the tests of the shipped connectors run. It reports; whether a warning is an error
is decided by where the connector lives. Not a test framework.
"""

import asyncio
import itertools
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hub.clock import FixedClock, SystemClock
from hub.errors import ConfigError
from hub.gateway import Gateway
from hub.gateway.audit import NoAudit
from hub.registry import Catalog, Loaded, Place, Registry
from hub.registry.places import SHIPPED, shipped_folder
from hub.registry.units import Unit, survey
from hub.seal import KEY_BYTES, KeyRing
from hub.testing.conversation import Conversation, Seen
from hub.testing.differences import differences
from hub.testing.files import rehearsed_files
from hub.testing.recording import RecordingError, RecordingFile, files_of, folder_of, load
from hub.testing.rehearsal import Rehearsal
from hub.testing.replay import ReplayTransport
from hub.upstream.upstream import Upstream


def fixed_keys() -> Callable[[], str]:
    """Keys that are the same in every replay, in the shape of UUIDs."""
    counter = itertools.count(1)
    return lambda: f"00000000-0000-4000-8000-{next(counter):012d}"


def fixed_random() -> Callable[[int], bytes]:
    """Bytes that are the same in every replay and never twice in one."""
    counter = itertools.count(1)
    return lambda length: next(counter).to_bytes(length, "big")


async def replay(file: RecordingFile, catalog: Catalog, connector: str) -> str | None:
    """Replay one recording of ``connector``; what is wrong with it, by file and line, or None."""
    recording = file.recording
    clock = FixedClock(recording.at)
    transport = ReplayTransport(file)
    ring = KeyRing([bytes(KEY_BYTES)], random=fixed_random())
    compiled = catalog.connectors[connector].compiled
    known = compiled.settings if compiled is not None else {}
    alone = catalog.connectors[connector].provider is None
    own = {name: value for name, value in recording.settings.items() if alone or name in known}
    theirs = {name: value for name, value in recording.settings.items() if name not in own}
    upstream = Upstream(transport, clock, random=lambda: 0.5)
    gateway = Gateway(
        catalog=lambda: catalog,
        send=upstream.send,
        audit=NoAudit(),
        ring=ring,
        clock=clock,
        settings={connector: own},
        accounts=Rehearsal(theirs),
        new_key=fixed_keys(),
        files=rehearsed_files(clock, upstream.send),
    )
    full_name = None
    if file.tool is not None:
        full_name = _full_name(catalog, connector, file.tool)
        if full_name is None:
            named = "a file is named <tool>.yaml or <tool>.<case>.yaml"
            return f"{file.shown}: the connector has no tool {file.tool!r}; {named}."
    try:
        seen = await Conversation(gateway, catalog, ring, clock).hold(recording, full_name)
    except RecordingError as wrong:
        return f"{file.shown}: {wrong}"
    if transport.problem is not None:
        return str(transport.problem)
    return _judged(file, seen) or transport.unused()


def _full_name(catalog: Catalog, connector: str, tool: str) -> str | None:
    for entry in catalog.connectors[connector].offer.tools:
        if entry.tool.name == tool:
            return entry.full_name
    return None


def _judged(file: RecordingFile, seen: Seen) -> str | None:
    """How what the model saw differs from what was recorded."""
    recording = file.recording
    failure = recording.error
    if failure is None:
        if seen.kind is not None:
            told = "; its story is in the log" if seen.kind == "internal" else ""
            return f"{file.place('result')}: the call failed ({seen.kind}): {seen.message}{told}"
        told_by_form = [(form, differences(recording.result, form)) for form in seen.forms]
        if not all(lines for _, lines in told_by_form):
            return None
        alike = [lines for form, lines in told_by_form if type(form) is type(recording.result)]
        lines = "".join(f"\n    {line}" for line in (alike or [told_by_form[0][1]])[0])
        return f"{file.place('result')}: the model sees something else:{lines}"
    if seen.kind is None:
        return f"{file.place('error')}: recorded a failure ({failure.kind}), but the call succeeded"
    # What is not there is also something the model can put right: the wider word holds too.
    kinds = {"tool_error": ("tool_error", "not_found")}.get(failure.kind, (failure.kind,))
    if seen.kind not in kinds:
        return f"{file.place('error')}: recorded {failure.kind}, got {seen.kind}: {seen.message}"
    if failure.contains not in seen.message:
        return f"{file.place('error')}: the message does not contain {failure.contains!r}; it is: {seen.message}"
    return None


@dataclass(frozen=True, slots=True)
class Report:
    """How one connector fares. ``reason``: why it does not load. ``problems``: recordings that do not hold.
    ``warnings``: lints and tools without a recording, errors for a shipped connector."""

    name: str
    path: Path
    shipped: bool = False
    disabled: bool = False
    reason: str | None = None
    tools: int = 0
    recordings: int = 0
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def errors(self) -> list[str]:
        """All that must be put right."""
        loading = [self.reason] if self.reason is not None and not self.disabled else []
        return [*loading, *self.problems, *(self.warnings if self.shipped else ())]

    @property
    def ok(self) -> bool:
        """Whether nothing must be put right."""
        return not self.errors


def lints(loaded: Loaded, recorded: Container[str]) -> tuple[str, ...]:
    """What is not well with a loaded connector: its warnings, and tools that are not among those ``recorded``."""
    tools = loaded.compiled.tools if loaded.compiled is not None else {}
    kept = folder_of(Path(loaded.path)).name
    missing = [f"tool {one}: there is no recording; add {kept}/{one}.yaml" for one in tools if one not in recorded]
    return (*loaded.warnings, *missing)


async def report(loaded: Loaded, catalog: Catalog) -> Report:
    """Check one connector of ``catalog``: its load, its lints, and all its recordings."""
    path = Path(loaded.path)
    if loaded.compiled is None or loaded.state != "ok":
        disabled = loaded.state == "disabled"
        return Report(loaded.name, path, loaded.shipped, disabled=disabled, reason=loaded.reason or loaded.state)
    problems: list[str] = []
    recorded: set[str] = set()
    files = files_of(path)
    for one in files:
        try:
            file = load(one, f"{folder_of(path).name}/{one.name}")
        except RecordingError as wrong:
            problems.append(str(wrong))
            continue
        if file.tool is not None:
            recorded.add(file.tool)
        problem = await replay(file, catalog, loaded.name)
        if problem is not None:
            problems.append(problem)
    return Report(
        loaded.name,
        path,
        loaded.shipped,
        tools=len(loaded.compiled.tools),
        recordings=len(files),
        problems=tuple(problems),
        warnings=lints(loaded, recorded),
    )


def connectors_at(path: Path) -> list[Path]:
    """The connectors ``path`` stands for: itself, when it is one (a folder or a single file), else those in it."""
    target = path.absolute()
    beside = survey((Place(target.parent, str(target.parent)),))
    if any(unit.path == target and (unit.declaration or unit.code) for unit in beside):
        return [target]
    # A folder of single files looks like a connector that lacks its declaration; it is one only when nothing is in it.
    inside = [unit.path for unit in survey((Place(target, str(target)),))]
    return inside or ([target] if _name_at(target, beside) is not None else [])


def _name_at(target: Path, units: Sequence[Unit]) -> str | None:
    """The name of the unit at ``target``. Two of one name, ``x/`` and ``x.yaml``, are one unit that stands for both."""
    for unit in units:
        if unit.path == target or (unit.problem is not None and unit.name == target.stem):
            return unit.name
    return None


def _found(path: Path, places: Sequence[Place]) -> tuple[Place, str, list[str]]:
    """The place of the connector at ``path``, its name, and the names of those beside it. Raises ``ConfigError``."""
    target = path.absolute()
    shipped = shipped_folder()
    label = SHIPPED if shipped is not None and target.parent.resolve() == shipped else str(target.parent)
    known = [place for place in places if place.path.resolve() == target.parent.resolve()]
    place = replace(known[0], path=target.parent) if known else Place(target.parent, label)
    units = survey((place,))
    name = _name_at(target, units)
    if name is None:
        raise ConfigError(
            f"{path} is no connector: it is x.yaml, x.py, or a folder x with connector.yaml or __init__.py in it."
        )
    return place, name, [unit.name for unit in units if unit.name != name]


async def opened(path: Path, places: Sequence[Place] = (), *, unprefixed: Iterable[str] = ()) -> tuple[Loaded, Catalog]:
    """Load the one connector at ``path``, its folder or its single file, and no other that stands beside it.

    Where it lies in one of ``places``, their rules hold, and it may name their providers; without any, those that come
    with the hub. Raises ``ConfigError`` when there is no connector.
    """
    place, name, others = await asyncio.to_thread(_found, path, places)
    shipped = shipped_folder()
    beside = places or ([Place(shipped, SHIPPED)] if shipped is not None else [])
    there = place.path.resolve()
    providers = [one for one in beside if one.path.resolve() != there]
    registry = Registry((place,), clock=SystemClock(), disabled=others, unprefixed=unprefixed, providers=providers)
    catalog = await registry.load()
    return catalog.connectors[name], catalog


async def check(path: Path) -> Report:
    """Check the connector at ``path``, inside or outside the repository. Raises ``ConfigError`` when there is none."""
    return await report(*await opened(path))
