"""Dates and time zones: exact answers to what models get wrong in their heads.

Python because it computes; nothing is sent anywhere. Not a calendar of appointments, and no holidays of its own.
"""

import calendar
from datetime import UTC, date, timedelta
from typing import Annotated

from hub.sdk import Connector, Context, Page, ToolError

from .answers import CalendarDay, Change, Conversion, Difference, Sum, Workdays, Zone
from .arithmetic import WEEKDAYS, Weekday, apart, changes_in, converted, months_later
from .moments import day, doubts, moment, offset_text, shown, timezone_of, zone_names

LIMIT_MAX = 100
SPAN_MAX = 40_000
"""Days that workdays counts over: a little more than a century."""

connector = Connector(
    title="Dates and time zones",
    description="The current time, time zones, calendar arithmetic and working days, computed exactly.",
    category="utility",
)


@connector.tool(effect="read")
def now(
    ctx: Context,
    zones: Annotated[
        list[str] | None, "IANA names such as Europe/Berlin, or offsets such as +05:30; UTC if left out."
    ] = None,
) -> Conversion:
    """The current date, time and weekday in one or more time zones. Use it before reasoning about today, tomorrow or
    how long ago something was. Use list_zones to find a zone's name."""
    return converted(ctx.now(), zones or ["UTC"])


@connector.tool(effect="read")
def convert(
    ctx: Context,
    time: Annotated[
        str, "ISO 8601, such as 2026-03-29T14:30 or 2026-03-29T14:30+02:00; seconds since the epoch; or now."
    ],
    to_zones: Annotated[list[str], "The zones to show it in: IANA names or offsets."],
    from_zone: Annotated[str | None, "The zone the time is meant in; needed where it has no offset."] = None,
) -> Conversion:
    """One time as clocks in other zones show it, daylight saving included; says so when a local time is skipped or
    occurs twice. Use it for meetings across zones and for times in logs."""
    at = moment(time, timezone_of(from_zone) if from_zone else None, ctx.now())
    return converted(at, to_zones)


@connector.tool(effect="read")
def difference(
    ctx: Context,
    start: Annotated[str, "A day (YYYY-MM-DD), an ISO 8601 time, today or now."],
    end: Annotated[str, "A day (YYYY-MM-DD), an ISO 8601 time, today or now."],
    zone: Annotated[str, "The zone of times without an offset, and of the calendar that counts."] = "UTC",
) -> Difference:
    """How long it is from one date or time to another: in years, months, days, hours, minutes and seconds as the
    calendar counts them, and as total days and seconds. For ages, deadlines and durations; workdays counts working
    days."""
    within = timezone_of(zone)
    first, last = (moment(text, within, ctx.now()) for text in (start, end))
    return apart(first, last, within)


@connector.tool(effect="read")
def add(
    ctx: Context,
    start: Annotated[str, "A day (YYYY-MM-DD), an ISO 8601 time, today or now."],
    years: Annotated[int, "Years to add; negative to go back, as everywhere here."] = 0,
    months: Annotated[int, "Months to add; the 31st becomes a shorter month's last day."] = 0,
    weeks: Annotated[int, "Weeks to add."] = 0,
    days: Annotated[int, "Days to add, at the same time of day."] = 0,
    hours: Annotated[float, "Hours to add, as time passes."] = 0,
    minutes: Annotated[float, "Minutes to add, as time passes."] = 0,
    seconds: Annotated[float, "Seconds to add, as time passes."] = 0,
    zone: Annotated[str, "The zone of a start without an offset, and of the calendar that counts."] = "UTC",
) -> Sum:
    """The date and time some years, months, weeks, days, hours, minutes or seconds after (or before) another. Years to
    days keep the time of day across daylight saving; hours to seconds pass on the clock. For due dates and
    reminders."""
    within = timezone_of(zone)
    begun = moment(start, within, ctx.now())
    try:
        local = begun.astimezone(within)
        moved = months_later(local, years * 12 + months)
        notes = [f"The month has no day {local.day}; its last day is taken."] if moved.day != local.day else []
        moved += timedelta(weeks=weeks, days=days)
        notes += doubts(begun) + doubts(moved)
        ended = moved.astimezone(UTC) + timedelta(hours=hours, minutes=minutes, seconds=seconds)
        result = ended.astimezone(within)
    except (OverflowError, ValueError):
        raise ToolError("That is outside the years 1 to 9999.") from None
    return Sum(shown(result), WEEKDAYS[result.weekday()], shown(ended), notes)


@connector.tool(effect="read")
def workdays(
    ctx: Context,
    start: Annotated[str, "The first day: YYYY-MM-DD or today."],
    end: Annotated[
        str | None, "The last day, included: gives how many working days lie between. This or count."
    ] = None,
    count: Annotated[
        int | None,
        "How many working days after start (negative: before), start not counted: gives that day. This or end.",
    ] = None,
    weekend: Annotated[list[Weekday] | None, "The days nobody works; saturday and sunday if left out."] = None,
    holidays: Annotated[list[str] | None, "Further days nobody works, YYYY-MM-DD; none are known here."] = None,
) -> Workdays:
    """Count the working days between two days, or find the day a number of working days away, leaving out weekends and
    the holidays given. For delivery dates, notice periods and deadlines."""
    if (end is None) == (count is None):
        raise ToolError("Give exactly one of end and count.")
    rest = {WEEKDAYS.index(one) for one in (weekend if weekend is not None else ("saturday", "sunday"))}
    if len(rest) == 7:
        raise ToolError("With seven days of weekend there is no working day.")
    off = {day(one, ctx.now()) for one in holidays or []}
    first = day(start, ctx.now())

    def works(one: date) -> bool:
        return one.weekday() not in rest and one not in off

    if end is not None:
        last = day(end, ctx.now())
        early, late = min(first, last), max(first, last)
        if (late - early).days > SPAN_MAX:
            raise ToolError(f"Over {SPAN_MAX:,} days apart; ask for less.")
        found = sum(works(early + timedelta(days=n)) for n in range((late - early).days + 1))
        return Workdays(first.isoformat(), last.isoformat(), found, (last - first).days)
    wanted = count or 0
    left, reached, step = abs(wanted), 0, 1 if wanted > 0 else -1
    while left:
        reached += step
        if abs(reached) > SPAN_MAX or not 1 < (first + timedelta(days=reached)).year < 9999:
            raise ToolError(f"That is over {SPAN_MAX:,} days away; ask for less.")
        left -= works(first + timedelta(days=reached))
    return Workdays(first.isoformat(), (first + timedelta(days=reached)).isoformat(), wanted, reached)


@connector.tool(effect="read")
def describe(
    ctx: Context,
    date: Annotated[str, "YYYY-MM-DD, or today."],
    zone: Annotated[str, "The zone whose today is meant."] = "UTC",
) -> CalendarDay:
    """What the calendar says of a day: weekday, ISO week with its first and last day, day of the year, quarter, days in
    the month, leap year, and how far it is from today."""
    today = ctx.now().astimezone(timezone_of(zone))
    at = day(date, today)
    year, week, weekday = at.isocalendar()
    monday = at - timedelta(days=weekday - 1)
    leap = calendar.isleap(at.year)
    passed = at.timetuple().tm_yday
    return CalendarDay(
        date=at.isoformat(),
        weekday=WEEKDAYS[at.weekday()],
        iso_week=f"{year:04d}-W{week:02d}",
        week_starts=monday.isoformat(),
        week_ends=(monday + timedelta(days=6)).isoformat(),
        day_of_year=passed,
        days_left_in_year=365 + leap - passed,
        quarter=(at.month + 2) // 3,
        days_in_month=calendar.monthrange(at.year, at.month)[1],
        leap_year=leap,
        days_from_today=(at - today.date()).days,
    )


@connector.tool(effect="read")
def list_zones(
    ctx: Context,
    query: Annotated[str, "A part of the name: a city, region or country such as Berlin, America or Indiana."] = "",
    cursor: str | None = None,
    limit: Annotated[int, "How many zones to return, 1 to 100."] = 50,
) -> Page[Zone]:
    """IANA time zones whose name holds the words given, with their offset now. Use a zone's name with the other
    tools."""
    word = query.strip().replace(" ", "_").lower()
    found = [name for key, name in zone_names().items() if word in key]
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 6):
        raise ToolError(f"cursor {cursor!r} is not one this tool gave out; pass next_cursor of the last page, or none.")
    start = int(cursor or 0)
    end = start + max(1, min(limit, LIMIT_MAX))
    items = []
    for name in found[start:end]:
        local = ctx.now().astimezone(timezone_of(name))
        items.append(Zone(name, offset_text(local), local.tzname() or ""))
    return Page(items, str(end) if end < len(found) else None)


@connector.tool(effect="read")
def list_changes(
    ctx: Context,
    zone: Annotated[str, "The zone: an IANA name such as Europe/Berlin."],
    year: Annotated[int | None, "The year to look at; this year if left out."] = None,
) -> list[Change]:
    """When a zone's clocks change in a year: start and end of daylight saving, with the offsets before and after. Empty
    where they do not change."""
    within = timezone_of(zone)
    chosen = year if year is not None else ctx.now().astimezone(within).year
    if not 2 <= chosen <= 9998:
        raise ToolError("The year must be from 2 to 9998.")
    return changes_in(chosen, within)
