"""Names for rows: unique, and for those made later, sorted later.

Not secrets: whoever knows an id has gained nothing.
"""

from collections.abc import Callable
from datetime import datetime

Random = Callable[[int], bytes]
"""Gives that many random bytes (``os.urandom``)."""


_TOGETHER = 64
_BYTES = 10


class Endings:
    """The random ends of names, of which many are drawn at once: each draw is a system call."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._drawn: list[str] = []

    def next(self) -> str:
        """20 random hex digits, given out once."""
        if not self._drawn:
            digits = self._random(_BYTES * _TOGETHER).hex()
            self._drawn = [digits[at : at + 2 * _BYTES] for at in range(0, len(digits), 2 * _BYTES)]
        return self._drawn.pop()


def named(ms: int, ending: str) -> str:
    """The name for a row made ``ms`` milliseconds after the epoch."""
    return f"{ms & 0xFFFFFFFFFFFF:012x}{ending}"


def new_id(at: datetime, random: Random) -> str:
    """32 hex digits: 12 of the milliseconds since the epoch, then 20 random ones."""
    return named(int(at.timestamp() * 1000), random(_BYTES).hex())
