"""Names for rows: unique, and for those made later, sorted later.

Not secrets: whoever knows an id has gained nothing.
"""

from collections.abc import Callable
from datetime import datetime

Random = Callable[[int], bytes]
"""Gives that many random bytes (``os.urandom``)."""


def new_id(at: datetime, random: Random) -> str:
    """32 hex digits: 12 of the milliseconds since the epoch, then 20 random ones."""
    return f"{int(at.timestamp() * 1000) & 0xFFFFFFFFFFFF:012x}{random(10).hex()}"
