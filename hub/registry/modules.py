"""Modules: a connector's Python as imported from what its files held when they were read.

Every load is a *generation* with module names of its own (``_hub_connectors.zendesk__7``), so a new version stands
beside the old one while calls still run in it, and two connectors never see each other. Sources come from the snapshot
that was hashed, never from bytecode caches, which miss an edit of the same length in the same second; extension modules
belong into an installed package. ``sys.path`` is left alone. Not a sandbox: Python connectors are trusted code.
"""

import itertools
import sys
import threading
from collections import deque
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import PurePosixPath
from types import CodeType, ModuleType

from hub.registry.units import Content

PARENT = "_hub_connectors"
"""The package all generations stand under."""

KEPT = 4
"""How many replaced generations of a connector stay importable: a call in flight may still import a submodule."""

_numbers = itertools.count(1)


class _SnapshotLoader(SourceFileLoader):
    """Loads one module from source that was read before."""

    def __init__(self, fullname: str, path: str, source: bytes) -> None:
        super().__init__(fullname, path)
        self._source = source

    def get_data(self, path: str) -> bytes:
        """The snapshot for the module itself; other files of the folder as they are."""
        return self._source if path == self.path else super().get_data(path)

    def get_code(self, fullname: str) -> CodeType:
        """The module's code, compiled here: no bytecode cache is read or written."""
        code: CodeType = self.source_to_code(self._source, self.path)
        return code


class Generation:
    """One load of one connector's Python."""

    def __init__(self, content: Content) -> None:
        if content.unit.code is None:
            raise ValueError(f"{content.unit.name} has no Python")
        self.connector = content.unit.name
        self.content = content
        self.root = f"{PARENT}.{content.unit.name}__{next(_numbers)}"

    def load(self) -> ModuleType:
        """Import the connector's module; raises whatever its code raises."""
        _finder.add(self)
        return import_module(self.root)

    def spec(self, fullname: str) -> ModuleSpec:
        """Where the module ``fullname`` of this generation comes from.

        Raises ``ModuleNotFoundError`` when it has no such file: no other finder may look for it in the folder, where
        it would meet bytecode caches and links.
        """
        unit = self.content.unit
        below = fullname.removeprefix(self.root).replace(".", "/").removeprefix("/")
        names = (f"{below}/__init__.py", f"{below}.py") if below else (str(unit.code),)
        for name in names:
            if name in self.content.files:
                path = unit.root / name
                package = PurePosixPath(name).name == "__init__.py"
                spec = ModuleSpec(
                    fullname,
                    _SnapshotLoader(fullname, str(path), self.content.files[name]),
                    origin=str(path),
                    is_package=package,
                )
                spec.has_location = True
                if package:
                    spec.submodule_search_locations = [str(path.parent)]
                return spec
        if any(name.startswith(f"{below}/") for name in self.content.files):
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(unit.root / below)]
            return spec
        raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)

    def retire(self) -> None:
        """Another generation has taken its place: forget its modules, the last few replaced ones excepted."""
        _finder.retire(self)

    def drop(self) -> None:
        """Forget its modules now; objects still in use live on."""
        _finder.drop(self)


class _GenerationFinder(MetaPathFinder):
    """Finds the modules of all generations; stands before the finders that would use bytecode caches."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._generations: dict[str, Generation] = {}
        self._retired: dict[str, deque[Generation]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module of a known generation, else None."""
        parent, _, rest = fullname.partition(".")
        if parent != PARENT or not rest:
            return None
        generation = self._generations.get(f"{PARENT}.{rest.partition('.')[0]}")
        return generation.spec(fullname) if generation is not None else None

    def add(self, generation: Generation) -> None:
        """Make ``generation`` importable."""
        with self._lock:
            if self not in sys.meta_path:
                sys.meta_path.insert(0, self)
            if PARENT not in sys.modules:
                parent = ModuleType(PARENT, "The connectors' modules; see hub.registry.modules.")
                parent.__path__ = []
                sys.modules[PARENT] = parent
            self._generations[generation.root] = generation

    def retire(self, generation: Generation) -> None:
        """Keep ``generation`` among the last few of its connector, and drop the one before those."""
        with self._lock:
            kept = self._retired.setdefault(generation.connector, deque())
            kept.append(generation)
            oldest = kept.popleft() if len(kept) > KEPT else None
        if oldest is not None:
            self.drop(oldest)

    def drop(self, generation: Generation) -> None:
        """Forget ``generation`` and its modules."""
        with self._lock:
            self._generations.pop(generation.root, None)
            for name in list(sys.modules):
                if name == generation.root or name.startswith(generation.root + "."):
                    del sys.modules[name]
            # The import system hangs every module onto its parent too.
            parent = sys.modules.get(PARENT)
            if parent is not None:
                vars(parent).pop(generation.root.removeprefix(f"{PARENT}."), None)


_finder = _GenerationFinder()
