"""``Allowance``: so much of something for each key in a while. In memory, per process.

Keys are addresses or names; they say nothing about who may do a thing, only how often it is tried.
"""

from collections import OrderedDict

from hub.clock import Clock


class Allowance:
    """``most`` takes a key, refilled evenly over ``seconds``; ``limit`` keys are remembered."""

    def __init__(self, clock: Clock, most: int, seconds: float, *, limit: int = 10_000) -> None:
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._limit = limit
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float | None:
        """Take one; None when there was one to take, else the seconds until there is again."""
        now = self._clock.monotonic()
        left, at = self._left.get(key, (float(self._most), now))
        left = min(float(self._most), left + (now - at) * self._most / self._seconds)
        if left < 1:
            return (1 - left) * self._seconds / self._most
        self._left[key] = (left - 1, now)
        self._left.move_to_end(key)
        while len(self._left) > self._limit:
            self._left.popitem(last=False)
        return None

    def spent(self, key: str) -> bool:
        """Whether nothing is left of this key, without taking any."""
        if key not in self._left:
            return False
        left, at = self._left[key]
        return left + (self._clock.monotonic() - at) * self._most / self._seconds < 1
