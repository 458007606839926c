"""What the tools answer with: plain data, listed to clients as output schemas. Nothing is computed here."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ZonedTime:
    """One moment as clocks in one zone show it."""

    zone: str
    time: str
    weekday: str
    offset: str
    abbreviation: str
    daylight_saving: bool


@dataclass(frozen=True)
class Conversion:
    """One moment in several zones."""

    utc: str
    epoch_seconds: int
    zones: list[ZonedTime]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Difference:
    """How far apart two moments are; all parts are negative where the end comes first."""

    start: str
    end: str
    total_seconds: float
    total_days: float
    years: int
    months: int
    days: int
    hours: int
    minutes: int
    seconds: int
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sum:
    """A moment some time away from another."""

    result: str
    weekday: str
    utc: str
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Workdays:
    """Working days between two days: with both of them where the end was given, without the first where a count was."""

    start: str
    end: str
    workdays: int
    days_apart: int


@dataclass(frozen=True)
class CalendarDay:
    """What a calendar says of one day."""

    date: str
    weekday: str
    iso_week: str
    week_starts: str
    week_ends: str
    day_of_year: int
    days_left_in_year: int
    quarter: int
    days_in_month: int
    leap_year: bool
    days_from_today: int


@dataclass(frozen=True)
class Zone:
    """A time zone and its offset now."""

    zone: str
    offset: str
    abbreviation: str


@dataclass(frozen=True)
class Change:
    """A change of a zone's offset."""

    at: str
    utc: str
    from_offset: str
    to_offset: str
    abbreviation: str
