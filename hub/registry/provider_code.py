"""A provider's own code, ``provider.py`` beside its YAML: found, imported as connectors' Python is, and checked.

Each version is loaded in a thread that has ten seconds. It is one file, which imports the standard library and
``hub.sdk``, and never comes from the folder the hub writes to. What its steps do is run by the broker.
"""

import threading
from pathlib import Path

from hub.errors import ConnectorError
from hub.registry.load import IMPORT_TIMEOUT, reason, stdout_diverted
from hub.registry.modules import Generation
from hub.registry.places import Place
from hub.registry.units import Mark, Unit, read
from hub.sdk.provider import ProviderCode

FILE = "provider.py"


def code_mark(folder: Path) -> Mark | None:
    """The file as the file system tells of it; None where there is none."""
    try:
        seen = (folder / FILE).stat()
    except OSError:
        return None
    return Mark(FILE, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)


def provider_code(name: str, place: Place, folder: Path, mark: Mark) -> ProviderCode:
    """The steps in ``provider.py``. Raises ``ConnectorError`` that says what is wrong, and where."""
    path = folder / FILE
    if not place.takes_code_at(path):
        raise ConnectorError(
            f"{name}/{FILE}: Python is never loaded from the folder the hub itself writes to. Keep it in another "
            "folder and name that in connectors.paths."
        )
    unit = Unit(name, place, path, folder, code=FILE, marks=(mark,))
    content = read(unit)
    if content.problem is not None:
        raise ConnectorError(content.problem)
    generation = Generation(content)
    found: list[ProviderCode] = []
    wrong: list[str] = []

    def load() -> None:
        try:
            code = getattr(generation.load(), "provider", None)
            if not isinstance(code, ProviderCode):
                raise ConnectorError(
                    f"{name}/{FILE}: write provider = MyCode(), of a subclass of hub.sdk.ProviderCode."
                )
            found.append(code)
        except BaseException as raised:  # noqa: BLE001 - the edge to authors' code; SystemExit ends here
            wrong.append(reason(raised, unit))

    thread = threading.Thread(target=load, name=f"load {name}/{FILE}", daemon=True)
    with stdout_diverted():
        thread.start()
        thread.join(IMPORT_TIMEOUT)
    # It is one file, so nothing is imported from it later; what it made lives on.
    generation.drop()
    if not found:
        raise ConnectorError(wrong[0] if wrong else f"{name}/{FILE}: loading did not end within {IMPORT_TIMEOUT:g} s.")
    return found[0]
