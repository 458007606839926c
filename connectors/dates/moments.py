"""Reading what a model writes for a time, a day or a zone. Not arithmetic: that is the tools'."""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from hub.sdk import ToolError

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
_EPOCH = re.compile(r"-?\d{9,11}(?:\.\d{1,6})?")
_NOT_ZONES = frozenset({"Factory", "localtime", "posixrules"})


@cache
def zone_names() -> dict[str, str]:
    """The IANA zones this machine knows, by their names in lower case."""
    return {name.lower(): name for name in sorted(available_timezones() - _NOT_ZONES)}


def timezone_of(text: str) -> tzinfo:
    """The zone of this name (``Europe/Berlin``, in any case) or fixed offset (``+05:30``).

    Raises ``ToolError`` with names that look alike.
    """
    asked = text.strip()
    offset = _OFFSET.fullmatch(asked)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        if minutes >= 24 * 60:
            raise ToolError(f"{text!r} is not an offset; it must be less than 24 hours.")
        return timezone(timedelta(minutes=minutes if offset[1] == "+" else -minutes))
    names = zone_names()
    known = names.get(asked.replace(" ", "_").lower())
    if known is not None:
        return ZoneInfo(known)
    word = asked.replace(" ", "_").lower().rpartition("/")[2]
    alike = [name for key, name in names.items() if word and word in key][:5]
    hint = f" Did you mean {', '.join(alike)}?" if alike else " list_zones finds names by city or region."
    raise ToolError(f"{text!r} is not a time zone; write an IANA name such as Europe/Berlin, or +05:30.{hint}")


def zone_name(of: tzinfo) -> str:
    """The zone's name as people write it: the IANA name, or the offset."""
    return of.key if isinstance(of, ZoneInfo) else offset_text(datetime(2000, 1, 1, tzinfo=of))


def offset_text(at: datetime) -> str:
    """A moment's offset from UTC: ``+05:30``."""
    seconds = round((at.utcoffset() or timedelta()).total_seconds())
    sign = "-" if seconds < 0 else "+"
    return f"{sign}{abs(seconds) // 3600:02d}:{abs(seconds) % 3600 // 60:02d}"


def moment(text: str, within: tzinfo | None, now: datetime) -> datetime:
    """A point in time from ISO 8601 text, ``now``, ``today`` or seconds since the epoch.

    Text without an offset is local time in ``within``; a day alone is its midnight. Raises ``ToolError`` where the
    text is no time, or has no offset and ``within`` is None.
    """
    asked = text.strip()
    if asked.lower() in ("now", "today"):
        here = now.astimezone(within or UTC)
        return here if asked.lower() == "now" else here.replace(hour=0, minute=0, second=0, microsecond=0)
    if _EPOCH.fullmatch(asked):
        return _usual(datetime.fromtimestamp(float(asked), UTC).astimezone(within or UTC))
    try:
        at = _usual(datetime.fromisoformat(asked))
    except ValueError:
        raise ToolError(
            f"{text!r} is not a time; write ISO 8601 such as 2026-01-15T14:30 or 2026-01-15T14:30+01:00, today or now."
        ) from None
    if at.tzinfo is not None:
        return at
    if within is None:
        raise ToolError(f"{text!r} has no offset; give the zone it is meant in, or write it as {asked}+01:00.")
    return at.replace(tzinfo=within)


def day(text: str, now: datetime) -> date:
    """A calendar day from ``YYYY-MM-DD`` (a time of day is left out) or ``today``. Raises ``ToolError``."""
    if text.strip().lower() in ("today", "now"):
        return now.date()
    try:
        return _usual(datetime.fromisoformat(text.strip())).date()
    except ValueError:
        raise ToolError(f"{text!r} is not a day; write YYYY-MM-DD, or today.") from None


def _usual(at: datetime) -> datetime:
    """``at`` where every zone can show it; raises ``ToolError`` at the ends of the years there are."""
    if not 2 <= at.year <= 9998:
        raise ToolError("Only the years 2 to 9998 are known here.")
    return at


def doubts(at: datetime) -> list[str]:
    """What is odd about a local time: skipped or repeated when clocks change. Empty for most."""
    naive = at.replace(tzinfo=None)
    if at.tzinfo is None or at.utcoffset() == at.replace(fold=1 - at.fold).utcoffset():
        return []
    shown = naive.isoformat(timespec="minutes")
    if at.astimezone(UTC).astimezone(at.tzinfo).replace(tzinfo=None) != naive:
        return [f"{shown} does not exist in {zone_name(at.tzinfo)}: clocks go forward over it."]
    which = "second" if at.fold else "first"
    return [f"{shown} occurs twice in {zone_name(at.tzinfo)}, as clocks go back; the {which} one is meant here."]


def shown(at: datetime) -> str:
    """A moment in ISO 8601 with its offset, to the second or finer."""
    return at.isoformat(timespec="microseconds" if at.microsecond else "seconds")
