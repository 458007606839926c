"""Places: the folders connectors are taken from, in order; a later place wins whole.

First the shipped connectors, then ``connectors.paths``. Not the search within a place (``units.py``).
"""

from dataclasses import dataclass
from pathlib import Path

import hub
from hub.config.model import ConnectorsConfig

SHIPPED = "shipped"
"""How the place of the shipped connectors is called where people read it."""


CONFIGURED = "configuration"
"""How the place of connectors is called that the operator's configuration declares."""


@dataclass(frozen=True, slots=True)
class Place:
    """One folder of connectors; it need not exist yet.

    ``label`` is how people read it. ``written`` is the folder the hub itself writes connectors to: wherever a path
    leads into it, also through a link, Python is not loaded, so that a written file can't become code.
    """

    path: Path
    label: str
    written: Path | None = None

    @property
    def shipped(self) -> bool:
        """Whether these connectors came with the hub."""
        return self.label == SHIPPED

    @property
    def takes_code(self) -> bool:
        """Whether Python may be loaded from this place at all."""
        return self.takes_code_at(self.path)

    def takes_code_at(self, path: Path) -> bool:
        """Whether Python may be loaded from ``path``, a file or folder of this place."""
        return self.written is None or not path.resolve().is_relative_to(self.written.resolve())

    def holds(self, path: Path) -> bool:
        """Whether ``path`` stays within the place once links are followed."""
        return path.resolve().is_relative_to(self.path.resolve())


def shipped_folder() -> Path | None:
    """Where the shipped connectors are: inside the installed package, or beside it in a checkout."""
    package = Path(hub.__file__).resolve().parent
    installed = package / "shipped"
    if installed.is_dir():
        return installed
    # Beside an installed package stand other people's packages, one of which may be called so too.
    beside = package.parent / "connectors"
    return beside if beside.is_dir() and (package.parent / "pyproject.toml").is_file() else None


def places_of(connectors: ConnectorsConfig, data_dir: Path) -> tuple[Place, ...]:
    """The places of these settings, in order. A folder named twice counts where it is named last."""
    written = data_dir / "connectors"
    found: dict[Path, Place] = {}
    shipped = shipped_folder() if connectors.shipped else None
    if shipped is not None:
        found[shipped] = Place(shipped, SHIPPED, written)
    for path in connectors.paths:
        key = path.resolve()
        found.pop(key, None)
        found[key] = Place(path, str(path), written)
    return tuple(found.values())
