"""Units: what stands in the places, one file or one folder for each connector, and what their files hold.

A place's entries are taken by their form alone, ``x.yaml``, ``x.py``, ``x/connector.yaml`` or ``x/__init__.py`` (the
last two also together). Passed over: names that begin with ``_`` or ``.``, other files, ``x.recordings/``, folders that
declare only a provider, folders without YAML or Python. Nothing is compiled or imported here (``load.py``).

Links to files, and to a connector's whole folder, are followed, also out of a place: the operator puts them there, and
mounted configuration consists of them. In the folder the hub itself writes to a link that leaves it is refused. Linked
folders within a connector's folder are passed over.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hub.errors import ConnectorError
from hub.registry.places import Place
from hub.sdk.names import connector_name

MAX_FILES = 1_000
"""Files of one connector's folder; more is a mistake (a virtual environment, an archive)."""

MAX_SOURCE = 4_000_000
"""Bytes of one YAML or Python file."""

_MAX_HASHED = 1_000_000
"""Bytes up to which other files are compared by content, above by size and time."""

_YAML = (".yaml", ".yml")
_SOURCES = (*_YAML, ".py")
_DECLARATIONS = ("connector.yaml", "connector.yml")
_PROVIDERS = ("provider.yaml", "provider.yml")
_PASSED_FOLDERS = frozenset({"__pycache__", "node_modules", "recordings"})
_PASSED_SUFFIXES = ("~", ".md", ".pyc", ".swp", ".tmp")


@dataclass(frozen=True, slots=True)
class Mark:
    """One file as the file system tells of it without reading; ``name`` is relative to the unit's root."""

    name: str
    size: int
    modified: int
    changed: int
    inode: int


@dataclass(frozen=True, slots=True)
class Unit:
    """One connector as found: ``path`` its file or folder, ``declaration`` and ``code`` the names of its YAML and
    Python below ``root``. ``problem`` says why it cannot be loaded whatever its files hold."""

    name: str
    place: Place
    path: Path
    root: Path
    declaration: str | None = None
    code: str | None = None
    marks: tuple[Mark, ...] = ()
    problem: str | None = None

    def shown(self, name: str) -> str:
        """A file of the unit as people read it: relative to the place."""
        return (self.root / name).relative_to(self.place.path).as_posix()


@dataclass(frozen=True, slots=True)
class Content:
    """A unit with what its YAML and Python files held at one moment; ``digest`` changes when anything does."""

    unit: Unit
    files: dict[str, bytes] = field(repr=False)
    digest: str
    problem: str | None = None


def survey(places: Iterable[Place]) -> tuple[Unit, ...]:
    """All units of all places, places in order, names in order; equal as long as no file changes.

    Raises ``OSError`` when a place exists and cannot be listed.
    """
    return tuple(unit for place in places for unit in _units(place))


def _units(place: Place) -> Iterator[Unit]:
    try:
        names = sorted(os.listdir(place.path))
    except FileNotFoundError:
        return
    found: dict[str, list[Unit]] = {}
    for name in names:
        if not name.startswith(("_", ".")):
            unit = _unit(place, place.path / name)
            if unit is not None:
                found.setdefault(unit.name, []).append(unit)
    for name, units in sorted(found.items()):
        if len(units) == 1:
            yield units[0]
        else:
            both = " and ".join(one.path.name + ("/" if one.path == one.root else "") for one in units)
            marks = tuple(mark for one in units for mark in one.marks)
            told = f"{both} bear one name in one place, so none of them is loaded; keep one."
            yield Unit(name, place, units[0].path, place.path, marks=marks, problem=told)


def _unit(place: Place, path: Path) -> Unit | None:
    """The unit at ``path``, or None when it is not the form of a connector."""
    try:
        return _folder(place, path) if path.is_dir() else _file(place, path)
    except OSError as wrong:
        if path.suffix not in _SOURCES and not path.is_dir():
            return None
        told = f"{_printable(path.name)} cannot be read: {wrong.strerror or wrong}."
        return Unit(_printable(path.stem), place, path, path.parent, problem=told)


def _file(place: Place, path: Path) -> Unit | None:
    suffix = path.suffix
    if suffix not in _SOURCES or path.name in _PROVIDERS:
        return None
    name = _printable(path.stem)
    declared = suffix != ".py"
    seen = path.stat()
    mark = Mark(path.name, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)
    return Unit(
        name,
        place,
        path,
        place.path,
        declaration=path.name if declared else None,
        code=None if declared else path.name,
        marks=(mark,),
        problem=_problem(place, name, path, [path]) or _regular(path.name, seen),
    )


def _folder(place: Place, path: Path) -> Unit | None:
    if path.suffix == ".recordings":
        return None
    inside = set(os.listdir(path))
    declarations = [one for one in _DECLARATIONS if one in inside]
    code = "__init__.py" if "__init__.py" in inside else None
    name = _printable(path.name)
    if not declarations and code is None:
        if inside & set(_PROVIDERS) or not any(one.endswith(_SOURCES) for one in inside):
            return None
        told = f"{name}/ has neither connector.yaml nor __init__.py; begin its name with _ to have it passed over."
        return Unit(name, place, path, path, marks=tuple(_mark(path, one) for one in sorted(inside)), problem=told)
    files: list[str] = []
    for file in _walk(path):
        files.append(file)
        if len(files) > MAX_FILES:
            told = f"{name}/ holds more than {MAX_FILES} files; keep only the connector's own there."
            return Unit(name, place, path, path, problem=told)
    marks = tuple(_mark(path, file) for file in sorted(files))
    problem = _problem(place, name, path, [path / file for file in files])
    if problem is None and len(declarations) > 1:
        problem = f"{name}/ has {' and '.join(declarations)}; keep one."
    for source in (*declarations, code):
        if problem is None and source is not None:
            problem = _regular(f"{name}/{source}", (path / source).stat())
    return Unit(name, place, path, path, declarations[0] if declarations else None, code, marks, problem)


def _walk(folder: Path) -> Iterator[str]:
    def stop(wrong: OSError) -> None:
        raise wrong

    for at, folders, names in os.walk(folder, onerror=stop):
        folders[:] = sorted(one for one in folders if one not in _PASSED_FOLDERS and not one.startswith("."))
        for name in names:
            if not name.startswith(".") and not name.endswith(_PASSED_SUFFIXES):
                yield (Path(at) / name).relative_to(folder).as_posix()


def _mark(root: Path, name: str) -> Mark:
    path = root / name
    try:
        seen = path.stat()
    except FileNotFoundError:
        seen = path.lstat()
    return Mark(name, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)


def _problem(place: Place, name: str, path: Path, files: list[Path]) -> str | None:
    """What forbids loading this unit, by its name and where it stands."""
    try:
        connector_name(name)
    except ConnectorError as wrong:
        return str(wrong)
    if not place.takes_code and not all(place.holds(one) for one in (path, *files)):
        return f"{path.name} leads out of {place.label}, where the hub itself writes; put the files there themselves."
    code_allowed = place.takes_code_at(path)
    for one in files:
        if one.suffix == ".py" and not (code_allowed and (not one.is_symlink() or place.takes_code_at(one))):
            return (
                f"{one.relative_to(place.path).as_posix()}: Python is never loaded from the folder the hub itself "
                "writes to. Keep it in another folder and name that in connectors.paths."
            )
    return None


def _regular(shown: str, seen: os.stat_result) -> str | None:
    """What is wrong with a source that is not a plain file, or is too long to be one."""
    if not stat.S_ISREG(seen.st_mode):
        return f"{shown} is not a regular file."
    if seen.st_size > MAX_SOURCE:
        return f"{shown} has {seen.st_size} bytes; a source has at most {MAX_SOURCE}."
    return None


def _printable(name: str) -> str:
    """A file name as text, also where its bytes are not UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()


def read(unit: Unit) -> Content:
    """The unit's files as they are now. What cannot be read stands in ``problem``."""
    digest = hashlib.blake2b(repr((str(unit.path), unit.declaration, unit.code, unit.problem)).encode(), digest_size=16)
    files: dict[str, bytes] = {}
    problem = unit.problem
    for mark in unit.marks if problem is None else ():
        path = unit.root / mark.name
        source = mark.name.endswith(_SOURCES)
        try:
            plain = stat.S_ISREG(path.stat().st_mode)
            held = path.read_bytes() if plain and mark.size <= (MAX_SOURCE if source else _MAX_HASHED) else None
        except OSError as wrong:
            problem = f"{unit.shown(mark.name)} cannot be read: {wrong.strerror or wrong}."
            digest.update(problem.encode())
            break
        told = repr(mark).encode() if held is None else held
        digest.update(f"\0{_printable(mark.name)}\0{len(told)}\0".encode() + told)
        if source and held is not None:
            files[mark.name] = held
    return Content(unit, files, digest.hexdigest(), problem)
