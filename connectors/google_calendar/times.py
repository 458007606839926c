"""When an event is: the times a person gives, as Google's ``EventDateTime``.

Pure. Not a calendar: whether somebody has time is asked of Google.
"""

import re
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hub.sdk import ToolError

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


def span(start: str, end: str, zone: str | None, *, repeats: bool = False, patch: bool = False) -> dict[str, Any]:
    """``start`` and ``end`` of an event: two days (the end is the day after the last), or two times with an offset or
    in ``zone``, an IANA name, which a repeated event needs.

    ``patch`` also clears what the other kind of event had. Raises ``ToolError`` saying what would be right.
    """
    _known(zone)
    days = [bool(_DAY.match(text)) for text in (start, end)]
    if days[0] != days[1]:
        raise ToolError("start and end must both be days (all day) or both be times.")
    if days[0]:
        first, last = _day(start, "start"), _day(end, "end")
        if last <= first:
            raise ToolError(f"end: {end} must be later than {start}; it is the day after the event's last day.")
        gone = {"dateTime": None, "timeZone": None} if patch else {}
        return {"start": {"date": start, **gone}, "end": {"date": end, **gone}}
    if repeats and zone is None:
        raise ToolError("time_zone: a repeated event needs the zone it repeats in, such as Europe/Berlin.")
    begins, ends = (
        moment(text, zone, name, other=", or give time_zone") for text, name in ((start, "start"), (end, "end"))
    )
    if ends <= begins:
        raise ToolError(f"end: {end} must be later than start {start}.")
    more: dict[str, Any] = {"timeZone": zone} if zone else {}
    gone = {"date": None} if patch else {}
    return {"start": {"dateTime": start, **more, **gone}, "end": {"dateTime": end, **more, **gone}}


def moment(text: str, zone: str | None, argument: str, *, other: str = "") -> datetime:
    """A time with its offset, or in ``zone``. Raises ``ToolError`` for what is none; ``other`` adds a way out."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or "T" not in text.upper():
        raise ToolError(f"{argument}: {text!r} is not a time; write 2026-11-02T09:00:00+01:00, or a day as 2026-11-02.")
    if found.tzinfo is not None:
        return found
    if zone is None:
        raise ToolError(f"{argument}: {text} has no offset; add one, as in {text}+01:00{other}.")
    return found.replace(tzinfo=ZoneInfo(zone))


def _day(text: str, argument: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ToolError(f"{argument}: there is no day {text}.") from None


def _known(zone: str | None) -> None:
    try:
        if zone is not None:
            ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ToolError(f"time_zone: {zone!r} is no IANA time zone; write one such as Europe/Berlin.") from None
