"""Calendar arithmetic on moments already read. Not reading (``moments.py``), and no tools."""

import calendar
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

from hub.sdk import ToolError

from .answers import Change, Conversion, Difference, ZonedTime
from .moments import doubts, offset_text, shown, timezone_of, zone_name

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _zoned(at: datetime, within: tzinfo) -> ZonedTime:
    local = at.astimezone(within)
    return ZonedTime(
        zone=zone_name(within),
        time=shown(local),
        weekday=WEEKDAYS[local.weekday()],
        offset=offset_text(local),
        abbreviation=local.tzname() or "",
        daylight_saving=bool(local.dst()),
    )


def converted(at: datetime, zones: list[str]) -> Conversion:
    """A moment as clocks in these zones show it."""
    held = [_zoned(at, timezone_of(name)) for name in zones]
    return Conversion(shown(at.astimezone(UTC)), int(at.timestamp()), held, doubts(at))


def apart(first: datetime, last: datetime, within: tzinfo) -> Difference:
    """How far ``last`` is from ``first`` by the calendar and clocks of ``within``."""
    elapsed = last.astimezone(UTC) - first.astimezone(UTC)
    a, b = first.astimezone(within), last.astimezone(within)
    sign = 1
    if elapsed < timedelta():
        a, b, sign = b, a, -1
    months = (b.year - a.year) * 12 + b.month - a.month
    while months > 0 and _utc(months_later(a, months)) > _utc(b):
        months -= 1
    step = months_later(a, months)
    days = max(0, (b.date() - step.date()).days)
    while days > 0 and _utc(step + timedelta(days=days)) > _utc(b):
        days -= 1
    clock = int((_utc(b) - _utc(step + timedelta(days=days))).total_seconds())
    return Difference(
        start=shown(first),
        end=shown(last),
        total_seconds=elapsed.total_seconds(),
        total_days=round(elapsed.total_seconds() / 86_400, 6),
        years=sign * (months // 12),
        months=sign * (months % 12),
        days=sign * days,
        hours=sign * (clock // 3600),
        minutes=sign * (clock % 3600 // 60),
        seconds=sign * (clock % 60),
        notes=doubts(first) + doubts(last),
    )


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


def months_later(at: datetime, months: int) -> datetime:
    """The same day and time of day ``months`` later, or the month's last day where it has no such day.

    Raises ``ToolError`` outside the years 1 to 9999.
    """
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise ToolError("That is outside the years 1 to 9999.")
    last = calendar.monthrange(year, month + 1)[1]
    return at.replace(year=year, month=month + 1, day=min(at.day, last))


def changes_in(year: int, within: tzinfo) -> list[Change]:
    """Every change of the zone's offset in a year, in order."""
    at, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    found = []
    while at < end:
        following = at + timedelta(days=1)
        if at.astimezone(within).utcoffset() != following.astimezone(within).utcoffset():
            found.append(_change(at, following, within))
        at = following
    return found


def _change(before: datetime, after: datetime, within: tzinfo) -> Change:
    """The one change of offset between two moments, to the second."""
    old = before.astimezone(within)
    low, high = int(before.timestamp()), int(after.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, within).utcoffset() == old.utcoffset():
            low = middle
        else:
            high = middle
    new = datetime.fromtimestamp(high, within)
    return Change(shown(new), shown(new.astimezone(UTC)), offset_text(old), offset_text(new), new.tzname() or "")
