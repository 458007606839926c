"""Planted secrets and contents: values with a mark that tests use, and the scan for where they must not be.

What is scanned: every file of every hub's data folder of the run, everything that tests and programs wrote to their
output (the log among it), ``/metrics``, pages, protocol answers and tool results. Contents may stand in results, but
in nothing that is kept. ``conftest.py`` asks at the end of the run; not a test, and nothing of the hub is replaced.
"""

import base64
import binascii
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

MARK = "planted-"
"""Every planted secret begins with it."""

CONTENT = "planted-content"
"""What a person's own data at an app begins with."""

SECRETS = (MARK, "ghp_planted", "nine violet umbrellas", "s3cret+/= word", "with/odd+characters")
"""Texts by which planted secrets are known: those of accounts at apps; people's password; clients' secrets."""

_TOKEN = re.compile(rb"hub_(?:[a-z]{1,3}_)?[A-Za-z0-9_-]{40,}")
"""What the hub hands to clients, which is kept as a hash only."""

_PREFIX = b"hub_"
_CAPITALS = 4
_LONGEST = 200
_DATABASE = ("hub.db", "hub.key")
_AROUND = 40
_SEALED = ".sealed"

found: list[str] = []
"""What was found so far: where, and the words around it."""


def leaks(data: bytes, *, contents: bool = False, tokens: bool = True) -> Iterator[str]:
    """What of the plants stands in ``data``. ``contents``: a person's own data may stand here; ``tokens``: the hub's
    own may not."""
    for text in SECRETS:
        mark = text.encode()
        at = data.find(mark)
        while at >= 0:
            if not (contents and data.startswith(CONTENT.encode(), at)):
                yield _shown(data, at)
                break
            at = data.find(mark, at + 1)
    at = data.find(_PREFIX) if tokens else -1
    while at >= 0:
        held = _TOKEN.match(data, at)
        # In a database a name may be followed by a digest without anything between them; those are lower case.
        # Sealed text spells it by chance, once in sixteen million characters, and runs on for long.
        if held is not None and len(held[0]) < _LONGEST and sum(65 <= char <= 90 for char in held[0]) >= _CAPITALS:
            yield _shown(data, at)
            break
        at = data.find(_PREFIX, at + 1)


def _shown(data: bytes, at: int) -> str:
    return repr(data[max(0, at - _AROUND) : at + _AROUND].decode("utf-8", "replace"))


def note(where: str, text: str | bytes) -> None:
    """Look through what is kept or written: neither secrets nor contents may stand there."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    found.extend(f"{where}: {one}" for one in leaks(data))


def answered(answer: str | bytes | Mapping[str, Any]) -> None:
    """Look through what somebody was answered: a page, a protocol answer, a tool result. No secret may stand there."""
    text = answer if isinstance(answer, str | bytes) else str(answer)
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    test = os.environ.get("PYTEST_CURRENT_TEST", "")
    found.extend(f"an answer in {test}: {one}" for one in leaks(data, contents=True, tokens=False))


def data_folders(base: Path) -> Iterator[Path]:
    """The hubs' data folders below ``base``."""
    for folder, _, files in os.walk(base):
        if any(name in files for name in _DATABASE):
            yield Path(folder)


def files_of(folder: Path) -> Iterator[Path]:
    """All files of a data folder."""
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names if not Path(place, name).is_symlink())


def scan(base: Path) -> int:
    """Look through the data folders below ``base``; returns how many bytes that were."""
    count = 0
    for folder in data_folders(base):
        for path in files_of(folder):
            if path.is_file():
                data = path.read_bytes()
                count += len(data)
                where = str(path.relative_to(base))
                if path.suffix == _SEALED:
                    # Its base64 spells the beginning of a token by chance; what it encodes does not.
                    found.extend(f"{where}: {one}" for one in leaks(data, tokens=False))
                    with suppress(binascii.Error):
                        data = base64.urlsafe_b64decode(data + b"=" * (-len(data) % 4))
                note(where, data)
    return count


def exactly(where: str, text: str, values: Iterable[str]) -> None:
    """Look for secrets that somebody else made, and that bear no mark."""
    found.extend(f"{where}: a secret of {len(one)} characters" for one in values if one and one in text)
