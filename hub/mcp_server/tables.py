"""A table in memory that cannot grow without end. Not the store's tables."""

from collections import OrderedDict
from typing import TypeVar

T = TypeVar("T")


class Table(OrderedDict[str, T]):
    """A bounded table: the entry set longest ago makes room."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def put(self, key: str, value: T) -> None:
        """Set an entry."""
        self[key] = value
        self.move_to_end(key)
        if len(self) > self._size:
            self.popitem(last=False)
