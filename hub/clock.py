"""Time, passed in: nothing in the hub reads the wall clock or sleeps except through a ``Clock``; and ``Alarms``, the
deadlines of many calls on one timer of the event loop.

Not a scheduler: periodic work lives with the part that needs it.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Protocol


class Clock(Protocol):
    """What the hub knows of time."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        ...

    def time(self) -> float:
        """The current time in seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds``; zero or less yields once."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class FixedClock:
    """A clock that stands still until ``advance`` (tests, replayed recordings); ``sleep`` advances it."""

    def __init__(self, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("a FixedClock needs an aware datetime")
        self._at = at.astimezone(UTC)
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._at

    def time(self) -> float:
        return self._at.timestamp()

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        self.advance(max(0.0, seconds))
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Move the clock ``seconds`` forward."""
        self._at += timedelta(seconds=seconds)
        self._monotonic += seconds


STEP = 0.05
"""Seconds by which an alarm may ring late; a whole second where it is set for more than ten."""


class Sleeper(Protocol):
    """What an alarm wakes."""

    def wake(self) -> None:
        """It is time. Raises nothing."""
        ...


class Alarms:
    """Alarms that are nearly always taken back before they ring: the deadlines of calls.

    A timer of the loop for each would cost more than what it guards. Here those of one step share a set, and one timer
    serves all sets; it runs only while there are any. Belongs to the loop it is used in.
    """

    __slots__ = ("_due", "_loop", "_next", "_timer")

    def __init__(self) -> None:
        self._due: dict[int, set[Sleeper]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop these alarms belong to: the first they are used in. Asked once, as asking is a system call."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def set(self, seconds: float, sleeper: Sleeper) -> "set[Sleeper]":
        """Wake ``sleeper`` in ``seconds``, or a step later. To take it back, discard it from the set this returns."""
        at = time.monotonic() + seconds
        when = int(at / STEP) + 1 if seconds < 10.0 else (int(at) + 1) * _SECOND
        due = self._due.get(when)
        if due is None:
            due = self._due[when] = set()
            if self._timer is None or when < self._next:
                self._wind(when)
        due.add(sleeper)
        return due

    def within(self, seconds: float) -> "Within":
        """What ``asyncio.timeout(seconds)`` is, as a plain ``with``: ``TimeoutError`` when the block takes longer."""
        task = asyncio.current_task(self._loop or self.loop)
        if task is None:
            raise RuntimeError("a deadline needs a task")
        return Within(self, seconds, task)

    def _wind(self, when: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = when
        self._timer = self.loop.call_later(when * STEP - time.monotonic(), self._ring)

    def _ring(self) -> None:
        now = self._next
        self._timer = None
        for when in [when for when in self._due if when <= now]:
            due = self._due.pop(when)
            while due:  # one that wakes may take back others
                due.pop().wake()
        # Sets that emptied are dropped here, not when they empty: most fill again at once.
        for when in [when for when, due in self._due.items() if not due]:
            del self._due[when]
        if self._due:
            self._wind(min(self._due))


_SECOND = round(1 / STEP)


class Within:
    """A block of a task that may take so long; see ``Alarms.within``."""

    __slots__ = ("_alarms", "_before", "_due", "_rang", "_seconds", "_task")

    def __init__(self, alarms: Alarms, seconds: float, task: "asyncio.Task[object]") -> None:
        self._alarms = alarms
        self._seconds = seconds
        self._task = task
        self._rang = False

    def __enter__(self) -> None:
        self._before = self._task.cancelling()
        self._due = self._alarms.set(self._seconds, self)

    def wake(self) -> None:
        """The time is over."""
        self._rang = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._due.discard(self)
        # As asyncio.timeout does: only our own cancellation becomes the timeout, someone else's goes on.
        if self._rang and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise TimeoutError from wrong
