"""Selection: which operations of a description become tools. ``include`` takes, ``exclude`` leaves out again.

An entry is an operation (``GET /repos/{owner}``), a glob over that, the tool's name or the operation's id, or
``tag:NAME``.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from hub.importers.operation import Operation


class Selection:
    """A list of entries, ready to be asked."""

    def __init__(self, entries: Iterable[str]) -> None:
        listed = list(entries)
        self._exact = set(listed)
        self._tags = [one.removeprefix("tag:") for one in listed if one.startswith("tag:")]
        self._globs = [one for one in listed if not one.startswith("tag:") and set(one) & set("*?")]
        self._used: set[str] = set()

    def holds(self, operation: Operation, name: str) -> bool:
        """Whether an entry speaks of the operation whose tool is called ``name``."""
        for one in (operation.key, name, operation.identifier):
            if one and one in self._exact:
                self._used.add(one)
                return True
        for glob in self._globs:
            if glob == "*" or any(
                fnmatchcase(one, glob) for one in (operation.key, name, operation.identifier, operation.path) if one
            ):
                self._used.add(glob)
                return True
        for tag in self._tags:
            if any(fnmatchcase(one.lower(), tag.lower()) for one in operation.tags):
                self._used.add(f"tag:{tag}")
                return True
        return False

    @property
    def idle(self) -> list[str]:
        """Entries that spoke of no operation so far, sorted."""
        return sorted(self._exact - self._used)


def entries_of(words: Iterable[str], operations: Iterable[Operation]) -> list[str]:
    """What a person gave on the command line, as entries: a word that is a tag of the document becomes ``tag:NAME``."""
    tags = {tag.lower(): tag for operation in operations for tag in operation.tags}
    return [f"tag:{tags[word.lower()]}" if word.lower() in tags else word for word in words]
